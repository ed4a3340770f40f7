"""A small database in its owner's layout, and the traps that can be switched on in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KEPT = ""

# What a trap does to frames: id of the frame -> the words that its reason must hold, or KEPT.
Effect = Mapping[str, str]


@dataclass(frozen=True)
class Tree:
    """One native layout."""

    build: Callable[[Path], None]
    """Writes the whole, faultless tree."""
    kept: int
    """Frames that a reader keeps of it with `settings`."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What a study must say beside reader and root."""
    traps: Mapping[str, Callable[[Path], Effect]] = field(default_factory=dict)
    """Name -> a change of the tree. Traps of one tree touch different frames: all can be switched on at once."""
    moves: Mapping[str, Callable[[Path], object]] = field(default_factory=dict)
    """Name -> another place for the folders, after which the same frames must be found; one at a time."""


def move(old: Path, new: Path) -> None:
    """Move a folder to a place that may lie inside itself."""
    aside = old.with_name(f"{old.name}.aside")
    old.rename(aside)
    new.parent.mkdir(parents=True, exist_ok=True)
    aside.rename(new)


def deeper(root: Path, name: str = "copy") -> None:
    """The whole tree one folder deeper."""
    (root / name).mkdir()
    for path in [path for path in root.iterdir() if path.name != name]:
        path.rename(root / name / path.name)


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    """Change the text of a file, byte for byte."""
    path.write_bytes(change(path.read_bytes().decode("utf-8")).encode("utf-8"))
