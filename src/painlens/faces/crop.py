"""From a face box to a square crop, and points from the frame to the crop and back.

Coordinates: whole numbers are centres of pixels, as in OpenCV; a box covers its pixels whole.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Square:
    """A square of whole pixels of a frame; it may cross the border."""

    x: int
    y: int
    side: int

    def to_crop(self, points: NDArray[np.floating], size: int) -> NDArray[np.float64]:
        """Points (..., 2) of the frame in pixels of a crop of the size."""
        return (np.asarray(points, np.float64) + 0.5 - (self.x, self.y)) * (size / self.side) - 0.5

    def to_frame(self, points: NDArray[np.floating], size: int) -> NDArray[np.float64]:
        """Points (..., 2) of a crop of the size in pixels of the frame."""
        return (np.asarray(points, np.float64) + 0.5) * (self.side / size) - 0.5 + (self.x, self.y)


def choose_box(
    boxes: NDArray[np.float64], owner: tuple[float, float, float, float] | None = None
) -> NDArray[np.float64] | None:
    """The largest box (x, y, width, height), or None.

    Parameters
    ----------
    boxes
        Float array (face, 4).
    owner
        The owner's box of the labelled person: if boxes have their centre in it, only they count.
    """
    if not len(boxes):
        return None
    if owner is not None:
        x, y, width, height = owner
        centres = boxes[:, :2] + boxes[:, 2:] / 2
        within = ((centres >= (x, y)) & (centres <= (x + width, y + height))).all(axis=1)
        boxes = boxes[within] if within.any() else boxes
    return boxes[np.argmax(boxes[:, 2] * boxes[:, 3])]


def square_of(box: NDArray[np.floating], margin: float) -> Square:
    """The square about the centre of a box (x, y, width, height) whose side is (1 + margin) of its longer side.

    >>> square_of(np.array([10, 20, 100, 100]), margin=0.2)
    Square(x=0, y=10, side=120)
    """
    x, y, width, height = (float(value) for value in box)
    side = max(1, round(max(width, height) * (1 + margin)))
    return Square(round(x + width / 2 - side / 2), round(y + height / 2 - side / 2), side)


def crop_square(image: NDArray[np.uint8], square: Square, size: int) -> NDArray[np.uint8]:
    """The square scaled to (size, size, 3); pixels outside the frame repeat its edge.

    Shrinking averages over areas, enlarging interpolates linearly.
    """
    height, width = image.shape[:2]
    rows = np.clip(np.arange(square.y, square.y + square.side), 0, height - 1)
    columns = np.clip(np.arange(square.x, square.x + square.side), 0, width - 1)
    face = image[rows[:, None], columns]
    method = cv2.INTER_AREA if square.side > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(face, (size, size), interpolation=method), np.uint8)
