"""Every rule a second time: dense matrices in float64, each formula as it is printed, one unit after the other.

It shares nothing with `painlens.attributions`. A rule takes a layer's matrix (output, input), bias, input and the
relevance of its outputs, and gives the relevance of its inputs.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
Rule = Callable[[Array, Array, Array, Array], Array]


def epsilon(matrix: Array, bias: Array, x: Array, relevance: Array, *, eps: float) -> Array:
    total = np.zeros(len(x))
    for j in np.flatnonzero(relevance):
        contributions = matrix[j] * x
        z = contributions.sum() + bias[j]
        z += eps if z >= 0 else -eps
        if z != 0:
            total += contributions / z * relevance[j]
    return total


def alpha_beta(
    matrix: Array, bias: Array, x: Array, relevance: Array, *, alpha: float, beta: float, use_bias: bool, eps: float
) -> Array:
    total = np.zeros(len(x))
    for j in np.flatnonzero(relevance):
        contributions = matrix[j] * x
        for factor, sign in ((alpha, 1.0), (-beta, -1.0)):
            own = np.where(sign * contributions > 0, contributions, 0.0)
            z = own.sum() + (max(sign * bias[j], 0.0) * sign if use_bias else 0.0)
            z += eps if z >= 0 else -eps
            if z != 0:
                total += factor * own / z * relevance[j]
    return total


def gamma(matrix: Array, bias: Array, x: Array, relevance: Array, *, g: float, eps: float) -> Array:
    total = np.zeros(len(x))
    for j in np.flatnonzero(relevance):
        contributions = matrix[j] * x
        favoured = contributions + g * np.maximum(contributions, 0.0)
        z = favoured.sum() + bias[j] + g * max(bias[j], 0.0)
        z += eps if z >= 0 else -eps
        if z != 0:
            total += favoured / z * relevance[j]
    return total


def box(matrix: Array, bias: Array, x: Array, relevance: Array, *, low: Array, high: Array, eps: float) -> Array:
    del bias
    total = np.zeros(len(x))
    for j in np.flatnonzero(relevance):
        terms = matrix[j] * x - np.maximum(matrix[j], 0) * low - np.minimum(matrix[j], 0) * high
        z = terms.sum()
        z += eps if z >= 0 else -eps
        total += terms / z * relevance[j]
    return total


def flat(matrix: Array, bias: Array, x: Array, relevance: Array, *, seen: Array, eps: float) -> Array:
    """`seen` (output, input) marks the inputs that a unit sees, whatever their weights."""
    del matrix, bias, x
    total = np.zeros(seen.shape[1])
    for j in np.flatnonzero(relevance):
        total += seen[j] / (seen[j].sum() + eps) * relevance[j]
    return total


zero = partial(epsilon, eps=0.0)
z_plus = partial(alpha_beta, alpha=1.0, beta=0.0, use_bias=False, eps=0.0)
