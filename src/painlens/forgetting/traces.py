"""Where a name still stands in a folder: every file is opened, tables and stores too.

The words of tables, stores and databases are read as such. Bytes of all other files are searched as text, but not for a
word so short that it is to be expected by chance: two letters stand somewhere in every picture.
"""

import re
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

_PART = 1 << 22  # bytes that are looked at together
_TABLES = frozenset({".parquet", ".pq"})
_STORES = frozenset({".h5", ".hdf5"})
_DATABASES = frozenset({".sqlite", ".db"})
_WORD = r"[A-Za-z0-9_]"
_BY_CHANCE = 1e-3  # accidental occurrences in a file of pixels or numbers above which finding a word tells nothing


def pattern_of(words: Iterable[str]) -> "re.Pattern[str]":
    """Finds one of the words where it stands alone: not inside a longer word or number.

    >>> bool(pattern_of(["p1"]).search("x/p1-BL1.png")), bool(pattern_of(["p1"]).search("p12"))
    (True, False)
    """
    alternatives = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<!{_WORD})(?:{alternatives})(?!{_WORD})")


def traces(folder: Path, words: Iterable[str]) -> list[Path]:
    """Files below a folder that hold one of the words in their content or their name, sorted."""
    words = list(words)
    pattern = pattern_of(words)
    found = []
    for path in sorted(folder.rglob("*")):
        named = pattern.search(path.relative_to(folder).as_posix()) is not None
        if named or (path.is_file() and _holds(path, words)):
            found.append(path)
    return found


def _holds(path: Path, words: Sequence[str]) -> bool:
    kind, pattern = path.suffix.lower(), pattern_of(words)
    try:
        if kind in _TABLES:
            return any(pattern.search(text) for text in _texts_of_table(path))
        if kind in _STORES and any(pattern.search(text) for text in _texts_of_store(path)):
            return True
        if kind in _DATABASES and any(pattern.search(text) for text in _texts_of_database(path)):
            return True
        if kind == ".npz":
            return any(pattern.search(text) for text in _texts_of_arrays(path))
        if kind == ".safetensors":  # a short name stands in the bytes of a million numbers by chance
            return pattern.search(_header_of_weights(path)) is not None
    except (OSError, ValueError, sqlite3.DatabaseError, zipfile.BadZipFile):
        pass  # not what its name says: its bytes are looked at
    telling = words if _is_text(path) else [word for word in words if not _is_by_chance(word, path.stat().st_size)]
    return bool(telling) and any(pattern_of(telling).search(text) for text in _bytes_of(path))


def _is_text(path: Path) -> bool:
    """Whether a file begins without a zero byte, which no text holds and pixels and numbers hold soon."""
    with path.open("rb") as stream:
        return b"\0" not in stream.read(8192)


def _is_by_chance(word: str, size: int) -> bool:
    """Whether that many random bytes are likely enough to hold the word."""
    return size * 256.0 ** -len(word.encode()) > _BY_CHANCE


def _texts_of_table(path: Path) -> Iterator[str]:
    table = pd.read_parquet(path)
    yield " ".join(map(str, table.columns))
    for name in table.columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            yield from (str(value) for value in table[name].dropna().unique())


def _texts_of_store(path: Path) -> Iterator[str]:
    texts: list[str] = []

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        texts.append(name)
        texts.extend(f"{key} {value}" for key, value in item.attrs.items())
        if isinstance(item, h5py.Dataset) and h5py.check_string_dtype(item.dtype) is not None:
            texts.extend(str(value) for value in np.atleast_1d(item.asstr()[()]))

    with h5py.File(path, "r") as file:
        texts.extend(f"{key} {value}" for key, value in file.attrs.items())
        file.visititems(visit)
    yield from texts


def _texts_of_arrays(path: Path) -> Iterator[str]:
    with np.load(path, allow_pickle=False) as stored:
        for name in stored.files:
            yield name
            if stored[name].dtype.kind in "US":
                yield from (str(value) for value in np.atleast_1d(stored[name]).ravel())


def _header_of_weights(path: Path) -> str:
    """All that a safetensors file says in words; after it come numbers alone."""
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= path.stat().st_size - 8:
            raise ValueError(f"{path} is no safetensors file")
        return stream.read(length).decode("utf-8", errors="replace")


def _texts_of_database(path: Path) -> Iterator[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in connection.execute(f'SELECT * FROM "{name}"'):
                yield " ".join(str(value) for value in row if isinstance(value, str))


def _bytes_of(path: Path) -> Iterator[str]:
    """A file's bytes as Latin letters, in parts that overlap: a name on the seam of two parts is seen too."""
    with path.open("rb") as stream:
        before = b""
        while part := stream.read(_PART):
            text = before + part
            yield text.decode("latin-1")
            yield text.decode("utf-8", errors="ignore")
            before = text[-1024:]
