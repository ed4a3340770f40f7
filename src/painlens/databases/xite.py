"""X-ITE Pain Database, part of the challenge: clips of ten seconds under heat and electrical stimuli, several cameras.

Licence: research agreement with the universities of Magdeburg and Ulm; no redistribution. Consent: ask the owners;
nobody's face is published by default. Citation: Gruss, Geiger, Werner, Wilhelm, Traue, Al-Hamadi, Walter (2019),
Multi-modal signals for analyzing pain responses to thermal and electrical stimuli, Journal of Visualized Experiments
146, e59057.

Expected in the challenge's part: 30 participants, 60 segments of each pain level. Layout::

    {fvf,fvs,ft,bdy}/S<ddd>/<segment>.mp4      face from the front and from the side, heat, body
    {audio,bio}/S<ddd>/<segment>.{wav,mp3,mat}

`layout.camera` chooses the folder (default fvf). Where the level of a segment stands is not described in public: it is
taken from its name (``PL_1``, ``PL_2``), else from the names of its folders, else from a table in the root with the
columns ``segment`` and ``label``. Which levels are pain is for the study to say.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from painlens.databases.folders import (
    VIDEOS,
    base_of,
    check_root,
    files_below,
    find_folder,
    found_in,
    subfolders,
    visible,
)
from painlens.databases.separated import read_separated
from painlens.progress import Progress, silent
from painlens.study import USUAL_LAYOUT, Layout
from painlens.tables import DataError

LABEL: Mapping[str, str] = {}
CLASSES: Mapping[str, Mapping[str, str]] = {"pain-levels": {"weak": "level == 1", "strong": "level == 2"}}
SPLITS: Mapping[str, tuple[tuple[str, ...], ...]] = {}
CLIP_SEPARATOR: str = "/"
EXPECTED: Mapping[str, int] = {"participants": 30, "clips per class": 1800}
CAMERA = "fvf"
_PERSON = re.compile(r"S\d{3}", re.IGNORECASE)
_LEVEL = re.compile(r"(?<![A-Za-z0-9])PL[_-]?(\d)", re.IGNORECASE)


def scan(root: Path, *, progress: Progress = silent, layout: Layout = USUAL_LAYOUT) -> pd.DataFrame:
    """Every clip of the camera.

    Returns
    -------
    DataFrame
        frame_id (<participant>/<segment>), participant, sequence, path, frame_index and time_s (missing: whole
        clips), class_name (PL_1, PL_2; missing where it stands nowhere), level, reason.
    """
    check_root(root, "X-ITE")
    camera = layout.camera or CAMERA
    base = base_of(root, (camera,))
    folder = find_folder(base, (camera,))
    people = [person for person in subfolders(folder) if _PERSON.fullmatch(person.name)] if folder else []
    if not people:
        raise DataError(f"{root} must hold {camera}/S001/<segment>.mp4 (layout of X-ITE), found {found_in(root)}")
    listed = _listed_levels(base)
    rows: list[dict[str, Any]] = []
    for done, person in enumerate(people):
        progress(done, len(people), person.name)
        for clip in files_below(person, VIDEOS):
            place = clip.relative_to(person).with_suffix("").as_posix()
            level = _level(place, listed.get(clip.stem.lower(), ""))
            rows.append(
                {
                    "frame_id": f"{person.name}/{place}",
                    "participant": person.name.upper(),
                    "sequence": place,
                    "path": clip.relative_to(root).as_posix(),
                    "class_name": None if level is None else f"PL_{level}",
                    "level": level,
                    "reason": "",
                }
            )
    progress(len(people), len(people))
    if not rows:
        raise DataError(f"no clip found in {folder}; expected S001/<segment>.mp4")
    table = pd.DataFrame(rows).astype({"level": "float64"})
    table["frame_index"] = pd.array([pd.NA] * len(table), dtype="Int64")
    return table.assign(time_s=float("nan"))


def _level(*texts: str) -> int | None:
    """The first level that one of the texts names."""
    return next((int(match[1]) for text in texts if (match := _LEVEL.search(text))), None)


def _listed_levels(base: Path) -> dict[str, str]:
    """Segment -> label of the tables in a folder that have both columns."""
    found: dict[str, str] = {}
    for file in visible(base):
        if file.suffix.lower() not in {".csv", ".tsv", ".txt"} or not file.is_file():
            continue
        try:
            table = read_separated(file)
        except DataError:
            continue  # a text that is no table is not what is looked for
        table.columns = [name.lower() for name in table.columns]
        if {"segment", "label"} <= set(table.columns):
            told = table.dropna(subset=["segment", "label"])
            found |= {
                Path(str(s)).stem.lower(): str(label) for s, label in zip(told["segment"], told["label"], strict=True)
            }
    return found
