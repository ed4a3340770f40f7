"""Tasks for the researcher: make one, see how far it is, how well the annotators agree, and take the labels away.

Agreement is shown only when a task is complete or its adjudication has begun: numbers on the way tempt to stop early.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from painlens.annotations import agreement, exchange, queues, tasks
from painlens.annotations.agreement import ANSWERS, Agreement, Estimate
from painlens.annotations.forgotten_pictures import count_forgotten, describe_forgotten
from painlens.annotations.store import StoreError
from painlens.annotations.training import render_training_elsewhere
from painlens.web import people
from painlens.web.access import require
from painlens.web.answers import explained, gate, task_of
from painlens.web.pages import Link, refuse, render
from painlens.web.run import Run

DRAWS = 2000  # of the bootstrap over participants
GUIDELINE = (
    "Answer yes if {definition}.\n\nAnswer no if it is not so. Judge only what you see on this face, not what you "
    "think the person feels.\n\nAnswer unsure if the face does not let you tell. Flag faces that are cut off, blurred "
    "or no faces."
)
MEASURES = {"raw": "Raw agreement", "kappa": "Cohen's kappa", "ac1": "Gwet's AC1", "positive": "Positive agreement"}


def make_task(
    run: Run,
    *,
    concept: str,
    question: str,
    guideline: str,
    created_by: str,
    origin: str = "study",
    faces: int | None = None,
    database: str = "",
) -> str:
    """Make a task over the run's test faces that may be shown, as the study's section `annotation` says; its id.

    Parameters
    ----------
    faces
        How many; drawn with the study's seed, the same share of every database. None: all.
    database
        Only the faces of one database.

    Raises
    ------
    StoreError
        There is no face to show, or a text is missing.
    """
    settings = run.study.annotation
    plan = tasks.Plan(
        annotators=settings.annotators, repeats=settings.repeats, unsure=settings.unsure, seed=run.study.seed,
        origin=origin,
    )  # fmt: skip
    chosen = _chosen(run, faces, database)
    training = render_training_elsewhere(concept, settings.training, seed=run.study.seed)
    with run.connect() as connection:
        return tasks.create_task(
            connection, concept=concept, question=question, guideline=guideline, faces=chosen, plan=plan,
            created_by=created_by, training=training,
        )  # fmt: skip


def _chosen(run: Run, number: int | None, database: str) -> list[tasks.Face]:
    """The faces of a task, in the order of the run."""
    index, shown = run.faces, run.consent.shown()
    rows = [row for row in np.flatnonzero(shown) if not database or str(index.database[row]) == database]
    if number is not None and number < len(rows):
        rng = np.random.default_rng(run.study.seed)
        drawn: list[int] = []
        groups = [[r for r in rows if index.database[r] == name] for name in dict.fromkeys(index.database[rows])]
        for n, group in enumerate(groups):
            share = round(number * sum(map(len, groups[: n + 1])) / len(rows)) - len(drawn)
            drawn += [int(r) for r in rng.choice(group, size=min(share, len(group)), replace=False)]
        rows = sorted(drawn)
    return [
        tasks.Face(
            str(index.database[row]), str(index.frame_id[row]), str(index.participant[row]),
            sha256=tasks.digest_of_pixels(run.crop(str(index.database[row]), str(index.frame_id[row]))),
        )
        for row in rows
    ]  # fmt: skip


@require("researcher")
@explained
def overview(request: Request) -> Response:
    """All tasks and how far they are."""
    run: Run = request.app.state.run
    with run.connect() as connection:
        rows = [_state(connection, task, gate(run)) for task in tasks.list_tasks(connection)]
    return render(request, "tasks.html.j2", rows=rows)


@require("researcher")
@explained
def form(request: Request) -> Response:
    """The form for a new task, filled in from the address or from a concept of the study."""
    run: Run = request.app.state.run
    given = request.query_params
    concept = given.get("concept", "")
    known = run.study.concepts.get(concept)
    definition = known.definition if known else given.get("question", "").rstrip("?") or "…"
    values = {
        "concept": concept,
        "question": given.get("question") or (f"Is it so that {known.definition}?" if known else ""),
        "guideline": given.get("guideline") or GUIDELINE.format(definition=definition),
        "hypothesis": given.get("hypothesis", ""),
        "faces": "",
        "database": "",
    }
    return _form(request, values, "")


@require("researcher")
async def create(request: Request) -> Response:
    """Make the task that the form describes."""
    sent = await request.form()
    values = {
        name: str(sent.get(name, "")).strip()
        for name in ("concept", "question", "guideline", "hypothesis", "faces", "database")
    }
    return await run_in_threadpool(_create, request, values)


def _create(request: Request, values: dict[str, str]) -> Response:
    run: Run = request.app.state.run
    person = request.state.person
    problem = _problem(run, values)
    if not problem:
        try:
            task_id = make_task(
                run, concept=values["concept"], question=values["question"],
                guideline=values["guideline"].replace("\r\n", "\n"), created_by=person.name,
                origin=f"hypothesis:{values['hypothesis']}" if values["hypothesis"] else "study",
                faces=int(values["faces"]) if values["faces"] else None, database=values["database"],
            )  # fmt: skip
        except StoreError as error:
            problem = str(error)
        else:
            with run.connect() as connection:
                people.record(connection, person.person_id, "task", f"made {task_id}", now=request.app.state.clock())
            return RedirectResponse(f"/tasks/{task_id}", status_code=303)
    return _form(request, values, problem, status=400)


def _problem(run: Run, values: dict[str, str]) -> str:
    """What is wrong with the form; empty if nothing is."""
    if values["faces"] and not (values["faces"].isdecimal() and 0 < int(values["faces"]) <= 1_000_000):
        return f"The number of faces must be a whole number above 0, got “{values['faces'][:40]}”."
    if values["database"] and values["database"] not in run.study.databases:
        return f"The study has no database “{values['database'][:40]}”."
    for name in ("concept", "question", "guideline"):
        if not values[name]:
            return f"Please write a {name}."
    return ""


def _form(request: Request, values: dict[str, str], problem: str, *, status: int = 200) -> Response:
    study = request.app.state.run.study
    return render(
        request, "tasks_new.html.j2", status=status, values=values, problem=problem, concepts=list(study.concepts),
        databases=list(study.databases), settings=study.annotation,
    )  # fmt: skip


@require("researcher")
@explained
def page(request: Request) -> Response:
    """One task: progress, agreement, guideline, exports."""
    run: Run = request.app.state.run
    with run.connect() as connection:
        task = task_of(connection, request)
        if task is None:
            return refuse(request, 404, "There is no such task.")
        state = _state(connection, task, gate(run))
        pairs: list[Agreement] = []
        selves: list[Agreement] = []
        if state["open"]:
            pairs, selves = agreement.task_agreement(
                connection, task.task_id, confidence=run.study.replication.confidence, draws=DRAWS, seed=task.seed
            )
        flags = connection.execute(
            "SELECT i.database, i.frame_id, count(*) AS n FROM event e JOIN present_item i USING (item_id)"
            " WHERE e.task_id = ? AND e.kind = 'flag' GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 50",
            (task.task_id,),
        ).fetchall()
    return render(
        request, "tasks_one.html.j2", **state, answers=ANSWERS, measures=MEASURES, flags=flags,
        pairs=[_shown(one) for one in pairs], selves=[_shown(one) for one in selves],
    )  # fmt: skip


@require("researcher")
async def revise(request: Request) -> Response:
    """Add a version of the guideline."""
    sent = await request.form()
    text = str(sent.get("guideline", ""))

    def work(connection: Any, task: tasks.Task) -> Response:
        return _revise(request, connection, task, text)

    return await run_in_threadpool(_with_task, request, work)


def _revise(request: Request, connection: Any, task: tasks.Task, text: str) -> Response:
    text = text.replace("\r\n", "\n").strip()
    if text != task.guideline:
        try:
            tasks.revise_guideline(connection, task.task_id, text, created_by=request.state.person.name)
        except StoreError as error:
            return refuse(request, 400, str(error))
    return RedirectResponse(f"/tasks/{task.task_id}", status_code=303)


@require("researcher")
async def release(request: Request) -> Response:
    """Free the place of an annotator who stopped for good."""
    sent = await request.form()
    name = str(sent.get("annotator", ""))

    def work(connection: Any, task: tasks.Task) -> Response:
        try:
            tasks.release_place(connection, task.task_id, name, reason=f"by {request.state.person.name}")
        except StoreError as error:
            return refuse(request, 400, str(error))
        return RedirectResponse(f"/tasks/{task.task_id}", status_code=303)

    return await run_in_threadpool(_with_task, request, work)


def _with_task(request: Request, work: Callable[[Any, tasks.Task], Response]) -> Response:
    def guarded(request: Request) -> Response:
        with request.app.state.run.connect() as connection:
            task = task_of(connection, request)
            return work(connection, task) if task is not None else refuse(request, 404, "There is no such task.")

    return explained(guarded)(request)


@require("researcher")
@explained
def events_file(request: Request) -> Response:
    """Every event of a task as CSV."""
    return _file(request, "events", lambda connection, task_id: exchange.events_csv(connection, task_id=task_id))


@require("researcher")
@explained
def labels_file(request: Request) -> Response:
    """The labels of a task as CSV."""
    return _file(request, "labels", lambda connection, task_id: exchange.labels_csv(connection, task_id=task_id))


def _file(request: Request, what: str, content: Callable[[Any, str], str]) -> Response:
    def work(connection: Any, task: tasks.Task) -> Response:
        name = "".join(c if c.isalnum() or c in "-_" else "-" for c in task.concept)
        people.record(
            connection, request.state.person.person_id, "export", f"{what} of {task.task_id}",
            now=request.app.state.clock(),
        )  # fmt: skip
        headers = {"Content-Disposition": f'attachment; filename="{name[:80]}-{what}.csv"'}
        return Response(content(connection, task.task_id), media_type="text/csv; charset=utf-8", headers=headers)

    return _with_task(request, work)


def _state(connection: Any, task: tasks.Task, shown: queues.Shown) -> dict[str, Any]:
    """How far a task is."""
    names = tasks.annotators_of(connection, task.task_id)
    counts = dict(
        connection.execute(
            "SELECT state, count(*) FROM final_label WHERE task_id = ? GROUP BY 1", (task.task_id,)
        ).fetchall()
    )
    progress = []
    for name in names:
        queue = queues.queue_of(connection, task, name, shown=shown, at_most=1)
        progress.append({"name": name, "done": queue.done, "total": queue.total, "training": queue.phase == "training"})
    return {
        "task": task,
        "faces": sum(counts.values()),
        "counts": counts,
        "forgotten": describe_forgotten(count_forgotten(connection, task.task_id)),
        "progress": progress,
        "open": queues.adjudication_open(connection, task, shown=shown),
    }


def _shown(one: Agreement) -> dict[str, Any]:
    """An agreement with its numbers as text."""
    return {
        "one": one,
        "decided": {name: _text(estimate) for name, estimate in one.decided.items()},
        "all": {name: _text(estimate) for name, estimate in one.all_answers.items()},
        "prevalence": _number(one.prevalence),
        "unsure": int(one.faces - one.counts[:2, :2].sum()),
    }


def _text(estimate: Estimate) -> tuple[str, str]:
    """Value and interval."""
    interval = "" if math.isnan(estimate.low) else f"{_number(estimate.low)} to {_number(estimate.high)}"
    return _number(estimate.value), interval


def _number(value: float) -> str:
    """Two decimals without the leading zero, as coefficients are printed; a dash where there is none."""
    return (
        "–"
        if math.isnan(value)
        else f"{value:.2f}".replace("0.", ".", 1).replace("-", "−")
        if abs(value) < 1
        else f"{value:.2f}"
    )


routes = [
    Route("/tasks", overview),
    Route("/tasks", create, methods=["POST"]),
    Route("/tasks/new", form),
    Route("/tasks/{task}", page),
    Route("/tasks/{task}/guideline", revise, methods=["POST"]),
    Route("/tasks/{task}/release", release, methods=["POST"]),
    Route("/tasks/{task}/events.csv", events_file),
    Route("/tasks/{task}/labels.csv", labels_file),
]
links = [Link("Tasks", "/tasks", ("researcher",))]
