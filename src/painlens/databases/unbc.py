"""UNBC-McMaster Shoulder Pain Expression Archive: single pictures with PSPI, action units and 66 landmarks.

Licence: research agreement with the University of Northern British Columbia and McMaster University; no
redistribution, and unofficial copies on the web are unlicensed. Consent: only some participants agreed that their
faces may be published; their list comes with the data and belongs into `consent.publish` of the study (default:
nobody). Citation: Lucey, Cohn, Prkachin, Solomon, Matthews (2011), Painful data: the UNBC-McMaster shoulder pain
expression archive database, IEEE FG.

Expected in the whole archive: 25 participants, 200 sequences, 48,398 frames. Layout::

    Images/<participant>/<sequence>/<sequence><NNN>.png
    AAM_landmarks/<participant>/<sequence>/<sequence><NNN>_aam.txt
    Frame_Labels/PSPI/<participant>/<sequence>/<sequence><NNN>_facs.txt
    Frame_Labels/FACS/<participant>/<sequence>/<sequence><NNN>_facs.txt
    Sequence_Labels/{VAS,OPR,AFF,SEN}/<participant>/<sequence>.txt

Doubled folders (``Images/Images``), the whole tree one folder deeper, label folders beside ``Images``, aligned crops
in ``aligned`` and cropped copies (``UNBCMcMaster_cropped/Images0.3``) are read too. The participant is the whole
folder name: the letters behind the number occur twice. An empty FACS file is a coded frame without any active action
unit; an empty PSPI file is a missing label.
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from painlens.databases.columns import number_of, numbers
from painlens.databases.folders import IMAGES, base_of, check_root, files, find_folder, found_in, names_in, subfolders
from painlens.databases.levels import PSPI_LEVELS, PSPI_PAIN
from painlens.progress import Progress, silent
from painlens.study import USUAL_LAYOUT, Layout
from painlens.tables import DataError

LABEL: Mapping[str, str] = PSPI_PAIN
CLASSES: Mapping[str, Mapping[str, str]] = {"pain": PSPI_PAIN, "pain-levels": PSPI_LEVELS}
CLIP_SEPARATOR: str = "/"
# Lucey et al. 2011, abstract; the histogram of PSPI is not in a paper, but adds up to the published number of frames.
EXPECTED: Mapping[str, int] = {"participants": 25, "sequences": 200, "frames": 48398, "frames with pain": 8369}
# Folds of public code that others compare with, by the number of the participant: five balanced by their videos, five
# others, and the five people whom a pain detector of the Taati group holds out.
SPLITS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "unbc-five-folds": (
        ("042", "052", "092", "103", "115"),
        ("043", "059", "095", "106", "120"),
        ("047", "064", "096", "107", "121"),
        ("048", "066", "097", "108", "123"),
        ("049", "080", "101", "109", "124"),
    ),
    "unbc-other-five-folds": (
        ("064", "121", "047", "096", "059"),
        ("107", "120", "097", "106", "092"),
        ("095", "043", "103", "048", "042"),
        ("109", "108", "123", "124", "066"),
        ("049", "115", "052", "101", "080"),
    ),
    "unbc-holdout": (("066", "080", "097", "108", "121"),),
}
ACTION_UNITS = (4, 6, 7, 9, 10, 12, 20, 25, 26, 27, 43, 50)
SEQUENCE_LABELS = ("vas", "opr", "aff", "sen")
_NUMBERED = re.compile(r"(\d{3})$")
_SEQUENCE = re.compile(r"(?P<code>[a-z]{2}\d{3})t(?P<test>\d)(?P<motion>[a-z]+?)(?P<limb>unaff|aff)")
_IMAGES = ("Images", "aligned", "UNBCMcMaster_cropped/Images0.3", "Images0.3")


def scan(root: Path, *, progress: Progress = silent, layout: Layout = USUAL_LAYOUT) -> pd.DataFrame:  # noqa: ARG001
    """Every picture with its labels, and every PSPI file whose picture is missing.

    Returns
    -------
    DataFrame
        frame_id, participant, sequence, path, frame_index, time_s (missing), pspi, au04 ... au50 (0 where coded and
        not active, missing where not coded), vas, opr, aff, sen, test, motion, limb (missing where the name of the
        sequence is another), landmarks_path, has_pspi, has_facs, has_aam, reason.
    """
    check_root(root, "UNBC-McMaster")
    base = base_of(root, _IMAGES)
    images = find_folder(base, _IMAGES)
    scores = find_folder(base, ("Frame_Labels/PSPI", "PSPI"))
    if images is None:
        raise DataError(f"{root} must hold the folder Images (layout of UNBC-McMaster), found {found_in(root)}")
    if scores is None:
        raise DataError(f"{root} must hold the label folder Frame_Labels/PSPI or PSPI, found {found_in(root)}")
    units = find_folder(base, ("Frame_Labels/FACS", "FACS"))
    # The points are those of the original pictures: on aligned crops they would be wrong.
    points = find_folder(base, ("AAM_landmarks",)) if images.name.lower() == "images" else None
    ratings = {name: find_folder(base, (f"Sequence_Labels/{name.upper()}", name.upper())) for name in SEQUENCE_LABELS}
    rows: list[dict[str, Any]] = []
    participants = subfolders(images)
    for done, participant in enumerate(participants):
        progress(done, len(participants), participant.name)
        for sequence in subfolders(participant):
            place = Path(participant.name, sequence.name)
            rated = {
                name: read_number(folder / participant.name / f"{sequence.name}.txt")[0] if folder else math.nan
                for name, folder in ratings.items()
            }
            found = _sequence(root, sequence, place, scores=scores, units=units, points=points)
            rows.extend(row | rated | _named(sequence.name) for row in found)
        for stray in files(participant, IMAGES):
            rows.append(_stray(root, stray, participant.name))
    progress(len(participants), len(participants))
    if not rows:
        raise DataError(f"no picture found in {images}; expected <participant>/<sequence>/<sequence>001.png")
    return pd.DataFrame(rows)


def pspi_of(frames: pd.DataFrame) -> pd.Series:
    """PSPI from action units: AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43 (0 or 1) (Prkachin and Solomon 2008).

    >>> units = {"au04": [2.0], "au06": [1.0], "au07": [3.0], "au09": [0.0], "au10": [1.0], "au43": [5.0]}
    >>> pspi_of(pd.DataFrame(units)).tolist()
    [7.0]
    """
    unit = {number: numbers(frames, f"au{number:02d}") for number in (4, 6, 7, 9, 10, 43)}
    closed = (unit[43] > 0).astype("float64").where(unit[43].notna())
    return unit[4] + np.fmax(unit[6], unit[7]) + np.fmax(unit[9], unit[10]) + closed


def read_number(file: Path) -> tuple[float, str]:
    """The one number in a label file, and why there is none ('' where there is)."""
    try:
        text = file.read_text(encoding="utf-8-sig", errors="replace").strip()
    except FileNotFoundError:
        return math.nan, "file is missing"
    except OSError as error:
        return math.nan, f"file cannot be read ({error.strerror})"
    number = number_of(text)
    if math.isfinite(number):
        return number, ""
    return math.nan, f"file holds '{text[:40]}', not a number" if text else "file is empty"


def read_action_units(file: Path) -> dict[int, float] | None:
    """Active action units and their intensities; None where the file is missing or not of the form.

    Each line holds the action unit, its intensity and possibly further codes (UNBC-McMaster: two). No line: coded,
    nothing is active.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
        cells = [line.split() for line in lines if line.strip()]
        coded = {round(number_of(unit)): number_of(intensity) for unit, intensity, *_ in cells}
    except (OSError, ValueError, OverflowError):
        return None
    return coded if all(map(math.isfinite, coded.values())) else None


