"""Faces with labels, in memory or in an HDF5 file, and their order in an epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

import h5py
import numpy as np

from painlens.tables import DataError


@dataclass(frozen=True)
class LabelledFaces:
    """Rows of an array of faces, and their classes.

    Parameters
    ----------
    faces
        uint8 (n, size, size, 3): an array, or an open dataset of a ``faces.h5`` too large for memory. The parts of a
        split share it.
    labels
        Class of each used face, integers (m,).
    rows
        Row of `faces` for each label, integers (m,); without: all rows in their order.

    Raises
    ------
    DataError
        Shapes or types do not fit, or a row does not exist.
    """

    faces: np.ndarray | h5py.Dataset
    labels: np.ndarray
    rows: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.faces.ndim != 4 or self.faces.shape[3] != 3 or self.faces.dtype != np.uint8:
            raise DataError(
                f"faces must be uint8 (n, height, width, 3), got {self.faces.dtype} {tuple(self.faces.shape)}"
            )
        used = len(self.faces) if self.rows is None else len(self.rows)
        if self.labels.shape != (used,) or not np.issubdtype(self.labels.dtype, np.integer):
            raise DataError(
                f"each of {used} faces needs one integer label, got {self.labels.dtype} {self.labels.shape}"
            )
        if self.rows is not None and used and (self.rows.min() < 0 or self.rows.max() >= len(self.faces)):
            raise DataError(f"rows must be in 0..{len(self.faces) - 1}, got {self.rows.min()}..{self.rows.max()}")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: np.ndarray) -> np.ndarray:
        """The faces at these positions, uint8 (k, size, size, 3)."""
        rows = chosen if self.rows is None else self.rows[chosen]
        if isinstance(self.faces, np.ndarray):
            return self.faces[rows]
        distinct, place = np.unique(rows, return_inverse=True)  # h5py reads ascending rows only
        return self.faces[distinct][place]


def class_indices(labels: Sequence[str], *, classes: tuple[str, ...]) -> np.ndarray:
    """Integers of class names, int64 (n,).

    Raises
    ------
    DataError
        A label is no class.
    """
    place = {name: i for i, name in enumerate(classes)}
    unknown = sorted({str(label) for label in labels if label not in place})
    if unknown:
        raise DataError(f"labels must be among {list(classes)}, got {unknown}")
    return np.array([place[label] for label in labels], dtype=np.int64)


def epoch_batches(rng: np.random.Generator, faces: int, *, batch_size: int) -> list[np.ndarray]:
    """Positions of an epoch's batches in random order: every face once, batches of equal size (plus or minus one).

    Equal sizes give every face nearly the same weight; a last batch of one face would weigh as much as 32 others.
    Inside a batch positions ascend, which is kind to files.
    """
    order = rng.permutation(faces)
    return [np.sort(batch) for batch in np.array_split(order, -(-faces // batch_size))]
