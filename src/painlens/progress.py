"""Progress of long work, for a person at a terminal and for a parent that shows several steps at once.

A step reports through a `Progress` that is handed to it. Alone at a terminal it draws a bar on stderr; under
``painlens run`` it writes one small file per step, which the parent reads and draws as one line per running step.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

Item = TypeVar("Item")
VARIABLE = "PAINLENS_PROGRESS"  # folder in which a parent process reads the steps' progress


@runtime_checkable
class Progress(Protocol):
    """Something that can be told how far a piece of work is."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """`done` of `total` pieces are finished."""
        ...


def silent(done: int, total: int, note: str = "") -> None:  # noqa: ARG001 - the shape of Progress
    """Report nothing."""


def track(items: Iterable[Item], total: int, progress: Progress, note: str = "") -> Iterator[Item]:
    """Yield the items and report after each."""
    progress(0, total, note)
    for done, item in enumerate(items, start=1):
        yield item
        progress(done, total, note)


def reporter(step: str) -> AbstractContextManager[Progress]:
    """Where this process should report to: a parent's folder, a bar on a terminal, or nowhere."""
    folder = os.environ.get(VARIABLE)
    if folder:
        return nullcontext(_file_reporter(Path(folder) / f"{step.replace('/', '+')}.json"))
    if sys.stderr.isatty():
        return _Bar(step)
    return nullcontext(silent)


def _file_reporter(path: Path, every_s: float = 0.2) -> Progress:
    """Write the latest state into a file, at most five times a second and at the end."""
    last = 0.0

    def report(done: int, total: int, note: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if done < total and now - last < every_s:
            return
        last = now
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps({"done": done, "total": total, "note": note}), encoding="utf-8")
        temporary.replace(path)

    return report


class _Bar(AbstractContextManager[Progress]):
    """One rich progress bar on stderr."""

    def __init__(self, step: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self._bars = Bars(*columns, console=Console(stderr=True))
        self._task = self._bars.add_task(step, total=None, note="")

    def __enter__(self) -> Callable[..., None]:
        self._bars.start()

        def report(done: int, total: int, note: str = "") -> None:
            self._bars.update(self._task, completed=done, total=total, note=note)

        return report

    def __exit__(self, *_: object) -> None:
        self._bars.stop()
