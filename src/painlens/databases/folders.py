"""Folders of a database, found under the names that copies of it carry."""

from collections.abc import Sequence
from pathlib import Path

from painlens.tables import DataError

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
VIDEOS = frozenset({".mp4", ".avi", ".mov", ".mkv", ".m4v", ".mpg", ".mpeg", ".wmv", ".webm"})


def check_root(root: Path, what: str) -> None:
    """Raise a `DataError` unless `root` is a folder with something in it."""
    if not root.exists():
        raise DataError(f"folder of {what} not found: {root}; correct 'root' in the study file")
    if not root.is_dir():
        raise DataError(f"{root} must be the folder of {what}, got a file; give the folder that holds it")
    if not visible(root):
        raise DataError(f"folder of {what} is empty: {root}; was the archive unpacked, the disk mounted?")


def visible(folder: Path) -> list[Path]:
    """What a folder holds, sorted by name, without hidden files and the debris of archives (`.DS_Store`, `._x`)."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.name != "__MACOSX")


def subfolders(folder: Path) -> list[Path]:
    """Visible folders in a folder, sorted by name."""
    return [path for path in visible(folder) if path.is_dir()]


def files(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """Visible files in a folder with one of the suffixes (any case), sorted by name."""
    return [path for path in visible(folder) if path.suffix.lower() in suffixes and path.is_file()]


def find_folder(root: Path, alternatives: Sequence[str]) -> Path | None:
    """The first of some folders that exists, or None.

    Names like ``Frame_Labels/PSPI`` are compared without regard to case, and a folder inside a folder of the same
    name (``Images/Images``, as some archives unpack) counts as that folder.
    """
    for alternative in alternatives:
        folder: Path | None = root
        for name in alternative.split("/"):
            folder = _child(folder, name)
            if folder is None:
                break
            folder = _child(folder, name) or folder
        if folder is not None:
            return folder
    return None


def found_in(folder: Path, most: int = 8) -> str:
    """Names in a folder, for an error message."""
    names = [path.name for path in visible(folder)]
    return ", ".join(names[:most]) + (" ..." if len(names) > most else "") or "nothing"


def _child(folder: Path, name: str) -> Path | None:
    exact = folder / name
    if exact.is_dir():
        return exact
    return next((path for path in subfolders(folder) if path.name.lower() == name.lower()), None)
