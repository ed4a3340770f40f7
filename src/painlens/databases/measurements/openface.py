"""OpenFace 2 (FeatureExtraction, FaceLandmarkImg): one table per video or picture, named after it.

Columns: frame (from 1; not for pictures), face or face_id, timestamp, confidence, success, x_0 .. y_67 in pixels,
AU01_r ... (intensity 0..5), AU01_c ... (presence 0 or 1); headers have leading blanks in older versions. Frames without
success are left out. Baltrusaitis, Zadeh, Lim, Morency (2018), OpenFace 2.0: facial behavior analysis toolkit, FG.
"""

from pathlib import Path

import pandas as pd

from painlens.databases.columns import numbers
from painlens.databases.measurements.table import FRAME, KEY, SOURCE, action_units, check_columns, landmarks


def measured(table: pd.DataFrame, file: Path) -> pd.DataFrame:
    """Rows with openface_auNN (0..5), openface_auNN_present, openface_confidence and owner_landmarks."""
    check_columns(table, ["confidence"], file, tool="OpenFace")
    units = action_units(table, r"AU(\d+)_r", "openface_au{:02d}", high=5)
    units |= action_units(table, r"AU(\d+)_c", "openface_au{:02d}_present", high=1)
    points = landmarks(table)
    if not units and points is None:
        check_columns(table, ["AU01_r", "x_0"], file, tool="OpenFace")
    confidence = numbers(table, "confidence")
    rows = pd.DataFrame(units, index=table.index).assign(openface_confidence=confidence, **{SOURCE: confidence})
    rows[KEY] = file.stem
    # Frames are counted from 1; pictures have none.
    rows[FRAME] = numbers(table, "frame") - 1 if "frame" in table else 0.0
    if points is not None:
        rows["owner_landmarks"] = points
    success = numbers(table, "success") > 0 if "success" in table else confidence > 0
    return rows[success & rows[FRAME].notna() & (rows[FRAME] >= 0)]
