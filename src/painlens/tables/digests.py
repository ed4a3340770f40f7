"""Digests that are not computed again while the file system says that a file is the same.

SHA-256 of a face store of several gigabytes takes many seconds, and a step that finds nothing to do must not. What is
remembered of a file is its size, its times of change (content, and entry in the file system) and its inode beside its
digest, as git and make do; the second time cannot be set back by copying or touching. A file that was changed so
shortly before it was read that a second change could carry the same time is never remembered.
"""

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from painlens.tables.files import DataError, load_json, save_json, sha256_of

KNOWN = ".digests.json"  # beside a step's manifest; may be deleted at any time
_FOLDERS_AT_ONCE = 16
_FINE_NS, _COARSE_NS = 20_000_000, 2_000_000_000  # steps of the clock of local file systems, and of old or remote ones


class KnownDigests:
    """SHA-256 of files, remembered in a JSON file.

    Parameters
    ----------
    file
        Where digests are remembered; a missing or damaged file is an empty memory.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._changed = False
        self._seen: set[str] = set()
        try:
            raw = load_json(file)
        except (DataError, OSError):
            raw = {}
        self._known: dict[str, Any] = raw if isinstance(raw, dict) else {}

    def sha256(self, path: Path, *, settle: bool = False) -> str:
        """The digest of a file; it is read only if it may have changed since it was read last.

        Parameters
        ----------
        settle
            Wait until the file is old enough to be remembered, at most a fiftieth of a second.
        """
        state = path.stat()
        key, mark = self._key(path), _mark(state)
        self._seen.add(key)
        entry = self._known.get(key)
        if isinstance(entry, list) and entry[:-1] == mark and isinstance(entry[-1], str):
            return entry[-1]
        if settle:
            time.sleep(max(0.0, (_FINE_NS - (time.time_ns() - _last_change(state))) / 1e9))
        began = time.time_ns()
        digest = sha256_of(path)
        self._known.pop(key, None)
        if _mark(path.stat()) == mark and _is_old(state, began):
            self._known[key] = [*mark, digest]
        self._changed = True
        return digest

    def save(self) -> None:
        """Remember for the next process; a folder that cannot be written costs speed, nothing else."""
        if not self._changed:
            return
        try:
            save_json({key: entry for key, entry in self._known.items() if key in self._seen}, self._file)
        except OSError:
            return
        self._changed = False

    def _key(self, path: Path) -> str:
        """A step's own file by its name, so that its folder can be moved; an owner's without any name in it.

        Paths of databases name people; a person who is to be forgotten must not stand here.
        """
        folder = self._file.parent
        if path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
        return hashlib.sha256(os.fsencode(path)).hexdigest()[:32]


def state_of_folder(folder: Path) -> str:
    """A digest that changes when any file below a folder is added, removed, renamed, or written again.

    Names, sizes and times of all files are read, no content: 50,000 files take a fraction of a second. Folders are
    asked several at a time, since a disk of another machine, or one that many people use, makes each question wait.
    Hidden files do not count; links do, as what they are.

    Raises
    ------
    DataError
        The folder or one below it cannot be listed.
    """
    found: dict[bytes, bytes] = {}
    with ThreadPoolExecutor(_FOLDERS_AT_ONCE) as pool:
        waiting = [b""]
        while waiting:
            answers = pool.map(partial(_state_of_one, os.fsencode(folder)), waiting)
            below: list[bytes] = []
            for place, (digest, folders) in zip(waiting, answers, strict=True):
                found[place] = digest
                below += [os.path.join(place, name) for name in folders]  # noqa: PTH118 - bytes
            waiting = below
    whole = hashlib.sha256()
    for place in sorted(found):
        whole.update(place + b"\0" + found[place])
    return whole.hexdigest()


def _state_of_one(root: bytes, place: bytes) -> tuple[bytes, list[bytes]]:
    """Digest of the visible entries of one folder, by name, and the names of the folders among them."""
    folder = os.path.join(root, place) if place else root  # noqa: PTH118 - bytes, which no Path can be
    lines: list[bytes] = []
    folders: list[bytes] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith(b"."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                    lines.append(name + b"/")
                    continue
                state = entry.stat(follow_symlinks=False)
                lines.append(b"%b\0%d %d" % (name, state.st_size, state.st_mtime_ns))
    except OSError as error:
        raise DataError(f"folder {os.fsdecode(folder)} cannot be listed: {error.strerror}") from None
    lines.sort()
    return hashlib.sha256(b"\1".join(lines)).digest(), folders


def state_of(place: Path) -> str:
    """`state_of_folder`, or size and time of a single file."""
    if place.is_dir():
        return state_of_folder(place)
    state = place.stat()
    return f"{state.st_size} {state.st_mtime_ns}"


def _mark(state: os.stat_result) -> list[int]:
    return [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]


def _last_change(state: os.stat_result) -> int:
    return max(state.st_mtime_ns, state.st_ctime_ns)


def _is_old(state: os.stat_result, began_ns: int) -> bool:
    """Whether a change after `began_ns` would have to carry another time."""
    fine = state.st_mtime_ns % 1_000_000_000 != 0  # whole seconds: a file system with a coarse clock, or chance
    return began_ns - _last_change(state) >= (_FINE_NS if fine else _COARSE_NS)
