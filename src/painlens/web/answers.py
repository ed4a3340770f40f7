"""What annotating and adjudicating share: answers that come in, pictures that go out, and what to say when it fails."""

import functools
import logging
import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from painlens.annotations import events, store
from painlens.annotations.events import Answer, Part
from painlens.annotations.queues import Shown
from painlens.annotations.store import StoreError
from painlens.annotations.tasks import Task, find_task, list_tasks
from painlens.web import people
from painlens.web.index import RunError
from painlens.web.pages import json_for_script, refuse, render
from painlens.web.pictures import face_picture
from painlens.web.run import Run

LOG = logging.getLogger("painlens.web")
AHEAD = 180  # pictures that a browser may hold: minutes of work without a connection
MOST_ANSWERS = 200  # in one request
BODY_BYTES = 200_000
Text = Annotated[str, Field(max_length=600)]
Allowed = Callable[[sqlite3.Connection, Task, str], bool]
Refusal = Callable[[sqlite3.Connection, Task, str], tuple[int, str] | None]


class _Answer(BaseModel):
    """One answer as it comes from a browser."""

    model_config = ConfigDict(extra="forbid", strict=True)

    nonce: Text
    item: Text
    kind: Text
    value: Text | None = None
    undoes: Text | None = None
    elapsed_ms: int | None = None
    note: Text = ""


class _Answers(BaseModel):
    """The answers that a browser has not seen acknowledged."""

    model_config = ConfigDict(extra="forbid", strict=True)

    answers: list[_Answer] = Field(min_length=1, max_length=MOST_ANSWERS)


def explained(endpoint: Callable[[Request], Any]) -> Callable[[Request], Any]:
    """Guard a synchronous endpoint: trouble with the store is 503 (507 for a full disk) with a sentence, never a trace.

    The browser keeps unsaved answers and tries again on these.
    """

    @functools.wraps(endpoint)
    def guarded(request: Request) -> Response:
        try:
            return endpoint(request)
        except sqlite3.Error as error:
            return _unavailable(request, store.store_error(request.app.state.run.database_file, error))
        except StoreError as error:
            return _unavailable(request, error)

    return guarded


def overview(
    request: Request, template: str, row: Callable[[sqlite3.Connection, Task, str, Shown], dict[str, Any] | None]
) -> Response:
    """A page of tasks: `row` says what the page tells the signed-in person of each, or None to leave it out."""
    run, person = request.app.state.run, request.state.person.name
    with run.connect() as connection:
        shown = gate(run)
        rows = [row(connection, task, person, shown) for task in list_tasks(connection)]
    return render(request, template, rows=[found for found in rows if found is not None])


def gate(run: Run) -> Shown:
    """Whether a face may be shown at this moment; the flags are read once per request."""
    flags = run.consent.shown()

    def shown(database: str, frame_id: str) -> bool:
        row = run.row_of(database, frame_id)
        return row is not None and bool(flags[row])

    return shown


def task_of(connection: sqlite3.Connection, request: Request) -> Task | None:
    """The task that the address names."""
    return find_task(connection, str(request.path_params["task"]))


def screen(request: Request, part: Part, refusal: Refusal) -> Response:
    """The screen for one task; `refusal` says by status and sentence why a person does not get it."""
    run, person = request.app.state.run, request.state.person
    with run.connect() as connection:
        task = task_of(connection, request)
        if task is None:
            return refuse(request, 404, "There is no such task.")
        refused = refusal(connection, task, person.name)
    if refused:
        return refuse(request, *refused)
    data = {
        "part": part,
        "base": f"/{part}/{task.task_id}",
        # Answers wait in the browser under this name, so that nobody sends those of somebody else.
        "scope": f"{part}:{task.task_id}:{person.person_id}",
        "ahead": AHEAD,
        "batch": MOST_ANSWERS // 2,
    }
    guideline = [part.strip() for part in task.guideline.split("\n\n") if part.strip()]
    told = {"task": task, "guideline": guideline, "part": part, "data": json_for_script(data)}
    return render(request, "annotate_task.html.j2", **told)


