"""BP4D-Spontaneous: faces during eight tasks that elicit emotions and pain, with coded action units.

Licence: research agreement with Binghamton University; no redistribution. Consent: the owners name the people whose
pictures may be published; nobody's face is published by default. Citation: Zhang, Yin, Cohn, Canavan, Reale, Horowitz,
Liu, Girard (2014), BP4D-Spontaneous: a high-resolution spontaneous 3D dynamic facial expression database, Image and
Vision Computing 32.

Layout::

    Sequences_2D+3D/F001/T1/0000.jpg      (numbers of three and of four digits are mixed)
    AUCoding/AU_OCC/F001_T1.csv           first column frame, header 0..99 = action unit, 9 = not scored

Not every frame is coded: action units are missing in the others. The class is the task, what was elicited, not what
shows; that T6 is the cold pressor is common knowledge that the files do not state.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from painlens.databases.action_unit_tables import read_action_unit_table
from painlens.databases.folders import IMAGES, base_of, check_root, files, find_folder, found_in, subfolders
from painlens.progress import Progress, silent
from painlens.study import USUAL_LAYOUT, Layout
from painlens.tables import DataError

TASKS: Mapping[str, str] = {
    "T1": "happy", "T2": "sad", "T3": "surprise", "T4": "embarrassment", "T5": "fear", "T6": "pain", "T7": "anger",
    "T8": "disgust",
}  # fmt: skip
LABEL: Mapping[str, str] = {"pain": "class_name == pain", "no-pain": "class_name != pain"}
CLASSES: Mapping[str, Mapping[str, str]] = {
    "pain": LABEL,
    "pain-and-emotions": {name: f"class_name == {name}" for name in TASKS.values()},
    "emotions": {name: f"class_name == {name}" for name in TASKS.values() if name != "pain"},
}
SPLITS: Mapping[str, tuple[tuple[str, ...], ...]] = {}
CLIP_SEPARATOR: str = "/"
EXPECTED: Mapping[str, int] = {}
FOLDERS = ("Sequences_2D+3D", "Sequences(2D+3D)", "2D+3D", "Sequences")
_NUMBER = re.compile(r"(\d+)$")


def scan(root: Path, *, progress: Progress = silent, layout: Layout = USUAL_LAYOUT) -> pd.DataFrame:  # noqa: ARG001
    """Every picture with its task and action units.

    Returns
    -------
    DataFrame
        frame_id, participant (F001, M001 ...), sequence (task), path, frame_index, time_s (missing), class_name, task,
        au01 ... (missing where not scored), has_facs, sex, reason.
    """
    check_root(root, "BP4D")
    return scan_tasks(root, folders=FOLDERS, tasks=TASKS, what="BP4D", progress=progress)


def scan_tasks(
    root: Path, *, folders: Sequence[str], tasks: Mapping[str, str], what: str, progress: Progress
) -> pd.DataFrame:
    """Every picture of a tree <folder>/<participant>/<task>/<number>.jpg with the tables of AU_OCC joined."""
    base = base_of(root, folders)
    pictures, coded = find_folder(base, folders), find_folder(base, ("AUCoding/AU_OCC", "AU_OCC"))
    if pictures is None:
        raise DataError(f"{root} must hold the folder {folders[0]} (layout of {what}), found {found_in(root)}")
    rows: list[dict[str, Any]] = []
    tables: list[pd.DataFrame] = []
    people = subfolders(pictures)
    for done, person in enumerate(people):
        progress(done, len(people), person.name)
        for task in subfolders(person):
            found = [_row(root, person.name, task.name, picture, tasks) for picture in files(task, IMAGES)]
            rows += sorted(found, key=lambda row: (row["frame_index"] is None, row["frame_index"] or 0))
            tables += _coded(coded, person.name, task.name)
    progress(len(people), len(people))
    if not rows:
        raise DataError(f"no picture found in {pictures}; expected F001/T1/0000.jpg")
    frames = pd.DataFrame(rows).astype({"frame_index": "Int64"})
    if not tables:
        return frames.assign(has_facs=False)
    units = pd.concat(tables, ignore_index=True).assign(has_facs=True)
    joined = frames.merge(units, how="left", on=["participant", "sequence", "frame_index"], validate="many_to_one")
    return joined.assign(has_facs=joined["has_facs"].fillna(False).astype("bool"))


def _row(root: Path, person: str, task: str, picture: Path, tasks: Mapping[str, str]) -> dict[str, Any]:
    match = _NUMBER.search(picture.stem)
    index = int(match[1]) if match else None
    return {
        # 012.jpg and 0012.jpg are one frame: the id holds the number, not its digits.
        "frame_id": f"{person}/{task}/{picture.stem if index is None else f'{index:05d}'}",
        "participant": person,
        "sequence": task,
        "path": picture.relative_to(root).as_posix(),
        "frame_index": index,
        "time_s": float("nan"),
        "class_name": tasks.get(task.upper()),
        "task": task.upper(),
        "sex": {"F": "f", "M": "m"}.get(person[:1].upper()),
        "reason": "" if match else "the file name ends in no number",
    }


def _coded(folder: Path | None, person: str, task: str) -> list[pd.DataFrame]:
    """The action units of one recording, in a list that is empty where it was not coded."""
    file = folder / f"{person}_{task}.csv" if folder is not None else None
    if file is None or not file.is_file():
        return []
    try:
        table = read_action_unit_table(file)
    except DataError:
        return []  # has_facs stays false; a picture without action units can still be used for its task
    table = table.reset_index(names="frame_index").astype({"frame_index": "Int64"})
    return [table.assign(participant=person, sequence=task)]
