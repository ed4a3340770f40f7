"""Adjudicate: faces on which the annotators disagree, shown with their answers but without their names.

Opens when everybody has answered every face of a task, and only for somebody who was no annotator of it. What the
models say stays hidden here too.
"""

import sqlite3
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from painlens.annotations.queues import Shown, adjudication_open, disputes_of
from painlens.annotations.tasks import Task, may_adjudicate
from painlens.web import answers
from painlens.web.access import require
from painlens.web.answers import explained, gate
from painlens.web.pages import Link


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
    shown = gate(request.app.state.run)

    def refusal(connection: sqlite3.Connection, task: Task, person: str) -> tuple[int, str] | None:
        reason = _closed(connection, task, person, shown)
        return (409, reason) if reason else None

    return answers.screen(request, "adjudicate", refusal)


@require("adjudicator")
@explained
def queue(request: Request) -> Response:
    """Which disagreements come next, with the unnamed answers."""
    shown = gate(request.app.state.run)

    def following(connection: sqlite3.Connection, task: Task, person: str) -> dict[str, Any]:
        found, given = disputes_of(connection, task, person, shown=shown, at_most=answers.AHEAD)
        return vars(found) | {"answers": given}

    return answers.queue(request, lambda c, task, person: not _closed(c, task, person, shown), following)


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
