"""The hypothesis notebook: write, edit, freeze, judge, and make an annotation task from what was written."""

import json
import secrets
import sqlite3
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from painlens import hypotheses
from painlens.annotations.store import StoreError, transaction
from painlens.hypotheses import STATUSES, Event, Hypothesis, HypothesisError, Statement
from painlens.web import people, words
from painlens.web.access import require
from painlens.web.gallery import View
from painlens.web.pages import Link, refuse, render
from painlens.web.people import stamp
from painlens.web.run import Run
from painlens.web.selection import FilterError, parse_query, to_url
from painlens.web.tasks import make_task

NO_HYPOTHESIS = "There is no such hypothesis."
SHOWN_FACES = 12
EXPORT = "hypotheses.json"


def load_notebook(connection: sqlite3.Connection) -> list[Hypothesis]:
    """All hypotheses of the store."""
    rows = connection.execute(
        "SELECT event_id, ts_utc, hypothesis_id, person, kind, content FROM hypothesis_event ORDER BY event_id"
    )
    return hypotheses.replay(Event(r[0], r[1], r[2], r[3], r[4], json.loads(r[5])) for r in rows)


def add_event(
    connection: sqlite3.Connection, request: Request, hypothesis_id: str, kind: str, content: dict[str, Any], nonce: str
) -> None:
    """Append an event; one that comes twice (the same nonce) is kept once."""
    now = request.app.state.clock()
    connection.execute(
        "INSERT INTO hypothesis_event (ts_utc, hypothesis_id, person, kind, content, nonce) VALUES (?, ?, ?, ?, ?, ?)",
        (stamp(now), hypothesis_id, request.state.person.name, kind, json.dumps(content, ensure_ascii=False), nonce),
    )
    people.record(connection, request.state.person.person_id, f"hypothesis {kind}", hypothesis_id, now=now)


@require("researcher")
def notebook(request: Request) -> Response:
    """The list, and candidates that the region statistics suggest."""
    run: Run = request.app.state.run
    with run.connect() as connection:
        known = load_notebook(connection)
    return render(
        request,
        "notebook.html.j2",
        notebook=[_shown(run, h) for h in known],
        candidates=[_candidate(run, c, n) for n, c in enumerate(run.faces.candidates[:12], start=1)],
        open_count=sum(h.frozen is None for h in known),
        nonce=secrets.token_urlsafe(18),
        confidence=run.study.replication.confidence,
    )


@require("researcher")
def new_hypothesis(request: Request) -> Response:
    """The form, filled with the faces and the filter that led to it."""
    run: Run = request.app.state.run
    params = request.query_params
    try:
        faces = _faces_of(run, params.getlist("face"))
        where = _filter_of(run, params.get("filter", ""))
    except (HypothesisError, FilterError) as error:
        return refuse(request, 400, str(error))
    given = Statement(params.get("statement", "")[: hypotheses.LONGEST["statement"]], faces=faces, filter=where)
    return _form(request, given, hypothesis_id="", error="")


@require("researcher")
def edit_hypothesis(request: Request) -> Response:
    """The form with the current statement."""
    run: Run = request.app.state.run
    found = _find(run, request.path_params["hypothesis"])
    if found is None:
        return refuse(request, 404, NO_HYPOTHESIS)
    return _form(request, found.current, hypothesis_id=found.hypothesis_id, error="", frozen=found.frozen is not None)


@require("researcher")
async def write_hypothesis(request: Request) -> Response:
    """Keep what the form says: a new hypothesis, or a new version of one."""
    form = await request.form()
    return await run_in_threadpool(_write, request, form)


