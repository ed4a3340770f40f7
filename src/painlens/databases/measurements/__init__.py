"""Landmarks and action units that another program measured, joined to the frames of a database.

What a program estimates is kept apart from what the owner coded: columns carry the name of the tool
(``openface_au04``), and the owner's own landmarks are never replaced. Remember that a tool that was trained on a
database under study (OpenFace and LibreFace on DISFA and BP4D, OpenFace also on UNBC-McMaster) is no independent
witness there.
"""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pandas as pd

from painlens.databases.folders import files_below
from painlens.databases.measurements import libreface, openface, pyfeat
from painlens.databases.measurements.table import FRAME, KEY, SOURCE
from painlens.databases.pictures import is_clip
from painlens.databases.separated import read_separated
from painlens.study import Measurements
from painlens.tables import DataError

TOOLS: dict[str, Callable[[pd.DataFrame, Path], pd.DataFrame]] = {
    "openface": openface.measured,
    "py-feat": pyfeat.measured,
    "libreface": libreface.measured,
}

POINTS = "_measured_points"

__all__ = ["TOOLS", "add_measurements", "read_measurements"]


def read_measurements(settings: Measurements) -> pd.DataFrame:
    """All rows of a tool's tables: `key` (name of the picture or video without its suffix), `frame`, the values.

    Raises
    ------
    DataError
        There is no table, or one of them is not the tool's.
    """
    place = settings.path
    if not place.exists():
        raise DataError(f"measurements of {settings.tool} not found: {place}; correct measurements.path")
    tables = files_below(place, frozenset({".csv"})) if place.is_dir() else [place]
    if not tables:
        raise DataError(f"{place} holds no table (.csv) of {settings.tool}")
    read = [TOOLS[settings.tool](read_separated(file), file) for file in tables]
    return pd.concat(read, ignore_index=True)


def add_measurements(frames: pd.DataFrame, settings: Measurements) -> pd.DataFrame:
    """The frames with the tool's columns; frames that it did not measure have none.

    A row belongs to a frame if the name of the picture or video (without folder and suffix) is equal and, for videos,
    the number of the frame too. The tool's landmarks serve where the owner gives none.

    Raises
    ------
    DataError
        No row of the tables belongs to any frame, or names of files are not unique in the database.
    """
    measured = read_measurements(settings)
    stems = pd.Series([PurePosixPath(str(path)).stem for path in frames["path"]], index=frames.index, dtype="string")
    clip = pd.Series([is_clip(str(path)) for path in frames["path"]], index=frames.index, dtype="bool")
    _check_unique(frames, stems, set(measured[KEY]))
    # The number of the frame counts in videos only; tools number the pictures of a list as they like.
    of_clip = measured[KEY].isin(set(stems[clip]))
    measured[FRAME] = measured[FRAME].astype("Int64").where(of_clip, 0)
    keyed = frames.assign(**{KEY: stems, FRAME: frames["frame_index"].astype("Int64").where(clip, 0)})
    best = measured.sort_values(SOURCE, ascending=False, kind="stable").drop_duplicates([KEY, FRAME])
    best = best.rename(columns={"owner_landmarks": POINTS}).astype({KEY: "string"})
    joined = keyed.merge(best.drop(columns=SOURCE), how="left", on=[KEY, FRAME], validate="many_to_one")
    values = [name for name in best if name not in (KEY, FRAME, SOURCE)]
    if not joined[values].notna().any(axis=None):
        raise DataError(
            f"none of the {len(measured)} rows of {settings.path} belongs to a frame; names there are for example "
            f"{measured[KEY].iloc[0]}, in the database {stems.iloc[0]}"
        )
    return _with_landmarks(joined, settings.tool).drop(columns=[KEY, FRAME])


def _with_landmarks(joined: pd.DataFrame, tool: str) -> pd.DataFrame:
    """The tool's landmarks where the owner gives none; `landmarks_source` names the tool there."""
    if POINTS not in joined:
        return joined
    own = pd.Series(False, index=joined.index)
    for name in ("owner_landmarks", "landmarks_path"):
        own |= joined[name].notna() if name in joined else False
    taken = joined[POINTS].notna() & ~own
    earlier = (
        joined["owner_landmarks"] if "owner_landmarks" in joined else pd.Series(None, joined.index, dtype="string")
    )
    points = earlier.astype("string").mask(taken, joined[POINTS].astype("string"))
    source = pd.Series(None, index=joined.index, dtype="string").mask(taken, tool)
    return joined.assign(owner_landmarks=points, landmarks_source=source).drop(columns=POINTS)


def _check_unique(frames: pd.DataFrame, stems: pd.Series, measured: set[str]) -> None:
    """Names must tell files apart, or a measurement would go to another person's face."""
    files = pd.DataFrame({"stem": stems, "path": frames["path"]}).drop_duplicates()
    doubled = files[files["stem"].isin(measured) & files["stem"].duplicated(keep=False)]
    if len(doubled):
        raise DataError(
            f"{doubled['stem'].nunique()} measured names belong to several files, e.g. {doubled['path'].iloc[0]} and "
            f"{doubled['path'].iloc[1]}; give the tool's tables per folder, or files of different names"
        )
