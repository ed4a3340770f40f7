"""Inner products of one network's features, and of its gradients with them: all that the tables need of pixels.

A linear SVM sees features through their Gram matrix, a derivative along a concept through the products of gradients and
features. Kept beside the tables they let anybody compute every number again, without a face and without the network.
The Gram matrix is kept as its lower triangle and in float32 where that loses nothing (its products were float32).
"""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import numpy as np
from jaxtyping import Float, Float64

from painlens.tables import DataError, atomic_path

FOLDER = "products"  # in the folder of the concept test


@dataclass(frozen=True)
class InnerProducts:
    """Products of one network on the labelled faces, in their order.

    Attributes
    ----------
    gram
        float64 (face, face): features with features.
    cross
        float64 (face, face): the gradient of a face (row) with the features of a face (column); None where no
        gradients were taken.
    """

    gram: Float64[np.ndarray, "face face"]
    cross: Float64[np.ndarray, "face face"] | None = None


class Products(Protocol):
    """Where the inner products come from: computed and kept, or read from what somebody else kept."""

    def of_network(self, model: str, replicate: str, compute: Callable[[], InnerProducts]) -> InnerProducts:
        """Products at the study's layer."""
        ...

    def of_layer(
        self, model: str, replicate: str, layer: str, compute: Callable[[], Float64[np.ndarray, "face face"]]
    ) -> Float64[np.ndarray, "face face"]:
        """Gram matrix at a layer of the sweep."""
        ...


class ComputedProducts:
    """Products are computed and kept nowhere."""

    def of_network(self, model: str, replicate: str, compute: Callable[[], InnerProducts]) -> InnerProducts:  # noqa: ARG002
        """What `compute` gives."""
        return compute()

    def of_layer(
        self, model: str, replicate: str, layer: str, compute: Callable[[], Float64[np.ndarray, "face face"]]  # noqa: ARG002
    ) -> Float64[np.ndarray, "face face"]:  # fmt: skip
        """What `compute` gives."""
        return compute()


class KeptProducts:
    """Products are computed and written into a folder.

    Parameters
    ----------
    folder
        One folder per network in it: ``<model>/<replicate>/gram.npy``, ``cross.npy``, ``layer-<name>.npy``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files: list[Path] = []

    def of_network(self, model: str, replicate: str, compute: Callable[[], InnerProducts]) -> InnerProducts:
        """Compute and write."""
        found = compute()
        self._write(_file(self._folder, model, replicate, "gram"), _packed(found.gram))
        if found.cross is not None:
            self._write(_file(self._folder, model, replicate, "cross"), _narrow(found.cross))
        return found

    def of_layer(
        self, model: str, replicate: str, layer: str, compute: Callable[[], Float64[np.ndarray, "face face"]]
    ) -> Float64[np.ndarray, "face face"]:
        """Compute and write."""
        gram = compute()
        self._write(_file(self._folder, model, replicate, f"layer-{layer}"), _packed(gram))
        return gram

    def _write(self, path: Path, values: np.ndarray) -> None:
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, values, allow_pickle=False)
        self.files.append(path)


class StoredProducts:
    """Products that a run kept, or a sealed bundle brings; nothing is computed.

    Parameters
    ----------
    folder
        As of `KeptProducts`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of_network(self, model: str, replicate: str, compute: Callable[[], InnerProducts]) -> InnerProducts:  # noqa: ARG002
        """Read.

        Raises
        ------
        DataError
            A file is missing or is no array of the expected shape.
        """
        gram = _unpacked(_file(self._folder, model, replicate, "gram"))
        path = _file(self._folder, model, replicate, "cross")
        cross = _read(path).astype(np.float64) if path.exists() else None
        if cross is not None and cross.shape != gram.shape:
            raise DataError(f"{path} must have the shape {gram.shape} of its Gram matrix, got {cross.shape}")
        return InnerProducts(gram, cross)

    def of_layer(
        self, model: str, replicate: str, layer: str, compute: Callable[[], Float64[np.ndarray, "face face"]]  # noqa: ARG002
    ) -> Float64[np.ndarray, "face face"]:  # fmt: skip
        """Read; errors as in `of_network`."""
        return _unpacked(_file(self._folder, model, replicate, f"layer-{layer}"))


def _file(folder: Path, model: str, replicate: str, name: str) -> Path:
    """File of one array; names of layers are the study's and may hold anything."""
    return folder / quote(model, safe="") / quote(replicate, safe="=") / f"{quote(name, safe='')}.npy"


def _packed(gram: Float64[np.ndarray, "face face"]) -> Float[np.ndarray, " pair"]:
    """The lower triangle, row by row."""
    if not np.array_equal(gram, gram.T):
        raise ValueError("a Gram matrix must be symmetric")
    return _narrow(gram[np.tril_indices(len(gram))])


def _unpacked(path: Path) -> Float64[np.ndarray, "face face"]:
    """The symmetric matrix of a lower triangle."""
    lower = _read(path)
    side = int((np.sqrt(8 * lower.size + 1) - 1) / 2)
    if lower.ndim != 1 or side * (side + 1) // 2 != lower.size:
        raise DataError(f"{path} must hold the lower triangle of a matrix, got an array of the shape {lower.shape}")
    gram = np.zeros((side, side))
    gram[np.tril_indices(side)] = lower
    return gram + np.tril(gram, -1).T


def _narrow(values: np.ndarray) -> np.ndarray:
    """As float32 if that gives every number back."""
    narrow = values.astype(np.float32)
    return narrow if np.array_equal(narrow.astype(np.float64), values) else values


def _read(path: Path) -> np.ndarray:
    """A finite floating array, its size checked before memory is taken: the file may come from a stranger."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"inner products not found: {path}; run the concepts step again, which keeps them") from None
    stream = io.BytesIO(content)
    try:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError("its version of the format is not 1.0")
        shape, columns_first, kind = np.lib.format.read_array_header_1_0(stream)
    except ValueError as error:
        raise DataError(f"{path} is no NumPy array: {error}") from None
    body = content[stream.tell() :]
    whole = math.prod(shape) * kind.itemsize == len(body)
    if kind not in (np.float32, np.float64) or columns_first or not whole:
        raise DataError(
            f"{path} must hold floats in the shape that its header tells, got {kind} {shape} and {len(body)} bytes"
        )
    values = np.frombuffer(body, kind).reshape(shape)
    if not np.isfinite(values).all():
        raise DataError(f"{path} holds NaN or infinity")
    return values
