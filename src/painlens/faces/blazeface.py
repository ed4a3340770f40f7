"""Faces found by BlazeFace, full range (Bazarevsky et al. 2019), run by OpenCV.

Beside a box it gives six points of every face: both eyes, nose, mouth, both ears. It follows turned heads further
than the Haar cascade does.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from painlens.faces.networks import DETECTION, Network, digest_of, sigmoid

_SIDE = 192  # of the network's input in pixels
_CELLS = 48
_THRESHOLD = 0.5
_OVERLAP = 0.3
# A head that fills the frame is missed: a second try adds a border of this share of the longer side, edges repeated.
_BORDER = 0.3
# Smaller boxes than this share of the frame's shorter side are texture, not the face that the frame was taken of.
_SMALLEST = 0.1


@dataclass(frozen=True)
class Detections:
    """Faces of one image, best score first."""

    boxes: NDArray[np.float64]
    """(face, 4): x, y, width, height in pixels."""
    points: NDArray[np.float64]
    """(face, 6, 2): the eye at the left of the picture, the other eye, nose, mouth, two ears, in pixels."""
    scores: NDArray[np.float64]
    """(face,), 0..1."""


class BlazeFace:
    """The network `face_detection_full_range` with threshold .5 and suppression above an overlap of .3."""

    adds_margin = True

    def __init__(self) -> None:
        self._network = Network(DETECTION)
        self.version = f"blazeface full_range {digest_of(DETECTION)}, OpenCV {cv2.__version__}"

    def boxes(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Boxes (face, 4) as x, y, width, height in pixels of the image (uint8 RGB), largest first."""
        boxes = self.detect(image).boxes
        return boxes[np.lexsort((boxes[:, 1], boxes[:, 0], -boxes[:, 2]))]

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Faces of an image; a second try with a border where the first finds none."""
        found = self._once(image)
        if len(found.boxes):
            return found
        border = round(_BORDER * max(image.shape[:2]))
        padded = cv2.copyMakeBorder(image, *(4 * [border]), borderType=cv2.BORDER_REPLICATE)
        found = self._once(np.asarray(padded, np.uint8))
        boxes = found.boxes - (border, border, 0, 0)
        return Detections(boxes, found.points - border, found.scores)

    def _once(self, image: NDArray[np.uint8]) -> Detections:
        height, width = image.shape[:2]
        boxed, scale, shift = letter_box(image, _SIDE)
        regressors, classifiers = self._network(boxed)
        scores = sigmoid(classifiers)
        likely = scores >= _THRESHOLD
        values = regressors.reshape(-1, 8, 2)[likely].astype(np.float64) / _SIDE
        row, column = np.divmod(np.flatnonzero(likely), _CELLS)
        centres = (np.column_stack([column, row]) + 0.5) / _CELLS
        # Pairs: offset of the centre, width and height, then the points; in units of the input's side.
        middle, sizes = values[:, 0] + centres, values[:, 1]
        points = values[:, 2:] + centres[:, None]
        boxes = np.column_stack([middle - sizes / 2, sizes])
        boxes = np.column_stack([(boxes[:, :2] * _SIDE - shift) / scale, boxes[:, 2:] * _SIDE / scale])
        points = (points * _SIDE - shift) / scale
        kept = _suppressed(boxes, scores[likely])
        kept = kept[boxes[kept, 2:].min(axis=1) >= _SMALLEST * min(height, width)] if len(kept) else kept
        return Detections(boxes[kept], points[kept], scores[likely][kept])


def letter_box(image: NDArray[np.uint8], side: int) -> tuple[NDArray[np.float32], float, NDArray[np.float64]]:
    """The image shrunk or enlarged into a black square, in -1..1; the scale, and the shift (x, y) in pixels of it."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    shape = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, shape, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    left, top = (side - shape[0]) // 2, (side - shape[1]) // 2
    square = np.zeros((side, side, 3), np.float32)
    square[top : top + shape[1], left : left + shape[0]] = small
    return square / 127.5 - 1, scale, np.array([left, top], np.float64)


def _suppressed(boxes: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.intp]:
    """Indices of boxes that no better one covers, best first."""
    if not len(boxes):
        return np.empty(0, np.intp)
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), _THRESHOLD, _OVERLAP)
    return np.asarray(kept, np.intp).ravel()
