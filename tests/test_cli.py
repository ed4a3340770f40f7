"""The command line: help, exit codes, one clear sentence per failure."""

import errno
import json
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from painlens.cli import app
from painlens.concept_test import svm
from painlens.study import StudyError, load_study
from painlens.tables import DataError
from painlens.workflow import steps
from painlens.workflow.failures import explain, record_failure
from painlens.workflow.run_folder import prepare_run
from painlens.workflow.stages import SOURCES

STUDY = {
    "study": "tiny",
    "databases": {"a": {"reader": "unbc", "root": "nowhere"}, "b": {"reader": "biovid", "root": "nowhere"}},
}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study file whose databases do not exist."""
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(STUDY))
    return path


def call(*arguments: str | Path) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


def test_every_step_has_a_command_and_a_function() -> None:
    commands = set(typer.main.get_group(app).commands)
    assert set(SOURCES) == set(steps.STEPS)
    assert set(SOURCES) <= commands
    assert all(callable(steps.step_of(stage)) for stage in SOURCES)


@pytest.mark.parametrize("command", ["run", "demo", "estimate", "train", "frames"])
def test_help_explains_a_command(command: str) -> None:
    code, out, _ = call(command, "--help")
    assert code == 0
    assert "Usage" in out


def test_the_version_is_said() -> None:
    said = CliRunner().invoke(app, ["--version"])
    assert said.exit_code == 0
    assert said.output == f"painlens {version('painlens')}\n"


def test_a_missing_study_file_is_a_usage_error(tmp_path: Path) -> None:
    code, _, error = call("run", tmp_path / "none.yaml")
    assert code == 2
    assert "study file not found" in error


def test_a_folder_that_is_no_run_is_a_usage_error(tmp_path: Path) -> None:
    code, _, error = call("frames", tmp_path, "--database", "a")
    assert code == 2
    assert "is no run of painlens" in error


def test_a_typo_in_an_override_names_the_right_key(study: Path, tmp_path: Path) -> None:
    code, _, error = call("run", study, "--run", tmp_path / "run", "--set", "training.epoch=3")
    assert code == 2
    assert "did you mean 'epochs'?" in error
    assert not (tmp_path / "run").exists()


def test_a_dry_run_lists_the_steps_and_runs_none(study: Path, tmp_path: Path) -> None:
    code, out, _ = call("run", study, "--run", tmp_path / "run", "--dry-run")
    assert code == 0
    assert "train/database=a/seed=0" in out
    assert not (tmp_path / "run").exists()


def test_a_dry_run_of_a_changed_study_leaves_the_run_as_it_is(study: Path, tmp_path: Path) -> None:
    run = prepare_run(load_study(study), tmp_path / "run").root
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    code, out, _ = call("run", run, "--set", "training.epochs=3", "--dry-run")
    assert code == 0 and "train/database=a/seed=0" in out
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_an_estimate_names_time_memory_and_disk(study: Path) -> None:
    code, out, _ = call("estimate", study)
    assert code == 0
    assert all(word in out.lower() for word in ("train", "gib"))


def test_a_missing_root_is_refused_and_left_for_a_parent(study: Path, tmp_path: Path) -> None:
    run = prepare_run(load_study(study), tmp_path / "run").root
    code, _, error = call("frames", run, "--database", "a")
    assert code == 3
    assert "nowhere" in error
    left = json.loads((run / "logs" / "frames+database=a.error.json").read_text())
    assert left["exit_code"] == 3
    assert left["message"] in error.replace("\n", " ") or "nowhere" in left["message"]


def test_an_unknown_replicate_names_the_known_ones(study: Path, tmp_path: Path) -> None:
    run = prepare_run(load_study(study), tmp_path / "run").root
    code, _, error = call("train", run, "--database", "a", "--replicate", "seed=9")
    assert code == 3
    assert "has no replicate 'seed=9'; it has seed=0" in error


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (StudyError("typo"), 2, "typo"),
        (DataError("bad row 3"), 3, "bad row 3"),
        (KeyboardInterrupt(), 130, "goes on where it stopped"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "the disk is full; earlier results are whole"),
        (PermissionError(errno.EACCES, "denied", "x"), 1, "could not be read or written"),
        (MemoryError(), 1, "out of memory"),
        (ZeroDivisionError("division by zero"), 1, "unexpected ZeroDivisionError"),
    ],
)
def test_each_failure_has_its_sentence_and_exit_code(error: BaseException, code: int, words: str) -> None:
    message, found = explain(error)
    assert found == code
    assert words in message


def test_an_unexpected_error_leaves_its_traceback(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "train.error.json"
    try:
        raise ZeroDivisionError("division by zero")
    except ZeroDivisionError as error:
        message, _ = record_failure(error, path)
    assert "train.traceback.txt" in message
    assert "test_cli.py" in (tmp_path / "logs" / "train.traceback.txt").read_text()


def test_what_numba_compiles_can_be_compiled_ahead() -> None:
    """After it the compiled machines lie on disk, for the next process."""
    code, out, error = call("compile")
    assert code == 0, error
    assert [line.split(":")[0] for line in out.splitlines()] == ["rendering", "concept test"]
    folder = svm._fit_all.stats.cache_path
    assert folder is not None
    assert {"svm", "descent"} <= {path.name.split(".")[0] for path in Path(folder).glob("*.nbi")}
