"""The whole engine with a stand-in for the steps: what runs, what does not, and what survives which accident."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from painlens.workflow import engine
from painlens.workflow.plan import plan
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import Job, jobs_of, needs
from painlens.workflow.supervise import holding
from tiny_run import DOUBLE, TinyRun, existing_run, tiny_run, tiny_study

REPORT = Job("report")
NOTHING: dict[str, list[str]] = {"computing": [], "unchanged": []}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, list[str]]]]:
    """A finished run with its package, and what was called."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        tiny = tiny_run(folder, patch)
        assert tiny.start() == 0, tiny.run.workflow_log.read_text()
        calls = tiny.calls()
    yield folder, calls


@pytest.fixture
def finished(template: tuple[Path, dict[str, list[str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyRun:
    """A copy of the finished run, its times kept."""
    for part in ("run", "package", "double"):
        subprocess.run(["cp", "-a", str(template[0] / part), str(tmp_path / part)], check=True)
    return existing_run(tmp_path, monkeypatch)


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyRun:
    """A run in which nothing was done."""
    return tiny_run(tmp_path, monkeypatch)


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def start_and_wait_in(job: Job, tiny: TinyRun) -> tuple[subprocess.Popen[bytes], int, int]:
    """A run of its own whose `job` hangs; returns the process and the ids of Snakemake's group and of the step."""
    note = tiny.double / "pid.txt"
    code = (
        f"Path({str(note)!r}).with_suffix('.tmp').write_text(f'{{os.getpgid(0)}} {{os.getpid()}}')\n"
        f"Path({str(note)!r}).with_suffix('.tmp').replace({str(note)!r})\n"
        "(folder / 'checkpoint').write_text('epoch 3')\n"
        "import time; time.sleep(60)\n"
    )
    tiny.in_the_middle(job, code)
    process = tiny.process()
    wait_for(note.exists)
    group, step = map(int, note.read_text().split())
    return process, group, step


def change_report(tiny: TinyRun) -> None:
    """The last step is due again, and nothing else."""
    (tiny.package / "report.py").write_text("# other\n", encoding="utf-8")


class TestWhatRuns:
    def test_first_run_computes_every_job_once_and_after_what_it_needs(
        self, template: tuple[Path, dict[str, list[str]]]
    ) -> None:
        _, calls = template
        study = tiny_study()
        order = calls["computing"]
        assert sorted(order) == sorted(job.file_name for job in jobs_of(study))
        for job in jobs_of(study):
            for earlier in needs(job, study):
                assert order.index(earlier.file_name) < order.index(job.file_name)

    def test_second_run_calls_nothing(self, finished: TinyRun, capsys: pytest.CaptureFixture[str]) -> None:
        assert finished.start() == 0
        assert finished.calls() == NOTHING
        assert "all 18 steps are up to date" in capsys.readouterr().err

    def test_changed_source_computes_its_stage_and_later_steps_find_nothing_new(self, finished: TinyRun) -> None:
        (finished.package / "metrics.py").write_text("# refactored\n", encoding="utf-8")
        assert finished.start() == 0
        # the report uses the metrics' code itself, the concept test only their result, which stayed the same
        assert finished.calls() == {"computing": ["evaluate", "report"], "unchanged": ["concepts"]}

    def test_changed_setting_computes_its_step_and_what_follows_even_without_snakemakes_records(
        self, finished: TinyRun
    ) -> None:
        shutil.rmtree(finished.run.root / ".snakemake")
        assert finished.start(tiny_study(differences={"normalisation": "sum-abs"})) == 0
        assert finished.calls() == {"computing": ["differences", "report"], "unchanged": []}

    @pytest.mark.slow
    def test_target_runs_what_it_needs_and_no_more(self, fresh: TinyRun) -> None:
        fresh.lay_down()
        assert engine.run_workflow(fresh.run, cores=4, commands=DOUBLE, targets=[Job("split", "b")]) == 0
        assert fresh.calls()["computing"] == ["frames+database=b", "faces+database=b", "split+database=b"]

    def test_rules_read_exactly_what_the_stages_need(self, fresh: TinyRun) -> None:
        """The Snakefile is written out for people; this holds it to stages.py."""
        printed = fresh.snakemake("--dry-run", "--forceall")
        found: dict[str, set[str]] = {}
        inputs: set[str] = set()
        for line in printed.splitlines():
            key, _, value = line.strip().partition(": ")
            if key == "input":
                inputs = {Path(name).stem for name in value.split(", ") if name.startswith(".workflow/done/")}
            elif key == "output":
                found[Path(value).stem] = inputs
                inputs = set()
        expected = {job.file_name: {n.file_name for n in needs(job, fresh.study)} for job in jobs_of(fresh.study)}
        assert found == expected


class TestFilesThatChanged:
    def test_overwritten_and_deleted_results_are_computed_again(self, finished: TinyRun) -> None:
        result = finished.run.folder("differences") / "result.bin"
        whole = result.read_bytes()
        result.write_bytes(b"damaged")
        shutil.rmtree(finished.run.folder("evaluate"))
        assert finished.start() == 0
        calls = finished.calls()
        assert (sorted(calls["computing"]), calls["unchanged"]) == (["differences", "evaluate"], ["concepts", "report"])
        assert result.read_bytes() == whole

    def test_touched_large_result_runs_nothing(self, finished: TinyRun) -> None:
        (finished.run.folder("faces", "a") / "result.bin").touch()
        assert finished.start() == 0
        assert finished.calls() == NOTHING

    def test_copy_without_records_markers_and_times_runs_nothing(self, finished: TinyRun, tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        shutil.copytree(finished.run.root, copy, copy_function=shutil.copyfile)
        for own in (".snakemake", ".workflow"):
            shutil.rmtree(copy / own)
        finished.run = RunFolder(copy)
        assert finished.start() == 0
        assert finished.calls() == NOTHING

    @pytest.mark.slow
    def test_plain_snakemake_runs_for_changed_sources_only(
        self, template: tuple[Path, dict[str, list[str]]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """On the template itself, because Snakemake's records name the sources by their full paths."""
        folder, _ = template
        tiny = existing_run(folder, monkeypatch)
        source = tiny.package / "report.py"
        before, times = source.read_text(encoding="utf-8"), source.stat()
        source.touch()
        (tiny.run.folder("faces", "a") / "result.bin").touch()
        assert "Nothing to be done" in tiny.snakemake("--dry-run")
        source.write_text("# other\n", encoding="utf-8")
        changed = tiny.snakemake("--dry-run")
        source.write_text(before, encoding="utf-8")
        os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert "updated input files:\n        report\n" in changed

    @pytest.mark.slow
    def test_plain_snakemake_runs_nothing_on_a_copy_without_records(self, finished: TinyRun) -> None:
        shutil.rmtree(finished.run.root / ".snakemake")
        assert "Nothing to be done" in finished.snakemake("--dry-run")


class TestFailures:
    def test_failed_step_gives_the_run_its_sentence_and_code_and_finds_its_checkpoint_next_time(
        self, finished: TinyRun, capsys: pytest.CaptureFixture[str]
    ) -> None:
        finished.in_the_middle(REPORT, "(folder / 'checkpoint').write_text('3'); fail(f'saw {old[\"stage\"]}', 4)")
        change_report(finished)
        assert finished.start() == 4
        shown = capsys.readouterr().err
        assert "report failed: saw report\n" in shown  # the earlier manifest was there
        assert f"log: {finished.run.log(REPORT)}" in shown
        assert "resume with the same command" in shown
        finished.in_the_middle(REPORT, "call('resumed-at-' + (folder / 'checkpoint').read_text())")
        assert finished.start() == 0
        assert "resumed-at-3 report\n" in (finished.double / "calls.txt").read_text(encoding="utf-8")

    @pytest.mark.slow
    def test_keep_going_runs_independent_steps(self, fresh: TinyRun) -> None:
        fresh.in_the_middle(Job("frames", "a"), "fail('no folder', 3)")
        assert fresh.start(keep_going=True) == 3
        assert "train+database=b+seed=0" in fresh.calls()["computing"]

    @pytest.mark.slow
    def test_fault_outside_the_steps_is_reported_with_its_log(
        self, fresh: TinyRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(engine, "SNAKEFILE", fresh.package / "nothing")
        assert fresh.start() == 1
        assert f"log: {fresh.run.workflow_log}" in capsys.readouterr().err


class TestKilledRuns:
    def test_after_kill_9_of_all_processes_the_same_command_goes_on(self, finished: TinyRun) -> None:
        change_report(finished)
        process, group, step = start_and_wait_in(REPORT, finished)
        process.kill()
        os.killpg(group, signal.SIGKILL)
        process.communicate()
        wait_for(lambda: not alive(step))
        finished.mend(REPORT)
        finished.calls()
        assert finished.start() == 0
        assert finished.calls() == {"computing": ["report"], "unchanged": []}

    def test_after_kill_9_of_the_engine_its_steps_end_and_the_same_command_goes_on(self, finished: TinyRun) -> None:
        change_report(finished)
        process, _, step = start_and_wait_in(REPORT, finished)
        process.kill()
        process.communicate()
        finished.mend(REPORT)
        finished.calls()
        assert finished.start() == 0
        assert not alive(step)
        assert finished.calls() == {"computing": ["report"], "unchanged": []}

    def test_interrupt_stops_all_processes_and_says_how_to_go_on(self, finished: TinyRun) -> None:
        change_report(finished)
        process, _, step = start_and_wait_in(REPORT, finished)
        process.send_signal(signal.SIGINT)
        shown = process.communicate(timeout=20)[1].decode()
        assert process.returncode == 130
        assert "resume with the same command" in shown
        assert not alive(step)
        assert [one.job for one in plan(finished.run, finished.study)] == [REPORT]

    def test_folder_of_a_living_run_is_refused(self, finished: TinyRun, capsys: pytest.CaptureFixture[str]) -> None:
        change_report(finished)
        with holding(finished.run.lock, patience_s=0.0) as lock:
            lock.truncate(0)
            lock.write(f"{os.uname().nodename}:{os.getpid()}")
            lock.flush()
            assert finished.start() == 1
        assert "another painlens run" in capsys.readouterr().err
        assert finished.calls() == NOTHING


@pytest.mark.slow
def test_snakemake_takes_a_failed_update_for_done(tmp_path: Path) -> None:
    """Why no rule declares its manifest as `update(...)`: when this fails, the markers may become unnecessary."""
    (tmp_path / "Snakefile").write_text(
        'rule b:\n    input: "a"\n    output: update("b")\n    shell: "if [ -f fail ]; then exit 3; fi; echo x > b"\n',
        encoding="utf-8",
    )
    (tmp_path / "a").write_text("1", encoding="utf-8")
    snakemake = [sys.executable, "-m", "snakemake", "--cores", "1", "--directory", str(tmp_path)]
    snakemake += ["--snakefile", str(tmp_path / "Snakefile")]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def call() -> str:
        done = subprocess.run(snakemake, env=environment, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    call()
    time.sleep(1.1)
    (tmp_path / "a").write_text("2", encoding="utf-8")
    (tmp_path / "fail").touch()
    assert "returned non-zero exit status" in call()
    assert "Nothing to be done" in call()
