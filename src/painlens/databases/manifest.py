"""A database described by a table of the user's own: one row per image, frame or clip.

Licence, consent and citation are those of the data that the table describes; a column ``consent`` (true, false,
unknown) says who agreed to publication, and a 'false' is never overruled by the study.

The table is ``manifest.parquet``, ``manifest.csv`` or ``manifest.tsv`` in the root folder, or the one that
``layout.table`` names (text tables with commas, semicolons or tabs). `SCHEMA` tells its columns; all others are kept
and can be used in label rules. Paths are relative to the folder of the table. A video without ``frame_index`` and
``time_s`` is a whole clip, of which the study's rule takes frames. A value that does not fit its column leaves the row
out with a reason.
"""

import difflib
import posixpath
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from painlens.databases.columns import numbers, words
from painlens.databases.folders import check_root, found_in
from painlens.databases.imagefolder import PARTS
from painlens.databases.levels import PSPI_LEVELS, PSPI_PAIN, emotions
from painlens.databases.manifest_schema import NOT_APPLICABLE, OTHER_NAMES, RANGES, SCHEMA, WHOLE, is_action_unit
from painlens.databases.pictures import inside, is_clip
from painlens.databases.separated import read_separated
from painlens.progress import Progress, silent
from painlens.study import USUAL_LAYOUT, Layout
from painlens.tables import DataError

LABEL: Mapping[str, str] = {}
CLASSES: Mapping[str, Mapping[str, str]] = {"pain": PSPI_PAIN, "pain-levels": PSPI_LEVELS, "emotions": emotions()}
SPLITS: Mapping[str, tuple[tuple[str, ...], ...]] = {}
CLIP_SEPARATOR: str = "#"
EXPECTED: Mapping[str, int] = {}
NAMES = ("manifest.parquet", "manifest.csv", "manifest.tsv")
_SEXES = {"f": "f", "female": "f", "w": "f", "m": "m", "male": "m"}


def scan(root: Path, *, progress: Progress = silent, layout: Layout = USUAL_LAYOUT) -> pd.DataFrame:
    """Every row of the table, with its own columns and those of FRAMES."""
    check_root(root, "the manifest")
    file = find_table(root, layout, NAMES)
    frames = frames_of(read_table(file), file=file, root=root)
    progress(len(frames), len(frames))
    return frames


def find_table(root: Path, layout: Layout, names: tuple[str, ...]) -> Path:
    """The table that the study names, or the first of the usual names.

    Raises
    ------
    DataError
        There is none, or its name leads out of the root.
    """
    wanted = (layout.table,) if layout.table else names
    file = next((inside(root, name) for name in wanted if (root / name).is_file()), None)
    if file is None:
        raise DataError(f"{root} must hold {' or '.join(wanted)}, found {found_in(root)}")
    return file


def read_table(file: Path) -> pd.DataFrame:
    """A table of text cells from CSV or TSV, of typed cells from Parquet."""
    if file.suffix.lower() != ".parquet":
        return read_separated(file)
    try:
        return pd.read_parquet(file)
    except (ValueError, OSError, TypeError, NotImplementedError) as error:
        raise DataError(f"{file} is not a Parquet table: {error}") from None


def frames_of(table: pd.DataFrame, *, file: Path, root: Path) -> pd.DataFrame:
    """Rows of a user's table in painlens' columns, each with a reason where a value does not fit.

    Raises
    ------
    DataError
        The table has no rows or lacks a column; the nearest name that it has is given.
    """
    table = _named(table, file)
    reason = pd.Series("", index=table.index, dtype="str")
    for name in [str(column) for column in table]:
        if name in RANGES or is_action_unit(name):
            table[name], reason = _checked(table, name, reason)
    folder = file.parent.resolve().relative_to(root.resolve()).as_posix()
    path = words(table, "path").str.replace("\\", "/").map(lambda text: _placed(folder, text), na_action="ignore")
    path = path.astype("string")
    for name in ("participant", "path"):
        reason = reason.mask(table[name].isna(), f"{name} is missing")
    outside = path.fillna("").str.contains(r"^(?:\.\./|/|\.\.$)", regex=True).astype("bool")
    reason = reason.mask(outside, "path leaves root")
    index = table["frame_index"] if "frame_index" in table else pd.Series(float("nan"), index=table.index)
    index = index.astype("float64").round().astype("Int64")
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
    if "part" in table:
        table["part"] = words(table, "part").str.lower().map(PARTS)
    return table.assign(reason=reason.astype("str"))


def _named(table: pd.DataFrame, file: Path) -> pd.DataFrame:
    """The table with the names of the schema; other accepted names are translated."""
    for wanted, other in OTHER_NAMES.items():
        if wanted not in table and other in table:
            table = table.rename(columns={other: wanted})
    for wanted in (name for name, column in SCHEMA.columns.items() if column.required):
        if wanted not in table:
            known = [str(name) for name in table]
            near = difflib.get_close_matches(wanted, known, 1) or difflib.get_close_matches(
                OTHER_NAMES[wanted], known, 1
            )
            hint = f"; did you mean it by '{near[0]}'?" if near else ""
            raise DataError(
                f"{file} must have the column {wanted} or {OTHER_NAMES[wanted]}, got {', '.join(known)}{hint}"
            )
    if table.empty:
        raise DataError(f"{file} has no rows")
    return table.reset_index(drop=True)


def _checked(table: pd.DataFrame, name: str, reason: pd.Series) -> tuple[pd.Series, pd.Series]:
    """A column as numbers within their range, and the reasons of rows with others."""
    low, high = RANGES.get(name, (0.0, 5.0))
    values, shown = numbers(table, name), words(table, name).fillna("").astype("str")
    no_number = values.isna() & table[name].notna() & (shown != "")
    reason = reason.mask(no_number & (reason == ""), f"{name} is '" + shown + "', not a number")
    if name in NOT_APPLICABLE:
        values = values.mask(values == NOT_APPLICABLE[name])
    outside = (values < low) | (values > high)
    limits = f"outside {low:g}..{high:g}" if np.isfinite(high) else f"below {low:g}"
    reason = reason.mask(outside & (reason == ""), f"{name} is '" + shown + f"', {limits}")
    if name in WHOLE:
        broken = values.notna() & ~outside & (values != values.round())
        reason = reason.mask(broken & (reason == ""), f"{name} is '" + shown + "', not a whole number")
    return values.mask(outside), reason


def _placed(folder: str, text: str) -> str:
    """A path of a table in a folder as a path from the root."""
    if text.startswith("/") or (len(text) > 1 and text[1] == ":"):
        return "/" + text.lstrip("/")
    return posixpath.normpath(posixpath.join("" if folder == "." else folder, text)) if text else text
