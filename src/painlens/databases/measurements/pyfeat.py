"""Py-Feat (Fex): one table for many pictures or videos, with the file in the column ``input``.

Columns: input, frame (from 0), FaceRectX, FaceRectY, FaceRectWidth, FaceRectHeight, FaceScore, x_0 .. y_67 in pixels,
AU01 ... (0..1), emotions. A picture with several faces has several rows; the one with the highest score is taken.
Cheong, Jolly, Xie, Byrne, Kenney, Chang (2023), Py-Feat: Python facial expression analysis toolbox, Affective Science.
"""

from pathlib import Path, PurePosixPath, PureWindowsPath

import pandas as pd

from painlens.databases.columns import numbers, words
from painlens.databases.measurements.table import FRAME, KEY, SOURCE, action_units, check_columns, landmarks


def measured(table: pd.DataFrame, file: Path) -> pd.DataFrame:
    """Rows with pyfeat_auNN (0..1), pyfeat_confidence and owner_landmarks."""
    check_columns(table, ["FaceScore", "frame"], file, tool="Py-Feat")
    units = action_units(table, r"AU(\d+)", "pyfeat_au{:02d}", high=1)
    score = numbers(table, "FaceScore")
    rows = pd.DataFrame(units, index=table.index).assign(pyfeat_confidence=score, **{SOURCE: score})
    rows[KEY] = words(table, "input").map(_stem) if "input" in table else file.stem
    rows[FRAME] = numbers(table, "frame")
    points = landmarks(table)
    if points is not None:
        rows["owner_landmarks"] = points
    return rows[score.notna() & rows[KEY].notna() & (rows[FRAME] >= 0)]


def _stem(path: object) -> str | None:
    """Name of a file without folder and suffix, of either kind of system."""
    if not isinstance(path, str) or not path:
        return None
    return PureWindowsPath(path).stem if "\\" in path else PurePosixPath(path).stem