def _sequence(
    root: Path, folder: Path, place: Path, *, scores: Path, units: Path | None, points: Path | None
) -> list[dict[str, Any]]:
    """Rows of one sequence, in the order of the frame numbers."""
    pictures = sorted(files(folder, IMAGES), key=lambda path: (_number(path.stem) or 0, path.name))
    rows = [
        _picture(root, path, place, score=scores / place, units=units / place if units else None) for path in pictures
    ]
    if points:
        landmarks, folder_of_points = names_in(points / place), (points / place).relative_to(root).as_posix()
        for row, path in zip(rows, pictures, strict=True):
            name = f"{path.stem}_aam.txt"
            row["landmarks_path"] = f"{folder_of_points}/{name}" if name in landmarks else None
            row["has_aam"] = name in landmarks
    stems = {path.stem for path in pictures}
    for name in sorted(names_in(scores / place)):
        stem = name.removesuffix("_facs.txt")
        if stem not in stems and name.endswith("_facs.txt"):
            expected = folder / f"{stem}.png"
            row = _picture(root, expected, place, score=scores / place, units=None)
            rows.append(row | {"reason": "picture is missing", "landmarks_path": None, "has_aam": False})
    return rows


def _picture(root: Path, path: Path, place: Path, *, score: Path, units: Path | None) -> dict[str, Any]:
    """The row of one picture."""
    number = _number(path.stem)
    pspi, problem = read_number(score / f"{path.stem}_facs.txt")
    reason = f"PSPI {problem}" if problem else ""
    if not problem and not 0 <= pspi <= 16:
        reason, pspi = f"PSPI is {pspi:g}, outside 0..16", math.nan
    if number is None:
        reason = "the file name ends in no frame number of three digits"
    active = read_action_units(units / f"{path.stem}_facs.txt") if units else None
    intensities = {unit: math.nan if active is None else active.get(unit, 0.0) for unit in ACTION_UNITS}
    return {
        "frame_id": f"{place.as_posix()}/{path.stem if number is None else f'{number:03d}'}",
        "participant": place.parts[0],
        "sequence": place.parts[1],
        "path": path.relative_to(root).as_posix(),
        "frame_index": number,
        "time_s": math.nan,
        "pspi": pspi,
        **{f"au{unit:02d}": intensity for unit, intensity in intensities.items()},
        "has_pspi": math.isfinite(pspi),
        "has_facs": active is not None,
        "reason": reason,
    }


