"""Audits and care of databases and the people in them."""

from pathlib import Path
from typing import Annotated

import typer

from painlens.cli.options import Overrides, RunArgument, Workers, fail, failing, open_run
from painlens.study import StudyError
from painlens.tables import DataError
from painlens.workflow.failures import CHECK_FAILED, REFUSED, USAGE

app = typer.Typer()


@app.command()
def doctor(  # noqa: PLR0913 - options of a command
    target: Annotated[
        Path, typer.Argument(help="A study file, a run, or an owner's folder.", metavar="STUDY|RUN|FOLDER")
    ],
    overrides: Overrides = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    pictures: Annotated[
        int | None, typer.Option(min=0, help="Pictures per database that are opened; default: all; 0: none.")
    ] = None,
    faces: Annotated[
        int, typer.Option(min=0, help="Frames per database on which detectors are tried before a run has faces.")
    ] = 120,
    workers: Workers = 1,
) -> None:
    """Audit databases before a study is believed: counts, unreadable files, duplicates, people in two parts, consent.

    Exits with 3 if it finds a leak. Nothing is written. For example `painlens doctor /data/UNBC`, or
    `painlens doctor studies/paper.yaml --pictures 2000 --json`.
    """
    from rich.console import Console

    from painlens.doctor import Depth
    from painlens.doctor.examine import examine
    from painlens.doctor.show import as_json as to_json
    from painlens.doctor.show import show, study_entry

    try:
        found = examine(target, overrides or (), depth=Depth(pictures, faces, workers), quiet=as_json)
    except StudyError as error:
        fail(error, USAGE)
    except (DataError, OSError) as error:
        fail(error, REFUSED)
    if as_json:
        typer.echo(to_json(found))
    else:
        show(found, Console())
        if target.is_dir() and not (target / "study.yaml").exists():
            typer.echo(f"In a study file:\n{study_entry(found.databases[0], target)}", nl=False)
    raise typer.Exit(REFUSED if found.leaks else 0)


@app.command()
def forget(
    run: RunArgument,
    participant: Annotated[str, typer.Option(help="Id of the person, as in the tables.")] = "",
    database: Annotated[str, typer.Option("--database", "-d", help="Only in this database; alone: all of it.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what would be removed.")] = False,
) -> None:
    """Remove a person or a database from a run: every crop, map, feature, prediction, and networks that saw them.

    Says what must be computed again. The owner's folder is not touched, and the person is not read from it again.
    For example `painlens forget runs/paper --participant 042-ll042 --dry-run`.
    """
    from painlens.forgetting import forget as carry_out
    from painlens.forgetting import plan_forgetting

    run_folder = open_run(run)
    try:
        plan = plan_forgetting(run_folder, participant=participant, database=database)
        for change in plan.changes:
            typer.echo(f"{change.place}: {change.what}")
        if plan.recompute:
            typer.echo("To be computed again (painlens run): " + ", ".join(job.name for job in plan.recompute))
        if dry_run:
            typer.echo("Nothing was touched (--dry-run).")
            return
        left = carry_out(run_folder, plan)
    except DataError as error:
        fail(error, REFUSED)
    for sentence in left.kept:
        typer.echo(sentence)
    if left.answers:
        typer.echo(
            "annotations.sqlite is append-only and still names the person's frames; if they must go, delete it with "
            "everybody's answers (painlens annotations export first)"
        )
    if left.places:
        fail(f"still named in {', '.join(left.places)}; remove it there by hand", CHECK_FAILED)
    typer.echo("Forgotten. A study file of your own may still name the person; take the id out before the next run.")


@app.command()
def datasheet(
    run: RunArgument,
    database: Annotated[str, typer.Option("--database", "-d", help="Only this database; default: all.")] = "",
    croissant: Annotated[bool, typer.Option(help="Also Croissant metadata, without pixels.")] = False,
) -> None:
    """Write a datasheet per database from what was found: counts, exclusions, classes, consent, licence.

    Example: `painlens datasheet runs/demo --croissant`
    """
    from painlens.datasheet import write_datasheets

    with failing():
        for path in write_datasheets(open_run(run), only=database, croissant=croissant):
            typer.echo(path)
