"""Faces found by OpenCV's cascade of Haar features (Viola and Jones 2001; Lienhart and Maydt 2002).

The paper says "detect and crop the face using OpenCV"; this cascade is the likely reading. It finds frontal faces:
it loses a fifth of the faces turned by 25 degrees and almost all turned by 35.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from painlens.tables import DataError

CASCADE = "haarcascade_frontalface_default.xml"
PIN = "opencv-python-headless>=4.13,<5"
_SCALE, _NEIGHBOURS = 1.1, 5
# Longer sides are shrunk to this: the boxes stay the same to a few pixels, the time falls with the area.
_LONGEST_SIDE = 640
# Smaller boxes than this share of the shorter side are texture, not the face that the frame was taken of.
_SMALLEST = 0.1


class Haar:
    """The cascade `haarcascade_frontalface_default` with scale factor 1.1 and 5 neighbours.

    Raises
    ------
    DataError
        The installed OpenCV has no cascades; the message names the version to install.
    """

    adds_margin = True

    def __init__(self) -> None:
        file = Path(getattr(getattr(cv2, "data", None), "haarcascades", "")) / CASCADE
        if not hasattr(cv2, "CascadeClassifier") or not file.is_file():
            raise DataError(
                f"OpenCV {cv2.__version__} has no Haar cascades (class CascadeClassifier, file {CASCADE}); "
                f"install '{PIN}'"
            )
        self._cascade = cv2.CascadeClassifier(str(file))
        self.version = f"haar frontalface_default, OpenCV {cv2.__version__}"

    def boxes(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Boxes (face, 4) as x, y, width, height in pixels of the image (uint8 RGB), largest first."""
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        height, width = grey.shape
        scale = min(1.0, _LONGEST_SIDE / max(height, width))
        if scale < 1:
            shape = (max(1, round(width * scale)), max(1, round(height * scale)))
            grey = cv2.resize(grey, shape, interpolation=cv2.INTER_AREA)
        least = max(24, round(_SMALLEST * min(grey.shape)))  # 24: the side of the cascade's window
        found = self._cascade.detectMultiScale(
            grey, scaleFactor=_SCALE, minNeighbors=_NEIGHBOURS, minSize=(least, least)
        )
        boxes = np.asarray(found, dtype=np.float64).reshape(-1, 4) / scale
        # Position breaks ties, so that the answer does not depend on the order of the cascade's threads.
        return boxes[np.lexsort((boxes[:, 1], boxes[:, 0], -boxes[:, 2]))]
