"""DISFA: spontaneous faces of people who watch films, with the intensity of twelve action units in every frame.

Licence: research agreement with the University of Denver; no redistribution. Consent: the owners name the people whose
pictures may be published; nobody's face is published by default. Citation: Mavadati, Mahoor, Bartlett, Trinh, Cohn
(2013), DISFA: a spontaneous facial action intensity database, IEEE Transactions on Affective Computing 4(2).

Expected: 27 participants. Layout::

    ActionUnit_Labels/SN001/SN001_au1.txt            lines "frame,intensity", intensity 0..5
    Video_LeftCamera/LeftVideoSN001_comp.avi         (Video_RightCamera: `layout.camera`)

There are no classes: the study needs a label rule on action units, such as ``{frown: 'au04 >= 2', calm: 'au04 == 0'}``.
Frames are counted from 1 in the labels (from 0 where a file has a frame 0) and from 0 in the video.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from painlens.databases.action_unit_tables import read_frame_values
from painlens.databases.folders import VIDEOS, base_of, check_root, files, find_folder, found_in
from painlens.progress import Progress, silent
from painlens.study import USUAL_LAYOUT, Layout
from painlens.tables import DataError

LABEL: Mapping[str, str] = {}
CLASSES: Mapping[str, Mapping[str, str]] = {}
SPLITS: Mapping[str, tuple[tuple[str, ...], ...]] = {}
CLIP_SEPARATOR: str = "/"
EXPECTED: Mapping[str, int] = {"participants": 27}
CAMERA = "Video_LeftCamera"
_PERSON = re.compile(r"SN\d{3}", re.IGNORECASE)
_UNIT = re.compile(r"au(\d+)$", re.IGNORECASE)


def scan(root: Path, *, progress: Progress = silent, layout: Layout = USUAL_LAYOUT) -> pd.DataFrame:
    """Every labelled frame, and every video without labels.

    Returns
    -------
    DataFrame
        frame_id, participant (SN001 ...), sequence (name of the video), path, frame_index, time_s (missing), au01 ...,
        has_facs, reason.
    """
    check_root(root, "DISFA")
    camera = layout.camera or CAMERA
    base = base_of(root, (camera,))
    videos, labels = find_folder(base, (camera,)), find_folder(base, ("ActionUnit_Labels",))
    if videos is None or labels is None:
        raise DataError(
            f"{root} must hold the folders {camera} and ActionUnit_Labels (layout of DISFA), found {found_in(root)}"
        )
    clips = files(videos, VIDEOS)
    tables = []
    for done, clip in enumerate(clips):
        progress(done, len(clips), clip.name)
        tables.append(_frames(root, clip, labels))
    progress(len(clips), len(clips))
    if not tables:
        raise DataError(f"no video found in {videos}; expected LeftVideoSN001_comp.avi")
    return pd.concat(tables, ignore_index=True).astype({"frame_index": "Int64"})


def _frames(root: Path, clip: Path, labels: Path) -> pd.DataFrame:
    """Rows of the labelled frames of one video, or its one row with a reason."""
    match = _PERSON.search(clip.stem)
    person = match[0].upper() if match else ""
    common: dict[str, Any] = {"participant": person, "sequence": clip.stem, "path": clip.relative_to(root).as_posix()}
    units, unreadable = _units(labels, person) if person else ({}, "")
    if not units:
        reason = unreadable or (f"no action units of {person}" if person else "the file name holds no SN<ddd>")
        alone = {
            "frame_id": clip.stem,
            "frame_index": None,
            "time_s": float("nan"),
            "has_facs": False,
            "reason": reason,
        }
        return pd.DataFrame([common | alone])
    table = pd.DataFrame(units).sort_index()
    first = 0 if table.index[0] == 0 else 1
    return table.assign(
        **common,
        frame_id=[f"{person}/{clip.stem}/{number - first:05d}" for number in table.index],
        frame_index=table.index - first,
        time_s=float("nan"),
        has_facs=True,
        reason=unreadable,
    )


def _units(labels: Path, person: str) -> tuple[dict[str, pd.Series], str]:
    """Intensities by frame of each action unit, and which file could not be read."""
    folder = find_folder(labels, (person,))
    found: dict[str, pd.Series] = {}
    unreadable = ""
    for file in files(folder, frozenset({".txt"})) if folder is not None else []:
        match = _UNIT.search(file.stem)
        if match is None:
            continue
        try:
            values = pd.Series(read_frame_values(file), dtype="float64")
        except DataError:
            unreadable = f"{file.name} cannot be read"
            continue
        found[f"au{int(match[1]):02d}"] = values.where(values.between(0, 5))
    return found, unreadable
