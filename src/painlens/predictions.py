"""The answers of a network to faces: logits, log-odds, probabilities, and the features below them."""

from collections.abc import Callable, Iterator

import h5py
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from scipy.special import logsumexp, softmax
from torch import Tensor

from painlens.backbones import LAST_POOL, FaceNetwork, layer_place, layer_shape, run_from, run_to
from painlens.mapping import ClassMap, plain_map
from painlens.progress import Progress, silent, track
from painlens.tables import PREDICTIONS, DataError, conform

MOST_BYTES = 2**29  # of the features of one group of channels
LOGIT = "logit:"  # prefix of the columns of a PREDICTIONS table that hold logits


def predict_logits(
    network: FaceNetwork, faces: np.ndarray | h5py.Dataset, *, batch: int = 32, progress: Progress = silent
) -> Float[np.ndarray, "face logit"]:
    """Logits of faces (uint8, (n, size, size, 3)) as float32 (n, classes), in the order of ``network.classes``.

    Computed in float32 with dropout off, whatever precision the network was trained in. The network's training mode
    and its memory layout are left as they were.
    """
    return _in_batches(network, network.quick, faces, width=len(network.classes), batch=batch, progress=progress)


def last_pool_features(
    network: FaceNetwork, faces: np.ndarray | h5py.Dataset, *, batch: int = 32, progress: Progress = silent
) -> Float[np.ndarray, "face feature"]:
    """Outputs of the last pooling layer, float32 (n, channels * rows * columns): what the concept test reads."""
    return _in_batches(network, network.last_pool, faces, width=_last_width(network), batch=batch, progress=progress)


def logits_and_features(
    network: FaceNetwork, faces: np.ndarray | h5py.Dataset, *, batch: int = 32, progress: Progress = silent
) -> tuple[Float[np.ndarray, "face logit"], Float[np.ndarray, "face feature"]]:
    """`predict_logits` and `last_pool_features` of the same faces, in one pass of the network."""
    logits = len(network.classes)

    def both(x: Tensor) -> Tensor:
        return torch.cat(network.quick_with_features(x), dim=1)

    found = _in_batches(network, both, faces, width=logits + _last_width(network), batch=batch, progress=progress)
    return found[:, :logits].copy(), found[:, logits:]


def _last_width(network: FaceNetwork) -> int:
    """Number of last-pool features."""
    return int(np.prod(layer_shape(network, layer_place(network, LAST_POOL))))


def layer_features(
    network: FaceNetwork, faces: np.ndarray | h5py.Dataset, layer: str, *, batch: int = 32
) -> Float[np.ndarray, "face feature"]:
    """Outputs of a named layer (`painlens.backbones.layer_names`), float32 (n, values of the layer)."""
    if layer == LAST_POOL:
        return last_pool_features(network, faces, batch=batch)
    return np.concatenate(list(layer_parts(network, faces, layer, batch=batch)), axis=1)


