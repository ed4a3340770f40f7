"""`faces.h5`: crops, regions and landmarks of a database's faces; readable by the owner only."""

import errno
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from painlens.tables import DataError, atomic_path

_OWNER_ONLY = 0o600
_ROWS_PER_CHUNK = 16


@dataclass(frozen=True)
class FaceArrays:
    """Some faces of a database, in the order in which they were asked for."""

    faces: NDArray[np.uint8]
    """(face, height, width, 3) RGB."""
    regions: NDArray[np.uint8]
    """(face, height, width), index into `painlens.regions.REGIONS`."""
    landmarks: NDArray[np.float32]
    """(face, 68, 2) x, y in pixels of the crop; NaN where unknown."""


class RowWriter:
    """Appends rows to the data sets of an open file."""

    def __init__(self, file: h5py.File, shapes: Mapping[str, tuple[tuple[int, ...], type[np.generic]]]) -> None:
        self.rows = 0
        self._sets = {
            # Crops are noise to a compressor; region maps shrink a hundredfold.
            name: file.create_dataset(
                name,
                shape=(0, *shape),
                maxshape=(None, *shape),
                dtype=kind,
                chunks=(_ROWS_PER_CHUNK, *shape),
                compression="gzip" if name == "regions" else None,
            )
            for name, (shape, kind) in shapes.items()
        }

    def append(self, **arrays: NDArray[np.generic]) -> None:
        """Add rows; every data set gets the same number."""
        count = {len(rows) for rows in arrays.values()}
        if len(count) != 1 or set(arrays) != set(self._sets):
            raise ValueError(f"rows for {sorted(self._sets)} must have one length, got {sorted(arrays)}: {count}")
        end = self.rows + count.pop()
        for name, rows in arrays.items():
            self._sets[name].resize(end, axis=0)
            self._sets[name][self.rows : end] = rows
        self.rows = end


@contextmanager
def write_faces(store: Path, size: int) -> Iterator[RowWriter]:
    """A writer of `faces`, `regions` and `landmarks`; the file appears when the block ends without an error."""
    shapes = {
        "faces": ((size, size, 3), np.uint8),
        "regions": ((size, size), np.uint8),
        "landmarks": ((68, 2), np.float32),
    }
    with _write(store, shapes) as writer:
        yield writer


@contextmanager
def write_twins(store: Path, size: int) -> Iterator[RowWriter]:
    """A writer of `without` and `with`."""
    with _write(store, {name: ((size, size, 3), np.uint8) for name in ("without", "with")}) as writer:
        yield writer


def keep_rows(store: Path, kept: Sequence[int] | NDArray[np.integer]) -> None:
    """Write a store anew with some of its rows only, in ascending order; nothing of the others stays in the file."""
    rows = np.asarray(kept, dtype=np.int64)
    with h5py.File(store, "r") as file:
        shapes = {name: (data.shape[1:], data.dtype.type) for name, data in file.items()}
    with _write(store, shapes) as writer:
        for first in range(0, len(rows), _ROWS_PER_CHUNK):
            writer.append(**load_rows(store, rows[first : first + _ROWS_PER_CHUNK], names=list(shapes)))


def load_faces(store: Path, rows: Sequence[int] | NDArray[np.integer]) -> FaceArrays:
    """Faces of a store by their rows, in any order and with repetitions.

    Raises
    ------
    DataError
        The file is missing or not a store, or has no such row.
    """
    arrays = load_rows(store, rows, names=("faces", "regions", "landmarks"))
    return FaceArrays(arrays["faces"], arrays["regions"], arrays["landmarks"])


def load_rows(
    store: Path, rows: Sequence[int] | NDArray[np.integer], *, names: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """Rows of some data sets of a store, in any order and with repetitions."""
    wanted = np.asarray(rows, dtype=np.int64)
    distinct, place = np.unique(wanted, return_inverse=True)
    try:
        with h5py.File(store, "r") as file:
            found = {}
            for name in names:
                data = file[name]
                if not isinstance(data, h5py.Dataset):
                    raise KeyError(name)
                if distinct.size and not 0 <= distinct[0] <= distinct[-1] < len(data):
                    raise DataError(f"{store} has {len(data)} rows, wanted {distinct[0]} to {distinct[-1]}")
                found[name] = _read(data, distinct)[place]
            return found
    except FileNotFoundError:
        raise DataError(f"face store not found: {store}; run the step that crops the faces first") from None
    except (OSError, KeyError) as error:
        raise DataError(f"{store} is not a face store with {', '.join(names)}: {error}; crop the faces again") from None


def _read(data: h5py.Dataset, rows: NDArray[np.int64]) -> NDArray[Any]:
    """Ascending rows, run by run: HDF5 is slow with long lists of rows and fast with slices."""
    values = np.empty((len(rows), *data.shape[1:]), dtype=data.dtype)
    starts = np.flatnonzero(np.diff(rows, prepend=-2) != 1)
    ends = np.append(starts, len(rows))[1:]
    for start, end in zip(starts, ends, strict=True):
        data.read_direct(values, np.s_[int(rows[start]) : int(rows[end - 1]) + 1], np.s_[int(start) : int(end)])
    return values


@contextmanager
def sole_writer(store: Path) -> Iterator[None]:
    """Nobody else writes this store meanwhile; half-written files of killed processes are removed first.

    The lock is held on the folder itself, so that nothing stays behind; the operating system frees it however the
    process ends. Where a file system knows no locks, two writers still cannot harm each other: each writes a file of
    its own and moves it into place.

    Raises
    ------
    BlockingIOError
        Another process is at work on it.
    """
    store.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(store.parent, os.O_RDONLY)
    try:
        locked = True
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(
                errno.EAGAIN, "another process is writing this store; wait for it or stop it", str(store)
            ) from None
        except OSError:
            locked = False
        if locked:  # pixels of a killed process: nobody is writing them any more
            for left in store.parent.glob(f".{store.name}.*"):
                left.unlink()
        yield
    finally:
        os.close(folder)


@contextmanager
def _write(store: Path, shapes: Mapping[str, tuple[tuple[int, ...], type[np.generic]]]) -> Iterator[RowWriter]:
    with sole_writer(store), atomic_path(store) as temporary:
        temporary.chmod(_OWNER_ONLY)
        with h5py.File(temporary, "w") as file:
            yield RowWriter(file, shapes)
