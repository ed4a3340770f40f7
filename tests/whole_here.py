"""A whole study in this process: every job in its order, without the engine, so that Python and torch start once."""

from pathlib import Path
from typing import Any

from painlens.study import parse_study
from painlens.workflow.run_folder import RunFolder, prepare_run
from painlens.workflow.stages import Job, jobs_of
from painlens.workflow.steps import perform


def run_here(raw: dict[str, Any], folder: Path) -> RunFolder:
    """Perform all jobs of a study; what is up to date is not repeated."""
    study = parse_study(raw)
    run = prepare_run(study, folder)
    for job in jobs_of(study):
        perform(job, run)
    return run


def perform_only(run: RunFolder, *jobs: Job) -> None:
    """Perform some jobs of a run that has been prepared with another study."""
    for job in jobs:
        perform(job, run)
