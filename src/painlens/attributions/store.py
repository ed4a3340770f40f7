"""Relevance of one network on disk: `relevance.h5`, in the layout that ViRelAy documents for attribution databases.

ViRelAy reads these datasets (n faces, K classes); the colour channels are summed, so the channel axis has length 1.
Its pictures want more channels: `painlens.attributions.virelay` makes a view that it shows, without a copy of the maps.

==============  =========================  ==============================================================
``attribution``  float32 (n, 1, h, w)      relevance of the explained logit, one chunk per face
``index``        uint32 (n,)               number of the face in this file: 0, 1 ... n - 1
``label``        uint32 (n,)               true class of the face, an index into the header's labels or classes
``prediction``   float32 (n, K)            logits
==============  =========================  ==============================================================

The group ``painlens`` beside them says whose maps these are: text datasets ``database``, ``frame_id``,
``participant``, ``label``; float64 datasets ``logit``, ``relevance``, ``bias``, ``dead`` (the ledger); ``absorbed``,
float64 (n, layers), what each layer kept, the layers' names in the header; ``written`` (1 for each face whose map is
whole); the attributes of the file are the header.

While it is written, the file lies beside its place under a hidden name. All space is allocated at the start, so that
afterwards only numbers change in place; a face counts as written after its numbers have reached the disk. A killed
run therefore leaves a file that opens and loses at most one batch.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from painlens.attributions.relevance import Relevance, ledger_error
from painlens.tables import LEDGER, DataError, conform

FORMAT = "painlens relevance 1"
TEXTS = ("database", "frame_id", "participant", "label")
LEDGER_ENTRIES = ("logit", "relevance", "bias", "dead")


@dataclass(frozen=True)
class RelevanceHeader:
    """Whose relevance a file holds.

    Attributes
    ----------
    model
        Database that the network was trained on.
    replicate
        seed=0 ..., half=0a ...
    classes
        Of the network, in the order of its logits.
    target
        The explained class.
    method
        Attribution method, with everything that changes its numbers, e.g. "lrp paper float32".
    weights
        SHA-256 of the network's weights file.
    layers
        Names of the layers that may keep relevance, from the input to the logits; empty where they are not booked.
    labels
        Names of the faces' true classes, where these are not the network's classes; else empty.
    """

    model: str
    replicate: str
    classes: tuple[str, ...]
    target: str
    method: str
    weights: str
    layers: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


class RelevanceWriter:
    """Writes relevance.h5 in batches and takes up a file that an earlier run left unfinished.

    Parameters
    ----------
    path
        Final place; it is filled in one move by `finish`. Only the owner may read it (mode 600): maps show faces.
    faces
        One row per face: database, frame_id, participant, label.
    size
        Height and width of a map in pixels.
    """

    def __init__(self, path: Path, header: RelevanceHeader, faces: pd.DataFrame, *, size: tuple[int, int]) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.partial")
        identity = _identity(header, faces, size)
        if not _continues(self._partial, identity):
            _create(self._partial, header, faces, size, identity)
        self._file = h5py.File(self._partial, "r+")

    def __enter__(self) -> "RelevanceWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def pending(self, batch: int, among: Int[np.ndarray, " row"] | None = None) -> Iterator[slice]:
        """Runs of faces whose maps are not yet written, at most `batch` long; `among` some rows or all."""
        missing = np.flatnonzero(_dataset(self._file, "painlens/written")[:] == 0)
        missing = missing if among is None else np.intersect1d(missing, among)
        while len(missing):
            start = int(missing[0])
            run = missing[:batch] == start + np.arange(min(batch, len(missing)))
            stop = start + int(run.sum())
            yield slice(start, stop)
            missing = missing[missing >= stop]

    def write(self, rows: slice, relevance: Relevance) -> None:
        """Put the relevance of these faces in its place; when it returns, no kill can lose it."""
        if len(relevance.maps) != rows.stop - rows.start:
            raise ValueError(f"expected {rows.stop - rows.start} maps for {rows}, got {len(relevance.maps)}")
        _dataset(self._file, "attribution")[rows, 0] = relevance.maps
        _dataset(self._file, "prediction")[rows] = relevance.logits
        for name in (*LEDGER_ENTRIES, "absorbed"):
            _dataset(self._file, f"painlens/{name}")[rows] = getattr(relevance, name)
        self._sync()  # the numbers first, then the word that they are whole
        _dataset(self._file, "painlens/written")[rows] = 1
        self._sync()

    def finish(self) -> Path:
        """Close the file and move it to its place."""
        missing = int((_dataset(self._file, "painlens/written")[:] == 0).sum())
        if missing:
            raise ValueError(f"{missing} faces of {self._path.name} have no map yet; write them before finish")
        self._file.close()
        self._partial.replace(self._path)
        return self._path

    def _sync(self) -> None:
        self._file.flush()
        descriptor = os.open(self._partial, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@dataclass(frozen=True)
class StoredRelevance:
    """A finished relevance.h5: all but the maps in memory, the maps read on demand.

    Attributes
    ----------
    faces
        database, frame_id, participant, label; row i belongs to map i.
    ledger
        Rows of `tables.LEDGER`, in the same order.
    logits
        float32 (n, classes).
    """

    path: Path
    header: RelevanceHeader
    faces: pd.DataFrame
    ledger: pd.DataFrame
    logits: Float[np.ndarray, "face class"]

    def __len__(self) -> int:
        return len(self.faces)

    def maps(self, rows: slice = slice(None)) -> Float[np.ndarray, "face height width"]:
        """float32 maps of these faces, in units of the logit."""
        with h5py.File(self.path, "r") as file:
            return _dataset(file, "attribution")[rows, 0]

    def absorbed(self) -> Float[np.ndarray, "face layer"]:
        """What every layer of `header.layers` kept of every map, float64."""
        with h5py.File(self.path, "r") as file:
            return _dataset(file, "painlens/absorbed")[:]

    def blocks(self, size: int) -> Iterator[tuple[slice, Float[np.ndarray, "face height width"]]]:
        """All maps in pieces of at most `size` faces, each with its rows."""
        for start in range(0, len(self), size):
            rows = slice(start, min(start + size, len(self)))
            yield rows, self.maps(rows)


def load_relevance(path: Path) -> StoredRelevance:
    """Open a finished relevance.h5.

    Raises
    ------
    DataError
        The file is missing, is not one of ours, or has faces without a map.
    """
    if not path.exists():
        raise DataError(f"relevance not found: {path}; run the step 'attribute' first")
    try:
        with h5py.File(path, "r") as file:
            return _load(path, file)
    except (OSError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not a relevance file of this version: {error}; run 'attribute' again") from None


def _load(path: Path, file: h5py.File) -> StoredRelevance:
    if file.attrs["format"] != FORMAT:
        raise DataError(f"{path} has format '{file.attrs['format']}', expected '{FORMAT}'; run 'attribute' again")
    missing = int((_dataset(file, "painlens/written")[:] == 0).sum())
    if missing:
        raise DataError(f"{path} lacks the maps of {missing} faces; run 'attribute' again")
    values = json.loads(str(file.attrs["header"]))
    listed = {name: tuple(values.get(name, ())) for name in ("classes", "layers", "labels")}
    header = RelevanceHeader(**{**values, **listed})
    texts = {name: pd.array(_dataset(file, f"painlens/{name}").asstr()[:], dtype="string") for name in TEXTS}
    entries = {name: _dataset(file, f"painlens/{name}")[:] for name in LEDGER_ENTRIES}
    faces = pd.DataFrame(texts)
    error = ledger_error(*(entries[name] for name in LEDGER_ENTRIES))
    ledger = faces[["database", "frame_id"]].assign(
        model=header.model, replicate=header.replicate, **entries, error=error
    )
    return StoredRelevance(path, header, faces, conform(ledger, LEDGER), _dataset(file, "prediction")[:])


def _dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """A dataset by its name, which must be one."""
    found = file[name]
    if not isinstance(found, h5py.Dataset):
        raise KeyError(f"{name} is no dataset")
    return found


def _identity(header: RelevanceHeader, faces: pd.DataFrame, size: tuple[int, int]) -> str:
    """Digest of everything that must be equal for a started file to be continued."""
    rows = faces[list(TEXTS)].astype(str).to_numpy().tolist()
    content = json.dumps([FORMAT, asdict(header), list(size), rows], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _continues(partial: Path, identity: str) -> bool:
    """Whether an earlier run left this very file unfinished."""
    if not partial.exists():
        return False
    try:
        with h5py.File(partial, "r") as file:
            return file.attrs["identity"] == identity
    except (OSError, KeyError):  # killed while it was created: nothing had been written yet
        return False


def _create(partial: Path, header: RelevanceHeader, faces: pd.DataFrame, size: tuple[int, int], identity: str) -> None:
    """An empty file in which every number has its place."""
    labels = _label_indices(faces, header.labels or header.classes)
    n, classes = len(faces), len(header.classes)
    partial.parent.mkdir(parents=True, exist_ok=True)
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with h5py.File(partial, "w") as file:
        _allocate(file, "attribution", (n, 1, *size), np.float32, chunks=(1, 1, *size) if n else None)
        _allocate(file, "prediction", (n, classes), np.float32)
        file["index"] = np.arange(n, dtype=np.uint32)
        file["label"] = labels
        own = file.create_group("painlens")
        for name in TEXTS:
            own.create_dataset(name, data=faces[name].astype(str).to_list(), dtype=h5py.string_dtype(), shape=(n,))
        for name in LEDGER_ENTRIES:
            _allocate(own, name, (n,), np.float64)
        _allocate(own, "absorbed", (n, len(header.layers)), np.float64)
        _allocate(own, "written", (n,), np.uint8)
        file.attrs["format"] = FORMAT
        file.attrs["header"] = json.dumps(asdict(header), sort_keys=True)
        file.attrs["identity"] = identity


def _allocate(
    group: h5py.Group, name: str, shape: tuple[int, ...], dtype: Any, *, chunks: tuple[int, ...] | None = None
) -> None:
    """A dataset of zeros whose space is taken at once, so that later writes change no structure of the file."""
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    if chunks is not None:
        creation.set_chunk(chunks)
    space = h5py.h5s.create_simple(shape)
    h5py.h5d.create(group.id, name.encode(), h5py.h5t.py_create(np.dtype(dtype)), space, dcpl=creation)


def _label_indices(faces: pd.DataFrame, classes: tuple[str, ...]) -> np.ndarray[Any, np.dtype[np.uint32]]:
    """True classes as indices into the network's classes."""
    position = {name: index for index, name in enumerate(classes)}
    unknown = sorted(set(faces["label"].astype(str)) - set(classes))
    if unknown:
        raise DataError(
            f"faces have the labels {', '.join(unknown)}, but the network's classes are {', '.join(classes)}; "
            "give the faces of the study's classes only"
        )
    return np.array([position[label] for label in faces["label"].astype(str)], dtype=np.uint32)
