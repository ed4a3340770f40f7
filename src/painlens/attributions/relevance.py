"""Relevance of inputs and the ledger that accounts for all of it."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Explanation:
    """Relevance of one batch of inputs, as tensors on the device of the network.

    Attributes
    ----------
    relevance
        (n, channels, height, width), in units of the explained logit.
    logits
        (n, classes), before any softmax.
    start
        (n,) value put in at the top: the explained logit.
    bias
        (n,) relevance kept by biases and stabilisers; NaN where the method does not book it.
    dead
        (n,) relevance that reached units without any contribution that their rule counts; NaN as above.
    absorbed
        (n, layers) the two above of each layer, from the input to the logits; None where the method does not book it.
    """

    relevance: Tensor
    logits: Tensor
    start: Tensor
    bias: Tensor
    dead: Tensor
    absorbed: Tensor | None = None


@dataclass(frozen=True)
class Relevance:
    """Relevance maps of faces, summed over the colour channels, with their ledger.

    A map alone proves nothing: a wrong rule may conserve relevance as well as the right one. The ledger says where
    the logit went: ``logit = relevance + bias + dead``.

    Attributes
    ----------
    maps
        float32 (n, height, width), signed, in units of the logit. A negative logit gives a map whose sign is flipped
        as a whole: red then speaks against the class.
    logits
        float32 (n, classes).
    logit, relevance, bias, dead
        float64 (n,): what went in at the top, the sum over the pixels, what biases and stabilisers kept, what was lost
        in units without a contribution that their rule counts. Bias and dead are NaN where the method does not book
        them.
    absorbed
        float64 (n, layer): bias and dead of each layer, from the input to the logits; no column where the method does
        not book it.
    """

    maps: Float[np.ndarray, "face height width"]
    logits: Float[np.ndarray, "face class"]
    logit: Float[np.ndarray, " face"]
    relevance: Float[np.ndarray, " face"]
    bias: Float[np.ndarray, " face"]
    dead: Float[np.ndarray, " face"]
    absorbed: Float[np.ndarray, "face layer"]

    @property
    def ledger_error(self) -> Float[np.ndarray, " face"]:
        """What the ledger misses, relative to its largest entry; rounding only, below 1e-5 in float32."""
        return ledger_error(self.logit, self.relevance, self.bias, self.dead)


def to_arrays(explanation: Explanation) -> Relevance:
    """An explanation as arrays of a face each: colour channels summed, the ledger in float64."""
    relevance = explanation.relevance
    return Relevance(
        maps=relevance.sum(dim=1).float().cpu().numpy(),
        logits=explanation.logits.float().cpu().numpy(),
        logit=_float64(explanation.start),
        relevance=_float64(relevance.sum(dim=(1, 2, 3), dtype=torch.float64)),
        bias=_float64(explanation.bias),
        dead=_float64(explanation.dead),
        absorbed=_absorbed(explanation),
    )


def ledger_error(
    logit: Float[np.ndarray, " face"],
    relevance: Float[np.ndarray, " face"],
    bias: Float[np.ndarray, " face"],
    dead: Float[np.ndarray, " face"],
) -> Float[np.ndarray, " face"]:
    """What ``logit = relevance + bias + dead`` misses, relative to the largest of the four; NaN where one is unknown.

    Examples
    --------
    >>> ledger_error(np.array([2.0]), np.array([2.5]), np.array([-0.5]), np.array([0.0])).tolist()
    [0.0]
    """
    entries = np.stack([logit, relevance, bias, dead])
    missing = np.abs(logit - relevance - bias - dead)
    largest = np.abs(entries).max(axis=0)
    return np.divide(missing, largest, out=np.zeros_like(missing), where=largest != 0)


def concatenate(parts: list[Relevance]) -> Relevance:
    """Several pieces, one after another, as one."""
    names = ("maps", "logits", "logit", "relevance", "bias", "dead", "absorbed")
    return Relevance(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _absorbed(explanation: Explanation) -> Float[np.ndarray, "face layer"]:
    if explanation.absorbed is None:
        return np.zeros((len(explanation.logits), 0))
    return explanation.absorbed.double().cpu().numpy()


def _float64(values: Tensor) -> Float[np.ndarray, " face"]:
    return values.double().cpu().numpy()