def queue(
    request: Request, allowed: Allowed, following: Callable[[sqlite3.Connection, Task, str], dict[str, Any]]
) -> Response:
    """What comes next for a person who may answer, as the browser's script reads it."""
    person = request.state.person.name
    with request.app.state.run.connect() as connection:
        task = task_of(connection, request)
        if task is None or not allowed(connection, task, person):
            return refuse(request, 404, "There is no such task for you.")
        return JSONResponse(following(connection, task, person))


async def receive(request: Request, part: Part, allowed: Allowed) -> Response:
    """Store answers and say what became of each; a malformed request stores nothing.

    Parameters
    ----------
    allowed
        Whether a person may answer in this part of the task.
    """
    try:
        sent = _Answers.model_validate_json(await request.body())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        return refuse(request, 400, f"The answers cannot be read: {where}: {first['msg']}.")
    return await run_in_threadpool(_stored, request, sent, part, allowed)


def picture(request: Request, part: Part, allowed: Allowed) -> Response:
    """One picture of a task, if this person may see it at this moment.

    410 says that consent was withdrawn (that is logged) or the person was forgotten: the browser goes on to the next.
    404 says that there is no such picture for this person, or that it has not been computed.
    """
    run: Run = request.app.state.run
    person = request.state.person
    with run.connect() as connection:
        task = task_of(connection, request)
        item = connection.execute(
            "SELECT * FROM item WHERE item_id = ?", (str(request.path_params["item"]),)
        ).fetchone()
        known = task is not None and item is not None and item["task_id"] == task.task_id
        if not known or task is None or item is None or not allowed(connection, task, person.name):
            return refuse(request, 404, "There is no such picture for you.")
        gone = events.is_forgotten(connection, item["item_id"])
        if part == "adjudicate" and not gone and not events.disputed(connection, item["item_id"]):
            return refuse(request, 404, "There is no such picture for you.")
        if item["kind"] == "training":
            return Response(cast(bytes, item["picture"]), media_type="image/webp")
        face = f"task {task.task_id} face {item['database']} {item['frame_id']}"
        if gone or not gate(run)(item["database"], item["frame_id"]):
            withheld = Answer(secrets.token_urlsafe(18), item["item_id"], "withheld", note="no consent to display")
            events.append(connection, [withheld], person=person.name, task_id=task.task_id, part=part)
            return refuse(request, 410, "This face may no longer be shown.")
        try:
            data = face_picture(run.crop(item["database"], item["frame_id"]))
        except (RunError, KeyError):
            return refuse(request, 404, "This face is not computed; tell the researcher.")
        people.record(connection, person.person_id, part, face, now=request.app.state.clock())
    return Response(data, media_type="image/webp")


def _stored(request: Request, sent: _Answers, part: Part, allowed: Allowed) -> Response:
    def work(request: Request) -> Response:
        person = request.state.person.name
        with request.app.state.run.connect() as connection:
            task = task_of(connection, request)
            if task is None:
                return refuse(request, 404, "There is no such task.")
            if not allowed(connection, task, person):
                return refuse(request, 403, "You have no place in this task; the answers were not stored.")
            given = [
                Answer(a.nonce, a.item, a.kind, a.value, a.undoes, a.elapsed_ms, a.note)
                for a in sent.answers
                if a.kind != "withheld"
            ]
            outcomes = events.append(connection, given, person=person, task_id=task.task_id, part=part)
        return JSONResponse({"outcomes": [asdict(outcome) for outcome in outcomes]})

    return explained(work)(request)


def _unavailable(request: Request, error: StoreError) -> Response:
    full = "disk is full" in str(error)
    message = (
        "The server's disk is full; your answers are kept in this browser."
        if full
        else "The server cannot store answers at the moment; they are kept in this browser."
    )
    # The file's name is for the log, not for the page.
    LOG.error("%s", error)
    return refuse(request, 507 if full else 503, message, {"Retry-After": "5"})
