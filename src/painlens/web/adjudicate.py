"""Adjudicate: faces on which the annotators disagree, shown with their answers but without their names.

Opens when everybody has answered every face of a task, and only for somebody who was no annotator of it. What the
models say stays hidden here too.
"""

import sqlite3
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from painlens.annotations.queues import Shown, adjudication_open, disputes_of
from painlens.annotations.tasks import Task, may_adjudicate
from painlens.web import answers
from painlens.web.access import require
from painlens.web.annotate import screen
from painlens.web.answers import explained, gate, task_of
from painlens.web.pages import Link, refuse, render


@require("adjudicator")
@explained
def overview(request: Request) -> Response:
    """Tasks with the number of disagreements that wait."""
    return answers.overview(request, "adjudicate.html.j2", _row)


def _row(connection: sqlite3.Connection, task: Task, person: str, shown: Shown) -> dict[str, Any]:
    allowed = may_adjudicate(connection, task.task_id, person)
    complete = adjudication_open(connection, task, shown=shown)
    waiting, _ = disputes_of(connection, task, person, shown=shown, at_most=1)
    return {"task": task, "queue": waiting, "complete": complete, "allowed": allowed}


@require("adjudicator")
@explained
def page(request: Request) -> Response:
    """The screen for the disagreements of one task."""
    run, person = request.app.state.run, request.state.person.name
    with run.connect() as connection:
        task = task_of(connection, request)
        if task is None:
            return refuse(request, 404, "There is no such task.")
        reason = _closed(connection, task, person, gate(run))
    if reason:
        return refuse(request, 409, reason)
    return render(request, "annotate_task.html.j2", **screen(request, task, "adjudicate"))


@require("adjudicator")
@explained
def queue(request: Request) -> Response:
    """Which disagreements come next, with the unnamed answers."""
    run, person = request.app.state.run, request.state.person.name
    with run.connect() as connection:
        shown = gate(run)
        task = task_of(connection, request)
        if task is None or _closed(connection, task, person, shown):
            return refuse(request, 404, "There is no such task for you.")
        found, given = disputes_of(connection, task, person, shown=shown, at_most=answers.AHEAD)
    return JSONResponse(vars(found) | {"answers": given})


@require("adjudicator")
@explained
def picture(request: Request) -> Response:
    """One picture that the annotators disagree on."""
    shown = gate(request.app.state.run)
    return answers.picture(request, "adjudicate", lambda c, task, person: not _closed(c, task, person, shown))


@require("adjudicator")
async def post_answers(request: Request) -> Response:
    """Store decisions."""
    run = request.app.state.run
    return await answers.receive(request, "adjudicate", lambda c, task, person: not _closed(c, task, person, gate(run)))


def _closed(connection: sqlite3.Connection, task: Task, person: str, shown: Shown) -> str:
    """Why this person may not adjudicate the task now; empty if they may."""
    if not may_adjudicate(connection, task.task_id, person):
        return "You were an annotator of this task; somebody else must decide its disagreements."
    if not adjudication_open(connection, task, shown=shown):
        return "The annotators are still at work; the disagreements open when all of them have finished."
    return ""


setattr(post_answers, "body_limit", answers.BODY_BYTES)  # noqa: B010 - an attribute that the protection reads
routes = [
    Route("/adjudicate", overview),
    Route("/adjudicate/{task}", page),
    Route("/adjudicate/{task}/queue", queue),
    Route("/adjudicate/{task}/picture/{item}", picture),
    Route("/adjudicate/{task}/answers", post_answers, methods=["POST"]),
]
links = [Link("Adjudicate", "/adjudicate", ("adjudicator",))]
