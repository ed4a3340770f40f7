"""Which results of a run stay valid when somebody leaves it: those of a run that never saw the person."""

from dataclasses import asdict, replace
from pathlib import Path

from painlens import tables
from painlens.study import Study
from painlens.tables import DataError
from painlens.workflow.run_folder import RunFolder, inputs_of
from painlens.workflow.stages import Job, jobs_of, parameters_of, sources_of

KEPT_STAGES = ("synthesize", "frames", "faces", "split", "pretrain", "train", "adopt")
"""Stages whose results can stay; what comes after holds a share of everybody."""


def jobs_up_to_date(run: RunFolder, study: Study) -> set[Job]:
    """Jobs of the kept stages whose results are up to date now."""
    found = set()
    for job in jobs_of(study):
        if job.stage in KEPT_STAGES and run.folder(job.stage, job.database, job.replicate).exists():
            folder = run.folder(job.stage, job.database, job.replicate)
            try:
                if tables.is_up_to_date(folder, _begun(run, study, job)):
                    found.add(job)
            except DataError:
                continue  # an earlier step is missing: the job will run again anyway
    return found


def seal(run: RunFolder, study: Study, jobs: set[Job]) -> None:
    """New manifests for results that are exactly those of a run which never saw the person.

    Frames and crops of the others equal those of a new run, and networks that saw none of the person's faces are
    trained on the same faces as before: they need not be computed again.
    """
    for job in jobs_of(study):
        folder = run.folder(job.stage, job.database, job.replicate)
        if job not in jobs or not (folder / "manifest.json").exists():
            continue
        old = tables.load_manifest(folder)
        begun = _begun(run, study, job)
        outputs = {name: tables.sha256_of(folder / name) for name in old.outputs if (folder / name).exists()}
        renewed = replace(
            old, parameters=begun.parameters, inputs=begun.inputs, outputs=outputs, rows=_rows(job, folder, old)
        )
        tables.save_json(asdict(renewed), folder / "manifest.json")


def _begun(run: RunFolder, study: Study, job: Job) -> tables.Begun:
    place = (study, job.database, job.replicate)
    return tables.begin(
        job.stage,
        parameters=parameters_of(job.stage, *place),
        inputs=inputs_of(job.stage, study, run, job.database, job.replicate),
        modules=sources_of(job.stage),
    )


def _rows(job: Job, folder: Path, old: tables.Manifest) -> dict[str, int]:
    """Row counts of a job's tables after the removal."""
    if job.stage == "frames":
        frames = tables.load_table(folder / "frames.parquet", tables.FRAMES)
        return {"frames": len(frames), "kept": int(frames["kept"].sum())}
    if job.stage == "faces":
        faces = tables.load_table(folder / "faces.parquet", tables.FACES)
        counted = {"faces": int(faces["found"].sum()), "refused": int((~faces["found"]).sum())}
        return dict(old.rows) | counted
    if job.stage == "split":
        parts = tables.load_table(folder / "split.parquet", tables.SPLIT)["part"].value_counts().sort_index()
        return {str(part): int(count) for part, count in parts.items()}
    return dict(old.rows)
