"""What one process does with some frames: detect, align, crop, landmarks, measures."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from painlens.databases.pictures import FrameSource, load_frame
from painlens.databases.reasons import reason_of
from painlens.faces.crop import Square, choose_box, crop_square, square_of, turned
from painlens.faces.detectors import detector_of, face_mesh, has_mesh
from painlens.faces.landmarks import TruthLandmarks, eye_line_deg, lie_on_crop, owner_points
from painlens.faces.mesh import Mesh
from painlens.regions import region_map, template_landmarks
from painlens.study import Faces
from painlens.tables import DataError

PIECE = 32  # frames that one process handles at a time
NO_FACE = "no face detected"
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Frame:
    """What a process needs to know of one frame."""

    path: str
    frame_index: int | None
    landmarks_path: str | None
    owner_landmarks: str | None
    owner_box: Box | None
    truth: NDArray[np.float64] | None


@dataclass(frozen=True)
class Piece:
    """Frames for one process."""

    root: Path
    settings: Faces
    frames: tuple[Frame, ...]


@dataclass(frozen=True)
class TwinPiece:
    """Pairs of pictures for one process."""

    root: Path
    settings: Faces
    paths: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Found:
    """A face that was found.

    Attributes
    ----------
    source
        Of the landmarks: owner, truth, mesh or template.
    eye_opening, mouth_gap
        Measures of the networks, missing (NaN) where nobody asked or no mesh was found.
    """

    square: Square
    pixels: NDArray[np.uint8]
    regions: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    source: str
    eye_opening: float = float("nan")
    mouth_gap: float = float("nan")

    def without_pixels(self) -> "Found":
        """The same face without its arrays: memory stays flat while a database is prepared."""
        nothing = np.empty(0, np.uint8)
        return replace(self, pixels=nothing, regions=nothing, landmarks=np.empty(0, np.float32))


@dataclass(frozen=True)
class Outcome:
    """How detection went."""

    reason: str
    n_boxes: int


@dataclass(frozen=True)
class _Measured:
    """Points (68, 2) of the face in pixels of the frame, if any are trusted, and the mesh, if one was made."""

    points: NDArray[np.float64] | None
    source: str
    mesh: Mesh | None


def pieces_of(kept: pd.DataFrame, root: Path, settings: Faces, truth: Path | None) -> Iterator[Piece]:
    """The kept frames in groups."""
    rendered = TruthLandmarks(truth) if truth is not None else None
    for first in range(0, len(kept), PIECE):
        records = kept.iloc[first : first + PIECE].to_dict("records")
        yield Piece(root, settings, tuple(_frame(record, rendered) for record in records))


def check_networks(settings: Faces) -> None:
    """Raise a `DataError` at once where the settings need networks that are not installed."""
    detector_of(settings.detector)
    if settings.landmarks == "mesh" or settings.suggestions.make or settings.align == "eyes":
        face_mesh()


def crop_piece(piece: Piece) -> list[tuple[Found | None, Outcome]]:
    """The faces of some frames, in their order."""
    source = FrameSource(piece.root)
    try:
        return [_crop(source, frame, piece) for frame in piece.frames]
    finally:
        source.close()


def crop_twin_piece(piece: TwinPiece) -> tuple[NDArray[np.uint8], list[str]]:
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
        box, _ = _detect(images[0], piece.settings, None)
        reasons.append("" if box is not None else NO_FACE)
        if box is not None:
            square = _square(box, piece.settings)
            if piece.settings.align == "eyes":
                mesh = face_mesh().mesh(images[0], box)
                square = turned(square, eye_line_deg(mesh.landmarks)) if mesh is not None else square
            crop[:] = [crop_square(image, square, size) for image in images]
    return crops, reasons


def _frame(record: dict[Any, Any], rendered: TruthLandmarks | None) -> Frame:
    known = {name: value for name, value in record.items() if not pd.isna(value)}
    box = tuple(float(known[name]) for name in ("box_x", "box_y", "box_w", "box_h") if name in known)
    return Frame(
        path=str(known["path"]),
        frame_index=int(known["frame_index"]) if "frame_index" in known else None,
        landmarks_path=known.get("landmarks_path"),
        owner_landmarks=known.get("owner_landmarks"),
        owner_box=box if len(box) == 4 else None,
        truth=rendered.points(str(known["frame_id"])) if rendered is not None else None,
    )


def _crop(source: FrameSource, frame: Frame, piece: Piece) -> tuple[Found | None, Outcome]:
    settings, size = piece.settings, piece.settings.size
    try:
        image = source.frame(frame.path, frame.frame_index)
        box, count = _detect(image, settings, frame.owner_box)
    except DataError as error:
        return None, Outcome(reason_of(error, piece.root), 0)
    if box is None:
        return None, Outcome(NO_FACE, count)
    square = _square(box, settings)
    measured = _measure(image, box, square, frame, piece)
    if settings.align == "eyes" and measured.points is not None:
        square = turned(square, eye_line_deg(measured.points))
    points = template_landmarks(size, settings.margin)
    if measured.points is not None:
        points = square.to_crop(measured.points, size)
    openings, gap = [float("nan")], float("nan")
    if settings.suggestions.make and measured.mesh is not None:
        openings, gap = list(face_mesh().eye_openings(image, measured.mesh)), measured.mesh.mouth_gap
    return (
        Found(
            square=square,
            pixels=crop_square(image, square, size),
            regions=region_map(points, size),
            landmarks=points.astype(np.float32),
            source=measured.source,
            eye_opening=float(np.mean(openings)),
            mouth_gap=gap,
        ),
        Outcome("", count),
    )


def _detect(image: NDArray[np.uint8], settings: Faces, owner_box: Box | None) -> tuple[NDArray[np.float64] | None, int]:
    """The box of the face, if any, and the number of boxes.

    Raises
    ------
    DataError
        OpenCV cannot handle the picture.
    """
    try:
        boxes = detector_of(settings.detector).boxes(image)
    except cv2.error as error:
        height, width = image.shape[:2]
        raise DataError(f"the detector cannot handle a picture of {width} x {height} pixels; {error}") from None
    return choose_box(boxes, owner_box), len(boxes)


def _square(box: NDArray[np.float64], settings: Faces) -> Square:
    return square_of(box, settings.margin if detector_of(settings.detector).adds_margin else 0.0)


def _measure(
    image: NDArray[np.uint8], box: NDArray[np.float64], square: Square, frame: Frame, piece: Piece
) -> _Measured:
    """Landmarks of the best source: the owner's, the truth of a rendered face, the mesh; else the template."""
    settings, size = piece.settings, piece.settings.size
    mesh = face_mesh().mesh(image, box) if settings.suggestions.make else None
    if settings.landmarks == "template":
        return _Measured(None, "template", mesh)
    if settings.landmarks == "auto":
        owner = owner_points(piece.root, frame.landmarks_path, frame.owner_landmarks)
        for points, source in ((owner, "owner"), (frame.truth, "truth")):
            if points is not None and lie_on_crop(square.to_crop(points, size), size):
                return _Measured(points, source, mesh)
    if mesh is None and (settings.landmarks == "mesh" or has_mesh()):
        mesh = face_mesh().mesh(image, box)
    if mesh is not None and lie_on_crop(square.to_crop(mesh.landmarks, size), size):
        return _Measured(mesh.landmarks, "mesh", mesh)
    return _Measured(None, "template", mesh)