def _stray(root: Path, path: Path, participant: str) -> dict[str, Any]:
    """A picture outside the sequences."""
    return {
        "frame_id": f"{participant}/{path.name}",
        "participant": participant,
        "sequence": "",
        "path": path.relative_to(root).as_posix(),
        "reason": "the picture lies in no sequence folder",
    }


def _number(stem: str) -> int | None:
    match = _NUMBERED.search(stem)
    return int(match[1]) if match else None


def _named(sequence: str) -> dict[str, Any]:
    """What the name of a sequence says: occasion of the test, movement, affected or unaffected limb."""
    match = _SEQUENCE.fullmatch(sequence)
    return {part: match[part] if match else None for part in ("test", "motion", "limb")}


def mismatches(frames: pd.DataFrame, columns: Sequence[str] = ("frame_id", "pspi")) -> pd.DataFrame:
    """Coded frames whose PSPI file differs from the PSPI of their action units: their `columns` and `from_units`."""
    computed = pspi_of(frames)
    differs = computed.notna() & frames["pspi"].notna() & (computed - frames["pspi"]).abs().gt(0.5)
    return frames.loc[differs, list(columns)].assign(from_units=computed[differs])


def triplets(frames: pd.DataFrame) -> dict[str, int]:
    """How many pictures have their score, their action units and both: defects of a copy at a glance."""
    pictures = frames[frames["reason"] != "picture is missing"]
    score, units = (pictures[name].fillna(False).astype("bool") for name in ("has_pspi", "has_facs"))
    return {
        "pictures": len(pictures),
        "without PSPI": int((~score).sum()),
        "without FACS": int((~units).sum()),
        "with both": int((score & units).sum()),
        "labels without picture": len(frames) - len(pictures),
    }
