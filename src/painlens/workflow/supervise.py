"""One job's process: runs the command of a rule, keeps its log, says how it ended, and never outlives the engine.

``python -m painlens.workflow.supervise LOG DONE FOLDER -- COMMAND`` is the first word of every rule's shell line. It

- holds a lock, so that two processes never write one folder;
- sends what the command prints to LOG and keeps the job's state beside the engine's other files;
- leaves a failure file in any case: the command's own, or one with the last line of its log or the signal's meaning;
- stops the command when the engine is gone (``kill -9``, a closed laptop lid), so that a new run can start at once;
- writes the digests of FOLDER's results to DONE. Snakemake deletes a job's declared outputs before it runs it; the
  manifest itself is therefore not declared, and the command can compare its identity and find its checkpoints.

Only the standard library is imported: this file starts once per job.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import IO

ENGINE = "PAINLENS_ENGINE"  # host:pid of the engine that this job belongs to
LOOK_EVERY_S = 0.1
GIVE_UP_AFTER_S = 10.0  # a command that was asked to stop is killed after this time
FAILURE, INTERRUPTED = 1, 130


@dataclass(frozen=True)
class State:
    """What a job is doing: running, finished, unchanged (its result was there already), failed or stopped."""

    job: str
    state: str
    host: str
    pid: int
    started: float
    seconds: float = 0.0
    exit_code: int = 0


def save(value: object, path: Path) -> None:
    """Write JSON whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(value, sort_keys=True), encoding="utf-8")
    temporary.replace(path)


def alive(process: str) -> bool:
    """Whether the process ``host:pid`` may be alive; of other hosts nothing is known, so they count as alive."""
    host, _, pid = process.rpartition(":")
    if host != socket.gethostname():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return not Path("/proc/self").exists()  # a system without /proc; otherwise the process has just ended


@contextmanager
def holding(path: Path, *, patience_s: float) -> Iterator[IO[str]]:
    """Hold a lock file; the operating system frees it whenever the holder ends, however it ends.

    Raises
    ------
    BlockingIOError
        Another process still holds it after `patience_s`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + patience_s
    with path.open("a+", encoding="utf-8") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise
                time.sleep(LOOK_EVERY_S)
        yield handle


def run_command(command: list[str], log: Path) -> int:
    """Exit code of a command whose output goes to `log`; negative for a signal, 130 where it was asked to stop."""
    asked: list[float] = []

    def ask(_number: int, _frame: FrameType | None) -> None:
        asked.append(time.monotonic())

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ask)
    # Ctrl-C reaches the command itself, which is in the same process group; ignoring it here by a function, not by
    # SIG_IGN, lets the command start with the default.
    signal.signal(signal.SIGINT, lambda *_: None)
    with log.open("ab") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        told = False
        while process.poll() is None:
            if not asked and (engine := os.environ.get(ENGINE)) and not alive(engine):
                asked.append(time.monotonic())
            if asked and not told:
                process.send_signal(signal.SIGINT)  # Python then leaves its `with` blocks; temporary files go
                told = True
            if told and time.monotonic() - asked[0] > GIVE_UP_AFTER_S:
                process.kill()
            time.sleep(LOOK_EVERY_S)
    return INTERRUPTED if told or process.returncode == -signal.SIGINT else process.returncode


def explain_end(code: int, log: Path) -> str:
    """One sentence for a command that ended without saying why."""
    if code in (-signal.SIGKILL, 128 + signal.SIGKILL):
        return "the process was killed by the system, most likely because memory ran out; try fewer --cores"
    if code < 0:
        return f"the process ended by signal {signal.Signals(-code).name}"
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("painlens: ") if lines else f"exit code {code}, and nothing was printed"


def results_of(manifest: Path) -> dict[str, str]:
    """Name -> digest of the files that a manifest lists: equal results give equal markers, whatever led to them."""
    return json.loads(manifest.read_text(encoding="utf-8"))["outputs"]


def _identity(path: Path) -> tuple[int, int]:
    """Changes whenever a file is written anew."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return status.st_mtime_ns, status.st_ino


def supervise(log: Path, done: Path, folder: Path, command: list[str]) -> int:
    """Run one job; returns the exit code that Snakemake sees."""
    name, states = log.stem, done.parents[1] / "state"
    error, manifest = log.with_suffix(".error.json"), folder / "manifest.json"
    state = State(name, "running", socket.gethostname(), os.getpid(), time.time())
    with holding(states / f"{name}.lock", patience_s=2 * GIVE_UP_AFTER_S):
        error.unlink(missing_ok=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")
        save(asdict(state), states / f"{name}.json")
        before = _identity(manifest)
        code = run_command(command, log)
        if code == 0 and not manifest.exists():
            code = FAILURE
            save({"message": f"the step ended without its manifest {manifest}", "exit_code": code}, error)
        word = {0: "unchanged" if _identity(manifest) == before else "finished", INTERRUPTED: "stopped"}.get(
            code, "failed"
        )
        if code and not error.exists():
            passed = code if 0 < code <= 4 else INTERRUPTED if code == INTERRUPTED else FAILURE
            save({"message": explain_end(code, log), "exit_code": passed}, error)
        if code == 0:
            save(results_of(manifest), done)
        save(
            asdict(replace(state, state=word, seconds=time.time() - state.started, exit_code=code)),
            states / f"{name}.json",
        )
    return code if code >= 0 else 128 - code


def main(arguments: list[str]) -> int:
    """Read the command line."""
    if len(arguments) < 5 or arguments[3] != "--":
        sys.stderr.write("usage: python -m painlens.workflow.supervise LOG DONE FOLDER -- COMMAND ...\n")
        return 2
    log, done, folder = map(Path, arguments[:3])
    try:
        return supervise(log, done, folder, arguments[4:])
    except BlockingIOError:
        sys.stderr.write(f"another process is at work on {log.stem}; wait for it or stop it\n")
        save(
            {"message": "another process is at work on this step; wait for it or stop it", "exit_code": 1},
            log.with_suffix(".error.json"),
        )
        return FAILURE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
