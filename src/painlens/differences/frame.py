"""Maps in one face frame: turned, scaled and moved so that the landmarks lie on those of a mean frontal face."""

import cv2
import numpy as np
from jaxtyping import Float

from painlens.regions import template_landmarks

Maps = Float[np.ndarray, "face height width"]


def to_face_frame(
    maps: Maps, landmarks: Float[np.ndarray, "face point 2"], *, margin: float
) -> Float[np.ndarray, "face height width"]:
    """Maps as they would be if every face were frontal, upright and of one size; float32.

    A similarity (turn, scale, move) by least squares over the known landmarks; faces whose landmarks do not allow it
    stay in the frame of their crop. Values are relevance per pixel of the frame, so that
    sums stay (but for what leaves the frame).

    Parameters
    ----------
    landmarks
        68 points in pixels of the crop, NaN where unknown.
    margin
        Share of the face box that the crops were widened by (`study.faces.margin`).

    Examples
    --------
    >>> points = template_landmarks(32, 0.0)
    >>> maps = np.random.default_rng(0).random((1, 32, 32)).astype("f4")
    >>> bool(np.allclose(to_face_frame(maps, points[None], margin=0.0), maps, atol=1e-4))
    True
    """
    size = maps.shape[1]
    template = template_landmarks(size, margin)
    found = np.empty(maps.shape, dtype=np.float32)
    for number, (own, points) in enumerate(zip(maps, landmarks, strict=True)):
        matrix = _similarity(points.astype(np.float64), template)
        if matrix is None:
            found[number] = own
            continue
        moved = cv2.warpAffine(own.astype(np.float32), matrix, (maps.shape[2], size), flags=cv2.INTER_LINEAR)
        found[number] = moved / np.linalg.det(matrix[:, :2])  # pixels of the frame for one of the crop
    return found


def _similarity(points: np.ndarray, template: np.ndarray) -> np.ndarray | None:
    """The 2 x 3 matrix from crop to frame; None for fewer than three known points or all in one place."""
    known = ~np.isnan(points).any(axis=1)
    if known.sum() < 3:
        return None
    own, wanted = points[known] @ [1, 1j], template[known] @ [1, 1j]  # in the complex plane a similarity is a factor
    centre, goal = own.mean(), wanted.mean()
    spread = float((np.abs(own - centre) ** 2).sum())
    if spread == 0:
        return None
    factor = np.conj(own - centre) @ (wanted - goal) / spread
    if abs(factor) < 1e-6:
        return None
    move = goal - factor * centre
    return np.array([[factor.real, -factor.imag, move.real], [factor.imag, factor.real, move.imag]])
