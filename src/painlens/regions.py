"""Facial regions of a crop from 68 landmarks, and sums of relevance in them.

The landmarks are those of the 68-point scheme (iBUG 300-W): jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, outer
lips 48-59, inner lips 60-67. Coordinates are x, y in pixels of the crop; whole numbers are centres of pixels.
A point that is not known is NaN.
"""

import numpy as np
from numpy.typing import NDArray

REGIONS = ("outside", "eyes", "brows", "nose", "mouth", "cheeks", "forehead", "chin")

# Index of the point on the other side of the face, for every point.
MIRRORED = (
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31,
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
)  # fmt: skip

# Rims are in units of the distance between the centres of the eyes (63 mm in adults): room for lids, skin that moves
# with a brow or a lip, and the error of the points.
_BROW_UP, _BROW_DOWN = 0.13, 0.09
_NOSE_WING, _NOSE_BRIDGE, _NOSE_BOTTOM = 0.10, 0.13, 0.05
_LIP_CORNER, _LIP_UP, _LIP_DOWN = 0.10, 0.09, 0.11
# The hairline lies about as far above the brows as the eyes are apart; the forehead narrows towards it.
_FOREHEAD = {17: 0.40, 18: 0.75, 19: 0.92, 20: 0.97, 23: 0.97, 24: 0.92, 25: 0.75, 26: 0.40}
# Lids around the middle of an eye, (right, down) in widths of the eye: they do not shrink when the eye is shut.
_LIDS = np.array([(-0.68, 0), (-0.4, -0.34), (0, -0.42), (0.4, -0.34), (0.68, 0), (0.4, 0.28), (0, 0.34), (-0.4, 0.28)])
_ON_EDGE = 1e-4  # pixels; a centre on the edge of a polygon is inside, whatever way round it was computed

# Half a mean face in a Haar box (unit square, y down), on the side of low x, and its middle line: set on averages of
# the crops of frontal photographs.
_TEMPLATE = {
    0: (0.090, 0.385), 1: (0.097, 0.515), 2: (0.113, 0.640), 3: (0.142, 0.755), 4: (0.190, 0.860),
    5: (0.240, 0.945), 6: (0.325, 1.005), 7: (0.410, 1.045), 8: (0.5, 1.060),
    17: (0.140, 0.315), 18: (0.195, 0.275), 19: (0.265, 0.258), 20: (0.335, 0.265), 21: (0.405, 0.290),
    27: (0.5, 0.385), 28: (0.5, 0.455), 29: (0.5, 0.530), 30: (0.5, 0.605),
    31: (0.410, 0.645), 32: (0.455, 0.665), 33: (0.5, 0.675),
    36: (0.218, 0.397), 37: (0.268, 0.370), 38: (0.332, 0.370), 39: (0.388, 0.402), 40: (0.332, 0.414),
    41: (0.268, 0.414),
    48: (0.325, 0.800), 49: (0.395, 0.772), 50: (0.460, 0.757), 51: (0.5, 0.765), 57: (0.5, 0.870),
    58: (0.455, 0.866), 59: (0.390, 0.845), 60: (0.350, 0.802), 61: (0.455, 0.790), 62: (0.5, 0.794),
    66: (0.5, 0.822), 67: (0.455, 0.818),
}  # fmt: skip


def template_landmarks(size: int, margin: float) -> NDArray[np.float64]:
    """The 68 landmarks of a mean frontal face in a crop around its Haar box.

    Used where a database brings no landmarks: regions are then right on average, not for a turned or tilted head.

    Parameters
    ----------
    size
        Height and width of the crop in pixels.
    margin
        Share of the box that was added around it (half of it on each side).

    Returns
    -------
    float64 array (68, 2), symmetric about the middle of the crop.
    """
    unit = np.empty((68, 2))
    for index, (x, y) in _TEMPLATE.items():
        unit[index] = x, y
        unit[MIRRORED[index]] = 1 - x, y
    return ((unit - 0.5) / (1 + margin) + 0.5) * size - 0.5


def mirror_landmarks(landmarks: NDArray[np.floating], size: int) -> NDArray[np.floating]:
    """Landmarks (..., 68, 2) of the crop flipped left to right."""
    flipped = landmarks[..., list(MIRRORED), :].copy()
    flipped[..., 0] = size - 1 - flipped[..., 0]
    return flipped


