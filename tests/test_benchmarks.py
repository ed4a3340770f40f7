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


def measured(name: str, *options: str) -> dict[str, dict[str, object]]:
    """Figures of a benchmark that runs as a process of its own."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return figures_of(done.stdout, name)


def test_the_simulation_of_rotating_people_prints_figures() -> None:
    options = ("--people", "8", "--folds", "2", "--studies", "3", "--seeds", "1", "--halves", "1")
    figures = measured("cross_fitting", *options)
    called = figures["cross_fitting.null.auroc.databases.called"]["value"]
    assert isinstance(called, float)
    assert 0 <= called <= 1
    assert {name.split(".")[1] for name in figures} == {"null", "planted"}


SMALLEST = {
    "annotation": [("--only", "latency", "--keys", "4"), ("--only", "kills", "--kills", "1"),
                   ("--only", "writers", "--labels", "20")],
    "attribution": [("--rounds", "1", "--peer-rounds", "1", "--batch", "1")],
    "compare": [("--faces", "12", "--size", "64", "--backbone", "compact", "--rounds", "1")],
    "concept_test": [("--faces", "60", "--features", "200", "--repeats", "4", "--library-fits", "2", "--oracle", "2")],
    "preparation": [("--only", "nothing-to-do", "--frames", "200", "--rounds", "1"),
                    ("--only", "million", "--files", "300"), ("--only", "memory", "--frames", "200")],
    "relevance": [("--faces", "10", "--rounds", "1")],
    "report": [("--faces", "40", "--size", "64")],
    "synthesize": [()],
    "training": [("--faces", "64", "--epochs", "1", "--rounds", "1")],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param(name, one, marks=[] if name == "preparation" else pytest.mark.slow)
        for name, all_of in SMALLEST.items()
        for one in all_of
    ],
)
def test_a_benchmark_runs_at_its_smallest_size(name: str, options: tuple[str, ...]) -> None:
    figures = measured(name, *options)
    assert all(float(str(figure["value"])) >= 0 for figure in figures.values())
