"""The ways of finding faces, by name, each built once per process."""

from collections.abc import Callable
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from painlens.faces.blazeface import BlazeFace
from painlens.faces.haar import Haar
from painlens.faces.mesh import FaceMesh
from painlens.faces.networks import available
from painlens.faces.whole import WholeFrame


class Detector(Protocol):
    """A way of finding faces."""

    @property
    def adds_margin(self) -> bool:
        """Whether the study's margin is added around its boxes."""
        ...

    @property
    def version(self) -> str:
        """Name and version, for the record."""
        ...

    def boxes(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Boxes (face, 4) as x, y, width, height in pixels of an RGB image, largest first."""
        ...


DETECTORS: dict[str, Callable[[], Detector]] = {"haar": Haar, "blazeface": BlazeFace, "none": WholeFrame}


@cache
def detector_of(name: str) -> Detector:
    """The detector of a name.

    Raises
    ------
    DataError
        What it needs is not installed.
    """
    return DETECTORS[name]()


@cache
def face_mesh() -> FaceMesh:
    """The networks for landmarks.

    Raises
    ------
    DataError
        They are not installed.
    """
    return FaceMesh()


@cache
def has_mesh() -> bool:
    """Whether the networks for landmarks are installed."""
    return available()
