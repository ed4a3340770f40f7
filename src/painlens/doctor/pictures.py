"""Every picture opened once: does it decode, what are its bytes, what does it look like."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from painlens.databases.pictures import FrameSource, inside, is_clip
from painlens.databases.reasons import reason_of
from painlens.faces.workers import in_order
from painlens.progress import Progress, silent
from painlens.tables import DataError

_PIECE = 64
SIDE = 16  # of the thumbnail that decides whether two pictures are alike


@dataclass(frozen=True)
class _Piece:
    root: Path
    frames: tuple[tuple[str, int | None], ...]


@dataclass(frozen=True)
class Looks:
    """What pictures look like, one entry per frame that was asked for.

    Attributes
    ----------
    reasons
        Why a frame cannot be decoded; '' where it can.
    digests
        Of the file's bytes (images) or of the decoded pixels (videos).
    hashes
        uint64: signs of the horizontal differences of 9 x 8 grey values (Krawetz 2013).
    thumbnails
        uint8 (frame, 16, 16) grey.
    """

    reasons: list[str]
    digests: list[str]
    hashes: NDArray[np.uint64]
    thumbnails: NDArray[np.uint8]


def look(frames: pd.DataFrame, root: Path, *, workers: int = 1, progress: Progress = silent) -> Looks:
    """Open every frame of a table with `path` and `frame_index`.

    Parameters
    ----------
    root
        The owner's folder.
    workers
        Number of processes.
    """
    reasons: list[str] = []
    digests: list[str] = []
    hashes: list[int] = []
    thumbnails: list[NDArray[np.uint8]] = []
    for answers in in_order(_look_at_piece, _pieces(frames, root), workers=workers):
        for reason, digest, value, thumbnail in answers:
            reasons.append(reason)
            digests.append(digest)
            hashes.append(value)
            thumbnails.append(thumbnail)
        progress(len(reasons), len(frames), "pictures")
    stacked = np.stack(thumbnails) if thumbnails else np.empty((0, SIDE, SIDE), np.uint8)
    return Looks(reasons, digests, np.array(hashes, dtype=np.uint64), stacked)


def difference_hash(image: NDArray[np.uint8]) -> int:
    """64 bits: which of 8 x 8 grey values are brighter than their right neighbour.

    >>> difference_hash(np.full((20, 20, 3), 7, np.uint8))
    0
    """
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (9, 8), interpolation=cv2.INTER_AREA).astype(int)
    bits = (grey[:, :-1] > grey[:, 1:]).ravel()
    return int(np.packbits(bits).view(">u8")[0])


def _pieces(frames: pd.DataFrame, root: Path) -> Iterator[_Piece]:
    numbers = [None if pd.isna(value) else int(value) for value in frames["frame_index"]]
    places = list(zip(frames["path"].astype(str), numbers, strict=True))
    for first in range(0, len(places), _PIECE):
        yield _Piece(root, tuple(places[first : first + _PIECE]))


def _look_at_piece(piece: _Piece) -> list[tuple[str, str, int, NDArray[np.uint8]]]:
    source = FrameSource(piece.root)
    try:
        return [_look_at(source, piece.root, path, number) for path, number in piece.frames]
    finally:
        source.close()


def _look_at(source: FrameSource, root: Path, path: str, number: int | None) -> tuple[str, str, int, NDArray[np.uint8]]:
    try:
        image = source.frame(path, number)
        content = image.tobytes() if is_clip(path) else inside(root, path).read_bytes()
    except (DataError, OSError) as error:
        return reason_of(error, root), "", 0, np.zeros((SIDE, SIDE), np.uint8)
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    digest = hashlib.sha256(content).hexdigest()
    return "", digest, difference_hash(image), np.asarray(grey, np.uint8)
