"""All due steps of a run one after the other in this process: for small work, where starting processes costs more.

The same steps, manifests and checks as `painlens.workflow.engine`; a run can be begun in one way and finished in the
other. Libraries are imported once and every step has all cores.
"""

import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager

from painlens.progress import Progress, reporter
from painlens.workflow.failures import record_failure
from painlens.workflow.labels import take_labels
from painlens.workflow.plan import plan, settle_markers
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import Job
from painlens.workflow.steps import Outcome, perform
from painlens.workflow.supervise import holding

Ended = Callable[[Job, Outcome, int, int], None]


def run_here(
    run: RunFolder,
    *,
    workers: int | None = None,
    progress_of: Callable[[str], AbstractContextManager[Progress]] = reporter,
    ended: Ended = lambda job, outcome, count, total: None,  # noqa: ARG005 - nobody listens
) -> int:
    """Bring a run up to date; returns how many steps were computed.

    Parameters
    ----------
    workers
        Processes that preparing steps may use; None: all cores.
    progress_of
        Where a step reports its progress.
    ended
        Told when a step has ended: the job, its outcome, its number and the number of due steps.

    Raises
    ------
    BlockingIOError
        Another process is at work in the folder.
    """
    study = run.study()
    with holding(run.lock, patience_s=0.0) as lock:
        lock.truncate(0)
        lock.write(f"{socket.gethostname()}:{os.getpid()}")
        lock.flush()
        take_labels(run, study)
        due = plan(run, study)
        computed = 0
        for count, one in enumerate(due, start=1):
            try:
                with progress_of(one.job.name) as progress:
                    outcome = perform(one.job, run, workers=workers or os.cpu_count() or 1, progress=progress)
            except BaseException as error:
                record_failure(error, run.error(one.job))
                raise
            run.error(one.job).unlink(missing_ok=True)
            computed += not outcome.up_to_date
            ended(one.job, outcome, count, len(due))
        settle_markers(run, study, ())
        return computed
