"""Folders of a database, found under the names that copies of it carry."""

import os
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


def is_visible(name: str) -> bool:
    """Whether a name is the owner's: not a hidden file, nor the debris of archives (`.DS_Store`, `._x`)."""
    return not name.startswith(".") and name != "__MACOSX"


def is_text(name: str) -> bool:
    """Whether a name is valid text; bytes that are not UTF-8 arrive as lone surrogates, which no table can hold."""
    return name.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in name)


def listing(folder: Path) -> list[os.DirEntry[str]]:
    """What a folder holds, sorted by name, in one pass that asks the system for nothing but the listing.

    Hidden entries are left out. So are names that are not text: no table can hold them; the inventory of the root
    tells of them.
    """
    try:
        with os.scandir(folder) as entries:
            own = [entry for entry in entries if is_visible(entry.name) and is_text(entry.name)]
    except OSError as error:
        raise DataError(f"folder {folder} cannot be listed: {error.strerror}") from None
    return sorted(own, key=lambda entry: entry.name)


def visible(folder: Path) -> list[Path]:
    """What a folder holds, sorted by name, without hidden files and the debris of archives (`.DS_Store`, `._x`)."""
    return [folder / entry.name for entry in listing(folder)]


def subfolders(folder: Path) -> list[Path]:
    """Visible folders in a folder, sorted by name; links that lead back to the folder or above it are left out."""
    return [folder / entry.name for entry in listing(folder) if entry.is_dir() and not _leads_back(folder, entry)]


def _leads_back(folder: Path, entry: os.DirEntry[str]) -> bool:
    return entry.is_symlink() and folder.resolve().is_relative_to((folder / entry.name).resolve())


def files(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """Visible files in a folder with one of the suffixes (any case), sorted by name."""
    return [folder / entry.name for entry in listing(folder) if suffix_of(entry.name) in suffixes and entry.is_file()]


def names_in(folder: Path) -> frozenset[str]:
    """Names of the visible entries of a folder; none where it does not exist."""
    return frozenset(entry.name for entry in listing(folder)) if folder.is_dir() else frozenset()


def files_below(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """Visible files with one of the suffixes at any depth, folder by folder; links to folders are not followed."""
    found: list[Path] = []
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        entries = listing(place)
        found += [place / entry.name for entry in entries if suffix_of(entry.name) in suffixes and entry.is_file()]
        waiting += [place / entry.name for entry in reversed(entries) if entry.is_dir(follow_symlinks=False)]
    return found


def suffix_of(name: str) -> str:
    """The suffix of a file's name in small letters, with its dot."""
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - a million names; a Path for each costs seconds


def find_folder(root: Path, alternatives: Sequence[str]) -> Path | None:
    """The first of some folders that exists, or None.

    Names like ``Frame_Labels/PSPI`` are compared without regard to case, and a folder inside a folder of the same
    name (``Images/Images``, as some archives unpack) counts as that folder.

    Raises
    ------
    DataError
        The folder is a link that leads out of `root`.
    """
    for alternative in alternatives:
        folder: Path | None = root
        for name in alternative.split("/"):
            folder = _child(folder, name)
            if folder is None:
                break
            folder = _child(folder, name) or folder
        if folder is not None:
            _check_inside(root, folder)
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


def _check_inside(root: Path, folder: Path) -> None:
    if not folder.resolve().is_relative_to(root.resolve()):
        raise DataError(
            f"{folder} is a link that leads out of {root}; give a 'root' that holds everything, or put the files there"
        )


def base_of(root: Path, alternatives: Sequence[str]) -> Path:
    """The folder that holds one of some folders: the root, or the only folder in it that does.

    Archives often unpack into a folder of their own name inside the one that was made for them.

    Raises
    ------
    DataError
        Several folders hold such a layout.
    """
    if find_folder(root, alternatives) is not None:
        return root
    holding = [folder for folder in subfolders(root) if find_folder(folder, alternatives) is not None]
    if len(holding) > 1:
        names = ", ".join(folder.name for folder in holding)
        raise DataError(f"{root} holds several copies of the layout: {names}; give one of them as 'root'")
    return holding[0] if holding else root
