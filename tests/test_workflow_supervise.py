"""One job's process: its log, its state, its failure file, and its end with the engine."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from painlens.workflow.supervise import ENGINE, alive, explain_end, holding, main

WRITES_MANIFEST = 'mkdir -p out && echo \'{"outputs": {"a": "1"}}\' > out/manifest.json'


def start(folder: Path, script: str, **environment: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "painlens.workflow.supervise", "logs/job.log", ".workflow/done/job.json", "out"]
    return subprocess.Popen(
        [*command, "--", "bash", "-c", script], cwd=folder, env=os.environ | environment, stderr=subprocess.PIPE
    )


def run(folder: Path, script: str, **environment: str) -> int:
    process = start(folder, script, **environment)
    process.communicate(timeout=20)
    return process.returncode


def state(folder: Path) -> dict[str, object]:
    return json.loads((folder / ".workflow/state/job.json").read_text(encoding="utf-8"))


def failure(folder: Path) -> dict[str, object]:
    return json.loads((folder / "logs/job.error.json").read_text(encoding="utf-8"))


def wait_for(path: Path) -> None:
    until = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < until
        time.sleep(0.02)


def ended_process() -> str:
    process = subprocess.Popen(["true"])
    process.wait()
    return f"{socket.gethostname()}:{process.pid}"


def test_finished_job_leaves_a_marker_with_the_digests_of_its_results(tmp_path: Path) -> None:
    assert run(tmp_path, WRITES_MANIFEST) == 0
    assert json.loads((tmp_path / ".workflow/done/job.json").read_text()) == {"a": "1"}
    assert state(tmp_path)["state"] == "finished"


def test_job_that_leaves_its_manifest_alone_is_called_unchanged(tmp_path: Path) -> None:
    run(tmp_path, WRITES_MANIFEST)
    assert run(tmp_path, "true") == 0
    assert state(tmp_path)["state"] == "unchanged"


def test_both_streams_of_the_command_go_to_the_log(tmp_path: Path) -> None:
    run(tmp_path, "echo one; echo two >&2")
    assert (tmp_path / "logs/job.log").read_text() == "one\ntwo\n"


def test_log_begins_anew_with_each_call(tmp_path: Path) -> None:
    run(tmp_path, "echo earlier")
    run(tmp_path, "echo later")
    assert (tmp_path / "logs/job.log").read_text() == "later\n"


def test_commands_own_failure_file_is_kept(tmp_path: Path) -> None:
    script = 'echo \'{"message": "no consent", "exit_code": 3}\' > logs/job.error.json; exit 3'
    assert run(tmp_path, script) == 3
    assert failure(tmp_path) == {"message": "no consent", "exit_code": 3}


def test_failure_file_of_an_earlier_call_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    run(tmp_path, 'echo \'{"message": "old", "exit_code": 3}\' > logs/job.error.json; exit 3')
    run(tmp_path, "echo 'painlens: new sentence' >&2; exit 4")
    assert failure(tmp_path) == {"message": "new sentence", "exit_code": 4}


def test_command_without_a_manifest_has_failed(tmp_path: Path) -> None:
    assert run(tmp_path, "true") == 1
    assert "without its manifest" in str(failure(tmp_path)["message"])
    assert not (tmp_path / ".workflow/done/job.json").exists()


def test_killed_command_is_explained_by_memory(tmp_path: Path) -> None:
    assert run(tmp_path, "kill -9 $$") == 137
    assert "memory ran out" in str(failure(tmp_path)["message"])
    assert state(tmp_path)["state"] == "failed"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_command_is_interrupted_when_its_supervisor_is_asked_to_end(tmp_path: Path, number: signal.Signals) -> None:
    script = f'exec {sys.executable} -c "{PATIENT}"'
    process = start(tmp_path, script)
    wait_for(tmp_path / "ready")
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert (tmp_path / "cleaned").exists()
    assert state(tmp_path)["state"] == "stopped"


PATIENT = """
import pathlib, time
pathlib.Path('ready').touch()
try:
    time.sleep(60)
finally:
    pathlib.Path('cleaned').touch()
"""


def test_command_ends_soon_when_the_engine_is_gone(tmp_path: Path) -> None:
    began = time.monotonic()
    script = f'exec {sys.executable} -c "{PATIENT}"'
    assert run(tmp_path, script, **{ENGINE: ended_process()}) == 130
    assert time.monotonic() - began < 10


def test_command_goes_on_while_its_engine_lives_on_another_host(tmp_path: Path) -> None:
    assert run(tmp_path, f"sleep 0.5; {WRITES_MANIFEST}", **{ENGINE: "login-node:1"}) == 0


def test_second_process_waits_for_the_lock_of_a_job(tmp_path: Path) -> None:
    with holding(tmp_path / ".workflow/state/job.lock", patience_s=0):
        process = start(tmp_path, WRITES_MANIFEST)
        time.sleep(0.5)
        assert not (tmp_path / "out").exists()
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_lock_is_refused_when_patience_ends(tmp_path: Path) -> None:
    with (
        holding(tmp_path / "lock", patience_s=0),
        pytest.raises(BlockingIOError),
        holding(tmp_path / "lock", patience_s=0),
    ):
        pass


def test_unreaped_process_counts_as_ended() -> None:
    process = subprocess.Popen(["true"])
    time.sleep(0.2)
    assert not alive(f"{socket.gethostname()}:{process.pid}")
    process.wait()


def test_own_process_is_alive() -> None:
    assert alive(f"{socket.gethostname()}:{os.getpid()}")


@pytest.mark.parametrize(
    ("code", "expected"),
    [(-9, "killed by the system"), (137, "killed by the system"), (-11, "SIGSEGV"), (1, "the last line")],
)
def test_end_without_a_word_is_explained(code: int, expected: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("first\npainlens: the last line\n\n", encoding="utf-8")
    assert expected in explain_end(code, log)


def test_wrong_call_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["one"]) == 2
    assert "usage" in capsys.readouterr().err
