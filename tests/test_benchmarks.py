"""Benchmarks end in figures with a name, a value and a unit, whoever runs them."""

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.__main__ import NAMES, figures_of

ROOT = Path(__file__).parent.parent


def test_figures_are_read_from_among_other_lines() -> None:
    printed = 'warming up\n{"figure": "a.b", "value": 2.5, "unit": "s", "rounds": 3}\n'
    assert figures_of(printed, "a")["a.b"]["value"] == 2.5
    assert figures_of(printed, "a")["a.b"]["command"] == "make bench (a)"


@pytest.mark.parametrize(
    ("printed", "said"),
    [('{"value": 1}', "without figure, unit"), ("nothing measured", "printed no figure"), ("", "printed no figure")],
)
def test_a_benchmark_without_figures_is_an_error(printed: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        figures_of(printed, "a")


def test_every_benchmark_can_be_started_alone() -> None:
    for name in NAMES:
        assert '__name__ == "__main__"' in (ROOT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8"), name


def test_the_simulation_of_rotating_people_prints_figures() -> None:
    options = ["--people", "8", "--folds", "2", "--studies", "3", "--seeds", "1", "--halves", "1"]
    command = [sys.executable, "-m", "benchmarks.cross_fitting", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = figures_of(done.stdout, "cross_fitting")
    called = figures["cross_fitting.null.auroc.databases.called"]["value"]
    assert isinstance(called, float)
    assert 0 <= called <= 1
    assert {name.split(".")[1] for name in figures} == {"null", "planted"}