def _write(request: Request, form: FormData) -> Response:
    run: Run = request.app.state.run
    hypothesis_id = request.path_params.get("hypothesis", "")
    found = _find(run, hypothesis_id) if hypothesis_id else None
    if hypothesis_id and found is None:
        return refuse(request, 404, NO_HYPOTHESIS)
    nonce = str(form.get("nonce", ""))
    if not 16 <= len(nonce) <= 100:
        return refuse(request, 400, "The form is incomplete (no nonce); open it again.")
    given = hypotheses.statement_of({name: str(form.get(name, "")) for name in hypotheses.LONGEST})
    try:
        given = replace(given, faces=_faces_of(run, [str(f) for f in form.getlist("face")]))
        given = hypotheses.checked(replace(given, filter=_filter_of(run, given.filter)))
    except (HypothesisError, FilterError) as error:
        frozen = bool(found and found.frozen)
        return _form(request, given, hypothesis_id=hypothesis_id, error=str(error), frozen=frozen, status=400)
    # derived from the nonce, so that a form that is sent twice writes one hypothesis
    hypothesis_id = hypothesis_id or f"h-{people.digest_of(nonce)[:12]}"
    if found is None or found.current != given:
        with run.connect() as connection:
            add_event(connection, request, hypothesis_id, "write", hypotheses.content_of(given), nonce)
            _export(run, connection)
    return RedirectResponse(f"/notebook#{hypothesis_id}", status_code=303)


@require("researcher")
async def judge(request: Request) -> Response:
    """Set the status: open, supported, refuted or dropped."""
    form = await request.form()
    status, nonce = str(form.get("status", "")), str(form.get("nonce", "")) or secrets.token_urlsafe(18)
    if status not in STATUSES:
        return refuse(request, 400, f"The status must be one of {', '.join(STATUSES)}, got '{status[:40]}'.")
    return await run_in_threadpool(_append, request, "status", {"status": status}, nonce)


def _append(request: Request, kind: str, content: dict[str, Any], nonce: str) -> Response:
    run: Run = request.app.state.run
    found = _find(run, request.path_params["hypothesis"])
    if found is None:
        return refuse(request, 404, NO_HYPOTHESIS)
    with run.connect() as connection:
        add_event(connection, request, found.hypothesis_id, kind, content, nonce)
        _export(run, connection)
    return RedirectResponse(f"/notebook#{found.hypothesis_id}", status_code=303)


@require("researcher")
def freeze(request: Request) -> Response:
    """Freeze all hypotheses that are not frozen yet, at one time."""
    run: Run = request.app.state.run
    with run.connect() as connection:
        with transaction(connection):
            pending = [h for h in load_notebook(connection) if h.frozen is None]
            now = request.app.state.clock()
            for h in pending:
                connection.execute(
                    "INSERT INTO hypothesis_event (ts_utc, hypothesis_id, person, kind, content, nonce)"
                    " VALUES (?, ?, ?, 'freeze', ?, ?)",
                    (stamp(now), h.hypothesis_id, request.state.person.name, json.dumps(hypotheses.freezing_of(h)),
                     f"freeze-{h.hypothesis_id}"),
                )  # fmt: skip
        if pending:
            detail = ", ".join(h.hypothesis_id for h in pending)
            people.record(connection, request.state.person.person_id, "freeze hypotheses", detail, now=now)
        _export(run, connection)
    return RedirectResponse("/notebook", status_code=303)


@require("researcher")
def task_from(request: Request) -> Response:
    """One click: an annotation task about the hypothesis' concept, with its question and guideline."""
    run: Run = request.app.state.run
    found = _find(run, request.path_params["hypothesis"])
    if found is None:
        return refuse(request, 404, NO_HYPOTHESIS)
    tested = found.tested
    missing = [name for name in ("concept", "question", "guideline") if not getattr(tested, name)]
    if missing:
        return refuse(request, 409, f"Write {' and '.join(missing)} into the hypothesis first: annotators see no more.")
    try:
        # All faces that may be shown, not those of the hypothesis: a concept must be labelled where no model looked
        # too, or its test would be circular.
        task = make_task(
            run,
            concept=tested.concept,
            question=tested.question,
            guideline=tested.guideline,
            created_by=request.state.person.name,
            origin=f"hypothesis:{found.hypothesis_id}",
        )
    except StoreError as error:
        return refuse(request, 409, str(error))
    with run.connect() as connection:
        add_event(connection, request, found.hypothesis_id, "task", {"task": task}, f"task-{task}")
        _export(run, connection)
    return RedirectResponse(f"/tasks/{task}", status_code=303)


def _export(run: Run, connection: sqlite3.Connection) -> None:
    """Write the notebook beside the run, where the report reads it."""
    from painlens.tables import save_json

    save_json(hypotheses.exported(load_notebook(connection)), run.root / EXPORT)


