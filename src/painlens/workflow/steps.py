"""One step of the way: whether it must run, and what it wrote.

`perform` gives every stage the same treatment: its identity is fixed before it starts, nothing happens where the folder
already holds the result of this very step, and the manifest is written last.
"""

import importlib
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from painlens.progress import Progress, silent
from painlens.study import Study
from painlens.tables import DataError, begin, is_up_to_date, load_manifest, write_manifest
from painlens.workflow.context import Context, Result
from painlens.workflow.failures import StepBusyError
from painlens.workflow.labels import take_labels
from painlens.workflow.run_folder import RunFolder, inputs_of
from painlens.workflow.stages import Job, databases_of, parameters_of, sources_of, watched_places
from painlens.workflow.supervise import ENGINE, holding

# stage -> module and function; imported when the stage runs, since torch and matplotlib take seconds to load
STEPS = {
    "synthesize": ("preparing", "synthesize"),
    "frames": ("preparing", "frames"),
    "faces": ("preparing", "faces"),
    "split": ("preparing", "split"),
    "adopt": ("adopting", "adopt"),
    "pretrain": ("modelling", "pretrain"),
    "train": ("modelling", "train"),
    "predict": ("modelling", "predict"),
    "evaluate": ("evaluating", "evaluate"),
    "attribute": ("explaining", "attribute"),
    "differences": ("explaining", "compare"),
    "concepts": ("evaluating", "concepts"),
    "report": ("reporting", "report"),
}


def step_of(stage: str) -> Callable[[Context], Result]:
    """The function of a stage."""
    module, function = STEPS[stage]
    return getattr(importlib.import_module(f"painlens.workflow.{module}"), function)


@dataclass(frozen=True)
class Outcome:
    """What a job did."""

    folder: Path
    up_to_date: bool
    seconds: float
    rows: dict[str, int]


def perform(job: Job, run: RunFolder, *, workers: int = 1, progress: Progress = silent) -> Outcome:
    """Run one job unless its result is already there.

    Raises
    ------
    DataError
        An earlier step has not run or its files were changed, or the study has no such database or replicate.
    """
    study = run.study()
    if job.database and job.database not in (known := _named(job.stage, study)):
        kind = "database" if known == tuple(databases_of(study)) else "model"
        raise DataError(f"the study has no {kind} '{job.database}'; it has {', '.join(known) or 'none'}")
    if job.replicate and job.replicate not in study.trainings:
        raise DataError(f"the study has no replicate '{job.replicate}'; it has {', '.join(study.trainings)}")
    if ENGINE not in os.environ:  # a whole run has taken the labels at its start, the same for all its steps
        take_labels(run, study)
    with ExitStack() as alone:
        try:
            alone.enter_context(holding(run.states / f"{job.file_name}.step.lock", patience_s=0.0))
        except BlockingIOError:
            raise StepBusyError(
                f"another process is at work on {job.name} in {run.root}; wait for it or stop it, nothing was changed"
            ) from None
        return _perform(job, run, study, workers=workers, progress=progress)


def _named(stage: str, study: Study) -> tuple[str, ...]:
    """Databases, or for steps of networks the models, that a stage can be about."""
    if stage == "adopt":
        return tuple(study.models)
    return study.compared if study.models and stage in ("predict", "attribute") else tuple(databases_of(study))


def _perform(job: Job, run: RunFolder, study: Study, *, workers: int, progress: Progress) -> Outcome:
    """As `perform`, alone in the folder of the step."""
    folder = run.folder(job.stage, job.database, job.replicate)
    started = time.perf_counter()
    begun = begin(
        job.stage,
        parameters=parameters_of(job.stage, study, job.database, job.replicate),
        inputs=inputs_of(job.stage, study, run, job.database, job.replicate),
        modules=sources_of(job.stage),
        watched=watched_places(job, study),
    )
    if is_up_to_date(folder, begun):
        rows = load_manifest(folder).rows
        return Outcome(folder, up_to_date=True, seconds=time.perf_counter() - started, rows=rows)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").unlink(missing_ok=True)
    result = step_of(job.stage)(Context(run, study, folder, job.database, job.replicate, workers, progress))
    write_manifest(folder, begun, outputs=result.outputs, rows=result.rows, device=result.device)
    return Outcome(folder, up_to_date=False, seconds=time.perf_counter() - started, rows=result.rows)
