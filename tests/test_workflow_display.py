"""What a person sees: plain lines in a file, bars at a terminal, from the same state files."""

import json
import os
import pty
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from painlens.workflow.display import Bars, Lines, Watch, open_display
from painlens.workflow.supervise import State


class Recorder:
    """A display that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def started(self, name: str) -> None:
        self.told.append(("started", name))

    def moved(self, name: str, done: int, total: int, note: str) -> None:
        self.told.append(("moved", name, done, total, note))

    def ended(self, name: str, state: State, count: int) -> None:
        self.told.append(("ended", name, state.state, count))

    def close(self) -> None:
        self.told.append(("closed",))


def state(word: str, *, job: str = "train+database=a+seed=0", seconds: float = 0.0) -> State:
    return State(job, word, "host", 1, 100.0, seconds, 0)


def write(folder: Path, name: str, value: object) -> None:
    folder.mkdir(exist_ok=True)
    temporary = folder / f".{name}"
    temporary.write_text(json.dumps(value), encoding="utf-8")
    temporary.replace(folder / f"{name}.json")


def everything_in(descriptor: int) -> str:
    """What a terminal was sent and has not shown yet."""
    os.set_blocking(descriptor, False)
    parts: list[bytes] = []
    while True:
        try:
            parts.append(os.read(descriptor, 4096))
        except BlockingIOError:
            return b"".join(parts).decode()


@pytest.fixture
def watched(tmp_path: Path) -> tuple[Path, Recorder, Watch]:
    recorder = Recorder()
    return tmp_path, recorder, Watch(tmp_path / "state", tmp_path / "progress", recorder)


def test_steps_are_followed_from_start_to_end(watched: tuple[Path, Recorder, Watch]) -> None:
    folder, recorder, watch = watched
    name = "train/database=a/seed=0"
    write(folder / "state", "train+database=a+seed=0", asdict(state("running")))
    watch.look()
    write(folder / "progress", "train+database=a+seed=0", {"done": 3, "total": 8, "note": "epoch"})
    watch.look()
    watch.look()
    write(folder / "state", "train+database=a+seed=0", asdict(state("finished", seconds=2.0)))
    watch.look()
    assert recorder.told == [("started", name), ("moved", name, 3, 8, "epoch"), ("ended", name, "finished", 1)]


def test_step_that_began_and_ended_between_two_looks_is_shown(watched: tuple[Path, Recorder, Watch]) -> None:
    folder, recorder, watch = watched
    write(folder / "state", "report", asdict(state("unchanged", job="report")))
    watch.look()
    assert recorder.told == [("started", "report"), ("ended", "report", "unchanged", 1)]


def test_half_written_file_is_read_at_the_next_look(watched: tuple[Path, Recorder, Watch]) -> None:
    folder, recorder, watch = watched
    (folder / "state").mkdir()
    (folder / "state" / "report.json").write_text('{"job": ', encoding="utf-8")
    watch.look()
    assert recorder.told == []


def test_failed_steps_do_not_count_as_done(watched: tuple[Path, Recorder, Watch]) -> None:
    folder, recorder, watch = watched
    write(folder / "state", "report", asdict(state("failed", job="report")))
    watch.look()
    assert recorder.told[-1] == ("ended", "report", "failed", 0)


def test_without_a_terminal_a_step_is_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    display = open_display(12)
    assert isinstance(display, Lines)
    display.started("split/database=a")
    display.moved("split/database=a", 1, 2, "")
    display.ended("split/database=a", state("finished", seconds=61.0), 3)
    display.close()
    assert capsys.readouterr().err == "start  split/database=a\ndone  split/database=a  61 s  [3 of 12]\n"


def test_at_a_terminal_bars_show_the_running_step_and_all_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    parent, child = pty.openpty()
    with os.fdopen(child, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        display = open_display(12)
        assert isinstance(display, Bars)
        display.started("split/database=a")
        display.moved("split/database=a", 1, 2, "people")
        display._bars.refresh()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - not to wait for its clock
        display.ended("split/database=a", state("finished", seconds=61.0), 3)
        display.close()
        terminal.flush()
        shown = everything_in(parent)
    os.close(parent)
    for text in ("split/database=a", "1/2", "people", "all steps", "3 of 12", "done"):
        assert text in shown