def _find(run: Run, hypothesis_id: str) -> Hypothesis | None:
    with run.connect() as connection:
        return next((h for h in load_notebook(connection) if h.hypothesis_id == hypothesis_id), None)


def _faces_of(run: Run, names: list[str]) -> tuple[tuple[str, str], ...]:
    """Database and frame of faces by their opaque ids.

    Raises
    ------
    HypothesisError
        An id is unknown.
    """
    found = []
    for name in names[: hypotheses.MOST_FACES + 1]:
        row = run.find(name)
        if row is None:
            raise HypothesisError(f"there is no face '{name[:40]}' in this run; pick the faces again")
        found.append((str(run.faces.database[row]), str(run.faces.frame_id[row])))
    return tuple(found)


def _filter_of(run: Run, text: str) -> str:
    """A filter in its one canonical form; it must be one that Inspect understands."""
    norm = run.study.differences.normalisation
    return to_url(parse_query(dict(parse_qsl(text[:4000])), run.faces, norm), norm, run.faces, page=1)


def _form(
    request: Request, given: Statement, *, hypothesis_id: str, error: str, frozen: bool = False, status: int = 200
) -> Response:
    run: Run = request.app.state.run
    return render(
        request,
        "hypothesis.html.j2",
        status=status,
        given=given,
        hypothesis_id=hypothesis_id,
        error=error,
        frozen=frozen,
        faces=_pictures(run, given.faces),
        longest=hypotheses.LONGEST,
        concepts=list(run.study.concepts),
        nonce=secrets.token_urlsafe(18),
    )


def _pictures(run: Run, faces: tuple[tuple[str, str], ...]) -> list[dict[str, Any]]:
    """Faces as ids, with whether they may be shown now."""
    found, shown = [], run.consent.shown()
    for number, (database, frame_id) in enumerate(faces, start=1):
        row = run.row_of(database, frame_id)
        if row is not None:
            found.append({"id": run.opaque_of(row), "number": number, "shown": bool(shown[row])})
    return found


def _shown(run: Run, found: Hypothesis) -> dict[str, Any]:
    """A hypothesis as the page needs it."""
    return {
        "it": found,
        "faces": _pictures(run, found.current.faces)[:SHOWN_FACES],
        "more": max(0, len(found.current.faces) - SHOWN_FACES),
        "can_task": bool(found.current.concept and found.current.question and found.current.guideline),
    }


def _candidate(run: Run, found: dict[str, Any], rank: int) -> dict[str, Any]:
    """A candidate in words, with the selection that shows it."""
    norm = run.study.differences.normalisation
    other = found["model_b"] if found["favours"] == found["model_a"] else found["model_a"]
    about = "faces" if found["label"] == "all" else f"{found['label']} faces"
    about += "" if found["database"] == "all" else f" of the {found['database']} database"
    about = f"all {about}" if about == "faces" else about
    query = {"pair": f"{found['model_a']}~{found['model_b']}", "norm": "max", "region": found["region"]}
    query |= {"sort": "difference", "dir": "desc" if found["difference"] > 0 else "asc"}
    query |= {name: found[name] for name in ("database", "label") if found[name] != "all"}
    view = View(run, parse_query(query, run.faces, norm), norm)
    statement = (
        f"On {about} the {found['favours']} model gives the {found['region']} more relevance than the {other} model."
    )
    return {
        "rank": rank,
        "statement": statement,
        "difference": words.signed(found["difference"]),
        "interval": words.interval(found["low"], found["high"]),
        "faces": found["faces"],
        "participants": found["participants"],
        "look": view.link("/inspect"),
        "filter": view.url(),
    }


links = [Link("Notebook", "/notebook", ("researcher",))]
routes = [
    Route("/notebook", notebook),
    Route("/notebook/new", new_hypothesis),
    Route("/notebook", write_hypothesis, methods=["POST"]),
    Route("/notebook/freeze", freeze, methods=["POST"]),
    Route("/notebook/{hypothesis}", edit_hypothesis),
    Route("/notebook/{hypothesis}", write_hypothesis, methods=["POST"]),
    Route("/notebook/{hypothesis}/status", judge, methods=["POST"]),
    Route("/notebook/{hypothesis}/task", task_from, methods=["POST"]),
]
