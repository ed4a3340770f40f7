"""AffectNet: pictures from the web with one of 11 categories (first release) or 8 expressions (newer package).

Licence: research agreement with the University of Denver; no redistribution. Consent: the pictures were collected
from the web without the consent of the people in them: do not publish faces (`consent.publish`: none). Citation:
Mollahosseini, Hasani, Mahoor (2019), AffectNet: a database for facial expression, valence, and arousal computing in
the wild, IEEE Transactions on Affective Computing 10(1).

Expected in the manually annotated part: 414,799 training and 5,500 validation pictures; the eight expressions have
287,651 and 4,000 of them. Layout::

    Manually_Annotated_file_lists/{training,validation}.csv
    Manually_Annotated_Images/<NNN>/<name>.<jpg, png, tif ...>      (also inside Manually_Annotated)

A list may lack its header, or call its first column ``#subDirectory_filePath``. People are not named: every
picture counts as a participant of its own. The automatically annotated part is not read. The newer package of 8
expressions (``train_set``, ``val_set``) is read by `affectnet_eight`. Many pictures occur several times:
``frames: {duplicates: drop}`` keeps one of each, those of the validation list before others.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from painlens.databases import affectnet_eight
from painlens.databases.columns import column, numbers, words
from painlens.databases.folders import base_of, check_root, find_folder, found_in, names_in
from painlens.databases.levels import EMOTIONS, emotions
from painlens.databases.separated import read_separated
from painlens.progress import Progress, silent
from painlens.study import USUAL_LAYOUT, Layout
from painlens.tables import DataError

EXPRESSIONS = EMOTIONS
CATEGORIES = (*EXPRESSIONS, "none", "uncertain", "non-face")
LABEL: Mapping[str, str] = emotions()
CLASSES: Mapping[str, Mapping[str, str]] = {"emotions": LABEL}
SPLITS: Mapping[str, tuple[tuple[str, ...], ...]] = {}
EXPECTED: Mapping[str, int] = {"training": 414799, "validation": 5500, "frames": 420299, "eight expressions": 291651}
CLIP_SEPARATOR: str = "#"
COLUMNS = (
    "subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "facial_landmarks", "expression",
    "valence", "arousal",
)  # fmt: skip
_IMAGES = ("Manually_Annotated_Images", "Manually_Annotated/Manually_Annotated_Images")
_LISTS = ("Manually_Annotated_file_lists", "Manually_Annotated_file_list")
_FILES = frozenset({"training.csv", "validation.csv"})
_LANDMARK_SIGNS = 2 * 68 - 1  # semicolons between 136 numbers


def scan(root: Path, *, progress: Progress = silent, layout: Layout = USUAL_LAYOUT) -> pd.DataFrame:  # noqa: ARG001
    """Every picture of the lists.

    Returns
    -------
    DataFrame
        frame_id and participant (the picture's path in the list), sequence (training or validation), part, path,
        frame_index 0, time_s (missing), class_name, expression, valence, arousal (missing where not applicable),
        box_x .. box_h, owner_landmarks (136 numbers x;y;x;y ... as text), reason.
    """
    check_root(root, "AffectNet")
    base = base_of(root, (*_IMAGES, *affectnet_eight.PARTS))
    if find_folder(base, tuple(affectnet_eight.PARTS)) is not None:
        return affectnet_eight.scan(root, base, progress=progress)
    places = (find_folder(base, (name,)) for name in (*_LISTS, *(f"Manually_Annotated/{name}" for name in _LISTS)))
    lists = next((place for place in places if place is not None and names_in(place) & _FILES), base)
    images = find_folder(base, _IMAGES)
    if images is None:
        raise DataError(
            f"{root} must hold the folder Manually_Annotated_Images (11 categories) or train_set (8 expressions), "
            f"found {found_in(root)}"
        )
    parts = [name for name in ("training", "validation") if (lists / f"{name}.csv").is_file()]
    if not parts:
        raise DataError(f"training.csv and validation.csv not found in {lists}, found {found_in(lists)}")
    tables = []
    for done, name in enumerate(parts):
        progress(done, len(parts), f"{name}.csv")
        tables.append(_read_list(lists / f"{name}.csv", name))
    frames = _described(pd.concat(tables, ignore_index=True))
    missing = ~_present(column(frames, "frame_id"), images)
    frames["reason"] = frames["reason"].mask(missing, "picture is missing")
    frames["path"] = images.relative_to(root).as_posix() + "/" + frames["frame_id"]
    progress(len(parts), len(parts))
    return frames


def _read_list(file: Path, name: str) -> pd.DataFrame:
    """One list as text, whether or not it has a header."""
    table = read_separated(file, separator=",", header=False)
    first = str(table.iat[0, 0]).lstrip("#").strip()
    if "/" not in first and "\\" not in first:  # names of columns, not a path
        table.columns = [str(cell).lstrip("#").strip() for cell in table.iloc[0]]
        table = table.iloc[1:]
    elif table.shape[1] == len(COLUMNS):
        table.columns = list(COLUMNS)
    else:
        raise DataError(f"{file} has no header and {table.shape[1]} columns; expected {len(COLUMNS)}: {COLUMNS}")
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise DataError(f"{file} must have the columns {', '.join(missing)}, got {', '.join(table.columns)}")
    table = table.dropna(subset=[COLUMNS[0]])
    if table.empty:
        raise DataError(f"{file} lists no picture")
    return table.assign(sequence=name)


def _described(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the lists in painlens' columns."""
    frame_id = words(table, "subDirectory_filePath").str.replace("\\", "/")
    expression = numbers(table, "expression")
    box = {
        f"box_{side}": numbers(table, f"face_{name}")
        for side, name in (("x", "x"), ("y", "y"), ("w", "width"), ("h", "height"))
    }
    scales = {name: numbers(table, name).mask(numbers(table, name) == -2) for name in ("valence", "arousal")}
    landmarks = table["facial_landmarks"].astype("str")
    reason = pd.Series("", index=table.index, dtype="str")
    no_face = (box["box_w"] <= 0) | (box["box_h"] <= 0)
    reason = reason.mask(no_face, "the owner's list gives no face (negative box)")
    unreadable = ~expression.isin(list(range(len(CATEGORIES))))
    sentence = "expression is '" + table["expression"].astype("str").fillna("") + "', not a number from 0 to 10"
    return pd.DataFrame(
        {
            "frame_id": frame_id,
            "participant": frame_id,
            "sequence": table["sequence"],
            "part": table["sequence"].map({"training": "train", "validation": "validation"}),
            "frame_index": 0,
            "time_s": float("nan"),
            "class_name": expression.map(dict(enumerate(CATEGORIES))),
            "expression": expression,
            **scales,
            **box,
            "owner_landmarks": landmarks.where(landmarks.str.count(";") == _LANDMARK_SIGNS),
            "reason": reason.mask(unreadable, sentence),
        }
    )


def _present(paths: pd.Series, images: Path) -> pd.Series:
    """Which pictures exist; every folder is listed once, for there are 400,000 pictures."""
    folders = paths.str.rpartition("/")[0]
    present = pd.Series(False, index=paths.index)
    for folder, group in paths.groupby(folders):
        names = names_in(images / str(folder))
        present[group.index] = group.str.rpartition("/")[2].isin(list(names))
    return present
