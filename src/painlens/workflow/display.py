"""What a person sees while a run is at work: a line per running step at a terminal, plain lines elsewhere."""

import json
import sys
from pathlib import Path
from typing import Any, Protocol

from painlens.workflow.estimate import duration
from painlens.workflow.supervise import State

WORDS = {"finished": "done", "unchanged": "up to date", "failed": "FAILED", "stopped": "stopped"}


class Display(Protocol):
    """Shows the jobs of a run."""

    def started(self, name: str) -> None:
        """A step has begun."""
        ...

    def moved(self, name: str, done: int, total: int, note: str) -> None:
        """A running step says how far it is."""
        ...

    def ended(self, name: str, state: State, count: int) -> None:
        """A step has ended as number `count`."""
        ...

    def close(self) -> None:
        """Nothing more will be shown."""
        ...


class Lines:
    """One plain line when a step starts and one when it ends, for files and pipes."""

    def __init__(self, total: int) -> None:
        self._total = total

    def started(self, name: str) -> None:
        """Say that a step has begun."""
        _say(f"start  {name}")

    def moved(self, name: str, done: int, total: int, note: str) -> None:
        """Nothing: a file is no place for a bar."""

    def ended(self, name: str, state: State, count: int) -> None:
        """Say how a step ended and how long it took."""
        _say(f"{WORDS[state.state]}  {name}  {duration(state.seconds)}  [{count} of {self._total}]")

    def close(self) -> None:
        """Nothing is open."""


class Bars:
    """A live line with a bar per running step, and one for the whole run; ended steps scroll up as plain lines."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

        self._console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[of]}", justify="right"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=self._console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._all = self._bars.add_task("[bold]all steps", total=total, of=f"0 of {total}", note="")
        self._total = total
        self._bars.start()

    def started(self, name: str) -> None:
        """Add a line."""
        self._tasks[name] = self._bars.add_task(name, total=None, of="", note="")

    def moved(self, name: str, done: int, total: int, note: str) -> None:
        """Move its bar."""
        if name in self._tasks:
            self._bars.update(self._tasks[name], completed=done, total=total or None, of=f"{done}/{total}", note=note)

    def ended(self, name: str, state: State, count: int) -> None:
        """Replace the line by a plain one."""
        if name in self._tasks:
            self._bars.remove_task(self._tasks.pop(name))
        colour = {"finished": "green", "unchanged": "dim", "failed": "bold red"}.get(state.state, "yellow")
        self._console.print(f"[{colour}]{WORDS[state.state]}[/]  {name}  {duration(state.seconds)}", highlight=False)
        self._bars.update(self._all, completed=count, of=f"{count} of {self._total}")

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._bars.stop()


def open_display(total: int) -> Display:
    """Bars at a terminal, else lines; both on stderr."""
    return Bars(total) if sys.stderr.isatty() else Lines(total)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


class Watch:
    """Reads the state and progress files of a run and tells a display what is new."""

    def __init__(self, states: Path, progress: Path, display: Display) -> None:
        self._states, self._progress, self._display = states, progress, display
        self._seen: dict[str, State] = {}
        self._times: dict[Path, int] = {}

    @property
    def states(self) -> list[State]:
        """Latest known states, in the order in which the jobs began."""
        return sorted(self._seen.values(), key=lambda state: state.started)

    def look(self) -> None:
        """Read what changed since the last look."""
        new = [State(**raw) for file in self._states.glob("*.json") if (raw := self._read_new(file)) is not None]
        for state in sorted(new, key=lambda state: state.started + state.seconds):
            self._take(state)
        for file in sorted(self._progress.glob("*.json")):
            raw = self._read_new(file)
            if raw is not None:
                name = file.stem.replace("+", "/")
                self._display.moved(name, int(raw["done"]), int(raw["total"]), str(raw["note"]))

    def _take(self, state: State) -> None:
        earlier = self._seen.get(state.job)
        self._seen[state.job] = state
        name = state.job.replace("+", "/")
        if earlier is None or earlier.state != "running":
            self._display.started(name)
        if state.state != "running":
            count = sum(1 for s in self._seen.values() if s.state in {"finished", "unchanged"})
            self._display.ended(name, state, count)

    def _read_new(self, file: Path) -> dict[str, Any] | None:
        """Content of a file that changed; None where it did not, or is being replaced at this moment."""
        try:
            changed = file.stat().st_mtime_ns
            if self._times.get(file) == changed:
                return None
            raw = json.loads(file.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        self._times[file] = changed
        return raw
