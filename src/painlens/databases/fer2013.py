"""FER2013, with the votes of FER+ where they are: grey pictures of 48 x 48 whose pixels stand in the cells of a table.

Licence: none is known for the pictures, which were collected from the web; look at it before you use them. Consent:
none: do not publish faces. Citation: Goodfellow et al. (2013), Challenges in representation learning: a report on three
machine learning contests, ICONIP. FER+: Barsoum, Zhang, Canton Ferrer, Zhang (2016), Training deep networks for facial
expression recognition with crowd-sourced label distribution, ICMI.

Layout::

    fer2013.csv          emotion,pixels,Usage     (also as icml_face_data.csv)
    fer2013new.csv       Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF

FER+ has a row for each row of FER2013, in its order; its class is the one with most votes, and a tie has none. The path
of a frame is the table, its frame_index the row. People are not named: every picture is a participant of its own.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from painlens.databases.columns import numbers, words
from painlens.databases.folders import base_of, check_root, found_in
from painlens.databases.levels import EMOTIONS, emotions
from painlens.databases.pixel_tables import SIDE
from painlens.databases.separated import read_separated
from painlens.progress import Progress, silent
from painlens.study import USUAL_LAYOUT, Layout
from painlens.tables import DataError

CODES = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")
# Columns of FER+ and our words; `unknown` and `NF` (no face) are classes that no rule takes.
VOTES = {
    "neutral": "neutral", "happiness": "happy", "surprise": "surprise", "sadness": "sad", "anger": "anger",
    "disgust": "disgust", "fear": "fear", "contempt": "contempt", "unknown": "unknown", "nf": "no-face",
}  # fmt: skip
PARTS = {"training": "train", "publictest": "validation", "privatetest": "test"}
LABEL: Mapping[str, str] = emotions(EMOTIONS[:7])
CLASSES: Mapping[str, Mapping[str, str]] = {"emotions": emotions()}
SPLITS: Mapping[str, tuple[tuple[str, ...], ...]] = {}
CLIP_SEPARATOR: str = "#"
EXPECTED: Mapping[str, int] = {}
NAMES = ("fer2013.csv", "icml_face_data.csv")
PLUS = "fer2013new.csv"


def scan(root: Path, *, progress: Progress = silent, layout: Layout = USUAL_LAYOUT) -> pd.DataFrame:  # noqa: ARG001
    """Every row of the table.

    Returns
    -------
    DataFrame
        frame_id and participant (name in FER+, else the number of the row), sequence (Usage), part, path (the table),
        frame_index (the row), time_s (missing), class_name, fer2013_class, p_neutral ... (shares of the votes of FER+),
        reason.
    """
    check_root(root, "FER2013")
    folders = (root, base_of(root, ("fer2013",)), root / "fer2013")
    file = next((folder / name for folder in folders for name in NAMES if (folder / name).is_file()), None)
    if file is None:
        raise DataError(f"{root} must hold {' or '.join(NAMES)} (layout of FER2013), found {found_in(root)}")
    progress(0, 1, file.name)
    table = read_separated(file, separator=",")
    table.columns = [name.lower() for name in table.columns]
    missing = [name for name in ("emotion", "pixels", "usage") if name not in table]
    if missing or table.empty:
        raise DataError(f"{file} must have rows and the columns emotion, pixels, Usage; missing: {', '.join(missing)}")
    code, usage = numbers(table, "emotion"), words(table, "usage").fillna("")
    reason = pd.Series("", index=table.index, dtype="str")
    reason = reason.mask(~code.isin(range(len(CODES))), "emotion is not a number from 0 to 6")
    count = table["pixels"].astype("string").fillna("").str.strip().str.count(r"\s+") + 1
    reason = reason.mask(
        count != SIDE * SIDE, "the cell holds " + count.astype("str") + f" pixels, not {SIDE} x {SIDE}"
    )
    name = pd.Series([f"row {row}" for row in range(len(table))], index=table.index, dtype="string")
    frames = pd.DataFrame(
        {
            "frame_id": name,
            "sequence": usage,
            "part": usage.str.lower().map(PARTS),
            "path": file.relative_to(root).as_posix(),
            "frame_index": range(len(table)),
            "time_s": float("nan"),
            "class_name": code.map(dict(enumerate(CODES))),
            "fer2013_class": code.map(dict(enumerate(CODES))),
            "reason": reason,
        }
    )
    if (file.parent / PLUS).is_file():
        frames = _with_votes(frames, file.parent / PLUS)
    progress(1, 1)
    return frames.assign(participant=frames["frame_id"])


def _with_votes(frames: pd.DataFrame, file: Path) -> pd.DataFrame:
    """The rows with the majority of FER+'s votes as their class."""
    table = read_separated(file, separator=",")
    table.columns = [name.lower() for name in table.columns]
    missing = [name for name in VOTES if name not in table]
    if missing:
        raise DataError(f"{file} must have the columns {', '.join(missing)}, got {', '.join(table.columns)}")
    if len(table) != len(frames):
        raise DataError(
            f"{file} has {len(table)} rows and the table of pixels {len(frames)}; FER+ goes by the order of the rows, "
            "so both must be whole"
        )
    votes = np.column_stack([numbers(table, name).fillna(0).clip(lower=0).to_numpy() for name in VOTES])
    total = votes.sum(axis=1)
    best = votes.max(axis=1)
    several = (votes == best[:, None]).sum(axis=1) > 1
    names = np.array(list(VOTES.values()))[votes.argmax(axis=1)]
    clear = ~several & (total > 0)
    shares = votes / np.where(total > 0, total, np.nan)[:, None]
    why = np.where(total > 0, "the votes of FER+ are tied", "FER+ has no votes")
    reason = frames["reason"].mask((frames["reason"] == "") & ~clear, pd.Series(why, index=frames.index, dtype="str"))
    return frames.assign(
        class_name=pd.Series(names, index=frames.index, dtype="str").where(clear),
        reason=reason,
        **{f"p_{name.replace('-', '_')}": shares[:, place] for place, name in enumerate(VOTES.values())},
    )
