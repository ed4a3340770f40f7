"""A folder of pictures with a metadata file, as the Hugging Face datasets library reads it (``imagefolder``).

Licence, consent and citation are those of the data. Layout: ``metadata.csv``, ``metadata.jsonl`` or
``metadata.parquet`` with the column ``file_name``, in the root or in one folder per part (``train``, ``validation``,
``test``); pictures lie where ``file_name`` says, relative to the metadata. All other columns are those of a manifest:
``label``, ``participant`` or ``subject``, ``pspi``, ``consent`` and so on. Where no column names the person, the study
must (`layout.participant`).
"""

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from painlens.databases import manifest
from painlens.databases.folders import check_root, found_in, subfolders
from painlens.databases.imagefolder import PARTS
from painlens.databases.people import participants_of, without_people
from painlens.databases.separated import read_lines
from painlens.progress import Progress, silent
from painlens.study import USUAL_LAYOUT, Layout
from painlens.tables import DataError

LABEL: Mapping[str, str] = {}
CLASSES = manifest.CLASSES
SPLITS: Mapping[str, tuple[tuple[str, ...], ...]] = {}
CLIP_SEPARATOR: str = "#"
EXPECTED: Mapping[str, int] = {}
NAMES = ("metadata.parquet", "metadata.csv", "metadata.jsonl")


def scan(root: Path, *, progress: Progress = silent, layout: Layout = USUAL_LAYOUT) -> pd.DataFrame:
    """Every row of the metadata files."""
    check_root(root, "the pictures with metadata")
    names = (layout.table,) if layout.table else NAMES
    found = [folder / name for folder in (root, *subfolders(root)) for name in names if (folder / name).is_file()]
    if not found:
        raise DataError(f"{root} must hold {' or '.join(names)}, here or in its folders, found {found_in(root)}")
    tables = []
    for done, file in enumerate(found):
        progress(done, len(found), file.name)
        tables.append(_read(file, root, layout))
    progress(len(found), len(found))
    return pd.concat(tables, ignore_index=True)


def read_json_lines(file: Path) -> pd.DataFrame:
    """One row per line, each a JSON object; values that are lists or objects become text.

    Raises
    ------
    DataError
        A line is no JSON object; its number is told.
    """
    rows = []
    for number, line in enumerate(read_lines(file), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{file}, line {number}: not JSON ({error}); expected one object per line") from None
        if not isinstance(row, dict):
            raise DataError(f"{file}, line {number}: expected a JSON object with file_name, got {type(row).__name__}")
        rows.append({str(key): _cell(value) for key, value in row.items()})
    if not rows:
        raise DataError(f"{file} is empty; expected one JSON object per picture")
    return pd.DataFrame(rows, dtype="string")


def _read(file: Path, root: Path, layout: Layout) -> pd.DataFrame:
    table = read_json_lines(file) if file.suffix == ".jsonl" else manifest.read_table(file)
    if "file_name" not in table and "path" not in table:
        raise DataError(f"{file} must have the column file_name, got {', '.join(map(str, table.columns))}")
    unknown = "participant" not in table and "subject" not in table
    table = table.assign(participant="") if unknown else table
    frames = manifest.frames_of(table, file=file, root=root)
    if unknown:
        people = participants_of(frames["path"], layout, what=f"{file.name} has no column 'participant' and")
        told = without_people(people, layout)
        frames = frames.assign(
            participant=people.fillna(""), reason=frames["reason"].where(frames["reason"] != "", told)
        )
    part = PARTS.get(file.parent.name.lower()) if file.parent != root else None
    return frames.assign(part=part) if part and "part" not in frames else frames


def _cell(value: object) -> str | None:
    """A JSON value as a cell of text."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
