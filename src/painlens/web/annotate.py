"""Annotate: one face, one question, one key. Nothing about models, databases, people or others' answers gets here."""

import sqlite3
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from painlens.annotations.queues import Shown, queue_of
from painlens.annotations.tasks import Task, annotators_of, take_place
from painlens.web import answers
from painlens.web.access import require
from painlens.web.answers import explained, gate
from painlens.web.pages import Link


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
    full = "This task has all the annotators it needs; ask the researcher for another."
    return answers.screen(
        request, "annotate", lambda c, task, person: None if take_place(c, task, person) else (403, full)
    )


@require("annotator")
@explained
def queue(request: Request) -> Response:
    """Which pictures come next."""
    shown, again = gate(request.app.state.run), "again" in request.query_params

    def following(connection: sqlite3.Connection, task: Task, person: str) -> dict[str, Any]:
        return vars(queue_of(connection, task, person, shown=shown, at_most=answers.AHEAD, again=again))

    return answers.queue(request, _has_place, following)


@require("annotator")
@explained
def picture(request: Request) -> Response:
    """One picture."""
    return answers.picture(request, "annotate", _has_place)


@require("annotator")
async def post_answers(request: Request) -> Response:
    """Store answers."""
    return await answers.receive(request, "annotate", _has_place)


setattr(post_answers, "body_limit", answers.BODY_BYTES)  # noqa: B010 - an attribute that the protection reads
routes = [
    Route("/annotate", overview),
    Route("/annotate/{task}", page),
    Route("/annotate/{task}/queue", queue),
    Route("/annotate/{task}/picture/{item}", picture),
    Route("/annotate/{task}/answers", post_answers, methods=["POST"]),
]
links = [Link("Annotate", "/annotate", ("annotator",))]
