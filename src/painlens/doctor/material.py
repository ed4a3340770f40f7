"""What an examination looks at: the tables of a database, from its run where it has one, else read now."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from painlens import splits, tables
from painlens.databases import READERS, read_frames
from painlens.databases.published import resolve_split
from painlens.forgotten import without_forgotten
from painlens.progress import Progress
from painlens.study import Database, Study
from painlens.tables import DataError
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import EMOTION, databases_of

FOLDER = "folder"  # name of the one database of a folder


@dataclass(frozen=True)
class Material:
    """Tables of one database: from a run where it has them, else read now."""

    database: Database
    root: Path
    frames: pd.DataFrame
    faces: pd.DataFrame | None
    split: pd.DataFrame | None
    problem: str = ""

    @property
    def rotates(self) -> bool:
        """Whether everybody tests in one fold and trains in the others."""
        return self.split is not None and bool(splits.folds_of(self.split))

    @property
    def kept(self) -> pd.DataFrame:
        """Frames that take part, with their part ('' without a split)."""
        kept = self.frames[self.frames["kept"].fillna(value=False).astype(bool)].reset_index(drop=True)
        parts = {} if self.split is None else dict(zip(self.split["participant"], self.split["part"], strict=True))
        return kept.assign(part=[str(parts.get(who, "")) for who in kept["participant"]])


def material_of(study: Study, run: RunFolder | None, name: str, root: Path, progress: Progress) -> Material:
    """Tables of one database of a study; a split that cannot be made is told in `problem`.

    Raises
    ------
    DataError
        The database cannot be read.
    """
    database = databases_of(study)[name]
    frames = _of_run(run, "frames", name, tables.FRAMES)
    if frames is None:
        frames = read_frames(database, name=name, root=root, progress=progress)
        frames = without_forgotten(frames, run.root, name) if run is not None else frames
    faces, split = _of_run(run, "faces", name, tables.FACES), _of_run(run, "split", name, tables.SPLIT)
    problem = ""
    if split is None:
        seen = faces if faces is not None else frames[frames["kept"].astype(bool)].assign(found=True)
        try:
            settings = resolve_split(database.split, database, name=name, frames=frames, faces=seen)
            folds = study.replication.cross_fitting if name != EMOTION else 0
            if folds:
                split = splits.rotate_participants(seen, settings, folds=folds, database=name)
            else:
                split = splits.split_participants(seen, settings, database=name)
        except DataError as error:
            problem = str(error)
    return Material(database, root, frames, faces, split, problem)


def unlabelled(root: Path, reader: str) -> pd.DataFrame:
    """Frames of a folder whose classes nobody named; all without a defect are kept, under one class."""
    frames = READERS[reader].scan(root)
    unknown = {"database": FOLDER, "label": "unlabelled", "consent_display": "unknown", "consent_publish": "unknown"}
    return tables.conform(frames.assign(**unknown, kept=frames["reason"] == ""), tables.FRAMES)


def _of_run(run: RunFolder | None, stage: str, name: str, schema: tables.Schema) -> pd.DataFrame | None:
    path = run.folder(stage, name) / f"{schema.name}.parquet" if run is not None else None
    return tables.load_table(path, schema) if path is not None and path.exists() else None


def spread(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many rows, evenly spaced."""
    if len(table) <= most:
        return table
    return (
        table.iloc[np.linspace(0, len(table) - 1, most).astype(int)].reset_index(drop=True) if most else table.iloc[:0]
    )
