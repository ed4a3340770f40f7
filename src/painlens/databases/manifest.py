"""A database described by a table of the user's own: one row per image, frame or clip.

Licence, consent and citation are those of the data that the table describes; a column ``consent`` (true, false,
unknown) says who agreed to publication, and a 'false' is never overruled by the study.

The table is ``manifest.parquet``, ``manifest.csv`` or ``manifest.tsv`` in the root folder (text tables with commas,
semicolons or tabs). Columns:

* ``path``: image or video, relative to the folder of the table; ``file_name`` is understood too;
* ``subject`` or ``participant``: the person;
* ``label``: the class; or columns for the study's label rule (``pspi``, ``class_name``, ``expression`` or any other);
* optional: ``frame_index`` or ``time_s`` (one frame of a video), ``sequence``, ``sex``, ``age``, ``consent``,
  ``landmarks_path``, ``box_x`` .. ``box_h``, ``non_reactive``; all other columns are kept.

A video without ``frame_index`` and ``time_s`` is a whole clip, of which the study's rule takes frames.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from painlens.databases.columns import numbers, words
from painlens.databases.folders import check_root, found_in
from painlens.databases.pictures import inside, is_clip
from painlens.databases.separated import read_separated
from painlens.progress import Progress, silent
from painlens.tables import DataError

LABEL: Mapping[str, str] = {}
CLIP_SEPARATOR: str = "#"
NAMES = ("manifest.parquet", "manifest.csv", "manifest.tsv")
_NUMBERS = ("frame_index", "time_s", "pspi", "age", "box_x", "box_y", "box_w", "box_h")
_SEXES = {"f": "f", "female": "f", "w": "f", "m": "m", "male": "m"}


def scan(root: Path, *, progress: Progress = silent) -> pd.DataFrame:
    """Every row of the table, with its own columns and those of FRAMES."""
    check_root(root, "the manifest")
    file = next((root / name for name in NAMES if (root / name).is_file()), None)
    if file is None:
        raise DataError(f"{root} must hold one of {', '.join(NAMES)}, found {found_in(root)}")
    table = _read(file)
    for wanted, other in (("path", "file_name"), ("participant", "subject")):
        if wanted not in table and other in table:
            table = table.rename(columns={other: wanted})
        if wanted not in table:
            raise DataError(f"{file} must have the column {wanted} or {other}, got {', '.join(table.columns)}")
    if table.empty:
        raise DataError(f"{file} has no rows")
    reason = pd.Series("", index=table.index, dtype="str")
    for name in (name for name in _NUMBERS if name in table):
        values, shown = numbers(table, name), words(table, name).fillna("").astype("str")
        wrong = values.isna() & table[name].notna()
        if name in ("frame_index", "time_s"):
            wrong |= values < 0
        reason = reason.mask(wrong & (reason == ""), f"{name} is '" + shown + "', not a number")
        table[name] = values.mask(wrong)
    path = words(table, "path").str.replace("\\", "/")
    for name in ("participant", "path"):
        reason = reason.mask(table[name].isna(), f"{name} is missing")
    reason = reason.mask(np.array([not _is_inside(root, str(text)) for text in path.fillna("")]), "path leaves root")
    index = table["frame_index"].round() if "frame_index" in table else pd.Series(float("nan"), index=table.index)
    index = index.astype("Int64")
    row = pd.Series([f"row {number}" for number in range(2, len(table) + 2)], index=table.index)
    clip = path.fillna("").map(is_clip).astype("bool")
    table["frame_id"] = path.fillna(row)
    table.loc[clip & index.notna(), "frame_id"] += CLIP_SEPARATOR + index.astype("string")
    table["path"], table["frame_index"] = path.fillna(""), index.fillna(0).where(~clip, index)
    table["participant"] = words(table, "participant").fillna("")
    table["sequence"] = words(table, "sequence").fillna("") if "sequence" in table else table["path"]
    if "time_s" not in table:
        table["time_s"] = float("nan")
    if "sex" in table:
        table["sex"] = [_SEXES.get(word) for word in words(table, "sex").fillna("").str.lower()]
    progress(len(table), len(table))
    return table.assign(reason=reason.astype("str"))


def _read(file: Path) -> pd.DataFrame:
    if file.suffix != ".parquet":
        return read_separated(file)
    try:
        return pd.read_parquet(file)
    except (ValueError, OSError) as error:
        raise DataError(f"{file} is not a Parquet table: {error}") from None


def _is_inside(root: Path, path: str) -> bool:
    try:
        inside(root, path)
    except DataError:
        return False
    return True
