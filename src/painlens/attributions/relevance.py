"""Relevance of inputs and the ledger that accounts for all of it."""

from dataclasses import dataclass

import numpy as np
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
        (n,) relevance kept by the biases of the dense layers; NaN where the method does not book it.
    dead
        (n,) relevance that reached convolution units without any positive contribution; NaN as above.
    """

    relevance: Tensor
    logits: Tensor
    start: Tensor
    bias: Tensor
    dead: Tensor


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
        float64 (n,): what went in at the top, the sum over the pixels, what the dense biases kept, what was lost in
        convolution units without a positive contribution. Bias and dead are NaN where the method does not book them.
    """

    maps: Float[np.ndarray, "face height width"]
    logits: Float[np.ndarray, "face class"]
    logit: Float[np.ndarray, " face"]
    relevance: Float[np.ndarray, " face"]
    bias: Float[np.ndarray, " face"]
    dead: Float[np.ndarray, " face"]

    @property
    def ledger_error(self) -> Float[np.ndarray, " face"]:
        """What the ledger misses, relative to its largest entry; rounding only, below 1e-5 in float32."""
        entries = np.stack([self.logit, self.relevance, self.bias, self.dead])
        missing = np.abs(self.logit - self.relevance - self.bias - self.dead)
        largest = np.abs(entries).max(axis=0)
        return np.divide(missing, largest, out=np.zeros_like(missing), where=largest != 0)


def to_arrays(explanation: Explanation) -> Relevance:
    """An explanation as arrays of a face each: colour channels summed, the ledger in float64."""
    relevance = explanation.relevance
    return Relevance(
        maps=relevance.sum(dim=1).float().cpu().numpy(),
        logits=explanation.logits.float().cpu().numpy(),
        logit=_float64(explanation.start),
        relevance=_float64(relevance.double().sum(dim=(1, 2, 3))),
        bias=_float64(explanation.bias),
        dead=_float64(explanation.dead),
    )


def concatenate(parts: list[Relevance]) -> Relevance:
    """Several pieces, one after another, as one."""
    names = ("maps", "logits", "logit", "relevance", "bias", "dead")
    return Relevance(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _float64(values: Tensor) -> Float[np.ndarray, " face"]:
    return values.double().cpu().numpy()
