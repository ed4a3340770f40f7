"""Two models' relevance of the same faces, subtracted; one face at a time or averaged in the frame of the crop.

A positive difference always favours model A. Relevance keeps its sign throughout: where the explained logit is
negative the whole map speaks against the class, and subtraction treats it as it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from painlens.tables import DataError

NORMALISATIONS = ("raw", "max", "sum-abs")
PAPER = "paper"  # raw maps subtracted; the figures scale the difference (see `directions`)
LOGIT = "logit"  # needs a number of the network, not of the map (see `logit_unit`)

Maps = Float[np.ndarray, "face height width"]


@dataclass(frozen=True)
class Directions:
    """A difference of two maps per face, split by the model that it favours.

    Attributes
    ----------
    a_over_b, b_over_a
        (n, height, width) in 0..1: how much more relevance one model gives than the other; 0 where it gives less.
    scale
        (n,): the difference that 1 stands for, the same for both directions; print it beside the colour bar.
    """

    a_over_b: Maps
    b_over_a: Maps
    scale: Float[np.ndarray, " face"]


def logit_unit(logits: Float[np.ndarray, " face"]) -> float:
    """The unit of the normalisation "logit": root mean square of a network's explained logit over the test faces.

    One number per network, so that a network with large logits does not dominate, while faces keep their proportions.

    >>> round(logit_unit(np.array([3.0, -4.0, 5.0])), 4)
    4.0825
    """
    values = np.asarray(logits, dtype=np.float64)
    return float(np.sqrt((values**2).mean())) if len(values) else 0.0


def normalise(maps: Maps, how: str, *, unit: float | None = None) -> Maps:
    """Maps in a unit that two models share.

    Parameters
    ----------
    how
        "raw": as they are, in units of the logit. "max": divided by the largest absolute value of the map. "sum-abs":
        divided by the sum of its absolute values. "logit": divided by `unit`. A map of zeros stays one.
    unit
        `logit_unit` of the network; for "logit" only.

    Notes
    -----
    Division by the signed sum is not offered: the sum may be near 0 or negative, and in a study with planted cues the
    result went against the truth. "max" told planted from null pairs best.

    Examples
    --------
    >>> normalise(np.array([[[2.0, -4.0]]]), "max").tolist()
    [[[0.5, -1.0]]]
    """
    if how == "raw":
        return maps
    if how == LOGIT:
        if unit is None:
            raise ValueError("the normalisation 'logit' needs the network's unit; give logit_unit of its logits")
        return maps / maps.dtype.type(unit) if unit > 0 else np.zeros_like(maps)
    if how not in NORMALISATIONS:
        raise DataError(f"normalisation must be one of {', '.join((*NORMALISATIONS, LOGIT))}, got '{how}'")
    size = np.abs(maps)
    largest = size.max(axis=(1, 2), keepdims=True) if how == "max" else size.sum(axis=(1, 2), keepdims=True)
    return np.divide(maps, largest, out=np.zeros_like(maps), where=largest > 0)


def difference(maps_a: Maps, maps_b: Maps, how: str, *, units: tuple[float, float] | None = None) -> Maps:
    """Relevance of model A minus that of model B on the same faces; `how` is "paper" or a normalisation.

    `units` are the `logit_unit` of A and of B, for "logit" only.

    "paper" subtracts the raw maps (Prajod, Huber, Andre 2022: "we subtract the raw saliency maps from each other"), so
    the model with the larger logits dominates; for measurement "max" is better.
    """
    if maps_a.shape != maps_b.shape:
        raise ValueError(f"both models need maps of the same faces, got the shapes {maps_a.shape} and {maps_b.shape}")
    unit = "raw" if how == PAPER else how
    of_a, of_b = units or (None, None)
    return normalise(maps_a, unit, unit=of_a) - normalise(maps_b, unit, unit=of_b)


def directions(differences: Maps) -> Directions:
    """The form of the paper's figures: both directions of a difference, each between 0 and 1.

    The paper says "normalize the differences between 0 and 1" and shows both directions. Here D = A - B becomes
    max(D, 0) / s and max(-D, 0) / s with s = max |D| over the face: 0 means "no more than the other model", and both
    directions have one scale, so that the weaker one looks weaker. (The other reading, (D - min D) / (max D - min D),
    would make the second direction the negative of the first and move the zero from face to face.)

    Examples
    --------
    >>> found = directions(np.array([[[4.0, -1.0, 0.0]]]))
    >>> found.a_over_b.tolist(), found.b_over_a.tolist(), found.scale.tolist()
    ([[[1.0, 0.0, 0.0]]], [[[0.0, 0.25, 0.0]]], [4.0])
    """
    scaled = normalise(differences, "max")
    scale = np.abs(differences).max(axis=(1, 2))
    return Directions(np.maximum(scaled, 0), np.maximum(-scaled, 0), scale)


def mean_maps(maps: Maps, how: str) -> Float64[np.ndarray, "height width"]:
    """Mean of the normalised maps, aligned as the crops are (by the detector's box, not by landmarks)."""
    return weighted_map([(slice(None), maps)], np.full(len(maps), 1 / max(len(maps), 1)), how)


def weighted_map(
    blocks: Iterable[tuple[slice, Maps]], weights: Float64[np.ndarray, " face"], how: str
) -> Float64[np.ndarray, "height width"]:
    """Weighted sum of the normalised maps, from blocks that fit into memory.

    Parameters
    ----------
    blocks
        Rows of the weights and their maps, such as `StoredRelevance.blocks` gives; at least one.
    weights
        1 / n each for the mean map, or those of `concept_weights`. As the sum is linear, the weighted map of a
        difference is the difference of two weighted maps, and the mean over seeds that of the seeds' maps.
    """
    unit = "raw" if how == PAPER else how
    pieces = [np.tensordot(weights[rows], normalise(maps, unit).astype(np.float64), 1) for rows, maps in blocks]
    if not pieces:
        raise ValueError("no maps to average; give at least one block")
    return np.sum(pieces, axis=0)
