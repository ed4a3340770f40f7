"""RAF-DB: pictures from the web with one of seven basic emotions, agreed by many annotators.

Licence: research agreement, non-commercial; no redistribution. Consent: the pictures were collected from the web
without the consent of the people in them: do not publish faces. Citation: Li, Deng, Du (2017), Reliable crowdsourcing
and deep locality-preserving learning for expression recognition in the wild, IEEE CVPR.

Layout (``basic`` may stand above)::

    EmoLabel/list_patition_label.txt      "train_00001.jpg 5" (spelt so)
    Image/aligned/train_00001_aligned.jpg or Image/original/train_00001.jpg

Codes: 1 surprise, 2 fear, 3 disgust, 4 happy, 5 sad, 6 anger, 7 neutral. People are not named: every picture counts as
a participant of its own.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from painlens.databases.folders import IMAGES, base_of, check_root, files, find_folder, found_in
from painlens.databases.levels import EMOTIONS, emotions
from painlens.databases.separated import read_lines
from painlens.progress import Progress, silent
from painlens.study import USUAL_LAYOUT, Layout
from painlens.tables import DataError

CODES = {"1": "surprise", "2": "fear", "3": "disgust", "4": "happy", "5": "sad", "6": "anger", "7": "neutral"}
LABEL: Mapping[str, str] = emotions(EMOTIONS[:7])
CLASSES: Mapping[str, Mapping[str, str]] = {"emotions": LABEL}
SPLITS: Mapping[str, tuple[tuple[str, ...], ...]] = {}
CLIP_SEPARATOR: str = "#"
EXPECTED: Mapping[str, int] = {}
LISTS = ("list_patition_label.txt", "list_partition_label.txt")
_FOLDERS = ("Image/aligned", "Image/original")


def scan(root: Path, *, progress: Progress = silent, layout: Layout = USUAL_LAYOUT) -> pd.DataFrame:  # noqa: ARG001
    """Every picture of the list, and pictures that it does not list.

    Returns
    -------
    DataFrame
        frame_id and participant (name in the list), sequence and part (train or test), path, frame_index 0, time_s
        (missing), class_name, reason.
    """
    check_root(root, "RAF-DB")
    base = base_of(root, ("EmoLabel",))
    labels, images = find_folder(base, ("EmoLabel",)), find_folder(base, _FOLDERS)
    if labels is None or images is None:
        raise DataError(
            f"{root} must hold EmoLabel and Image/aligned or Image/original (layout of RAF-DB), found {found_in(root)}"
        )
    file = next((labels / name for name in LISTS if (labels / name).is_file()), None)
    if file is None:
        raise DataError(f"{labels} must hold {LISTS[0]}, found {found_in(labels)}")
    pictures = {path.stem.removesuffix("_aligned"): path for path in files(images, IMAGES)}
    listed = _read_list(file)
    progress(0, len(listed))
    table = pd.DataFrame(listed, columns=["frame_id", "code"], dtype="string")
    stems = table["frame_id"].str.rpartition(".")[0].where(table["frame_id"].str.contains(".", regex=False))
    stems = stems.fillna(table["frame_id"])
    place = images.relative_to(root).as_posix()
    table["path"] = [
        pictures[stem].relative_to(root).as_posix() if stem in pictures else f"{place}/{stem}.jpg" for stem in stems
    ]
    table["class_name"] = table["code"].map(CODES)
    reason = pd.Series("", index=table.index, dtype="str")
    reason = reason.mask(~stems.isin(list(pictures)), "picture is missing")
    reason = reason.mask(table["class_name"].isna(), "the list's code is '" + table["code"] + "', not 1 to 7")
    sequence = table["frame_id"].str.extract(r"^(train|test)", expand=False).fillna("")
    progress(len(listed), len(listed))
    return table.drop(columns="code").assign(
        participant=table["frame_id"],
        sequence=sequence,
        part=sequence.mask(sequence == ""),
        frame_index=0,
        time_s=float("nan"),
        reason=reason.astype("str"),
    )


def _read_list(file: Path) -> list[tuple[str, str]]:
    """Name and code of each line; the name may hold blanks, the code is the last word."""
    pairs = []
    for line in read_lines(file):
        name, _, code = line.strip().rpartition(" ")
        if name or code:
            pairs.append((name.strip(), code) if name else (code, ""))
    if not pairs:
        raise DataError(f"{file} is empty; expected lines 'train_00001.jpg 5'")
    return pairs
