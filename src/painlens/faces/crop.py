"""From a face box to a square crop, and points from the frame to the crop and back.

Coordinates: whole numbers are centres of pixels, as in OpenCV; a box covers its pixels whole.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Square:
    """A square of whole pixels of a frame; it may cross the border, and be turned about its centre.

    Attributes
    ----------
    x, y, side
        Before it is turned.
    angle_deg
        Clockwise on the screen: a line that rises to the right by this angle is level in the crop after a turn of its
        negative.
    """

    x: int
    y: int
    side: int
    angle_deg: float = 0.0

    def to_crop(self, points: NDArray[np.floating], size: int) -> NDArray[np.float64]:
        """Points (..., 2) of the frame in pixels of a crop of the size."""
        own = self._turn(np.asarray(points, np.float64) + 0.5, -self.angle_deg)
        return (own - (self.x, self.y)) * (size / self.side) - 0.5

    def to_frame(self, points: NDArray[np.floating], size: int) -> NDArray[np.float64]:
        """Points (..., 2) of a crop of the size in pixels of the frame."""
        own = (np.asarray(points, np.float64) + 0.5) * (self.side / size) + (self.x, self.y)
        return self._turn(own, self.angle_deg) - 0.5

    def _turn(self, points: NDArray[np.float64], angle_deg: float) -> NDArray[np.float64]:
        """Points turned about the centre of the square."""
        if not angle_deg:
            return points
        centre = np.array([self.x, self.y]) + self.side / 2
        cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
        return (points - centre) @ np.array([[cos, sin], [-sin, cos]]) + centre


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


def turned(square: Square, angle_deg: float) -> Square:
    """The square turned to an angle.

    >>> turned(Square(0, 0, 10), 4.0).angle_deg
    4.0
    """
    return replace(square, angle_deg=float(angle_deg))


def crop_square(image: NDArray[np.uint8], square: Square, size: int) -> NDArray[np.uint8]:
    """The square scaled to (size, size, 3); pixels outside the frame repeat its edge.

    Shrinking averages over areas, enlarging interpolates linearly.
    """
    if square.angle_deg:
        return _scaled(_cut_turned(image, square), size)
    height, width = image.shape[:2]
    x, y, side = square.x, square.y, square.side
    if x >= 0 and y >= 0 and x + side <= width and y + side <= height:
        return _scaled(image[y : y + side, x : x + side], size)
    rows = np.clip(np.arange(square.y, square.y + square.side), 0, height - 1)
    columns = np.clip(np.arange(square.x, square.x + square.side), 0, width - 1)
    return _scaled(image[rows[:, None], columns], size)


def _cut_turned(image: NDArray[np.uint8], square: Square) -> NDArray[np.uint8]:
    """A turned square (side, side, 3) at the resolution of the frame, interpolated linearly."""
    corner, right, down = square.to_frame(np.array([[0, 0], [1, 0], [0, 1]]), square.side)
    back = np.column_stack([right - corner, down - corner, corner])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    side = (square.side, square.side)
    return np.asarray(cv2.warpAffine(image, back, side, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _scaled(face: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    method = cv2.INTER_AREA if len(face) > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(face, (size, size), interpolation=method), np.uint8)