def layer_parts(
    network: FaceNetwork,
    faces: np.ndarray | h5py.Dataset,
    layer: str,
    *,
    batch: int = 32,
    most: int = MOST_BYTES,
    among: int | None = None,
) -> Iterator[Float[np.ndarray, "face part"]]:
    """The same in groups of channels, one at a time in memory: early layers hold millions of values per face.

    Parameters
    ----------
    most
        Bytes of a group; a layer of three times as many runs the network three times.
    among
        Number of faces that decides the groups where these are some of them (those of one fold's network).
    """
    place = layer_place(network, layer)
    shape = layer_shape(network, place)
    width = int(np.prod(shape[1:]))
    step = max(1, min(shape[0], most // (4 * width * max(among or len(faces), 1))))
    for start in range(0, shape[0], step):
        channels = slice(start, min(start + step, shape[0]))

        def answer(x: Tensor, channels: slice = channels) -> Tensor:
            return run_to(network, x, place)[:, channels].flatten(1)

        columns = (channels.stop - channels.start) * width
        yield _in_batches(network, answer, faces, width=columns, batch=batch, progress=silent)


def score_gradients(
    network: FaceNetwork,
    features: Float[np.ndarray, "face feature"],
    *,
    layer: str,
    target: str,
    mapping: ClassMap | None = None,
    batch: int = 128,
) -> Float[np.ndarray, "face feature"]:
    """Gradient of the target class's log-odds with respect to the features of a layer, float32, at these features.

    Only the layers above are run, so that it costs a fraction of an answer. With a `mapping` the target is a class of
    the study. All information must pass the layer (`painlens.backbones.is_bottleneck`).
    """
    place = layer_place(network, layer)
    mapping = mapping or plain_map(network.classes, target)
    own = list(mapping.groups[mapping.classes.index(target)])
    others = [place for group in mapping.groups for place in group if place not in own]
    shape = layer_shape(network, place)
    found = np.empty(features.shape, dtype=np.float32)
    was_training = network.training
    network.eval()
    try:
        for start in range(0, len(features), batch):
            x = torch.tensor(features[start : start + batch], device=network.device)
            x = x.reshape(-1, *shape).requires_grad_()
            logits = run_from(network, x, place)
            score = torch.logsumexp(logits[:, own], dim=1) - torch.logsumexp(logits[:, others], dim=1)
            gradient = torch.autograd.grad(score.sum(), x)[0]
            found[start : start + batch] = gradient.flatten(1).cpu().numpy()
    finally:
        network.train(was_training)
    return found


def probabilities(logits: Float[np.ndarray, "face logit"]) -> Float[np.ndarray, "face logit"]:
    """Softmax of the logits, float64; rows sum to 1."""
    return softmax(np.asarray(logits, dtype=np.float64), axis=1)


def log_odds(
    logits: Float[np.ndarray, "face logit"], classes: tuple[str, ...], target: str
) -> Float[np.ndarray, " face"]:
    """Log-odds of the target class against all others, float64: its logit minus logsumexp of the others.

    This is the score of every association measure. For two classes it is the difference of their logits. Unlike a
    probability it does not saturate, and unlike a bare logit it does not change when all logits move together.

    Examples
    --------
    >>> log_odds(np.array([[1.0, 3.5]]), ("no-pain", "pain"), "pain").tolist()
    [2.5]
    """
    if target not in classes:
        raise DataError(f"target must be one of the classes {list(classes)}, got '{target}'")
    wide = np.asarray(logits, dtype=np.float64)
    if wide.ndim != 2 or wide.shape[1] != len(classes):
        raise DataError(f"logits must have the shape (n, {len(classes)}), got {wide.shape}")
    own = classes.index(target)
    return wide[:, own] - logsumexp(np.delete(wide, own, axis=1), axis=1)


def predictions_table(
    faces: pd.DataFrame,
    logits: Float[np.ndarray, "face logit"],
    *,
    classes: tuple[str, ...],
    model: str,
    replicate: str,
) -> pd.DataFrame:
    """PREDICTIONS rows of one network: one per face, with a column ``logit:<class>`` per class.

    Parameters
    ----------
    faces
        One row per logit row, in its order, with the columns database, frame_id, participant and label (FACES).
    model, replicate
        Database that the network was trained on, and which of its networks it is: ``seed=0`` ..., ``half=0a`` ...
    """
    if len(logits) != len(faces):
        raise DataError(f"each face needs one row of logits, got {len(faces)} faces and {len(logits)} rows")
    table = faces[["database", "frame_id", "participant", "label"]].reset_index(drop=True)
    table["model"] = model
    table["replicate"] = replicate
    table["predicted"] = np.array(classes, dtype=object)[np.argmax(logits, axis=1)]
    for place, name in enumerate(classes):
        table[f"{LOGIT}{name}"] = np.asarray(logits, dtype=np.float64)[:, place]
    return conform(table, PREDICTIONS)


def logits_of(predictions: pd.DataFrame, *, classes: tuple[str, ...]) -> Float[np.ndarray, "face logit"]:
    """The logits in a PREDICTIONS table, float64 (n, classes).

    Raises
    ------
    DataError
        A class has no column, or a row has no logits for these classes.
    """
    columns = [f"{LOGIT}{name}" for name in classes]
    missing = [name for name in columns if name not in predictions.columns]
    if missing:
        raise DataError(f"predictions must have the columns {columns}, {missing} are missing; predict again")
    logits = predictions[columns].to_numpy(dtype=np.float64)
    if not np.isfinite(logits).all():
        row = int(np.argmin(np.isfinite(logits).all(axis=1)))
        raise DataError(f"logits must be finite, row {row} of the predictions has {logits[row].tolist()}")
    return logits


@torch.inference_mode()
def _in_batches(
    network: FaceNetwork,
    answer: Callable[[Tensor], Tensor],
    faces: np.ndarray | h5py.Dataset,
    *,
    width: int,
    batch: int,
    progress: Progress,
) -> np.ndarray:
    """Answers of the network in evaluation mode, batch by batch, float32 (n, width)."""
    answers = np.empty((len(faces), width), dtype=np.float32)
    was_training = network.training
    network.eval()
    try:
        starts = range(0, len(faces), batch)
        for start in track(starts, len(starts), progress):
            images = network.prepare(faces[start : start + batch])
            answers[start : start + batch] = answer(images).cpu().numpy()
    finally:
        network.train(was_training)
    return answers
