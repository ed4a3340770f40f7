"""What the commands share: options, how a run is opened, and how a failure is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from painlens.study import StudyError, load_study
from painlens.tables import DataError
from painlens.workflow.failures import FAILURE, REFUSED, USAGE
from painlens.workflow.run_folder import RunFolder, prepare_run

Source = Annotated[Path, typer.Argument(help="A study file (.yaml), or the folder of a run.", metavar="STUDY|RUN")]
RunArgument = Annotated[Path, typer.Argument(help="The folder of a run.", metavar="RUN")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change one setting: `--set training.epochs=3`. Repeatable.", metavar="KEY=VALUE"),
]
RunOption = Annotated[Path | None, typer.Option("--run", help="Folder of the run; default: runs/<name of the study>.")]
DatabaseOption = Annotated[str, typer.Option("--database", "-d", help="Name of the database in the study.")]
Cores = Annotated[int | None, typer.Option("--cores", "-c", min=1, help="Processes at once; default: all cores.")]
Workers = Annotated[int, typer.Option("--workers", "-w", min=1, help="Processes that this step may use.")]


def fail(message: object, code: int) -> NoReturn:
    """One clear sentence on stderr and an exit code."""
    typer.secho(f"painlens: {message}", fg=typer.colors.RED, err=True)
    raise typer.Exit(code)


@contextmanager
def failing() -> Iterator[None]:
    """What a command refuses, as one sentence and an exit code: 2 for a study, 3 for data."""
    try:
        yield
    except StudyError as error:
        fail(error, USAGE)
    except DataError as error:
        fail(error, REFUSED)


def require_run(run: Path, *, remedy: str = "") -> None:
    """Leave with a sentence where a folder is no run."""
    if not (run / "study.yaml").exists():
        fail(f"{run} is no run of painlens: it has no study.yaml{remedy}", USAGE)


def open_run(
    source: Path, overrides: list[str] | None = None, run: Path | None = None, *, write: bool = True
) -> RunFolder:
    """The run folder of a study file, or the run folder itself; writes the resolved study into it, or nothing."""
    if source.is_dir():
        require_run(source, remedy="; give a study file to start one")
    try:
        if source.is_dir():
            return prepare_run(load_study(source / "study.yaml", overrides or ()), run or source, write=write)
        study = load_study(source, overrides or ())
        return prepare_run(study, run or Path("runs") / study.study, write=write)
    except StudyError as error:
        fail(error, USAGE)
    except OSError as error:
        fail(f"the run folder cannot be written: {error}", FAILURE)
