"""Who takes part, what was looked at, and whose face may no longer be shown: pages for researchers."""

from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from painlens.web import people
from painlens.web.access import ROLES, require
from painlens.web.consent import withdraw
from painlens.web.pages import Link, refuse, render
from painlens.web.run import Run

ENTRIES = 200  # lines of the log on a page


@require("researcher")
def people_page(request: Request) -> Response:
    """People and their invitations."""
    return _people(request)


@require("researcher")
async def invite(request: Request) -> Response:
    """Make a token; the page shows it this once."""
    form = await request.form()
    return await run_in_threadpool(_invite, request, str(form.get("name", "")), str(form.get("role", "")))


def _invite(request: Request, name: str, role: str) -> Response:
    run, now = request.app.state.run, request.app.state.clock()
    try:
        with run.connect() as connection:
            person, token = people.invite(connection, name, role, now=now)
            detail = f"{person.name} as {person.role}"
            people.record(connection, request.state.person.person_id, "invite", detail, now=now)
    except people.PeopleError as error:
        return _people(request, status=400, error=str(error))
    return _people(request, invited=person, token=token)


@require("researcher")
async def revoke(request: Request) -> Response:
    """End a person's tokens and sessions."""
    form = await request.form()
    return await run_in_threadpool(_revoke, request, str(form.get("name", "")))


def _revoke(request: Request, name: str) -> Response:
    run, now = request.app.state.run, request.app.state.clock()
    if name == request.state.person.name:
        return _people(request, status=409, error="You cannot end your own access; ask another researcher.")
    try:
        with run.connect() as connection:
            people.revoke(connection, name, now=now)
            people.record(connection, request.state.person.person_id, "revoke", name, now=now)
    except people.PeopleError as error:
        return _people(request, status=404, error=str(error))
    return _people(request, notice=f"{name} is signed out and cannot sign in any more.")


def _people(request: Request, *, status: int = 200, **told: Any) -> Response:
    run: Run = request.app.state.run
    with run.connect() as connection:
        known = people.list_people(connection, now=request.app.state.clock())
    told = {"error": "", "notice": "", "invited": None, "token": ""} | told
    return render(request, "people.html.j2", status=status, people=known, roles=ROLES, **told)


@require("researcher")
def consent_page(request: Request) -> Response:
    """Participants and whether they may be shown."""
    return _consent(request)


@require("researcher")
async def withdraw_consent(request: Request) -> Response:
    """Hide a participant at once and for good."""
    form = await request.form()
    database, participant = str(form.get("database", "")), str(form.get("participant", ""))
    return await run_in_threadpool(_withdraw, request, database, participant)


def _withdraw(request: Request, database: str, participant: str) -> Response:
    run: Run = request.app.state.run
    index, now = run.faces, request.app.state.clock()
    if not ((index.database == database) & (index.participant == participant)).any():
        return refuse(request, 404, f"'{database[:80]}' has no test participant '{participant[:80]}'.")
    with run.connect() as connection:
        withdraw(connection, database, participant, by=request.state.person.name, now=now)
        detail = f"{database}/{participant}"
        people.record(connection, request.state.person.person_id, "withdraw consent", detail, now=now)
    return _consent(request, notice=f"{participant} is hidden from now on.")


def _consent(request: Request, notice: str = "") -> Response:
    run: Run = request.app.state.run
    index, shown = run.faces, run.consent.shown()
    keys = sorted(set(zip(index.database.tolist(), index.participant.tolist(), strict=True)))
    rows = []
    for database, participant in keys:
        own = (index.database == database) & (index.participant == participant)
        visible = int(np.count_nonzero(shown & own))
        rows.append({"database": database, "participant": participant, "faces": int(own.sum()), "shown": visible})
    return render(request, "consent.html.j2", rows=rows, notice=notice)


@require("researcher")
def log_page(request: Request) -> Response:
    """The newest lines of the audit log."""
    run: Run = request.app.state.run
    before = request.query_params.get("before", "")
    limit = int(before) if before.isdecimal() and len(before) < 18 else 2**62
    with run.connect() as connection:
        rows = connection.execute(
            "SELECT audit_id, ts_utc, coalesce(name, '–'), action, detail FROM audit LEFT JOIN person USING (person_id)"
            " WHERE audit_id < ? ORDER BY audit_id DESC LIMIT ?",
            (limit, ENTRIES),
        ).fetchall()
    older = rows[-1][0] if len(rows) == ENTRIES else None
    return render(request, "log.html.j2", rows=[tuple(row) for row in rows], older=older)


links = [
    Link("People", "/people", ("researcher",)),
    Link("Consent", "/consent", ("researcher",)),
    Link("Log", "/log", ("researcher",)),
]
routes = [
    Route("/people", people_page),
    Route("/people", invite, methods=["POST"]),
    Route("/people/revoke", revoke, methods=["POST"]),
    Route("/consent", consent_page),
    Route("/consent", withdraw_consent, methods=["POST"]),
    Route("/log", log_page),
]
