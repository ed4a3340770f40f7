"""The call of Snakemake, the profiles, and the commands that fit them; whole runs are in test_workflow_snakemake.py."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from painlens.workflow import engine
from painlens.workflow.plan import Due
from painlens.workflow.run_folder import RunFolder, prepare_run
from painlens.workflow.stages import SOURCES, Job
from painlens.workflow.supervise import State
from tiny_run import tiny_study

REPORT = Job("report")
PROFILES = {name: engine.PROFILES / name for name in ("laptop", "slurm")}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return prepare_run(tiny_study(), tmp_path / "run")


def command(
    run: RunFolder, *, due: tuple[Due, ...] = (), profile: str = "laptop", targets: tuple[Job, ...] = ()
) -> list[str]:
    return engine.snakemake_command(run, due, cores=2, profile=profile, targets=targets, keep_going=False)


def test_targets_come_before_options_that_would_swallow_them(run: RunFolder) -> None:
    called = command(run, targets=(REPORT,))
    assert called.index(".workflow/done/report.json") < min(i for i, word in enumerate(called) if word.startswith("--"))


def test_due_jobs_with_a_marker_are_forced_by_name(run: RunFolder) -> None:
    run.done(REPORT).parent.mkdir(parents=True)
    run.done(REPORT).touch()
    called = command(run, due=(Due(REPORT, "its source code changed", ()), Due(Job("evaluate"), "not done yet", ())))
    position = called.index("--forcerun")
    assert called[position + 1] == ".workflow/done/report.json"
    assert called[position + 2].startswith("--")


def test_the_emotion_network_comes_before_what_can_wait(run: RunFolder) -> None:
    due = tuple(Due(job, "not done yet", ()) for job in (Job("frames", "left"), Job("pretrain")))
    called = command(run, due=due)
    assert called[called.index("--prioritize") + 1] == ".workflow/done/pretrain.json"
    assert "--prioritize" not in command(run, due=(Due(REPORT, "not done yet", ()),))


def test_laptop_is_limited_by_its_memory_and_cards(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_memory_mib", lambda: 1000.0)
    monkeypatch.setattr(engine, "_gpus", lambda: 1)
    called = command(run)
    assert called[called.index("--resources") + 1 :] == ["mem_mb=900", "gpu=1"]


def test_cluster_is_not_limited_by_the_login_nodes_memory(run: RunFolder) -> None:
    assert "--resources" not in command(run, profile="slurm")


def test_folder_of_ones_own_profile_is_passed_on(run: RunFolder) -> None:
    called = command(run, profile="/home/me/my-slurm")
    assert called[called.index("--profile") + 1] == "/home/me/my-slurm"


def test_cards_are_counted_by_nvidias_own_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: one'\necho 'GPU 1: two'\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert engine._gpus() == 2  # pyright: ignore[reportPrivateUsage]


def test_machine_without_cards_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert engine._gpus() == 0  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("name", PROFILES)
def test_profile_speaks_of_existing_rules_and_options(name: str) -> None:
    profile = yaml.safe_load((PROFILES[name] / "config.yaml").read_text(encoding="utf-8"))
    called = [sys.executable, "-m", "snakemake", "--help"]
    options = subprocess.run(called, capture_output=True, text=True, check=True).stdout
    assert [key for key in profile if f"--{key}" not in options] == []
    rules = {*profile.get("set-resources", {}), *profile.get("set-threads", {})}
    assert rules <= set(SOURCES)


def test_profile_files_hold_no_study_setting() -> None:
    """The study file says what is computed, a profile says where."""
    for folder in PROFILES.values():
        profile = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        assert not {"config", "configfile", "configfiles"} & set(profile)


def test_dry_run_prints_the_plan_and_writes_nothing(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(run.root.rglob("*"))
    assert engine.run_workflow(run, dry_run=True) == 0
    assert capsys.readouterr().out.startswith("18 of 18 steps would run:\n  synthesize/database=a")
    assert sorted(run.root.rglob("*")) == before


class TestReport:
    def states(self, *words: str) -> list[State]:
        return [State(f"job{i}", word, "host", 1, float(i)) for i, word in enumerate(words)]

    def test_first_failure_gives_the_exit_code(self, run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
        for i, code in enumerate((3, 2)):
            text = f'{{"message": "sentence {i}", "exit_code": {code}}}'
            (run.logs / f"job{i}.error.json").write_text(text, encoding="utf-8")
        assert engine._report(run, self.states("failed", "failed"), 1, seconds=1.0) == 3  # pyright: ignore[reportPrivateUsage]
        shown = capsys.readouterr().err
        assert "job0 failed: sentence 0" in shown
        assert "job1 failed: sentence 1" in shown

    def test_step_that_vanished_is_a_failure(self, run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
        assert engine._report(run, self.states("running"), 1, seconds=1.0) == 1  # pyright: ignore[reportPrivateUsage]
        assert "most likely killed by the system" in capsys.readouterr().err

    def test_success_counts_what_was_computed(self, run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
        assert engine._report(run, self.states("finished", "unchanged"), 0, seconds=1.0) == 0  # pyright: ignore[reportPrivateUsage]
        assert "2 steps checked, 1 of them computed" in capsys.readouterr().err


def test_request_to_end_is_treated_like_ctrl_c() -> None:
    with pytest.raises(KeyboardInterrupt), engine._signals_as_interrupt():  # pyright: ignore[reportPrivateUsage]
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
