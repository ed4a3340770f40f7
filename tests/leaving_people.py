"""A small run that people and databases leave: real faces, and made-up results of all later steps."""

from pathlib import Path

import h5py
import numpy as np

from painlens import tables
from painlens.faces import load_rows
from painlens.study import parse_study
from painlens.workflow.run_folder import RunFolder, inputs_of, prepare_run
from painlens.workflow.stages import Job, jobs_of, parameters_of, sources_of
from painlens.workflow.steps import perform

SMALL = {"participants": 6, "sequences": 1, "seconds": 6, "fps": 2, "size": 64, "twins": 2}
PREPARED = ("synthesize", "frames", "faces", "split")
STUDY = {
    "study": "tiny",
    "databases": {
        "clinical": {
            "reader": "unbc", "synthetic": {"seed": 1, **SMALL}, "split": {"test": 2, "validation": 1},
            "consent": {"publish": "all"},
        },
        "experimental": {
            "reader": "biovid", "synthetic": {"seed": 2, **SMALL, "fps": 1}, "split": {"test": 2, "validation": 1},
        },
    },
    "faces": {"size": 32, "detector": "none"},
    "replication": {"seeds": 1, "half_splits": 1},
    "trust": {"randomised_labels": 0},
}  # fmt: skip


def lay_down(run: RunFolder, job: Job) -> None:
    """A result of a later step, as an up-to-date folder whose files hold whatever such a step may hold of a person."""
    folder, study = run.folder(job.stage, job.database, job.replicate), run.study()
    folder.mkdir(parents=True, exist_ok=True)
    if job.stage in ("pretrain", "train"):
        np.savez(folder / "weights.npz", weights=np.arange(64.0))
    else:
        write_about_people(run, folder)
    begun = tables.begin(
        job.stage,
        parameters=parameters_of(job.stage, study, job.database, job.replicate),
        inputs=inputs_of(job.stage, study, run, job.database, job.replicate),
        modules=sources_of(job.stage),
    )
    files = [path for path in folder.iterdir() if path.suffix in (".parquet", ".npz", ".h5")]
    tables.write_manifest(folder, begun, outputs=files, rows={})


def write_about_people(run: RunFolder, folder: Path) -> None:
    """Names and pixels of everybody in several formats."""
    clinical = run.folder("faces", "clinical")
    faces = tables.load_table(clinical / "faces.parquet", tables.FACES)
    faces[["database", "frame_id", "participant"]].to_parquet(folder / "answers.parquet")
    count = int(faces["found"].sum())
    crops = load_rows(clinical / "faces.h5", range(count), names=["faces"])["faces"]
    np.savez(folder / "features.npz", crops=crops, names=faces["participant"].astype(str).to_numpy(dtype=str))
    with h5py.File(folder / "maps.h5", "w") as file:
        file["maps"] = crops
        file.create_dataset("names", data=faces["frame_id"].astype(str).to_list(), dtype=h5py.string_dtype())


def finished_run(root: Path) -> RunFolder:
    """A run with real frames, faces and parts, and made-up results of all later steps."""
    run = prepare_run(parse_study(STUDY), root)
    for job in jobs_of(run.study()):
        if job.stage in PREPARED:
            perform(job, run)
        else:
            lay_down(run, job)
    split = tables.load_table(run.folder("split", "clinical") / "split.parquet", tables.SPLIT)
    (run.logs / "faces+database=clinical.log").write_text(f"cropping {split['participant'].iloc[0]}\n")
    (run.engine / "progress").mkdir(parents=True)
    (run.engine / "progress" / "x.json").write_text(f'{{"note": "{split["participant"].iloc[0]}"}}')
    return run


def people(run: RunFolder, part: str) -> list[str]:
    """Participants of the clinical database in a part of the split."""
    split = tables.load_table(run.folder("split", "clinical") / "split.parquet", tables.SPLIT)
    return split.loc[split["part"] == part, "participant"].astype(str).tolist()
