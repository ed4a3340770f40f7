"""The 68 landmarks of a face from files and tables: the owner's, and those of a rendered database."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from painlens.databases.pictures import inside
from painlens.tables import DataError

# UNBC-McMaster gives 66 points: the 68-point scheme without the inner corners of the mouth, 60 and 64.
OF_66 = (*range(60), 61, 62, 63, 65, 66, 67)
# Brows, nose, eyes, mouth: the points by which a fit is judged; jaws may leave the crop.
_INNER = slice(17, 68)


def read_points(file: Path) -> NDArray[np.float64] | None:
    """Landmarks (68, 2) of a text file with one "x y" per line, or None where it is not of this form.

    Files of 66 lines (UNBC-McMaster) give NaN for the points 60 and 64.
    """
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        return as_68(np.array([[float(cell) for cell in line.split()] for line in lines if line.strip()]))
    except (OSError, ValueError):
        return None


def parse_points(text: str) -> NDArray[np.float64] | None:
    """Landmarks (68, 2) of AffectNet's 136 numbers ``x;y;x;y ...``, or None where it is not of this form."""
    try:
        return as_68(np.array([float(cell) for cell in text.split(";")]).reshape(-1, 2))
    except ValueError:
        return None


def as_68(points: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Points of the 66- or 68-point scheme in the 68-point scheme; None for other counts or nothing finite."""
    if points.shape == (66, 2):
        whole = np.full((68, 2), np.nan)
        whole[list(OF_66)] = points
        points = whole
    return points if points.shape == (68, 2) and np.isfinite(points).any() else None


def lie_on_crop(points: NDArray[np.float64], size: int) -> bool:
    """Whether landmarks (68, 2) in pixels of the crop can belong to its face.

    Nine of ten inner points must lie in the crop, and together span a sixth of it: fits that slipped off the face,
    and boxes that are no face, fail.
    """
    inner = points[_INNER]
    inner = inner[np.isfinite(inner).all(axis=1)]
    if not len(inner):
        return False
    within = ((inner > -0.5) & (inner < size - 0.5)).all(axis=1)
    return bool(within.mean() >= 0.9 and np.ptp(inner, axis=0).max() >= size / 6)


def eye_line_deg(points: NDArray[np.float64]) -> float:
    """Angle of the line from the right to the left eye of landmarks (68, 2); 0: level, positive: falls to the right.

    An unknown eye gives 0.

    >>> points = np.zeros((68, 2))
    >>> points[42:48] = 10, 10
    >>> round(eye_line_deg(points))
    45
    """
    eyes = [points[36:42], points[42:48]]
    known = [eye[np.isfinite(eye).all(axis=1)] for eye in eyes]
    if not all(len(eye) for eye in known):
        return 0.0
    x, y = known[1].mean(axis=0) - known[0].mean(axis=0)
    return float(np.degrees(np.arctan2(y, x)))


def owner_points(root: Path, landmarks_path: str | None, owner_landmarks: str | None) -> NDArray[np.float64] | None:
    """The owner's landmarks (68, 2) in pixels of the frame, from a file or from the text of a table."""
    if landmarks_path:
        return read_points(inside(root, landmarks_path))
    return parse_points(owner_landmarks) if owner_landmarks else None


class TruthLandmarks:
    """Landmarks of a rendered database, by the id of the frame."""

    def __init__(self, truth: Path) -> None:
        try:
            table = pd.read_parquet(truth / "frames.parquet", columns=["frame_id", "landmark_row"])
            self._points = np.load(truth / "landmarks.npy", mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise DataError(f"{truth} is not the truth folder of a rendered database: {error}") from None
        self._rows = dict(zip(table["frame_id"].astype(str), table["landmark_row"].astype(int), strict=True))

    def points(self, frame_id: str) -> NDArray[np.float64] | None:
        """Landmarks (68, 2) in pixels of the frame, or None for an unknown frame."""
        row = self._rows.get(frame_id)
        return None if row is None else np.array(self._points[row], dtype=np.float64)
