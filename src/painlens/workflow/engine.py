"""Runs a whole study: calls Snakemake as a process of its own, shows what it does, passes on how it ended.

What can go wrong outside the steps is settled here. Two runs never work in one folder (a lock that the operating
system frees whenever its holders end, in place of Snakemake's own, which survives a ``kill -9``). Ctrl-C stops all
processes and leaves finished results whole. The sentence and the exit code of a failed step are the run's.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

from painlens.progress import VARIABLE
from painlens.study import Study
from painlens.workflow.display import Watch, open_display
from painlens.workflow.estimate import duration
from painlens.workflow.failures import without_a_word
from painlens.workflow.labels import describe_labels, take_labels
from painlens.workflow.plan import Due, describe, plan, settle_markers
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import Job, jobs_of
from painlens.workflow.supervise import ENGINE, FAILURE, INTERRUPTED, State, alive, holding

SNAKEFILE = Path(__file__).with_name("Snakefile")
PROFILES = Path(__file__).with_name("profiles")
LOOK_EVERY_S = 0.2
ORPHANS_END_WITHIN_S = 30.0  # processes of a killed run notice it within a second; their commands get ten to stop
MEMORY_SHARE = 0.9  # of the machine's memory may be planned for
RESUME = "resume with the same command"
# Two one-thread steps side by side are faster than one step with two threads. Users' own settings win.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
# glibc otherwise returns the memory of every batch to the system and faults it in again: 10 to 40 % of a training.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**28), "MALLOC_TRIM_THRESHOLD_": str(2**30)}


class BusyError(RuntimeError):
    """Another run is at work in the folder."""


def run_workflow(
    run: RunFolder,
    *,
    cores: int | None = None,
    dry_run: bool = False,
    profile: str = "laptop",
    targets: Sequence[Job] = (),
    keep_going: bool = False,
    commands: Path | None = None,
) -> int:
    """Bring a run up to date; returns the exit code for the shell.

    Parameters
    ----------
    cores
        Processes at once; None: what the profile says.
    dry_run
        Only say what would run and why.
    profile
        ``laptop``, ``slurm``, or the folder of a Snakemake profile.
    targets
        Jobs to bring up to date with all they need; empty: all.
    keep_going
        Let independent steps go on after a failure.
    commands
        Folder whose ``painlens`` the steps call; None: the one of this installation.

    Raises
    ------
    DataError
        Something is due, and the databases of the study cannot be compared.
    """
    study = run.study()
    for sentence in describe_labels(take_labels(run, study, write=run.proposed is None)):
        _say(sentence)
    if dry_run:
        for line in describe(_sound_plan(run, study, targets), len(jobs_of(study))):
            sys.stdout.write(line + "\n")
        return 0
    try:
        with _alone(run) as lock:
            due = _sound_plan(run, study, targets)
            if not due:
                _say(f"all {len(jobs_of(study))} steps are up to date")
                return 0
            settle_markers(run, study, due)
            command = snakemake_command(run, due, cores=cores, profile=profile, targets=targets, keep_going=keep_going)
            return _run(run, command, lock, total=len(due), path=_search_path(commands))
    except BusyError as error:
        _say(str(error))
        return FAILURE


def _sound_plan(run: RunFolder, study: Study, targets: Sequence[Job]) -> list[Due]:
    """What is due, of a study whose databases go together; where nothing is due this was seen before."""
    due = plan(run, study, targets=targets)
    if due:
        from painlens.databases.comparable import assert_comparable  # readers load decoders of pictures and videos

        assert_comparable(study.databases, target=study.attribution.target)
    return due


def snakemake_command(
    run: RunFolder,
    due: Sequence[Due],
    *,
    cores: int | None,
    profile: str,
    targets: Sequence[Job],
    keep_going: bool,
) -> list[str]:
    """The call of Snakemake. Targets come first: options that take several values would swallow them."""
    shipped = PROFILES / profile
    command = [sys.executable, "-m", "snakemake", *(_marker(run, job) for job in targets)]
    command += ["--snakefile", str(SNAKEFILE), "--directory", str(run.root)]
    command += ["--profile", str(shipped if shipped.is_dir() else profile), "--workflow-profile", "none"]
    # The plan knows from the manifests what must run; Snakemake needs only the order, hence the times of the markers.
    command += ["--rerun-triggers", "mtime", "--rerun-incomplete", "--nolock", "--nocolor"]
    forced = [_marker(run, one.job) for one in due if one.reason and run.done(one.job).exists()]
    command += ["--forcerun", *forced] if forced else []
    # Every training waits for the emotion network; all else that is prepared has time.
    first = [_marker(run, one.job) for one in due if one.job.stage == "pretrain"]
    command += ["--prioritize", *first] if first else []
    command += ["--cores", str(cores)] if cores else []
    command += ["--keep-going"] if keep_going else []
    if profile == "laptop":
        limits = [f"mem_mb={int(_memory_mib() * MEMORY_SHARE)}"]
        limits += [f"gpu={count}"] if (count := _gpus()) else []
        command += ["--resources", *limits]
    return command


def _marker(run: RunFolder, job: Job) -> str:
    return str(run.done(job).relative_to(run.root))


def _memory_mib() -> float:
    """Memory of the machine, or of the container if that is less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text(encoding="ascii").strip() if limit.exists() else "max"
    return (min(machine, int(text)) if text.isdecimal() else machine) / 2**20


