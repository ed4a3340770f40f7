"""Networks with one hidden ReLU layer, trained in a millisecond or two.

They stand in for the fine-tuned VGGs where thousands of whole studies are drawn: one start for all (the shared
pre-trained network), an own head and an own order of the faces per seed, stochastic gradient descent over epochs.
"""

from dataclasses import dataclass

import numba
import numpy as np
from jaxtyping import Bool, Float32

HIDDEN = 16
BATCH = 32
RATE = 0.1
START_DEVIATION = 0.3


@dataclass(frozen=True)
class SmallNetwork:
    """Weights of a trained network; its answer is the log-odds of pain."""

    first: Float32[np.ndarray, "feature hidden"]
    bias: Float32[np.ndarray, " hidden"]
    head: Float32[np.ndarray, " hidden"]
    offset: float

    def hidden(self, features: Float32[np.ndarray, "face feature"]) -> Float32[np.ndarray, "face hidden"]:
        """The layer that linear SVMs decode concepts from."""
        return np.maximum(features @ self.first + self.bias, 0)

    def score(self, features: Float32[np.ndarray, "face feature"]) -> Float32[np.ndarray, " face"]:
        """Log-odds of pain."""
        return self.hidden(features) @ self.head + np.float32(self.offset)


def shared_start(n_features: int) -> Float32[np.ndarray, "feature hidden"]:
    """First-layer weights that every network of every study starts from.

    Claims about databases are conditional on one pre-trained network, so there is one.
    """
    return np.random.default_rng(20220606).normal(0, START_DEVIATION, (n_features, HIDDEN)).astype(np.float32)


def train_small_network(
    features: Float32[np.ndarray, "face feature"],
    pain: Bool[np.ndarray, " face"],
    start: Float32[np.ndarray, "feature hidden"],
    *,
    epochs: int,
    rng: np.random.Generator,
) -> SmallNetwork:
    """A network after `epochs` passes of stochastic gradient descent on the logistic loss, batches of 32."""
    first, bias = start.copy(), np.zeros(HIDDEN, np.float32)
    head = rng.normal(0, START_DEVIATION, HIDDEN).astype(np.float32)
    order = np.arange(len(pain))
    offset = _descend(np.ascontiguousarray(features), pain, first, bias, head, order, epochs, np.float32(RATE), rng)
    return SmallNetwork(first, bias, head, float(offset))


@numba.njit(cache=True, fastmath=True)
def _descend(  # noqa: PLR0913, PLR0917 # pragma: no cover - compiled
    features: np.ndarray,
    pain: np.ndarray,
    first: np.ndarray,
    bias: np.ndarray,
    head: np.ndarray,
    order: np.ndarray,
    epochs: int,
    rate: np.float32,
    rng: np.random.Generator,
):
    """Change the weights in place; returns the offset."""
    n_faces, n_features = features.shape
    zero, one = np.float32(0), np.float32(1)
    offset = zero
    hidden, back = np.empty(HIDDEN, np.float32), np.empty(HIDDEN, np.float32)
    by_first, by_bias = np.zeros((n_features, HIDDEN), np.float32), np.zeros(HIDDEN, np.float32)
    by_head = np.zeros(HIDDEN, np.float32)
    for _ in range(epochs):
        for k in range(n_faces - 1, 0, -1):  # Fisher and Yates
            other = int(rng.random() * (k + 1))
            order[k], order[other] = order[other], order[k]
        for begin in range(0, n_faces, BATCH):
            end = min(begin + BATCH, n_faces)
            by_first[:], by_bias[:], by_head[:], by_offset = zero, zero, zero, zero
            for place in range(begin, end):
                face = order[place]
                answer = offset + _answer(features, face, first, bias, head, hidden)
                error = one / (one + np.exp(-answer)) - (one if pain[face] else zero)
                by_offset += error
                _add_gradient(features, face, error, head, hidden, back, by_first, by_bias, by_head)
            step = rate / np.float32(end - begin)
            offset -= step * by_offset
            for unit in range(HIDDEN):
                head[unit] -= step * by_head[unit]
                bias[unit] -= step * by_bias[unit]
            for feature in range(n_features):
                for unit in range(HIDDEN):
                    first[feature, unit] -= step * by_first[feature, unit]
    return offset


@numba.njit(cache=True, fastmath=True, inline="always")
def _answer(  # noqa: PLR0913
    features: np.ndarray, face: int, first: np.ndarray, bias: np.ndarray, head: np.ndarray, hidden: np.ndarray
):  # pragma: no cover - compiled
    """The network's answer without its offset; loops over the 16 hidden units become vector instructions."""
    for unit in range(HIDDEN):
        hidden[unit] = bias[unit]
    for feature in range(features.shape[1]):
        value = features[face, feature]
        for unit in range(HIDDEN):
            hidden[unit] += value * first[feature, unit]
    answer = np.float32(0)
    for unit in range(HIDDEN):
        hidden[unit] = max(hidden[unit], np.float32(0))
        answer += hidden[unit] * head[unit]
    return answer


@numba.njit(cache=True, fastmath=True, inline="always")
def _add_gradient(  # noqa: PLR0913, PLR0917 # pragma: no cover - compiled
    features: np.ndarray,
    face: int,
    error: np.float32,
    head: np.ndarray,
    hidden: np.ndarray,
    back: np.ndarray,
    by_first: np.ndarray,
    by_bias: np.ndarray,
    by_head: np.ndarray,
):
    """Add one face's part of the gradient."""
    for unit in range(HIDDEN):
        by_head[unit] += error * hidden[unit]
        back[unit] = error * head[unit] if hidden[unit] > np.float32(0) else np.float32(0)
        by_bias[unit] += back[unit]
    for feature in range(features.shape[1]):
        value = features[face, feature]
        for unit in range(HIDDEN):
            by_first[feature, unit] += value * back[unit]
