"""KDEF (Karolinska Directed Emotional Faces): posed expressions of 70 people, two sessions, five views.

Licence: research agreement with Karolinska Institutet; no redistribution. Consent: the owners name the pictures that
may be printed; nobody's face is published by default. Citation: Lundqvist, Flykt, Oehman (1998), The Karolinska
Directed Emotional Faces, CD ROM, Karolinska Institutet.

Layout: pictures anywhere below the root, named ``AF01ANS.JPG``: session (A, B), sex (F, M), number of the person,
expression (AF afraid, AN angry, DI disgusted, HA happy, NE neutral, SA sad, SU surprised), view (S straight, HL and HR
half, FL and FR full profile). AF01 and BF01 are the same person in two sessions. A rule such as
``{fear: 'class_name == fear and view == S'}`` takes one view.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from painlens.databases.folders import IMAGES, check_root, files_below, found_in
from painlens.databases.levels import EMOTIONS, emotions
from painlens.progress import Progress, silent
from painlens.study import USUAL_LAYOUT, Layout
from painlens.tables import DataError

CODES = {
    "AF": "fear", "AN": "anger", "DI": "disgust", "HA": "happy", "NE": "neutral", "SA": "sad", "SU": "surprise",
}  # fmt: skip
LABEL: Mapping[str, str] = emotions(EMOTIONS[:7])
CLASSES: Mapping[str, Mapping[str, str]] = {"emotions": LABEL}
SPLITS: Mapping[str, tuple[tuple[str, ...], ...]] = {}
CLIP_SEPARATOR: str = "#"
EXPECTED: Mapping[str, int] = {}
_NAME = re.compile(
    r"(?P<session>[AB])(?P<person>[FM]\d\d)(?P<expression>AF|AN|DI|HA|NE|SA|SU)(?P<view>S|HL|HR|FL|FR)", re.IGNORECASE
)


def scan(root: Path, *, progress: Progress = silent, layout: Layout = USUAL_LAYOUT) -> pd.DataFrame:  # noqa: ARG001
    """Every picture below the root.

    Returns
    -------
    DataFrame
        frame_id, participant (F01, M35 ...), sequence (session), path, frame_index 0, time_s (missing), class_name,
        view, sex, reason.
    """
    check_root(root, "KDEF")
    pictures = files_below(root, IMAGES)
    rows = [_row(root, picture) for picture in pictures]
    if not any(not row["reason"] for row in rows):
        raise DataError(f"{root} must hold pictures named like AF01ANS.JPG (layout of KDEF), found {found_in(root)}")
    progress(len(rows), len(rows))
    return pd.DataFrame(rows)


def _row(root: Path, picture: Path) -> dict[str, Any]:
    match = _NAME.fullmatch(picture.stem)
    place = picture.relative_to(root).as_posix()
    row: dict[str, Any] = {"frame_id": place, "path": place, "frame_index": 0, "time_s": float("nan")}
    if match is None:
        reason = "the name is not <session><sex><number><expression><view>, as AF01ANS"
        return row | {
            "participant": "",
            "sequence": "",
            "class_name": None,
            "view": None,
            "sex": None,
            "reason": reason,
        }
    return row | {
        "frame_id": picture.stem.upper(),
        "participant": match["person"].upper(),
        "sequence": match["session"].upper(),
        "class_name": CODES[match["expression"].upper()],
        "view": match["view"].upper(),
        "sex": match["person"][0].lower(),
        "reason": "",
    }
