"""A table of samples in the form of BioVid's ``samples.csv``, with a pattern that says where each sample lies.

Licence, consent and citation are those of the data that the table describes. The table (``samples.csv`` in the root or
in ``starting_point``, or the one that ``layout.table`` names; tabs, semicolons or commas) has one row per sample with
at least ``subject_name``, ``class_name`` and ``sample_name``. ``layout.path`` gives the place of a sample under the
root: ``{columns}`` of the table are filled in, and ``*`` stands for several files of one sample, which are its frames
in the order of the numbers in their names. Many groups bring UNBC-McMaster, MIntPAIN and X-ITE into this form.
"""

import fnmatch
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from painlens.databases.biovid import CLASSES as BIOVID
from painlens.databases.folders import IMAGES, VIDEOS, check_root, files, found_in
from painlens.databases.manifest import find_table
from painlens.databases.pictures import inside, is_clip
from painlens.databases.separated import read_separated
from painlens.progress import Progress, silent
from painlens.study import USUAL_LAYOUT, Layout
from painlens.tables import DataError

LABEL: Mapping[str, str] = {}
CLASSES: Mapping[str, Mapping[str, str]] = BIOVID
SPLITS: Mapping[str, tuple[tuple[str, ...], ...]] = {}
CLIP_SEPARATOR: str = "#"
EXPECTED: Mapping[str, int] = {}
NAMES = ("samples.csv", "starting_point/samples.csv")
_NEEDED = ("subject_name", "class_name", "sample_name")
_FIELD = re.compile(r"\{(\w+)\}")
_LAST_NUMBER = re.compile(r"(\d+)\D*$")


def scan(root: Path, *, progress: Progress = silent, layout: Layout = USUAL_LAYOUT) -> pd.DataFrame:
    """Every sample, or every file of every sample, with all columns of the table; `label` is the class."""
    check_root(root, "the samples")
    file = find_table(root, layout, NAMES)
    table = read_separated(file)
    table.columns = [name.lower() for name in table.columns]
    fields = _FIELD.findall(layout.path)
    missing = [name for name in dict.fromkeys((*_NEEDED, *fields)) if name not in table]
    if missing:
        raise DataError(f"{file} must have the columns {', '.join(missing)}, got {', '.join(table.columns)}")
    if table.empty:
        raise DataError(f"{file} has no rows")
    rows = []
    for done, sample in enumerate(table.to_dict("records")):
        if done % 1000 == 0:
            progress(done, len(table))
        rows += _frames(root, {str(name): value for name, value in sample.items()}, layout, row=done + 2)
    progress(len(table), len(table))
    frames = pd.DataFrame(rows)
    if not (frames["reason"] == "").any():
        raise DataError(
            f"no sample of {file} was found at layout.path '{layout.path}'; expected for example "
            f"{frames['path'].iloc[0]}, found {found_in(root)}"
        )
    frames["frame_index"] = frames["frame_index"].astype("Int64")
    return frames.assign(time_s=float("nan"))


def _frames(root: Path, sample: dict[str, object], layout: Layout, *, row: int) -> list[dict[str, object]]:
    """Rows of one sample."""
    cells = {name: "" if pd.isna(value) else str(value).strip() for name, value in sample.items()}  # pyright: ignore[reportArgumentType, reportCallIssue]
    place = _FIELD.sub(lambda match: cells[match[1]], layout.path)
    person, name = cells["subject_name"], cells["sample_name"]
    common: dict[str, object] = {
        **sample,
        "participant": person,
        "sequence": name,
        "label": cells["class_name"].lower() or None,
        "class_name": cells["class_name"] or None,
        "reason": "",
    }
    if not person or not name:
        return [common | _at(f"row {row}", place, None) | {"reason": "subject_name or sample_name is missing"}]
    try:
        found = _matching(root, place)
    except DataError:
        return [common | _at(f"{person}/{name}", place, None) | {"reason": "path leaves root"}]
    if not found:
        return [common | _at(f"{person}/{name}", place, None) | {"reason": "file is missing"}]
    if len(found) == 1 and is_clip(found[0]):
        return [common | _at(f"{person}/{name}", found[0], None)]
    numbers = [_number(Path(path).stem) for path in found]
    ordered = sorted(zip(numbers, found, strict=True), key=lambda pair: (pair[0] is None, pair[0] or 0, pair[1]))
    return [
        common | _at(f"{person}/{name}/{Path(path).name}", path, place_in_order if number is None else number)
        for place_in_order, (number, path) in enumerate(ordered)
    ]


def _at(frame_id: str, path: str, index: int | None) -> dict[str, object]:
    return {"frame_id": frame_id, "path": path, "frame_index": index}


def _matching(root: Path, place: str) -> list[str]:
    """Files at a place under the root, whose last part may hold wild cards."""
    folder, _, name = place.rpartition("/")
    there = inside(root, folder)
    if not any(sign in name for sign in "*?["):
        return [place] if inside(root, place).is_file() else []
    if not there.is_dir():
        return []
    prefix = f"{folder}/" if folder else ""
    return [prefix + path.name for path in files(there, IMAGES | VIDEOS) if fnmatch.fnmatchcase(path.name, name)]


def _number(stem: str) -> int | None:
    match = _LAST_NUMBER.search(stem)
    return int(match[1]) if match else None
