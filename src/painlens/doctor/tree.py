"""Which owner's layout a folder has, and its counts beside the published ones."""

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from painlens.databases import READERS
from painlens.databases.folders import base_of, find_folder
from painlens.doctor.findings import Count
from painlens.progress import Progress, silent
from painlens.study import Database
from painlens.tables import DataError

_OWN_FOLDERS = {"bp4dplus": ("2D+3D",)}  # laid out as BP4D is
# Columns in which readers put what an owner says of a frame.
_LABELS = ("label", "class_name", "level", "pspi", "expression")
_UNIT = re.compile(r"au\d\d")
# They read tables and folders of any content: only asked where no owner's layout fits.
GENERAL = ("manifest", "huggingface", "samples", "imagefolder")


def recognise(root: Path, *, progress: Progress = silent) -> str:
    """Name of the reader whose layout a folder has: the one that finds labels for most of its frames.

    Tolerant readers find pictures in the folders of others, but not their labels.

    Raises
    ------
    DataError
        No reader can use the folder; the message says what the readers miss.
    """
    said: dict[str, str] = {}
    for names in ([name for name in READERS if name not in GENERAL], GENERAL):
        usable: dict[str, int] = {}
        for name in names:
            try:
                found = READERS[name].scan(root, progress=progress)
            except (DataError, OSError) as error:
                said[name] = str(error).split(";")[0]
                continue
            usable[name] = _labelled(found) if len(found) else 0
        best = max(usable, key=lambda name: (usable[name], _has_own_folder(root, name)), default="")
        if best and usable[best]:
            return best
    reasons = "; ".join(f"{name}: {said[name]}" for name in ("unbc", "biovid", "affectnet", "manifest") if name in said)
    raise DataError(
        f"{root} has no layout that painlens knows ({reasons}); write a manifest.csv with path, subject, label"
    )


def _has_own_folder(root: Path, reader: str) -> bool:
    """Whether a layout that another reader can read as well has the folder that is this reader's own."""
    own = _OWN_FOLDERS.get(reader, ())
    return bool(own) and find_folder(base_of(root, own), own) is not None


def _labelled(found: pd.DataFrame) -> int:
    """Frames without a defect that carry any label of the owner's."""
    names = [name for name in found.columns if name in _LABELS or _UNIT.fullmatch(name)]
    return int(((found["reason"] == "") & found[names].notna().any(axis=1)).sum())


def published_counts(frames: pd.DataFrame, database: Database) -> tuple[Count, ...]:
    """Published counts of the reader beside those of the table; rendered databases have none."""
    if database.synthetic is not None:
        return ()
    found = {name: count(frames) for name, count in _COUNTS.items()}
    return tuple(
        Count(what, published, found[what])
        for what, published in READERS[database.reader].EXPECTED.items()
        if what in found
    )


def _with_file(frames: pd.DataFrame) -> pd.DataFrame:
    """Rows that a file stands behind."""
    return frames[~frames["reason"].astype(str).str.contains("picture is missing|video is missing|not found")]


def _clips(frames: pd.DataFrame) -> pd.Series:
    """One class per clip."""
    own = frames.drop_duplicates("sequence")
    return own["class_name"] if "class_name" in own else own["label"]


def _named(word: str) -> Callable[[pd.DataFrame], int]:
    return lambda frames: int((frames["sequence"].astype(str) == word).sum())


_COUNTS: dict[str, Callable[[pd.DataFrame], int]] = {
    "participants": lambda frames: int(frames.loc[frames["participant"] != "", "participant"].nunique()),
    "sequences": lambda frames: int(frames.loc[frames["participant"] != "", "sequence"].nunique()),
    "frames": lambda frames: len(_with_file(frames)),
    "clips": lambda frames: int(frames.loc[frames["participant"] != "", "sequence"].nunique()),
    "clips per class": lambda frames: int(_clips(frames).value_counts().max() or 0),
    "training": _named("training"),
    "validation": _named("validation"),
}
