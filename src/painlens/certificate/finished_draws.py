"""Finished draws of the level of images: what makes one finished, what is noted of it, and what it no longer needs."""

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from painlens.certificate.image_cells import Draw, definition
from painlens.study import Study
from painlens.tables import DataError, load_json, load_manifest, save_json
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import Job, jobs_of

DONE = "draw.json"  # a draw that holds it is finished
# What a finished draw no longer needs. Tables, manifests, logs and the study file stay.
BULKY = ("*.h5", "*.safetensors", "*.png", "*.jpg", "*.svg", "*.npz", "files.sha256")
BULKY_FOLDERS = ("databases", ".snakemake", ".workflow")


def is_finished(draw: Draw, folder: Path) -> bool:
    """Whether a draw is there.

    Raises
    ------
    DataError
        It was made from other settings.
    """
    place = draw.folder(folder)
    if not (place / DONE).exists():
        return False
    if load_json(place / DONE)["definition"] != definition(draw):
        raise DataError(
            f"{place} was made from other settings than the cell '{draw.cell}' has now; give another --folder, or "
            "remove it to make it again"
        )
    return True


def finish(draw: Draw, run: RunFolder, study: Study, *, seconds: float) -> None:
    """Note what made the draw, then remove what it no longer needs."""
    codes = {job.stage: load_manifest(run.manifest(job).parent).code for job in _made(run, study)}
    identity = hashlib.sha256(json.dumps(codes, sort_keys=True).encode()).hexdigest()
    note = {
        "cell": draw.cell,
        "draw": draw.number,
        "definition": definition(draw),
        "version": metadata.version("painlens"),
        "code": identity,
        "finished": time.time(),
        "seconds_of_the_last_call": seconds,
    }
    save_json(note, run.root / DONE)
    remove_bulk(run.root)


def _made(run: RunFolder, study: Study) -> Iterator[Job]:
    return (job for job in jobs_of(study) if run.manifest(job).exists())


def remove_bulk(root: Path, *, keep: set[Path] | None = None) -> None:
    """Remove rendered databases, crops, weights and relevance of a finished run."""
    for name in BULKY_FOLDERS:
        shutil.rmtree(root / name, ignore_errors=True)
    for pattern in BULKY:
        for path in root.rglob(pattern):
            if path not in (keep or set()):
                path.unlink()


def finished_draws(folder: Path, cell: str) -> Iterator[Draw]:
    """Draws of a cell that are finished, in their order."""
    numbers = sorted(
        int(path.parent.name.removeprefix("draw=")) for path in folder.glob(f"images/{cell}/draw=*/{DONE}")
    )
    return (Draw(cell, number) for number in numbers)
