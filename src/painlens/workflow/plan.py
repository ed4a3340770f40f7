"""What a run has to do and why: the truth of the manifests, read before Snakemake is called.

Snakemake orders the jobs; whether a result is still the right one is a matter of content, and its records do not know
all of that: they are lost when results are copied, they take a failed job's parameters for done, they do not see a
deleted or overwritten result. So the manifests decide. Jobs that must run are handed to Snakemake by name; the markers
of all others are brought up to date, so that it leaves them alone.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from painlens.consent import settle_withdrawals
from painlens.study import Study
from painlens.tables import DataError, Manifest, begin, load_manifest, sha256_of, watched_then
from painlens.workflow.run_folder import RunFolder, inputs_of
from painlens.workflow.stages import Job, jobs_of, needs, parameters_of, sources_of, watched_places
from painlens.workflow.supervise import results_of, save


@dataclass(frozen=True)
class Due:
    """A job that has to run. `after` names the due jobs it waits for; `reason` is empty if they are all its reason."""

    job: Job
    reason: str
    after: tuple[Job, ...]


def plan(run: RunFolder, study: Study, *, targets: Sequence[Job] = ()) -> list[Due]:
    """Jobs that have to run, in order; with `targets` only what these need."""
    settle_withdrawals(run.root)
    wanted = _with_needs(targets, study) if targets else None
    due: dict[Job, Due] = {}
    for job in jobs_of(study):
        if wanted is not None and job not in wanted:
            continue
        after = tuple(earlier for earlier in needs(job, study) if earlier in due)
        reason = _reason(job, run, study, complete=not after)
        if reason or after:
            due[job] = Due(job, reason, after)
    return list(due.values())


def settle_markers(run: RunFolder, study: Study, due: Sequence[Due]) -> None:
    """Give every finished job a marker that is newer than those of the jobs it reads."""
    waiting = {one.job for one in due}
    for job in jobs_of(study):
        manifest, marker = run.manifest(job), run.done(job)
        if job in waiting or not manifest.exists():
            continue
        save(results_of(manifest), marker)


def _with_needs(targets: Sequence[Job], study: Study) -> set[Job]:
    found: set[Job] = set()
    open_jobs = list(targets)
    while open_jobs:
        job = open_jobs.pop()
        if job not in found:
            found.add(job)
            open_jobs += needs(job, study)
    return found


def _reason(job: Job, run: RunFolder, study: Study, *, complete: bool) -> str:
    """Why a job must run whatever the earlier ones do; `complete`: the results that it reads are there."""
    folder = run.folder(job.stage, job.database, job.replicate)
    if not run.manifest(job).exists():
        return "not done yet"
    try:
        manifest = load_manifest(folder)
    except DataError:
        return "its manifest cannot be read"
    parameters = json.loads(json.dumps(parameters_of(job.stage, study, job.database, job.replicate), default=str))
    if changes := _changes(manifest.parameters, parameters):
        more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
        return ", ".join(changes[:3]) + more
    if complete and (reason := _input_reason(job, run, study, manifest)):
        return reason
    return _output_reason(folder, manifest)


def _input_reason(job: Job, run: RunFolder, study: Study, manifest: Manifest) -> str:
    inputs = inputs_of(job.stage, study, run, job.database, job.replicate)
    try:
        places = watched_places(job, study)
        begun = begin(job.stage, parameters={}, inputs=inputs, modules=sources_of(job.stage), watched=places)
    except DataError as error:
        return str(error)
    if begun.code != manifest.code:
        return "its source code changed"
    then = watched_then(run.manifest(job).parent) if begun.watched else {}
    if changed := [name for name, state in begun.watched.items() if then.get(name) != state]:
        return f"files changed in {places[changed[0]]}"
    differing = [name for name in begun.inputs if manifest.inputs.get(name) != begun.inputs[name]]
    gone = [name for name in manifest.inputs if name not in begun.inputs]
    if differing or gone:
        names = [*differing, *(f"{name} (no longer used)" for name in gone)]
        return f"new input: {names[0]}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
    return ""


def _output_reason(folder: Path, manifest: Manifest) -> str:
    """A file that is missing, or was written after the manifest and has other content. Large old files are not read."""
    written = (folder / "manifest.json").stat().st_mtime_ns
    for name, digest in manifest.outputs.items():
        path = folder / name
        if not path.exists():
            return f"{name} is missing"
        if path.stat().st_mtime_ns > written and sha256_of(path) != digest:
            return f"{name} was changed by hand"
    return ""


def _changes(old: Any, new: Any, where: str = "") -> list[str]:
    """Settings that differ, in words: ``training.epochs: 30 -> 20``."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*new, *(key for key in old if key not in new)]
        return [
            change
            for key in keys
            for change in _changes(old.get(key), new.get(key), f"{where}.{key}" if where else key)
        ]
    return [] if old == new else [f"{where}: {_shown(old)} -> {_shown(new)}"]


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def describe(due: Sequence[Due], total: int) -> list[str]:
    """The plan in plain words, a line per job."""
    if not due:
        return [f"All {total} steps are up to date."]
    width = max(len(one.job.name) for one in due)
    lines = [f"{len(due)} of {total} steps would run:"]
    lines += [f"  {one.job.name:<{width}}  {one.reason or _follows(one.after)}" for one in due]
    return lines


def _follows(after: Sequence[Job]) -> str:
    more = f" and {len(after) - 1} more" if len(after) > 1 else ""
    return f"after {after[0].name}{more}; only checks itself if the result there stays the same"
