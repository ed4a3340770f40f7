"""Making the certificate's level of images: whole studies on rendered databases, from faces to verdict.

Every study is an ordinary run of painlens in a folder of its own, ``FOLDER/images/CELL/draw=03``, made by the same
Snakemake rules as `painlens run` uses, on a laptop or on a cluster. Two things are left out: all studies start from one
shared emotion network, and a run ends with the concept test, since the verdict needs no page.

A finished draw keeps its tables and is never made again; a killed one goes on where it stopped.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from painlens.certificate.finished_draws import finish, is_finished, remove_bulk
from painlens.certificate.image_cells import LEVEL, Draw, study_of
from painlens.study import parse_study
from painlens.tables import DataError
from painlens.workflow.engine import run_workflow
from painlens.workflow.run_folder import RunFolder, prepare_run, shipped_study
from painlens.workflow.stages import EMOTION, Job
from painlens.workflow.supervise import INTERRUPTED, holding

LOOK_EVERY_S = 2.0  # at the pause file


class Engine(Protocol):
    """What brings a run up to date: `painlens.workflow.engine.run_workflow`, or a double of it."""

    def __call__(self, run: RunFolder, *, cores: int | None, profile: str, targets: Sequence[Job]) -> int:
        """Exit code of the run."""
        ...


@dataclass(frozen=True)
class Course:
    """How studies are made: where, by what, for how long.

    Attributes
    ----------
    minutes
        No study is begun after this time; None: all are made. A study that was begun is finished.
    pause_file
        While it exists no study is begun.
    """

    folder: Path
    cores: int | None = None
    profile: str = "laptop"
    minutes: float | None = None
    pause_file: Path | None = None
    engine: Engine = run_workflow
    say: Callable[[str], None] = print


def make_draws(draws: Sequence[Draw], course: Course) -> dict[Draw, int]:
    """Make the studies that are not there yet; returns the exit codes of those that failed.

    One that failed does not keep the others from being made. Several processes may work in one folder: a draw that
    another one is at is passed over.

    Raises
    ------
    KeyboardInterrupt
        A study was stopped by a signal; nothing that is finished is lost.
    DataError
        The shared emotion network cannot be made, or the folder holds draws of other settings.
    """
    until = time.monotonic() + 60 * course.minutes if course.minutes is not None else float("inf")
    left = [draw for draw in draws if not is_finished(draw, course.folder)]
    course.say(f"{len(draws) - len(left)} of {len(draws)} studies are there, {len(left)} to make")
    if not left:
        return {}
    emotion = shared_network(course)
    failed: dict[Draw, int] = {}
    for done, draw in enumerate(left):
        _wait(course)
        if time.monotonic() > until:
            course.say(f"time is up: {len(left) - done} studies are left; the same command goes on")
            break
        course.say(f"study {len(draws) - len(left) + done + 1} of {len(draws)}: {draw.cell}, draw {draw.number}")
        code = _make(draw, emotion, course)
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        if code:
            failed[draw] = code
    return failed


def shared_network(course: Course) -> Path:
    """The emotion network that all studies start from; trained once, by the demonstration's settings."""
    folder = course.folder / LEVEL / EMOTION
    kept = folder / "emotion.safetensors"
    if kept.exists():
        return kept
    raw = yaml.safe_load(shipped_study("demo").read_text(encoding="utf-8"))
    run = prepare_run(parse_study(raw | {"study": "certify-emotion"}), folder)
    course.say("the emotion network that all studies share")
    with _held(folder) as free:
        if not free:
            raise DataError(
                f"another process trains the shared emotion network in {folder}; start again when it is done"
            )
        code = course.engine(run, cores=course.cores, profile=course.profile, targets=[Job("pretrain")])
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code:
        raise DataError(f"the shared emotion network could not be trained (exit code {code}); see {run.logs}")
    made = run.folder("pretrain") / "weights.safetensors"
    shutil.copy2(made, kept.with_suffix(".tmp"))
    kept.with_suffix(".tmp").replace(kept)
    remove_bulk(folder, keep={kept})
    return kept


def _make(draw: Draw, emotion: Path, course: Course) -> int:
    """Make one study; its exit code."""
    place = draw.folder(course.folder)
    place.mkdir(parents=True, exist_ok=True)
    with _held(place) as free:
        if not free:
            course.say(f"  another process is at work in {place}: passed over")
            return 0
        if is_finished(draw, course.folder):
            return 0
        began = time.time()
        study = study_of(draw, emotion)
        run = prepare_run(study, place)
        code = course.engine(run, cores=course.cores, profile=course.profile, targets=[Job("concepts")])
        if code == 0:
            finish(draw, run, study, seconds=time.time() - began)
    return code


class _held:  # noqa: N801 - used like a function
    """The lock of a folder, or False where another process holds it."""

    def __init__(self, folder: Path) -> None:
        self._lock = holding(folder / ".certify.lock", patience_s=0.0)
        self._taken = False

    def __enter__(self) -> bool:
        try:
            self._lock.__enter__()
            self._taken = True
        except BlockingIOError:
            pass
        return self._taken

    def __exit__(self, *details: Any) -> None:
        if self._taken:
            self._lock.__exit__(*details)


def _wait(course: Course) -> None:
    while course.pause_file is not None and course.pause_file.exists():
        time.sleep(LOOK_EVERY_S)
