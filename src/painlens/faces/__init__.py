"""Frames become face crops with landmarks and regions; every frame without a face keeps its reason.

Both databases of a study go through the same detector, margin and resampling: a difference in cropping would look
like a difference between models.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from painlens.databases.pictures import FrameSource, load_frame
from painlens.databases.reasons import reason_of
from painlens.faces.crop import Square, choose_box, crop_square, square_of
from painlens.faces.haar import Haar
from painlens.faces.landmarks import TruthLandmarks, lie_on_crop, owner_points
from painlens.faces.store import FaceArrays, load_faces, load_rows, write_faces, write_twins
from painlens.faces.whole import WholeFrame
from painlens.faces.workers import in_order
from painlens.progress import Progress, silent
from painlens.regions import region_map, template_landmarks
from painlens.study import Faces
from painlens.tables import FACES, DataError, conform

__all__ = ["DETECTORS", "Detector", "FaceArrays", "crop_faces", "crop_twins", "load_faces", "load_rows"]

_PIECE = 32  # frames that one process handles at a time
_NO_FACE = "no face detected"


class Detector(Protocol):
    """A way of finding faces."""

    @property
    def adds_margin(self) -> bool:
        """Whether the study's margin is added around its boxes."""
        ...

    @property
    def version(self) -> str:
        """Name and version, for the record."""
        ...

    def boxes(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Boxes (face, 4) as x, y, width, height in pixels of an RGB image."""
        ...


DETECTORS: dict[str, Callable[[], Detector]] = {"haar": Haar, "none": WholeFrame}


def crop_faces(
    frames: pd.DataFrame,
    *,
    root: Path,
    settings: Faces,
    store: Path,
    truth: Path | None = None,
    workers: int = 1,
    progress: Progress = silent,
) -> pd.DataFrame:
    """One row per kept frame: the face's box and its row in the store, or why there is none (table FACES).

    Parameters
    ----------
    frames
        Table FRAMES of one database.
    root
        The owner's folder.
    settings
        Detector, size, margin and source of landmarks.
    store
        `faces.h5` to write: faces uint8 (row, size, size, 3), regions uint8 (row, size, size), landmarks float32
        (row, 68, 2), in the order of `frames`.
    truth
        Truth folder of a rendered database, for its landmarks.
    workers
        Number of processes; the result does not depend on it.

    Raises
    ------
    DataError
        The detector is not available, or no face was found in any frame.
    """
    kept = frames.loc[frames["kept"].to_numpy(dtype=bool)].reset_index(drop=True)
    version = _detector(settings.detector).version
    rows: list[dict[str, Any]] = []
    progress(0, len(kept))
    with write_faces(store, settings.size) as writer:
        for piece in in_order(_crop_piece, _pieces(kept, root, settings, truth), workers=workers):
            found = [face for face, _ in piece if face is not None]
            if found:
                writer.append(
                    faces=np.stack([face.pixels for face in found]),
                    regions=np.stack([face.regions for face in found]),
                    landmarks=np.stack([face.landmarks for face in found]),
                )
            rows += [_row(face, outcome) for face, outcome in piece]
            progress(len(rows), len(kept), f"{len(rows) - writer.rows} without a face")
        if not writer.rows:
            raise DataError(_nothing_found(rows, settings.detector))
    table = pd.DataFrame(rows)
    carried = ("frame_id", "database", "participant", "sequence", "label", "consent_display", "consent_publish")
    for name in (*carried, *(name for name in ("sex", "age") if name in kept)):
        table[name] = kept[name]
    table["row"] = table["found"].cumsum().sub(1).where(table["found"]).astype("Int64")
    return conform(table.assign(detector=version), FACES)


def crop_twins(
    truth: Path, *, settings: Faces, store: Path, workers: int = 1, progress: Progress = silent
) -> pd.DataFrame:
    """One row per counterfactual pair of a rendered database: pair, participant, concept, found, reason, row.

    The face is detected on the picture without the concept and its box is used for both, so that the crops differ
    in the concept alone.

    Parameters
    ----------
    truth
        Truth folder of a rendered database with `twins.parquet`.
    settings
        Detector, size and margin.
    store
        `twins.h5` to write: `without` and `with`, uint8 (row, size, size, 3). Rows are those of the returned table,
        black where no face was found.
    """
    try:
        twins = pd.read_parquet(truth / "twins.parquet")
    except (OSError, ValueError) as error:
        raise DataError(f"{truth} has no readable twins.parquet: {error}; render the database again") from None
    _detector(settings.detector)
    paths = list(zip(twins["path_without"].astype(str), twins["path_with"].astype(str), strict=True))
    pieces = [
        _TwinPiece(truth, settings, tuple(paths[first : first + _PIECE])) for first in range(0, len(paths), _PIECE)
    ]
    reasons: list[str] = []
    progress(0, len(paths))
    with write_twins(store, settings.size) as writer:
        for crops, outcomes in in_order(_crop_twin_piece, pieces, workers=workers):
            writer.append(**{"without": crops[:, 0], "with": crops[:, 1]})
            reasons += outcomes
            progress(len(reasons), len(paths))
    table = twins[["pair", "participant", "concept"]].astype("string").reset_index(drop=True)
    found = [reason == "" for reason in reasons]
    return table.assign(found=pd.array(found, dtype="boolean"), reason=reasons, row=range(len(table)))


@dataclass(frozen=True)
class _Frame:
    """What a process needs to know of one frame."""

    path: str
    frame_index: int | None
    landmarks_path: str | None
    owner_landmarks: str | None
    owner_box: tuple[float, float, float, float] | None
    truth: NDArray[np.float64] | None


@dataclass(frozen=True)
class _Piece:
    """Frames for one process."""

    root: Path
    settings: Faces
    frames: tuple[_Frame, ...]


@dataclass(frozen=True)
class _TwinPiece:
    """Pairs of pictures for one process."""

    root: Path
    settings: Faces
    paths: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Face:
    """A face that was found."""

    square: Square
    pixels: NDArray[np.uint8]
    regions: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    source: str


@dataclass(frozen=True)
class _Outcome:
    """How detection went."""

    reason: str
    n_boxes: int


def _pieces(kept: pd.DataFrame, root: Path, settings: Faces, truth: Path | None) -> Iterator[_Piece]:
    """The kept frames in groups."""
    rendered = TruthLandmarks(truth) if truth is not None else None
    for first in range(0, len(kept), _PIECE):
        records = kept.iloc[first : first + _PIECE].to_dict("records")
        yield _Piece(root, settings, tuple(_frame(record, rendered) for record in records))


def _frame(record: dict[Any, Any], rendered: TruthLandmarks | None) -> _Frame:
    known = {name: value for name, value in record.items() if not pd.isna(value)}
    box = tuple(float(known[name]) for name in ("box_x", "box_y", "box_w", "box_h") if name in known)
    return _Frame(
        path=str(known["path"]),
        frame_index=int(known["frame_index"]) if "frame_index" in known else None,
        landmarks_path=known.get("landmarks_path"),
        owner_landmarks=known.get("owner_landmarks"),
        owner_box=box if len(box) == 4 else None,
        truth=rendered.points(str(known["frame_id"])) if rendered is not None else None,
    )


def _crop_piece(piece: _Piece) -> list[tuple[_Face | None, _Outcome]]:
    """The faces of some frames, in their order."""
    source = FrameSource(piece.root)
    try:
        return [_crop(source, frame, piece) for frame in piece.frames]
    finally:
        source.close()


def _crop(source: FrameSource, frame: _Frame, piece: _Piece) -> tuple[_Face | None, _Outcome]:
    try:
        image = source.frame(frame.path, frame.frame_index)
    except DataError as error:
        return None, _Outcome(reason_of(error, piece.root), 0)
    square, count = _detect(image, piece.settings, frame.owner_box)
    if square is None:
        return None, _Outcome(_NO_FACE, count)
    size = piece.settings.size
    points, landmarks = _landmarks(frame, square, piece)
    face = _Face(
        square, crop_square(image, square, size), region_map(points, size), points.astype(np.float32), landmarks
    )
    return face, _Outcome("", count)


def _crop_twin_piece(piece: _TwinPiece) -> tuple[NDArray[np.uint8], list[str]]:
    """Crops (pair, 2, size, size, 3) without and with the concept, and why there are none."""
    size = piece.settings.size
    crops = np.zeros((len(piece.paths), 2, size, size, 3), dtype=np.uint8)
    reasons = []
    for crop, (without, shown) in zip(crops, piece.paths, strict=True):
        try:
            images = [load_frame(piece.root, path) for path in (without, shown)]
        except DataError as error:
            reasons.append(reason_of(error, piece.root))
            continue
        square, _ = _detect(images[0], piece.settings, None)
        reasons.append("" if square is not None else _NO_FACE)
        if square is not None:
            crop[:] = [crop_square(image, square, size) for image in images]
    return crops, reasons


def _detect(
    image: NDArray[np.uint8], settings: Faces, owner_box: tuple[float, float, float, float] | None
) -> tuple[Square | None, int]:
    """The square of the face, if any, and the number of boxes."""
    detector = _detector(settings.detector)
    boxes = detector.boxes(image)
    box = choose_box(boxes, owner_box)
    margin = settings.margin if detector.adds_margin else 0.0
    return (None if box is None else square_of(box, margin)), len(boxes)


def _landmarks(frame: _Frame, square: Square, piece: _Piece) -> tuple[NDArray[np.float64], str]:
    """Landmarks (68, 2) in pixels of the crop, and where they come from."""
    size = piece.settings.size
    if piece.settings.landmarks == "auto":
        owner = owner_points(piece.root, frame.landmarks_path, frame.owner_landmarks)
        for points, source in ((owner, "owner"), (frame.truth, "truth")):
            if points is not None and lie_on_crop(square.to_crop(points, size), size):
                return square.to_crop(points, size), source
    return template_landmarks(size, piece.settings.margin), "template"


def _row(face: _Face | None, outcome: _Outcome) -> dict[str, Any]:
    """Columns of FACES that detection fills."""
    row: dict[str, Any] = {"found": face is not None, "reason": outcome.reason, "n_boxes": outcome.n_boxes}
    if face is None:
        nothing = dict.fromkeys(("box_x", "box_y", "box_w", "box_h"), float("nan"))
        return row | nothing | {"landmarks": ""}
    square = face.square
    box = {"box_x": square.x, "box_y": square.y, "box_w": square.side, "box_h": square.side}
    return row | box | {"landmarks": face.source}


def _nothing_found(rows: list[dict[str, Any]], detector: str) -> str:
    counts = pd.Series([row["reason"] for row in rows], dtype="str").value_counts().head(3)
    reasons = "; ".join(f"{count} x {reason}" for reason, count in counts.items())
    return f"detector '{detector}' found no face in {len(rows)} frames: {reasons or 'no frame is kept'}"


@cache
def _detector(name: str) -> Detector:
    """The detector of a name, built once per process."""
    return DETECTORS[name]()
