"""LibreFace: one table per video or picture, named after it.

Columns: frame_idx (from 0; not for pictures), frame_time_in_ms, au_1 ... (presence 0 or 1), au_1_intensity ... (0..5),
facial_expression, pitch, yaw, roll, lm_mp_0_x ... (478 points of MediaPipe as shares of the picture; not used here).
Chang, Yin, Li, Tran, Soleymani (2024), LibreFace: an open-source toolkit for deep facial expression analysis, WACV.
"""

from pathlib import Path

import pandas as pd

from painlens.databases.columns import numbers, words
from painlens.databases.measurements.table import FRAME, KEY, SOURCE, action_units, check_columns


def measured(table: pd.DataFrame, file: Path) -> pd.DataFrame:
    """Rows with libreface_auNN (0..5), libreface_auNN_present and libreface_expression."""
    units = action_units(table, r"au_(\d+)_intensity", "libreface_au{:02d}", high=5)
    units |= action_units(table, r"au_(\d+)", "libreface_au{:02d}_present", high=1)
    if not units:
        check_columns(table, ["au_1", "au_1_intensity"], file, tool="LibreFace")
    rows = pd.DataFrame(units, index=table.index).assign(**{KEY: file.stem, SOURCE: 0.0})
    rows[FRAME] = numbers(table, "frame_idx") if "frame_idx" in table else 0.0
    if "facial_expression" in table:
        rows["libreface_expression"] = words(table, "facial_expression")
    if "face_detection_score" in table:
        rows["libreface_confidence"] = rows[SOURCE] = numbers(table, "face_detection_score")
    return rows[rows[FRAME].notna() & (rows[FRAME] >= 0)]
