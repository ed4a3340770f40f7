"""UNBC-McMaster."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from layouts.pixels import picture, save_picture, write_text
from layouts.tree import KEPT, Effect, Tree, deeper, move


def points66(scale: float = 1.0) -> NDArray[np.float64]:
    """Coordinates (66, 2) in which x tells the number of the point."""
    return np.column_stack([np.arange(66.0) * scale, np.arange(66.0)[::-1] * scale]).astype(np.float64)


def write_unbc(
    root: Path,
    sequences: Mapping[str, Sequence[float | None]],
    *,
    images: str = "Images",
    labels: str = "Frame_Labels",
    first: int = 1,
) -> None:
    """UNBC-McMaster: '<participant>/<sequence>' -> PSPI of its frames (None: an empty label file)."""
    for place, scores in sequences.items():
        sequence = place.split("/")[1]
        write_text(root / images / ".DS_Store", "x")
        write_text(root / images / place / ".DS_Store", "x")
        write_text(root / "Sequence_Labels" / "VAS" / f"{place}.txt", "  3.5000000e+00\n")
        for number, score in enumerate(scores, start=first):
            stem = f"{sequence}{number:03d}"
            save_picture(root / images / place / f"{stem}.png", picture(number % 20))
            score_text = "" if score is None else f"   {score:.7e}\n"
            write_text(root / labels / "PSPI" / place / f"{stem}_facs.txt", score_text)
            units = f"   4.0000000e+00   {score:.7e}   0.0000000e+00   0.0000000e+00\n" if score else ""
            write_text(root / labels / "FACS" / place / f"{stem}_facs.txt", units)
            lines = [f"   {x:.7e}   {y:.7e}" for x, y in points66(0.5)]
            write_text(root / "AAM_landmarks" / place / f"{stem}_aam.txt", "\n".join(lines) + "\n")


_FIRST, _LATE = "042-ll042/ll042t1aaaff", "066-mg066/mg066t2aeunaff"


def build(root: Path) -> None:
    """Two participants with twenty frames each; the frames of the second begin at 008."""
    write_unbc(root, {_FIRST: [0, 0, 1, 2, 3] * 4})
    write_unbc(root, {_LATE: [0, 4, 0, 1, 0]}, first=8)


def _label(root: Path, kind: str, number: int, place: str = _FIRST) -> Path:
    return root / "Frame_Labels" / kind / place / f"{place.split('/')[1]}{number:03d}_facs.txt"


def _image(root: Path, number: int, place: str = _FIRST, suffix: str = ".png") -> Path:
    return root / "Images" / place / f"{place.split('/')[1]}{number:03d}{suffix}"


def _text(kind: str, number: int, text: str, reason: str) -> Callable[[Path], Effect]:
    """A trap: other bytes in a label file."""

    def spring(root: Path) -> Effect:
        _label(root, kind, number).write_bytes(text.encode("utf-8"))
        return {f"{_FIRST}/{number:03d}": reason}

    return spring


def _without_score(root: Path) -> Effect:
    _label(root, "PSPI", 3).unlink()
    return {f"{_FIRST}/003": "PSPI file is missing"}


def _without_units(root: Path) -> Effect:
    _label(root, "FACS", 4).unlink()
    return {f"{_FIRST}/004": KEPT}


def _without_points(root: Path) -> Effect:
    next((root / "AAM_landmarks" / _FIRST).glob("*005_aam.txt")).unlink()
    return {f"{_FIRST}/005": KEPT}


def _without_picture(root: Path) -> Effect:
    _image(root, 6).unlink()
    return {f"{_FIRST}/006": "picture is missing"}


def _two_pictures(root: Path) -> Effect:
    save_picture(_image(root, 7, suffix=".jpg"), picture(1))
    return {f"{_FIRST}/007": KEPT, f"{_FIRST}/007~2": "listed twice"}


def _strays(root: Path) -> Effect:
    save_picture(root / "Images" / _FIRST / "portrait.png", picture(1))
    save_picture(root / "Images" / "042-ll042" / "card.png", picture(1))
    save_picture(root / "overview.png", picture(1))
    return {
        f"{_FIRST}/portrait": "no frame number",
        "042-ll042/card.png": "no sequence folder",
        "overview.png": "in no place",
    }


def _debris(root: Path) -> Effect:
    for place in ("", "Images", "Images/042-ll042", f"Images/{_FIRST}", "Frame_Labels", "Frame_Labels/PSPI"):
        write_text(root / place / ".DS_Store", "x")
        write_text(root / place / "notes.txt", "x")
    save_picture(root / "Images" / _FIRST / "._ll042t1aaaff001.png", picture(1))
    save_picture(root / "__MACOSX" / "a.png", picture(1))
    return {}


def _other_name(root: Path) -> Effect:
    write_unbc(root, {"042-ll042/session two": [0, 5]})
    return {"042-ll042/session two/001": KEPT, "042-ll042/session two/002": KEPT}


def _bad_points(root: Path) -> Effect:
    next((root / "AAM_landmarks" / _FIRST).glob("*008_aam.txt")).write_text("1 2\nthree four\n")
    return {f"{_FIRST}/008": KEPT}


TREE = Tree(
    build=build,
    kept=25,
    traps={
        "empty PSPI file": _text("PSPI", 1, "", "PSPI file is empty"),
        "word in a PSPI file": _text("PSPI", 2, "three\n", "'three', not a number"),
        "missing PSPI file": _without_score,
        "missing FACS file": _without_units,
        "missing landmark file": _without_points,
        "missing picture": _without_picture,
        "second picture of a frame": _two_pictures,
        "damaged landmark file": _bad_points,
        "PSPI outside its range": _text("PSPI", 9, "17\n", "outside 0..16"),
        "Windows line ends and a byte order mark": _text("PSPI", 10, "\ufeff  3.0e+00\r\n", KEPT),
        "decimal comma": _text("PSPI", 11, " 2,0000000e+00 ", KEPT),
        "negative exponent": _text("PSPI", 12, "  2.0000000e-03\n", KEPT),
        "empty FACS file of a neutral frame": _text("FACS", 13, "", KEPT),
        "one FACS line with leading blanks": _text("FACS", 14, "\t  4.0e+00    2.0e+00   0   0", KEPT),
        "FACS lines with blank lines and CR LF": _text("FACS", 15, "\r\n 4.3e+01  1e0 0 0\r\n\r\n", KEPT),
        "pictures without a place": _strays,
        "debris of archives": _debris,
        "sequence with another name": _other_name,
    },
    moves={
        "Images/Images": lambda root: move(root / "Images", root / "Images" / "Images"),
        "Frame_Labels/Frame_Labels": lambda root: move(root / "Frame_Labels", root / "Frame_Labels" / "Frame_Labels"),
        "loose label folders": lambda root: (
            [move(root / "Frame_Labels" / kind, root / kind) for kind in ("PSPI", "FACS")] and None
        ),
        "one folder deeper": deeper,
        "small letters": lambda root: move(root / "Images", root / "images"),
        "aligned crops": lambda root: move(root / "Images", root / "aligned"),
        "cropped copy": lambda root: move(root / "Images", root / "UNBCMcMaster_cropped" / "Images0.3"),
    },
)