def _gpus() -> int:
    """Number of NVIDIA cards; networks take turns on them."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    listed = subprocess.run([program, "--list-gpus"], capture_output=True, text=True, check=False)
    return len(listed.stdout.splitlines()) if listed.returncode == 0 else 0


def _search_path(commands: Path | None) -> str:
    own = [str(commands)] if commands else []
    return os.pathsep.join([*own, str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


@contextmanager
def _alone(run: RunFolder) -> Iterator[IO[str]]:
    """Hold the run's lock. Processes of a killed run are waited for; a living run is left in peace."""
    me = f"{socket.gethostname()}:{os.getpid()}"
    try:
        with holding(run.lock, patience_s=_patience(run.lock)) as lock:
            lock.truncate(0)
            lock.write(me)
            lock.flush()
            yield lock
    except BlockingIOError:
        holder = run.lock.read_text(encoding="utf-8")
        raise BusyError(f"another painlens run ({holder}) is at work in {run.root}; wait for it or stop it") from None


def _patience(lock: Path) -> float:
    holder = lock.read_text(encoding="utf-8") if lock.exists() else ""
    return 0.0 if holder and alive(holder) else ORPHANS_END_WITHIN_S


def _run(run: RunFolder, command: list[str], lock: IO[str], *, total: int, path: str) -> int:
    for folder in (run.states, run.progress):
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.glob("*.json"):
            file.unlink()
    run.logs.mkdir(parents=True, exist_ok=True)
    environment = (
        ONE_THREAD
        | KEEP_MEMORY
        | os.environ
        | {
            "PATH": path,
            VARIABLE: str(run.progress),
            ENGINE: f"{socket.gethostname()}:{os.getpid()}",
        }
    )
    display, began, stopped = open_display(total), time.time(), False
    watch = Watch(run.states, run.progress, display)
    with _signals_as_interrupt(), run.workflow_log.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=run.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C comes here alone, and one call reaches all processes of the run
            pass_fds=(lock.fileno(),),  # the lock is held until Snakemake has ended too
        )
        try:
            while not _ended(process):
                watch.look()
                time.sleep(LOOK_EVERY_S)
        except KeyboardInterrupt:
            stopped = True
            _stop(process)
        finally:
            _send(process, signal.SIGKILL)  # nothing of this run goes on without it
            code = process.wait()
            watch.look()
            display.close()
    if stopped:
        _say(f"stopped; finished results are whole, {RESUME}")
        return INTERRUPTED
    return _report(run, watch.states, code, seconds=time.time() - began)


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether Snakemake has ended. It is not waited for yet, so that its process group cannot become another's."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _send(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """A signal to Snakemake and all its jobs."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask all processes to stop, more firmly each time; a second Ctrl-C ends the patience."""
    try:
        for number, patience_s in ((signal.SIGINT, 10.0), (signal.SIGTERM, 10.0)):
            _send(process, number)
            until = time.monotonic() + patience_s
            while time.monotonic() < until:
                if _ended(process):
                    return
                time.sleep(LOOK_EVERY_S)
    except KeyboardInterrupt:
        return


@contextmanager
def _signals_as_interrupt() -> Iterator[None]:
    """A request to end (kill, a closed terminal) is treated like Ctrl-C."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    earlier = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _report(run: RunFolder, states: Sequence[State], code: int, *, seconds: float) -> int:
    """Say how the run ended; returns its exit code."""
    bad = [state for state in states if state.state not in {"finished", "unchanged"}]
    if code == 0 and not bad:
        repeated = sum(1 for state in states if state.state == "finished")
        _say(f"{len(states)} steps checked, {repeated} of them computed, in {duration(seconds)}")
        return 0
    codes = []
    for state in bad:
        log = run.logs / f"{state.job}.log"
        error = log.with_suffix(".error.json")
        failure = json.loads(error.read_text(encoding="utf-8")) if error.exists() else {}
        message = failure.get("message") or without_a_word(run.root)
        codes.append(int(failure.get("exit_code", FAILURE)))
        _say(f"{state.job.replace('+', '/')} failed: {message}\n  log: {log}")
    if not bad:
        _say(f"the workflow failed outside the steps: {_last_line(run.workflow_log)}\n  log: {run.workflow_log}")
    _say(f"finished results are whole; when the cause is mended, {RESUME}")
    return next((c for c in codes if c), FAILURE)


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


def _say(line: str) -> None:
    sys.stderr.write(f"painlens: {line}\n")
    sys.stderr.flush()
