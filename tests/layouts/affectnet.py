"""AffectNet, both releases."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from layouts.pixels import picture, save_picture, write_text
from layouts.tree import KEPT, Effect, Tree, deeper, move, rewrite

AFFECTNET_HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
)


def affectnet_row(
    path: str, expression: int | str, *, box: tuple[int, ...] = (4, 3, 20, 20), valence: str = "0"
) -> str:
    """One line of a list of AffectNet."""
    landmarks = ";".join(f"{x};{y}" for x, y in zip(np.arange(68) * 0.5, np.arange(68) * 0.25, strict=True))
    return ",".join([path, *map(str, box), landmarks, str(expression), valence, "0.5"])


def write_affectnet(
    root: Path,
    training: Sequence[str],
    validation: Sequence[str],
    *,
    images: str = "Manually_Annotated_Images",
    headers: tuple[str, str] = (AFFECTNET_HEADER, AFFECTNET_HEADER),
) -> None:
    """AffectNet, 11 categories: lines of both lists (none: no file), and a picture for each line."""
    for name, lines, header in zip(("training", "validation"), (training, validation), headers, strict=True):
        if not lines:
            continue
        text = "\n".join([header, *lines] if header else lines) + "\n"
        write_text(root / "Manually_Annotated_file_lists" / f"{name}.csv", text)
        for line in lines:
            save_picture(root / images / line.split(",")[0], picture(3))


_LISTS, _IMAGES = Path("Manually_Annotated_file_lists"), Path("Manually_Annotated_Images")


def build(root: Path) -> None:
    """Twelve training pictures and three of the validation list."""
    training = [affectnet_row(f"{n % 3}/{n:056x}.jpg", n % 8) for n in range(12)]
    validation = [affectnet_row(f"9/{n:056x}.JPG", n % 8) for n in range(20, 23)]
    write_affectnet(root, training, validation)


def _row(line: str, reason: str, *, pixels: bool = True) -> Callable[[Path], Effect]:
    """A trap: one more line of the training list, and its picture."""

    def spring(root: Path) -> Effect:
        with (root / _LISTS / "training.csv").open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")
        name = line.split(",")[0]
        if pixels:
            save_picture(root / _IMAGES / name, picture(4))
        return {name.replace("\\", "/"): reason}

    return spring


def _backslashes(root: Path) -> Effect:
    with (root / _LISTS / "training.csv").open("a", encoding="utf-8") as stream:
        stream.write(affectnet_row("1\\back.jpg", 2) + "\r\n")
    save_picture(root / _IMAGES / "1" / "back.jpg", picture(4))
    return {"1/back.jpg": KEPT}


def _automatic(root: Path) -> Effect:
    save_picture(root / "Automatically_Annotated_Images" / "1" / "auto.jpg", picture(1))
    text = f"{AFFECTNET_HEADER}\n{affectnet_row('1/auto.jpg', 1)}\n"
    write_text(root / "Automatically_Annotated_file_list" / "automatically_annotated.csv", text)
    return {"Automatically_Annotated_Images/1/auto.jpg": "in no place"}


def _headerless(root: Path) -> None:
    rewrite(root / _LISTS / "validation.csv", lambda text: text.split("\n", 1)[1])


def _hash(root: Path) -> None:
    rewrite(root / _LISTS / "training.csv", lambda text: "#" + text)


TREE = Tree(
    build=build,
    kept=15,
    traps={
        "expression None": _row(affectnet_row("1/none.jpg", 8), "no rule matches (class_name = none)"),
        "expression Uncertain": _row(affectnet_row("1/unsure.jpg", 9), "class_name = uncertain"),
        "no face, negative box": _row(affectnet_row("1/noface.jpg", 10, box=(-1, -1, -1, -1)), "gives no face"),
        "word for the expression": _row(affectnet_row("1/word.jpg", "happy"), "'happy', not a number"),
        "missing picture": _row(affectnet_row("1/gone.jpg", 1), "picture is missing", pixels=False),
        "TIFF": _row(affectnet_row("1/a.tif", 1), KEPT),
        "TIFF in capitals": _row(affectnet_row("1/b.TIF", 1), KEPT),
        "BMP": _row(affectnet_row("1/c.bmp", 1), KEPT),
        "valence not applicable": _row(affectnet_row("1/val.jpg", 1, valence="-2"), KEPT),
        "box across the border": _row(affectnet_row("1/box.jpg", 1, box=(-5, -3, 90, 90)), KEPT),
        "back-slashes": _backslashes,
        "automatically annotated part": _automatic,
    },
    moves={
        "validation.csv without header": _headerless,
        "header with #": _hash,
        "pictures inside Manually_Annotated": lambda root: move(root / _IMAGES, root / "Manually_Annotated" / _IMAGES),
        "list folder without s": lambda root: move(root / _LISTS, root / "Manually_Annotated_file_list"),
        "lists at the root": lambda root: (
            [path.rename(root / path.name) for path in (root / _LISTS).iterdir() if path.suffix == ".csv"] and None
        ),
        "one folder deeper": deeper,
    },
)


def _labels(root: Path, part: str, stem: str, expression: object, **others: object) -> None:
    folder = root / part / "annotations"
    folder.mkdir(parents=True, exist_ok=True)
    values = {"exp": np.array(expression), "val": np.array(0.5), "aro": np.array("-0.25"), "lnd": np.arange(136.0)}
    for kind, value in (values | others).items():
        if value is not None:
            np.save(folder / f"{stem}_{kind}.npy", np.asarray(value), allow_pickle=True)


def build_eight(root: Path) -> None:
    """Newer package: six training and two validation crops; expressions as numbers and as text."""
    for part, numbers in (("train_set", range(6)), ("val_set", range(6, 8))):
        for number in numbers:
            save_picture(root / part / "images" / f"{number}.jpg", picture(number))
            _labels(root, part, str(number), number if number % 2 else str(number))


def _eight(stem: str, expression: object, reason: str, **others: object) -> Callable[[Path], Effect]:
    def spring(root: Path) -> Effect:
        save_picture(root / "train_set" / "images" / f"{stem}.jpg", picture(1))
        _labels(root, "train_set", stem, expression, **others)
        return {f"train_set/images/{stem}.jpg": reason}

    return spring


def _lone_label(root: Path) -> Effect:
    _labels(root, "train_set", "77", 3)
    return {"train_set/images/77.jpg": "picture is missing"}


def _unlabelled(root: Path) -> Effect:
    save_picture(root / "train_set" / "images" / "88.jpg", picture(1))
    return {"train_set/images/88.jpg": "expression file is missing"}


def _bomb(root: Path) -> Effect:
    """A header that claims a terabyte, without the bytes."""
    save_picture(root / "train_set" / "images" / "99.jpg", picture(1))
    _labels(root, "train_set", "99", 1)
    header = b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (125000000000,), }"
    (root / "train_set" / "annotations" / "99_exp.npy").write_bytes(header.ljust(127) + b"\n" + b"\0" * 8)
    return {"train_set/images/99.jpg": "expression file cannot be read"}


def _half_header(root: Path) -> Effect:
    """A header that ends in the middle of a bracket."""
    save_picture(root / "train_set" / "images" / "98.jpg", picture(1))
    _labels(root, "train_set", "98", 1)
    header = b"\x93NUMPY\x01\x00\x76\x00{'descr': '<i8', 'fortran_order': False, 's), }"
    (root / "train_set" / "annotations" / "98_exp.npy").write_bytes(header.ljust(127) + b"\n" + b"\0" * 8)
    return {"train_set/images/98.jpg": "expression file cannot be read"}


EIGHT = Tree(
    build=build_eight,
    kept=8,
    traps={
        "text in exp": _eight("20", "3", KEPT),
        "bytes in exp": _eight("21", np.bytes_(b"4"), KEPT),
        "expression outside 0..7": _eight("22", 8, "8, not 0 to 7"),
        "word in exp": _eight("23", "happy", "expression file cannot be read"),
        "pickled exp": _eight("24", np.array({"a": 1}, dtype=object), "expression file cannot be read"),
        "several values in exp": _eight("25", np.arange(3), "expression file cannot be read"),
        "landmarks of another number": _eight("26", 1, KEPT, lnd=np.arange(10.0)),
        "missing landmarks and valence": _eight("27", 1, KEPT, lnd=None, val=None),
        "valence not applicable": _eight("28", 1, KEPT, val=-2.0),
        "label without picture": _lone_label,
        "picture without label": _unlabelled,
        "array that claims a terabyte": _bomb,
        "array with a damaged header": _half_header,
    },
    moves={"one folder deeper": deeper},
)
