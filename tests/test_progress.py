"""Progress reaches a parent's folder, and nothing is drawn without a terminal."""

import json
from pathlib import Path

import pytest

from painlens.progress import VARIABLE, reporter, silent, track


def test_the_parent_reads_the_last_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with reporter("train/database=a") as progress:
        assert list(track(range(3), 3, progress, "epoch")) == [0, 1, 2]
    state = json.loads((tmp_path / "train+database=a.json").read_text())
    assert state == {"done": 3, "total": 3, "note": "epoch"}


def test_without_a_terminal_nothing_is_drawn(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with reporter("faces") as progress:
        progress(1, 2)
    silent(1, 2)
    assert capfd.readouterr() == ("", "")


def test_a_bar_is_drawn_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with reporter("faces") as progress:
        progress(1, 2, "haar")
    assert "faces" in capfd.readouterr().err
