"""The newer package of AffectNet: crops of 224 x 224 with one of 8 expressions, one file per label.

Licence, consent and citation: see `affectnet`. Layout::

    {train_set,val_set}/images/<id>.jpg
    {train_set,val_set}/annotations/<id>_{exp,val,aro,lnd}.npy

The expression may be stored as a number or as text; a file that would have to be unpickled is refused. There are no
face boxes: the pictures are crops (``faces: {detector: none}`` takes them as they are).
"""

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from painlens.databases.columns import number_of
from painlens.databases.folders import IMAGES, files, find_folder, found_in, names_in
from painlens.databases.levels import EMOTIONS
from painlens.progress import Progress, silent
from painlens.tables import DataError

PARTS = {"train_set": ("training", "train"), "val_set": ("validation", "validation")}
_LARGEST_BYTES = 65_536  # 68 landmarks need 1,216; a header that claims more is not believed


def scan(root: Path, base: Path, *, progress: Progress = silent) -> pd.DataFrame:
    """Every picture of both parts, and every expression whose picture is missing; columns as `affectnet.scan`."""
    rows: list[dict[str, Any]] = []
    for name, (sequence, part) in PARTS.items():
        folder = find_folder(base, (name,))
        if folder is None:
            continue
        images, labels = find_folder(folder, ("images",)), find_folder(folder, ("annotations",))
        if images is None or labels is None:
            raise DataError(f"{folder} must hold the folders images and annotations, found {found_in(folder)}")
        pictures, known = files(images, IMAGES), names_in(labels)
        for done, picture in enumerate(pictures):
            if done % 1000 == 0:
                progress(done, len(pictures), name)
            row = {"path": picture.relative_to(root).as_posix(), "sequence": sequence, "part": part}
            rows.append(row | _labelled(labels, picture.stem, known))
        stems = {picture.stem for picture in pictures}
        lone = sorted(n.removesuffix("_exp.npy") for n in known if n.endswith("_exp.npy"))
        place = images.relative_to(root).as_posix()
        rows += [
            {"path": f"{place}/{stem}.jpg", "sequence": sequence, "part": part, "reason": "picture is missing"}
            for stem in lone
            if stem not in stems
        ]
    if not rows:
        raise DataError(f"no picture found in {base}; expected train_set/images/<id>.jpg")
    table = pd.DataFrame(rows)
    for name in ("class_name", "expression", "valence", "arousal", "owner_landmarks"):
        if name not in table:
            table[name] = None
    return table.assign(frame_id=table["path"], participant=table["path"], frame_index=0, time_s=math.nan)


def read_array(file: Path) -> NDArray[Any] | None:
    """A small array of numbers or text from an .npy file; None where it is missing, damaged or something else."""
    try:
        if file.stat().st_size > _LARGEST_BYTES:
            return None
        with file.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about headers written by Python 2
            version = np.lib.format.read_magic(stream)
            reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, kind = reader(stream)
            rest = stream.read()
        # Checked before anything of the claimed size is made; objects would have to be unpickled.
        if kind.kind not in "iufUS" or not kind.itemsize or len(rest) != math.prod(shape) * kind.itemsize:
            return None
        return np.frombuffer(rest, dtype=kind).reshape(shape)
    except Exception:  # numpy parses the header as Python and fails in many ways; the caller tells the file
        return None


def _labelled(folder: Path, stem: str, known: frozenset[str]) -> dict[str, Any]:
    """What the annotation files say of one picture."""
    values = {kind: _one_number(folder / f"{stem}_{kind}.npy") for kind in ("exp", "val", "aro")}
    points = read_array(folder / f"{stem}_lnd.npy")
    whole = points is not None and points.size == 2 * 68 and points.dtype.kind in "iuf"
    row: dict[str, Any] = {
        "expression": values["exp"],
        "valence": math.nan if values["val"] == -2 else values["val"],
        "arousal": math.nan if values["aro"] == -2 else values["aro"],
        "owner_landmarks": ";".join(f"{value:g}" for value in points.ravel()) if points is not None and whole else None,
        "class_name": None,
        "reason": "",
    }
    if values["exp"] in range(len(EMOTIONS)):
        return row | {"class_name": EMOTIONS[int(values["exp"])]}
    told = "cannot be read" if f"{stem}_exp.npy" in known else "is missing"
    shown = f"is {values['exp']:g}, not 0 to 7" if math.isfinite(values["exp"]) else told
    return row | {"reason": f"expression file {shown}"}


def _one_number(file: Path) -> float:
    """The number in a file with one value, stored as a number or as text; NaN where there is none."""
    values = read_array(file)
    if values is None or values.size != 1:
        return math.nan
    item = values.reshape(-1)[0].item()
    text = item.decode("ascii", errors="replace") if isinstance(item, bytes) else str(item)
    return number_of(text)
