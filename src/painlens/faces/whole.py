"""The whole frame as the face, for databases that are cropped already."""

import numpy as np
from numpy.typing import NDArray


class WholeFrame:
    """One box, as large as the frame; no margin is added to it."""

    adds_margin = False
    version = "none"

    def boxes(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """The box (1, 4) x, y, width, height of the image."""
        height, width = image.shape[:2]
        return np.array([[0.0, 0.0, width, height]])