def region_map(landmarks: NDArray[np.floating], size: int) -> NDArray[np.uint8]:
    """The region of every pixel of a crop.

    Regions are convex hulls of landmarks with a rim. They are drawn in this order, later over earlier: cheeks (the
    whole face), forehead, chin, mouth (lips, what they open to, and a rim), nose, brows (with the skin between
    them), eyes (with the lids, also of a closed eye). All else is outside.

    Parameters
    ----------
    landmarks
        Float array (68, 2) in pixels of the crop; unknown points are NaN and left out. Without both eyes everything
        is outside.
    size
        Height and width of the crop in pixels.

    Returns
    -------
    uint8 array (size, size), index into `REGIONS`.

    Raises
    ------
    ValueError
        The landmarks have another shape.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    if points.shape != (68, 2):
        raise ValueError(f"landmarks must have the shape (68, 2), got {points.shape}")
    regions = np.zeros((size, size), dtype=np.uint8)
    eyes = [_mean(points[36:42]), _mean(points[42:48])]
    unit = float(np.hypot(*(eyes[1] - eyes[0])))
    if not unit > 0:  # no eyes: nothing says where up is
        return regions
    right = (eyes[1] - eyes[0]) / unit
    down = np.array([-right[1], right[0]])
    columns = np.arange(size)
    for name, hull in _hulls(points, right * unit, down * unit):
        left, end = _spans(hull, size)
        inside = (columns >= left[:, None] - _ON_EDGE) & (columns <= end[:, None] + _ON_EDGE)
        regions[inside] = REGIONS.index(name)
    return regions


def region_shares(relevance: NDArray[np.floating], regions: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Sum of relevance in every region of every face.

    Parameters
    ----------
    relevance
        Float array (face, height, width).
    regions
        uint8 array of the same shape, index into `REGIONS`.

    Returns
    -------
    float64 array (face, region); each row sums to the sum of the face's map.

    Examples
    --------
    >>> region_shares(np.array([[[1.0, 2.0], [3.0, 4.0]]]), np.array([[[0, 1], [1, 4]]], dtype=np.uint8))
    array([[1., 5., 0., 0., 4., 0., 0., 0.]])
    """
    if relevance.shape != regions.shape or relevance.ndim != 3:
        raise ValueError(
            f"relevance and regions must both be (face, height, width), got {relevance.shape} and {regions.shape}"
        )
    faces = len(regions)
    slots = regions + len(REGIONS) * np.arange(faces)[:, None, None]
    weights = relevance.reshape(-1).astype(np.float64)
    sums = np.bincount(slots.ravel(), weights=weights, minlength=faces * len(REGIONS))
    return sums.astype(np.float64).reshape(faces, len(REGIONS))


def region_areas(regions: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Share of the pixels of every region of every face, float64 (face, region); rows sum to 1."""
    ones = np.ones(regions.shape, dtype=np.float64)
    return region_shares(ones, regions) / (regions.shape[1] * regions.shape[2])


def _hulls(
    points: NDArray[np.float64], right: NDArray[np.float64], down: NDArray[np.float64]
) -> list[tuple[str, NDArray[np.float64]]]:
    """Points whose convex hull is a region, in the order of drawing; `right` and `down` span the head's unit."""
    hairline = points[list(_FOREHEAD)] - np.outer(list(_FOREHEAD.values()), down)
    brows = points[17:27]
    thick = np.concatenate([brows - _BROW_UP * down, brows + _BROW_DOWN * down])
    lips = points[48:60]
    mouth = [lips, lips[:1] - _LIP_CORNER * right, lips[6:7] + _LIP_CORNER * right]
    mouth += [lips[2:5] - _LIP_UP * down, lips[8:11] + _LIP_DOWN * down]
    nose = [points[27:36], points[31:32] - _NOSE_WING * right, points[35:36] + _NOSE_WING * right]
    nose += [points[27:28] - _NOSE_BRIDGE * right, points[27:28] + _NOSE_BRIDGE * right]
    nose += [points[33:34] + _NOSE_BOTTOM * down]
    hulls = [
        ("cheeks", np.concatenate([points[:17], brows, hairline])),
        ("forehead", np.concatenate([brows, hairline])),
        ("chin", np.concatenate([points[5:12], points[55:60]])),
        ("mouth", np.concatenate(mouth)),
        ("nose", np.concatenate(nose)),
        ("brows", thick[[0, 1, 2, 3, 4, 10, 11, 12, 13, 14]]),
        ("brows", thick[[5, 6, 7, 8, 9, 15, 16, 17, 18, 19]]),
        ("brows", thick[[4, 5, 14, 15]]),
    ]
    length = np.hypot(*right)
    for corner, other in ((36, 39), (42, 45)):
        middle, width = (points[corner] + points[other]) / 2, np.hypot(*(points[other] - points[corner]))
        lids = middle + width / length * (_LIDS[:, :1] * right + _LIDS[:, 1:] * down)
        hulls.append(("eyes", np.concatenate([points[corner : corner + 6], lids])))
    return hulls


def _spans(points: NDArray[np.float64], size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Left and right end of a convex hull in each row of pixels; left is larger where the row is not crossed."""
    import cv2  # here, since the web server needs the names of the regions but has no memory to spare for OpenCV

    known = points[~np.isnan(points).any(axis=1)]
    nothing = np.full(size, np.inf), np.full(size, -np.inf)
    if len(known) < 3:
        return nothing
    corners = known[np.asarray(cv2.convexHull(known.astype(np.float32), returnPoints=False), np.intp).ravel()]
    if len(corners) < 3:
        return nothing
    (x0, y0), (x1, y1) = corners.T, np.roll(corners, -1, axis=0).T
    rise = np.where(y1 == y0, np.nan, y1 - y0)  # a level edge ends where its neighbours do
    part = (np.arange(size)[:, None] - y0) / rise
    crossed = (part >= -_ON_EDGE) & (part <= 1 + _ON_EDGE)
    x = x0 + np.clip(part, 0, 1) * (x1 - x0)
    return np.where(crossed, x, np.inf).min(axis=1), np.where(crossed, x, -np.inf).max(axis=1)


def _mean(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the known points; NaN without any."""
    known = points[~np.isnan(points).any(axis=1)]
    return known.mean(axis=0) if len(known) else np.full(2, np.nan)
