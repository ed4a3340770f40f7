"""MIntPAIN: faces under electrical stimuli of four levels, as single pictures of three cameras.

Licence: research agreement with Aalborg University; no redistribution. Consent: ask the owners; nobody's face is
published by default. Citation: Haque, Bautista, Noroozi, Kulkarni, Laursen, Irani, Bellantonio, Escalera, Anbarjafari,
Nasrollahi, Andersen, Spaich, Moeslund (2018), Deep multimodal pain recognition: a database and comparison of
spatio-temporal visual modalities, IEEE FG.

Layout::

    Extracted_Data/<participant>/<trial>/Sub01_Trial01_Sweep01_Label0/RGB/RGB-<number>.jpg

Pictures of depth and heat lie in folders beside ``RGB`` (`layout.camera` chooses another). Names of folders may hold
blanks, and some sweeps hold no picture. Label 0 is no stimulus, 1 to 4 are the levels.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from painlens.databases.folders import IMAGES, check_root, files, find_folder, found_in, subfolders
from painlens.progress import Progress, silent
from painlens.study import USUAL_LAYOUT, Layout
from painlens.tables import DataError

# Nothing against the strongest stimulus, as in the paper's use of BioVid (ours).
LABEL: Mapping[str, str] = {"no-pain": "level == 0", "pain": "level == 4"}
CLASSES: Mapping[str, Mapping[str, str]] = {
    "pain": LABEL,
    "pain-levels": {"none": "level == 0", "trace": "level == 1", "weak": "level in 2, 3", "strong": "level == 4"},
}
SPLITS: Mapping[str, tuple[tuple[str, ...], ...]] = {}
CLIP_SEPARATOR: str = "/"
EXPECTED: Mapping[str, int] = {}
CAMERA = "RGB"
_SWEEP = re.compile(
    r"\s*Sub\s*(?P<person>\d+)[\s_]*Trial\s*(?P<trial>\d+)[\s_]*Sweep\s*(?P<sweep>\d+)[\s_]*Label\s*(?P<level>\d)\s*",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(\d+)\D*$")
_DEPTH = 6  # of folders between the root and a sweep


def scan(root: Path, *, progress: Progress = silent, layout: Layout = USUAL_LAYOUT) -> pd.DataFrame:
    """Every picture of the camera, and every sweep without one.

    Returns
    -------
    DataFrame
        frame_id, participant (Sub01 ...), sequence (Trial01/Sweep01), path, frame_index, time_s (missing),
        class_name (Label0 ...), level, reason.
    """
    check_root(root, "MIntPAIN")
    sweeps = list(_sweeps(root, _DEPTH))
    if not sweeps:
        raise DataError(
            f"{root} must hold folders like Extracted_Data/<participant>/<trial>/Sub01_Trial01_Sweep01_Label0, "
            f"found {found_in(root)}"
        )
    rows: list[dict[str, Any]] = []
    for done, (folder, name) in enumerate(sweeps):
        progress(done, len(sweeps), folder.name)
        rows += _pictures(root, folder, name, layout.camera or CAMERA)
    progress(len(sweeps), len(sweeps))
    return pd.DataFrame(rows).astype({"frame_index": "Int64"})


def _sweeps(folder: Path, depth: int) -> Iterator[tuple[Path, re.Match[str]]]:
    """Folders of sweeps at any depth: copies put the participants at different places."""
    for child in subfolders(folder):
        match = _SWEEP.fullmatch(child.name)
        if match:
            yield child, match
        elif depth > 1 and not child.is_symlink():
            yield from _sweeps(child, depth - 1)


def _pictures(root: Path, folder: Path, name: re.Match[str], camera: str) -> list[dict[str, Any]]:
    """Rows of one sweep, in the order of the numbers of its pictures."""
    person, sequence = f"Sub{int(name['person']):02d}", f"Trial{int(name['trial']):02d}/Sweep{int(name['sweep']):02d}"
    common: dict[str, Any] = {
        "participant": person,
        "sequence": sequence,
        "time_s": float("nan"),
        "class_name": f"Label{name['level']}",
        "level": float(name["level"]),
        "reason": "",
    }
    place = find_folder(folder, (camera,))
    pictures = files(place, IMAGES) if place is not None else []
    if not pictures:
        own = {"frame_id": f"{person}/{sequence}", "path": "", "frame_index": None}
        return [common | own | {"reason": f"the sweep holds no picture in a folder {camera}"}]
    rows = []
    for picture in pictures:
        number = _NUMBER.search(picture.stem)
        index = int(number[1]) if number else None
        reason = "" if number else "the file name holds no number"
        shown = picture.stem if index is None else f"{index:05d}"
        own = {"frame_id": f"{person}/{sequence}/{shown}", "path": picture.relative_to(root).as_posix()}
        rows.append(common | own | {"frame_index": index, "reason": reason})
    return sorted(rows, key=lambda row: (row["frame_index"] is None, row["frame_index"] or 0))
