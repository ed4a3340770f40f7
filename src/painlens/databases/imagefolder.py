"""Folders of classes, as torchvision's ImageFolder reads them: ``<class>/**/<picture>``.

Licence, consent and citation are those of the data. Owner's parts are understood: ``train|val|test/<class>/...``
becomes the column `part`. The folders do not say who is on a picture; the study must (`layout.participant`): a
regular expression on the path, or ``each-file`` for pictures from the web. Re-sorted copies of AffectNet
(``train/<0..7>/*.jpg``) are read this way with a label rule such as ``{happy: 'class_name == 1'}``.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from painlens.databases.folders import IMAGES, VIDEOS, check_root, files_below, found_in, subfolders
from painlens.databases.levels import emotions
from painlens.databases.people import participants_of, without_people
from painlens.progress import Progress, silent
from painlens.study import USUAL_LAYOUT, Layout
from painlens.tables import DataError

LABEL: Mapping[str, str] = {}
CLASSES: Mapping[str, Mapping[str, str]] = {"emotions": emotions()}
SPLITS: Mapping[str, tuple[tuple[str, ...], ...]] = {}
CLIP_SEPARATOR: str = "#"
EXPECTED: Mapping[str, int] = {}
PARTS = {
    **dict.fromkeys(("train", "training", "train_set"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "val_set"), "validation"),
    **dict.fromkeys(("test", "testing", "test_set"), "test"),
}
# A class becomes a name in the study: small letters, digits, dashes.
_OTHER_SIGNS = re.compile(r"[^a-z0-9]+")


def scan(root: Path, *, progress: Progress = silent, layout: Layout = USUAL_LAYOUT) -> pd.DataFrame:
    """Every picture or video in a folder of a class.

    Returns
    -------
    DataFrame
        frame_id and path (place of the file), participant, sequence (its folder), class_name (name of the folder),
        label (the same as a name of a class), part (train, validation, test or missing), frame_index, time_s, reason.
    """
    check_root(root, "the pictures")
    folders = subfolders(root)
    parted = bool(folders) and all(folder.name.lower() in PARTS for folder in folders)
    paths: list[str] = []
    for done, folder in enumerate(folders):
        progress(done, len(folders), folder.name)
        paths += [path.relative_to(root).as_posix() for path in files_below(folder, IMAGES | VIDEOS)]
    places = pd.Series(paths, dtype="string").sort_values(ignore_index=True)
    depth = 3 if parted else 2
    inside = places[places.str.count("/") >= depth - 1].reset_index(drop=True)
    if inside.empty:
        raise DataError(f"{root} must hold folders of pictures, one per class, found {found_in(root)}")
    steps = inside.str.split("/")
    names = steps.str[depth - 2]
    people = participants_of(inside, layout, what="a folder of classes")
    progress(len(folders), len(folders))
    clip = inside.str.lower().str.endswith(tuple(VIDEOS))
    return pd.DataFrame(
        {
            "frame_id": inside,
            "participant": people.fillna(""),
            "sequence": inside.str.rpartition("/")[0],
            "path": inside,
            "frame_index": pd.array([0] * len(inside), dtype="Int64"),
            "time_s": float("nan"),
            "class_name": names,
            "label": names.str.lower().str.replace(_OTHER_SIGNS, "-", regex=True).str.strip("-"),
            "part": steps.str[0].str.lower().map(PARTS) if parted else None,
            "reason": without_people(people, layout),
        }
    ).assign(frame_index=lambda table: table["frame_index"].mask(clip))
