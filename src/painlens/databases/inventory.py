"""Every picture and video under a root, so that none of them vanishes without a row and a reason.

A reader looks for what its layout describes. What else lies in the folder (pictures beside the layout, links that
lead elsewhere, names that are no text) is found here and becomes a row with a reason.
"""

import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from painlens.databases.folders import IMAGES, VIDEOS, is_text, is_visible, suffix_of
from painlens.tables import DataError

# Kinds of pictures that no reader opens; they are told, not skipped.
UNREAD = frozenset({".gif", ".heic", ".heif", ".avif", ".ppm", ".pgm", ".jp2", ".svg", ".cr2", ".nef", ".dng"})
OUTSIDE = "a link that leads out of the database's folder"


@dataclass(frozen=True)
class Inventory:
    """Pictures and videos under a root."""

    media: tuple[str, ...]
    """Their places relative to the root, sorted; bytes that are no text are escaped."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Place -> why it cannot be used, whatever a reader thinks of it."""
    links: dict[str, str] = field(default_factory=dict)
    """Links to folders inside the root: place -> place."""

    def place_of(self, path: str) -> str:
        """The place of a row's path: dots and links inside the root followed."""
        place = posixpath.normpath(path)
        for link, target in self.links.items():
            if place.startswith(f"{link}/"):
                place = posixpath.normpath(target + place[len(link) :])
        return place

    def reason_of(self, path: str) -> str:
        """Why a row's path cannot be used; '' where nothing speaks against it."""
        for place in (path, self.place_of(path)):
            if place in self.reasons:
                return self.reasons[place]
            outside = (link for link, reason in self.reasons.items() if reason == OUTSIDE)
            if any(place.startswith(f"{link}/") for link in outside):
                return OUTSIDE
        return ""


def take_inventory(root: Path) -> Inventory:
    """List all pictures and videos under a root; one pass over its folders, no file is opened or asked for its size.

    Raises
    ------
    DataError
        A folder cannot be listed.
    """
    base = os.fspath(root)
    media: list[str] = []
    reasons: dict[str, str] = {}
    links: dict[str, str] = {}
    for entry, place in _walk(base):
        shown = place if is_text(place) else escaped(place)
        if entry.is_symlink():
            target = os.path.realpath(entry.path)
            inside = _below(os.path.realpath(base), target)
            if inside is None or not os.path.exists(target):  # noqa: PTH110 - a path that may not be text
                media.append(shown)
                reasons[shown] = OUTSIDE if inside is None else "a link that leads nowhere"
                continue
            if entry.is_dir():
                links[shown] = inside
                continue
        suffix = suffix_of(entry.name)
        if suffix not in IMAGES | VIDEOS | UNREAD or entry.is_dir():
            continue
        media.append(shown)
        if shown != place:
            reasons[shown] = "the name is not UTF-8; rename the file or its folder"
        elif suffix in UNREAD:
            reasons[shown] = f"pictures of the kind {suffix} are not read"
        elif not entry.is_file():
            reasons[shown] = "not a file"
    return Inventory(tuple(sorted(media)), reasons, links)


def account_for(frames: pd.DataFrame, inventory: Inventory, *, root: Path, reader: str) -> pd.DataFrame:
    """The reader's rows, with reasons for links and missing files, and a row for every file that has none.

    Parameters
    ----------
    frames
        Rows of a reader: `path` relative to the root, `reason`.
    inventory
        What lies under the root.
    root
        The owner's folder.
    reader
        Name of the reader, for the reason.
    """
    paths = frames["path"].astype("object").where(frames["path"].notna(), "")
    places = {str(path): inventory.place_of(str(path)) for path in pd.unique(paths)}
    why = {path: inventory.reason_of(path) for path in places} if inventory.reasons else {}
    why |= _seen_twice(places) if inventory.links else {}
    if any(why.values()):
        told = paths.map(why).fillna("").astype("str")
        frames["reason"] = frames["reason"].mask(told != "", told)
    listed, known = set(places.values()), set(inventory.media)
    absent = {path for path, place in places.items() if _is_missing(root, path, place, known)}
    if absent:
        frames["reason"] = frames["reason"].mask(paths.isin(list(absent)) & (frames["reason"] == ""), "file is missing")
    rest = [place for place in inventory.media if place not in listed]
    if not rest:
        return frames
    rows = pd.DataFrame(
        {
            "frame_id": rest,
            "participant": "",
            "sequence": "",
            "path": rest,
            "reason": [inventory.reasons.get(place, f"in no place that reader '{reader}' reads") for place in rest],
        }
    )
    together = pd.concat([frames, rows], ignore_index=True)
    kinds = {name: kind for name, kind in frames.dtypes.items() if kind == "Int64"}
    return together.astype(kinds)


def _seen_twice(places: dict[str, str]) -> dict[str, str]:
    """Paths that reach a file which another path names too: of links and the file itself, the file remains."""
    first: dict[str, str] = {}
    for path, place in sorted(places.items(), key=lambda pair: (pair[0] != pair[1], pair[0])):
        first.setdefault(place, path)
    return {path: f"the same file as {first[place]}" for path, place in places.items() if first[place] != path and path}


def _is_missing(root: Path, path: str, place: str, known: set[str]) -> bool:
    """Whether a picture or video that a table names does not exist."""
    if place in known or suffix_of(path) not in IMAGES | VIDEOS or path.startswith(("/", "..")):
        return False
    return not (root / path).exists()  # the name may differ in capitals, or be hidden


def escaped(name: str) -> str:
    r"""A name with the bytes that are no text written out.

    >>> escaped("a\udcff.png")
    'a\\xff.png'
    """
    return os.fsencode(name).decode("utf-8", errors="backslashreplace")


def _walk(base: str) -> Iterator[tuple[os.DirEntry[str], str]]:
    """Visible entries below a folder with their places; links to folders are not followed."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            entries = os.scandir(os.path.join(base, folder) if folder else base)  # noqa: PTH118 - a million names
        except OSError as error:
            raise DataError(f"folder {base}/{escaped(folder)} cannot be listed: {error.strerror}") from None
        with entries:
            for entry in entries:
                if not is_visible(entry.name):
                    continue
                place = f"{folder}/{entry.name}" if folder else entry.name
                yield entry, place
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(place)


def _below(base: str, target: str) -> str | None:
    """The place of a target below a folder, or None outside."""
    if target == base:
        return "."
    return target[len(base) + 1 :] if target.startswith(base.rstrip("/") + "/") else None
