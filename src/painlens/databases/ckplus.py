"""CK+ (extended Cohn-Kanade): posed sequences from a neutral face to the peak of an emotion.

Licence: research agreement; no redistribution, and the 48-pixel copies on the web are not licensed. Consent: the owners
name the people whose pictures may be published; nobody's face is published by default. Citation: Lucey, Cohn, Kanade,
Saragih, Ambadar, Matthews (2010), The extended Cohn-Kanade dataset (CK+), IEEE CVPR workshops.

Layout::

    cohn-kanade-images/S005/001/S005_001_00000001.png
    Emotion/S005/001/S005_001_00000011_emotion.txt       one number; only sequences with a clear emotion have a file
    FACS/S005/001/S005_001_00000011_facs.txt             action unit and intensity of the last frame
    Landmarks/S005/001/S005_001_00000001_landmarks.txt

The first frame is neutral, the last one the peak; frames between have no class. Whoever takes more of the peak (the
last three frames are common) writes a rule on `sequence_class` with ``frames: {rule: last-k, count: 3}``.
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from painlens.databases.folders import IMAGES, base_of, check_root, files, find_folder, found_in, names_in, subfolders
from painlens.databases.levels import EMOTIONS, emotions
from painlens.databases.unbc import read_action_units, read_number
from painlens.progress import Progress, silent
from painlens.study import USUAL_LAYOUT, Layout
from painlens.tables import DataError

CODES = ("neutral", "anger", "contempt", "disgust", "fear", "happy", "sad", "surprise")
LABEL: Mapping[str, str] = emotions(EMOTIONS)
CLASSES: Mapping[str, Mapping[str, str]] = {"emotions": LABEL}
SPLITS: Mapping[str, tuple[tuple[str, ...], ...]] = {}
CLIP_SEPARATOR: str = "/"
EXPECTED: Mapping[str, int] = {}
_IMAGES = (
    "cohn-kanade-images",
    "extended-cohn-kanade-images/cohn-kanade-images",
    "extended-cohn-kanade-images",
    "images",
)
_NUMBER = re.compile(r"(\d+)$")


def scan(root: Path, *, progress: Progress = silent, layout: Layout = USUAL_LAYOUT) -> pd.DataFrame:  # noqa: ARG001
    """Every picture; its class where it is the neutral first or the peak last one of its sequence.

    Returns
    -------
    DataFrame
        frame_id, participant, sequence, path, frame_index, time_s (missing), class_name, sequence_class (the emotion
        of the whole sequence), au01 ... and action_units (of the peak), frame_rank (frames before the peak),
        landmarks_path, reason.
    """
    check_root(root, "CK+")
    base = base_of(root, _IMAGES)
    images = find_folder(base, _IMAGES)
    if images is None:
        raise DataError(f"{root} must hold the folder cohn-kanade-images (layout of CK+), found {found_in(root)}")
    places = {name: find_folder(base, (name,)) for name in ("Emotion", "FACS", "Landmarks")}
    rows: list[dict[str, Any]] = []
    people = subfolders(images)
    for done, person in enumerate(people):
        progress(done, len(people), person.name)
        for sequence in subfolders(person):
            rows += _sequence(root, person.name, sequence, places)
    progress(len(people), len(people))
    if not rows:
        raise DataError(f"no picture found in {images}; expected S005/001/S005_001_00000001.png")
    return pd.DataFrame(rows).astype({"frame_index": "Int64"})


def _sequence(root: Path, person: str, folder: Path, places: Mapping[str, Path | None]) -> list[dict[str, Any]]:
    """Rows of one sequence in the order of the frame numbers."""
    place = Path(person, folder.name)
    pictures = sorted(files(folder, IMAGES), key=lambda path: (_number(path.stem) or 0, path.name))
    code, told = _emotion(places["Emotion"], place)
    emotion = CODES[int(code)] if code in range(len(CODES)) else None
    points = places["Landmarks"]
    landmarks = names_in(points / place) if points is not None else frozenset()
    rows = []
    for rank, picture in enumerate(pictures):
        number, last = _number(picture.stem), rank == len(pictures) - 1
        name = f"{picture.stem}_landmarks.txt"
        known = points is not None and name in landmarks
        rows.append(
            {
                "frame_id": f"{place.as_posix()}/{picture.stem if number is None else f'{number:08d}'}",
                "participant": person,
                "sequence": folder.name,
                "path": picture.relative_to(root).as_posix(),
                "frame_index": number,
                "time_s": math.nan,
                "class_name": "neutral" if rank == 0 else emotion if last else None,
                "sequence_class": emotion,
                "frame_rank": len(pictures) - 1 - rank,
                **(_units(places["FACS"], place, picture.stem) if last else {}),
                "landmarks_path": (points / place / name).relative_to(root).as_posix() if points and known else None,
                "reason": told if number is not None else "the file name ends in no number",
            }
        )
    return rows


def _emotion(folder: Path | None, place: Path) -> tuple[float, str]:
    """The code of a sequence's emotion (NaN where it has none), and what is wrong with its file."""
    found = files(folder / place, frozenset({".txt"})) if folder is not None and (folder / place).is_dir() else []
    if not found:
        return math.nan, ""
    code, problem = read_number(found[0])
    if not problem and code not in range(len(CODES)):
        return math.nan, f"emotion is {code:g}, not 0 to 7"
    return code, f"emotion {problem}" if problem else ""


def _units(folder: Path | None, place: Path, stem: str) -> dict[str, Any]:
    """Action units of the peak. A unit with intensity 0 is present, its intensity was not coded."""
    coded = read_action_units(folder / place / f"{stem}_facs.txt") if folder is not None else None
    if coded is None:
        return {}
    units = {f"au{unit:02d}": intensity or math.nan for unit, intensity in sorted(coded.items()) if 0 < unit < 100}
    return units | {"action_units": "+".join(str(unit) for unit in sorted(coded))}


def _number(stem: str) -> int | None:
    match = _NUMBER.search(stem)
    return int(match[1]) if match else None
