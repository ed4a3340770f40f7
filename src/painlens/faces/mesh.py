"""468 points of a face by FaceMesh (Kartynnik et al. 2019), and the contour of its eyes by the iris network.

The plain mesh places brows, nose, mouth and the corners of the eyes well, but its lids do not follow a closing eye:
for the opening of an eye the contour of the iris network (Ablavatski et al. 2020) is taken.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from painlens.faces.networks import IRIS, MESH, Network, sigmoid

_MESH_SIDE, _IRIS_SIDE = 192, 64
_ROOM = 1.5  # side of the mesh's input, in longer sides of a face's box
_IRIS_ROOM = 2.3  # side of the iris network's input, in distances of the eye's corners
_ACCEPTED = 0.5  # score of a mesh

# The points of the 68-point scheme (iBUG 300-W) among those of the mesh.
AS_68 = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
RIGHT_EYE, LEFT_EYE = (33, 133), (263, 362)  # outer and inner corner; right is the person's right
UPPER_LIP, LOWER_LIP, MOUTH_CORNERS = 13, 14, (61, 291)


@dataclass(frozen=True)
class Mesh:
    """The mesh of one face."""

    points: NDArray[np.float64]
    """(468, 2): x, y in pixels of the image."""
    score: float
    """0..1: that there is a face at all."""

    @property
    def landmarks(self) -> NDArray[np.float64]:
        """The 68 landmarks (68, 2) of the scheme that the other databases use."""
        return self.points[list(AS_68)]

    @property
    def mouth_gap(self) -> float:
        """Distance of the lips inside, in widths of the mouth."""
        return _distance(self.points, UPPER_LIP, LOWER_LIP) / max(_distance(self.points, *MOUTH_CORNERS), 1e-9)


class FaceMesh:
    """Mesh and eye contours of a face whose box is known."""

    def __init__(self) -> None:
        self._mesh, self._iris = Network(MESH), Network(IRIS)

    def mesh(self, image: NDArray[np.uint8], box: NDArray[np.floating]) -> Mesh | None:
        """The mesh of the face in a box (x, y, width, height), or None where the network sees no face.

        The network wants an upright face in a square of a certain room. A first look at the box finds the eyes and
        the extent of the face; a second look is turned and scaled by them.
        """
        x, y, width, height = (float(value) for value in box)
        first = self._look(image, np.array([x + width / 2, y + height / 2]), _ROOM * max(width, height), 0.0)
        if first.score < _ACCEPTED:
            return None
        low, high = first.points.min(axis=0), first.points.max(axis=0)
        across = first.points[LEFT_EYE[0]] - first.points[RIGHT_EYE[0]]
        turn = float(np.degrees(np.arctan2(across[1], across[0])))
        second = self._look(image, (low + high) / 2, _ROOM * float((high - low).max()), turn)
        return second if second.score >= _ACCEPTED else None

    def eye_openings(self, image: NDArray[np.uint8], mesh: Mesh) -> tuple[float, float]:
        """Height by width of the right and of the left eye, about .1 (shut) to .4 (wide open)."""
        return self._opening(image, mesh, RIGHT_EYE), self._opening(image, mesh, LEFT_EYE)

    def _look(self, image: NDArray[np.uint8], centre: NDArray[np.float64], side: float, turn: float) -> Mesh:
        """The mesh in a square of the image that is turned by some degrees."""
        pixels, back = _cut(image, centre, side, turn, _MESH_SIDE)
        values, score = self._mesh(pixels)
        points = values.reshape(468, 3)[:, :2].astype(np.float64)
        return Mesh(points @ back[:, :2].T + back[:, 2], float(sigmoid(score)[0]))

    def _opening(self, image: NDArray[np.uint8], mesh: Mesh, corners: tuple[int, int]) -> float:
        """Eye-aspect ratio (Soukupova and Cech 2016) of one eye, from the contour of the iris network."""
        outer, inner = (mesh.points[corner] for corner in corners)
        is_right = corners == RIGHT_EYE
        along = inner - outer if is_right else outer - inner
        turn = float(np.degrees(np.arctan2(along[1], along[0])))
        side = _IRIS_ROOM * float(np.hypot(*along))
        pixels, _ = _cut(image, (outer + inner) / 2, side, turn, _IRIS_SIDE)
        (values,) = self._iris(pixels[:, ::-1] if is_right else pixels)  # the network knows left eyes only
        contour = values.reshape(71, 3)[:, :2].astype(np.float64)
        height = _distance(contour, 13, 5) + _distance(contour, 11, 3)
        return height / max(2 * _distance(contour, 0, 8), 1e-9)


def _cut(
    image: NDArray[np.uint8], centre: NDArray[np.float64], side: float, turn_deg: float, size: int
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """A turned square of the image as float32 (size, size, 3) in 0..1, and the matrix (2, 3) back to the image."""
    scale, angle = max(side, 1.0) / size, np.radians(turn_deg)
    turned = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    back = np.column_stack([turned, centre - turned @ ((size - 1) / 2, (size - 1) / 2)])
    pixels = cv2.warpAffine(
        image, back, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(pixels, np.float32) / np.float32(255), back


def _distance(points: NDArray[np.float64], one: int, other: int) -> float:
    return float(np.hypot(*(points[one] - points[other])))
