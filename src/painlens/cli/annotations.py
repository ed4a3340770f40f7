"""`painlens annotations ...`: tasks, labels in and out, agreement, backup and check of a run's annotation store."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from painlens.cli.options import RunArgument, fail, require_run
from painlens.workflow.failures import CHECK_FAILED, FAILURE, REFUSED, USAGE

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="People's labels: make tasks, take labels in and out, agreement, backup, check.",
)
TaskOption = Annotated[str | None, typer.Option("--task", "-t", help="Only this task (see `annotations tasks`).")]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="File to write; default: the terminal.")]


@contextmanager
def _store(run: Path, *, read_only: bool = True) -> Iterator[sqlite3.Connection]:
    """The store of a run; what it refuses becomes one sentence and an exit code."""
    from painlens.annotations import store

    require_run(run)
    try:
        with store.opened(run / store.FILE, create=not read_only, read_only=read_only) as connection:
            yield connection
    except store.StoreError as error:
        fail(error, REFUSED)


def _write(text: str, out: Path | None) -> None:
    from painlens.tables import save_text

    if out is None:
        sys.stdout.write(text)
        return
    try:
        save_text(text, out)
    except OSError as error:
        fail(f"{out} cannot be written: {error.strerror}", FAILURE)
    typer.echo(out)


@app.command()
def tasks(run: RunArgument) -> None:
    """List the tasks of a run and how far they are.

    Example: `painlens annotations tasks runs/demo`
    """
    from painlens.annotations.forgotten_pictures import count_forgotten, describe_forgotten
    from painlens.annotations.tasks import annotators_of, list_tasks

    with _store(run) as connection:
        for task in list_tasks(connection):
            states = connection.execute(
                "SELECT state, count(*) FROM final_label WHERE task_id = ? GROUP BY 1", (task.task_id,)
            ).fetchall()
            people = ", ".join(annotators_of(connection, task.task_id)) or "nobody yet"
            counts = ", ".join(f"{count} {state}" for state, count in states)
            typer.echo(f"{task.task_id}  {task.concept}: {task.question}\n    {counts}; annotators: {people}")
            if gone := describe_forgotten(count_forgotten(connection, task.task_id)):
                typer.echo(f"    {gone}")


@app.command()
def new(
    run: RunArgument,
    concept: Annotated[str, typer.Option("--concept", "-c", help="Its name in the study.")],
    question: Annotated[str, typer.Option("--question", "-q", help="What annotators are asked.")],
    guideline: Annotated[
        Path | None, typer.Option("--guideline", "-g", help="Text file; default: from the study.")
    ] = None,
    faces: Annotated[int | None, typer.Option("--faces", "-n", min=1, help="How many; default: all.")] = None,
    database: Annotated[str, typer.Option("--database", "-d", help="Only faces of this database.")] = "",
) -> None:
    """Make an annotation task over the run's test faces that may be shown.

    Example: `painlens annotations new runs/demo --concept eyes-closed --question "Are both eyes closed?"`
    """
    from painlens.annotations.store import StoreError
    from painlens.web.index import RunError
    from painlens.web.run import Run
    from painlens.web.tasks import GUIDELINE, make_task

    try:
        opened = Run.open(run, separate_process=False)
        known = opened.study.concepts.get(concept)
        if known is None and guideline is None:
            names = ", ".join(opened.study.concepts) or "none"
            fail(f"the study has no concept '{concept}' (it has {names}); for another one give --guideline FILE", USAGE)
        if database and database not in opened.study.databases:
            fail(f"the study has no database '{database}'; it has {', '.join(opened.study.databases)}", USAGE)
        text = (
            guideline.read_text("utf-8")
            if guideline
            else GUIDELINE.format(definition=known.definition if known else "")
        )
        task_id = make_task(
            opened, concept=concept, question=question, guideline=text, created_by="command line", faces=faces,
            database=database,
        )  # fmt: skip
    except (StoreError, RunError) as error:
        fail(error, REFUSED)
    except OSError as error:
        fail(f"{guideline} cannot be read: {error.strerror}", USAGE)
    typer.echo(task_id)


@app.command()
def release(
    run: RunArgument,
    task: Annotated[str, typer.Argument(help="Id of the task.")],
    person: Annotated[str, typer.Argument(help="Name of the annotator.")],
) -> None:
    """Free the place of an annotator who stopped for good; the answers stay, but count no longer.

    Example: `painlens annotations release runs/demo TASK anna`
    """
    from painlens.annotations.tasks import release_place

    with _store(run, read_only=False) as connection:
        release_place(connection, task, person, reason="by command line")


@app.command("export")
def export_labels(
    run: RunArgument,
    events: Annotated[bool, typer.Option("--events", help="Every event (long), not the labels that count.")] = False,
    names: Annotated[bool, typer.Option("--names", help="With the annotators' names instead of pseudonyms.")] = False,
    task: TaskOption = None,
    out: OutOption = None,
) -> None:
    """Write the labels that count, one row per face, as CSV; or every event.

    Examples: `painlens annotations export runs/demo --out labels.csv`,
    `painlens annotations export runs/demo --events --out events.csv`
    """
    from painlens.annotations import exchange

    with _store(run) as connection:
        if events:
            text = exchange.events_csv(connection, task_id=task, names=names)
        else:
            text = exchange.labels_csv(connection, task_id=task)
    _write(text, out)


@app.command("import")
def import_labels(
    run: RunArgument,
    file: Annotated[Path, typer.Argument(help="CSV: database, frame_id, concept, value and, if several, annotator.")],
    question: Annotated[str, typer.Option("--question", "-q", help="What was asked.")] = "",
) -> None:
    """Take over labels that were made elsewhere; the same file again adds nothing.

    Example: `painlens annotations import runs/demo labels.csv`
    """
    from painlens.annotations import exchange
    from painlens.annotations.tasks import Face
    from painlens.web.index import RunError
    from painlens.web.run import Run

    try:
        index = Run.open(run, separate_process=False).faces
    except RunError as error:
        fail(error, REFUSED)
    known = zip(index.database, index.frame_id, index.participant, strict=True)
    faces = [Face(str(d), str(f), str(p)) for d, f, p in known]
    with _store(run, read_only=False) as connection:
        counts = exchange.import_labels(connection, file, faces, created_by="command line", question=question)
    for concept, number in counts.items():
        typer.echo(f"{concept}: {number} new answers")


@app.command()
def agreement(
    run: RunArgument,
    task: TaskOption = None,
    draws: Annotated[int, typer.Option("--draws", min=100, help="Bootstrap samples over participants.")] = 2000,
) -> None:
    """Agreement of the blind annotators, per task: confusion, raw, kappa, AC1, positive, with themselves on repeats.

    Example: `painlens annotations agreement runs/demo`
    """
    from painlens.annotations.agreement import describe, task_agreement
    from painlens.annotations.tasks import list_tasks
    from painlens.study import load_study

    confidence = load_study(run / "study.yaml").replication.confidence if (run / "study.yaml").exists() else 0.95
    with _store(run) as connection:
        wanted = [one for one in list_tasks(connection) if task in (None, one.task_id)]
        if task and not wanted:
            fail(f"there is no task '{task}'; see `painlens annotations tasks {run}`", USAGE)
        for one in wanted:
            pairs, selves = task_agreement(connection, one.task_id, confidence=confidence, draws=draws, seed=one.seed)
            typer.echo(f"{one.task_id}  {one.concept}: {one.question}")
            for line in describe(pairs, selves):
                typer.echo(f"    {line}")


@app.command()
def backup(run: RunArgument, file: Annotated[Path, typer.Argument(help="File to write.")]) -> None:
    """Copy the store while people go on working; the copy is checked and then takes its place at once.

    Example: `painlens annotations backup runs/demo /backup/demo-monday.sqlite`
    """
    from painlens.annotations.keeping import back_up

    with _store(run) as connection:
        count = back_up(connection, file)
    typer.echo(f"{file}: {count} events")


@app.command()
def check(run: RunArgument) -> None:
    """Check the store: damage, lost or edited events, missing guards, faces cropped anew. Exits with 4 if any.

    Example: `painlens annotations check runs/demo`
    """
    from painlens.annotations.forgotten_pictures import count_forgotten, describe_forgotten
    from painlens.annotations.keeping import problems_of, problems_of_pictures
    from painlens.web.index import RunError
    from painlens.web.run import Run

    with _store(run, read_only=False) as connection:
        problems = problems_of(connection)
        try:
            crop = Run.open(run, separate_process=False).crop
        except RunError:
            crop = None
        if crop is not None:
            problems += problems_of_pictures(connection, crop)
        count = connection.execute("SELECT count(*) FROM event").fetchone()[0]
        gone = describe_forgotten(count_forgotten(connection))
    for problem in problems:
        typer.secho(problem, fg=typer.colors.RED)
    if problems:
        raise typer.Exit(CHECK_FAILED)
    typer.echo(f"{count} events, no problem found{f'; {gone}' if gone else ''}")
