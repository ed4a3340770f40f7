"""Annotate: one face, one question, one key. Nothing about models, databases, people or others' answers gets here."""

import sqlite3
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from painlens.annotations.queues import Shown, queue_of
from painlens.annotations.tasks import Task, annotators_of, take_place
from painlens.web import answers
from painlens.web.access import require
from painlens.web.answers import explained, gate, task_of
from painlens.web.pages import Link, json_for_script, refuse, render


def _has_place(connection: sqlite3.Connection, task: Task, person: str) -> bool:
    return person in annotators_of(connection, task.task_id)


@require("annotator")
@explained
def overview(request: Request) -> Response:
    """The person's tasks and how far they are."""
    return answers.overview(request, "annotate.html.j2", _row)


def _row(connection: sqlite3.Connection, task: Task, person: str, shown: Shown) -> dict[str, Any] | None:
    people = annotators_of(connection, task.task_id)
    if person not in people and len(people) >= task.annotators:
        return None
    queue = queue_of(connection, task, person, shown=shown, at_most=1)
    return {"task": task, "queue": queue, "begun": person in people}


@require("annotator")
@explained
def page(request: Request) -> Response:
    """The screen for one task; opening it takes one of the task's places."""
    run, person = request.app.state.run, request.state.person
    with run.connect() as connection:
        task = task_of(connection, request)
        if task is None:
            return refuse(request, 404, "There is no such task.")
        if not take_place(connection, task, person.name):
            return refuse(request, 403, "This task has all the annotators it needs; ask the researcher for another.")
    return render(request, "annotate_task.html.j2", **screen(request, task, "annotate"))


@require("annotator")
@explained
def queue(request: Request) -> Response:
    """Which pictures come next."""
    run, person = request.app.state.run, request.state.person.name
    with run.connect() as connection:
        task = task_of(connection, request)
        if task is None or not _has_place(connection, task, person):
            return refuse(request, 404, "There is no such task for you.")
        found = queue_of(
            connection, task, person, shown=gate(run), at_most=answers.AHEAD, again="again" in request.query_params
        )
    return JSONResponse(vars(found))


@require("annotator")
@explained
def picture(request: Request) -> Response:
    """One picture."""
    return answers.picture(request, "annotate", _has_place)


@require("annotator")
async def post_answers(request: Request) -> Response:
    """Store answers."""
    return await answers.receive(request, "annotate", _has_place)


def screen(request: Request, task: Task, part: str) -> dict[str, Any]:
    """What the template of the annotation screen needs."""
    person = request.state.person
    data = {
        "part": part,
        "base": f"/{part}/{task.task_id}",
        # Answers wait in the browser under this name, so that nobody sends those of somebody else.
        "scope": f"{part}:{task.task_id}:{person.person_id}",
        "ahead": answers.AHEAD,
        "batch": answers.MOST_ANSWERS // 2,
    }
    guideline = [part.strip() for part in task.guideline.split("\n\n") if part.strip()]
    return {"task": task, "guideline": guideline, "part": part, "data": json_for_script(data)}


setattr(post_answers, "body_limit", answers.BODY_BYTES)  # noqa: B010 - an attribute that the protection reads
routes = [
    Route("/annotate", overview),
    Route("/annotate/{task}", page),
    Route("/annotate/{task}/queue", queue),
    Route("/annotate/{task}/picture/{item}", picture),
    Route("/annotate/{task}/answers", post_answers, methods=["POST"]),
]
links = [Link("Annotate", "/annotate", ("annotator",))]
