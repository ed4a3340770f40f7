"""Face crops, as the steps after the split take them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from painlens import faces as face_step
from painlens import splits, tables
from painlens.tables import DataError
from painlens.workflow.context import Context


@dataclass(frozen=True)
class TestFaces:
    """The test faces of all databases of a study, in the study's order.

    Attributes
    ----------
    table
        FACES rows, one per face.
    crops
        uint8 RGB (face, height, width, 3).
    regions
        uint8 (face, height, width): numbers of `painlens.regions.REGIONS`.
    landmarks
        float32 (face, 68, 2) in pixels of the crop, NaN where unknown.
    """

    table: pd.DataFrame
    crops: np.ndarray
    regions: np.ndarray
    landmarks: np.ndarray


def faces_of(context: Context, database: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Found faces of a database and its split."""
    table = context.load("faces", tables.FACES, database=database)
    split = context.load("split", tables.SPLIT, database=database)
    splits.assert_participant_disjoint(split)
    return table[table["found"]].reset_index(drop=True), split


def load_crops(context: Context, database: str, rows: pd.DataFrame) -> np.ndarray:
    """Crops of some faces of one database, uint8 RGB (face, height, width, 3)."""
    return face_step.load_faces(context.run.folder("faces", database) / "faces.h5", rows["row"].to_numpy(int)).faces


def test_rows(context: Context, database: str) -> pd.DataFrame:
    """FACES rows of the test faces of one database, without their pixels.

    Raises
    ------
    DataError
        The database has no test face.
    """
    table, split = faces_of(context, database)
    rows = splits.select(table, split, part="test")
    if rows.empty:
        raise DataError(f"database '{database}' has no test face; give databases.{database}.split.test participants")
    return rows


def test_faces(context: Context) -> TestFaces:
    """Test faces of every database of the study.

    Raises
    ------
    DataError
        A database has no test face.
    """
    parts, crops, regions, landmarks = [], [], [], []
    for database in context.study.databases:
        rows = test_rows(context, database)
        stored = face_step.load_faces(context.run.folder("faces", database) / "faces.h5", rows["row"].to_numpy(int))
        parts.append(rows)
        crops.append(stored.faces)
        regions.append(stored.regions)
        landmarks.append(stored.landmarks)
    arrays = (np.concatenate(arrays) for arrays in (crops, regions, landmarks))
    return TestFaces(pd.concat(parts, ignore_index=True), *arrays)
