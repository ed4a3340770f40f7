"""Whether a network that was taken over gives the answers that its owner knows it gives.

The only sound check that weights, classes, channel order, size and normalisation were understood: the owner's own
predictions. Where they are not reproduced, the usual mistakes are tried one by one, and named if one explains it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from scipy.special import softmax

from painlens.backbones import FaceNetwork
from painlens.predictions import predict_logits
from painlens.study import NORMALISATIONS
from painlens.tables import DataError

KINDS = ("logit", "probability", "label")
IMAGE = ("image", "frame_id", "path")  # accepted names of the column that tells the face
TRIED = 24  # faces on which mistakes are looked for
SHOWN = 3  # images that an error names
MOST_CLASSES = 4  # whose order is tried in every way


@dataclass(frozen=True)
class Given:
    """Answers that the owner knows.

    Attributes
    ----------
    kind
        logit, probability or label.
    images
        Names of the faces.
    values
        float64 (face, class); of labels 1 at the class that was answered, else 0.
    """

    kind: str
    images: tuple[str, ...]
    values: Float[np.ndarray, "face class"]

    def of(self, rows: np.ndarray) -> "Given":
        """Some of them."""
        return Given(self.kind, tuple(self.images[row] for row in rows), self.values[rows])


@dataclass(frozen=True)
class Reproduced:
    """How well a network gives the known answers: number of faces, largest deviation, kind of answers."""

    faces: int
    largest: float
    kind: str


def load_given(path: Path, classes: tuple[str, ...]) -> Given:
    """Known answers from a CSV with the column image and logit:<class>, probability:<class> or label.

    Raises
    ------
    DataError
        The file cannot be read, lacks a class or an image, or holds what is no number or no class.
    """
    try:
        table = pd.read_csv(path, dtype={name: "string" for name in (*IMAGE, "label")})
    except FileNotFoundError:
        raise DataError(f"file not found: {path}; correct the path of the given predictions") from None
    except (ValueError, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{path} is not a CSV table: {error}") from None
    columns = [str(name) for name in table]
    image = next((name for name in IMAGE if name in columns), None)
    kind = next((k for k in KINDS if k in columns or any(name.startswith(f"{k}:") for name in columns)), None)
    if image is None or kind is None or table.empty:
        raise DataError(
            f"{path} must have the column image and, for each class, logit:<class> or probability:<class>, or one "
            f"column label; got {', '.join(columns)} and {len(table)} rows"
        )
    if table[image].isna().any() or table[image].duplicated().any():
        row = int(np.argmax((table[image].isna() | table[image].duplicated()).to_numpy()))
        raise DataError(f"{path}, row {row + 2}: the image is missing or named twice ({table[image].iloc[row]})")
    values = _labels(table, path, classes) if kind == "label" else _numbers(table, path, classes, kind)
    return Given(kind, tuple(str(name) for name in table[image]), values)


def _labels(table: pd.DataFrame, path: Path, classes: tuple[str, ...]) -> np.ndarray:
    unknown = ~table["label"].isin(classes).to_numpy(dtype=bool, na_value=False)
    if unknown.any():
        row = int(np.argmax(unknown))
        raise DataError(
            f"{path}, row {row + 2}: label '{table['label'].iloc[row]}' is not a class of the model; its classes are "
            f"{', '.join(classes)}"
        )
    return (table["label"].to_numpy(dtype=object)[:, None] == np.array(classes, dtype=object)).astype(np.float64)


def _numbers(table: pd.DataFrame, path: Path, classes: tuple[str, ...], kind: str) -> np.ndarray:
    missing = [f"{kind}:{name}" for name in classes if f"{kind}:{name}" not in table]
    if missing:
        told = [str(name) for name in table if str(name).startswith(f"{kind}:")]
        raise DataError(f"{path} lacks {', '.join(missing)}; it has {', '.join(told)}")
    values = table[[f"{kind}:{name}" for name in classes]].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values).all(axis=1)))
        raise DataError(f"{path}, row {row + 2}: {kind} is not a number")
    if kind == "probability" and np.abs(values.sum(axis=1) - 1).max() > 0.01:
        row = int(np.argmax(np.abs(values.sum(axis=1) - 1)))
        raise DataError(
            f"{path}, row {row + 2}: probabilities add up to {values[row].sum():.3f}, expected 1; give all classes, "
            "or logits as logit:<class>"
        )
    return values


def deviations(given: Given, logits: Float[np.ndarray, "face class"]) -> Float[np.ndarray, " face"]:
    """How far each answer is from the known one; 0 is the same.

    Probabilities: the largest difference of a class. Logits: the same over the range of the known logits (at least 1).
    Labels: 0 where the class is the same, else the probability that the known class lacks to be answered.

    Examples
    --------
    >>> given = Given("probability", ("a.png",), np.array([[0.5, 0.5]]))
    >>> deviations(given, np.array([[1.0, 1.0]])).tolist()
    [0.0]
    """
    if given.kind == "logit":
        return np.abs(logits - given.values).max(axis=1) / max(1.0, float(np.ptp(given.values)))
    own = softmax(np.asarray(logits, dtype=np.float64), axis=1)
    if given.kind == "probability":
        return np.abs(own - given.values).max(axis=1)
    return own.max(axis=1) - (own * given.values).sum(axis=1)


def check_reproduced(
    network: FaceNetwork, faces: np.ndarray, given: Given, *, tolerance: float, source: str
) -> Reproduced:
    """Compare the answers to faces with the known ones.

    Parameters
    ----------
    faces
        uint8 RGB (face, height, width, 3), in the order of `given`.
    tolerance
        Largest deviation (see `deviations`) that counts as reproduced.
    source
        What is checked, for the message: the checkpoint and the file of predictions.

    Raises
    ------
    DataError
        An answer deviates; the worst images are named, and the mistake if it is a usual one.
    """
    logits = predict_logits(network, faces)
    found = deviations(given, logits)
    wrong = found > tolerance
    if not wrong.any():
        return Reproduced(len(found), float(found.max()), given.kind)
    worst = np.argsort(-found)[:SHOWN]
    named = "; ".join(f"{given.images[i]} ({_answers(given, logits, network.classes, i)})" for i in worst)
    raise DataError(
        f"{source}: {int(wrong.sum())} of {len(found)} given predictions are not reproduced (largest deviation "
        f"{found.max():.3f}, allowed {tolerance:g}); worst: {named}. {_diagnosis(network, faces, given, tolerance)}"
    )


def _answers(given: Given, logits: np.ndarray, classes: tuple[str, ...], face: int) -> str:
    """Known and own answer of one face."""
    place = int(given.values[face].argmax())
    if given.kind == "label":
        return f"given {classes[place]}, got {classes[int(logits[face].argmax())]}"
    own = logits[face] if given.kind == "logit" else softmax(logits[face])
    return f"{given.kind} of {classes[place]}: given {given.values[face, place]:.3f}, got {own[place]:.3f}"


def _diagnosis(network: FaceNetwork, faces: np.ndarray, given: Given, tolerance: float) -> str:
    """The usual mistake that explains the difference, or what else to look at."""
    rows = np.unique(np.linspace(0, len(faces) - 1, min(TRIED, len(faces))).astype(int))
    few = given.of(rows)
    for logits, order, swapped, name in _attempts(network, faces[rows]):
        if deviations(few, logits[:, order]).max() > tolerance:
            continue
        remedies = []
        if swapped:
            remedies.append("the channels in the other order (channels: bgr instead of rgb, or back)")
        if name:
            remedies.append(f"the normalisation '{name}'")
        if list(order) != list(range(len(order))):
            remedies.append(f"the classes in the order {', '.join(network.classes[k] for k in np.argsort(order))}")
        return f"They are reproduced with {' and '.join(remedies)}: correct the model's description"
    return (
        "No other channel order, usual normalisation or order of classes reproduces them: check the architecture, and "
        "that faces are cropped and scaled as in training (faces.detector: none takes images as they are)"
    )


def _attempts(network: FaceNetwork, faces: np.ndarray) -> Iterator[tuple[np.ndarray, tuple[int, ...], bool, str]]:
    """Logits under other conventions: order of classes, of channels, normalisation; simple mistakes first."""
    mean, std, count = network.mean, network.std, len(network.classes)
    orders = list(permutations(range(count))) if count <= MOST_CLASSES else [tuple(range(count))]
    try:
        for name in ("", *NORMALISATIONS):
            if name:
                network.set_normalisation(NORMALISATIONS[name].mean, NORMALISATIONS[name].std)
            for swapped in (False, True):
                logits = _logits(network, faces, swapped=swapped)
                for order in orders:
                    yield logits, order, swapped, name
    finally:
        network.set_normalisation(mean, std)


@torch.inference_mode()
def _logits(network: FaceNetwork, faces: np.ndarray, *, swapped: bool) -> np.ndarray:
    inputs = network.prepare(faces)
    return network.eval()(inputs.flip(1) if swapped else inputs).cpu().numpy()
