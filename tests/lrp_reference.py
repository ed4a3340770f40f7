"""The paper's composite a second time: slow, in float64, every layer an explicit matrix, each rule as it is defined.

For tiny networks only. It shares nothing with `painlens.attributions` and uses torch for nothing but reading weights.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Reference:
    """Relevance of one image and where the rest of the logit went; `margin`: smallest lead of a pool's winner."""

    relevance: Array
    logits: Array
    bias: float
    dead: float
    margin: float


Rule = Callable[[Array, Array, Array, Array], Array]


def explain(
    layers: Iterable[nn.Module], image: Array, target: int, rules: Callable[[str, bool], Rule] | None = None
) -> Reference:
    """Relevance of one image (channels, height, width) for one logit; `rules` takes kind and "is the first layer"."""
    shape, values, steps, margin = image.shape, image.astype(np.float64).ravel(), [], np.inf
    first = values
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            matrix, bias, shape = _convolution(layer, shape)
            steps.append(("convolution", matrix, bias, values))
            values = matrix @ values + bias
        elif isinstance(layer, nn.Linear):
            matrix, bias = _numbers(layer.weight), _bias(layer, layer.out_features)
            steps.append(("dense", matrix, bias, values))
            values, shape = matrix @ values + bias, (layer.out_features,)
        elif isinstance(layer, nn.MaxPool2d):
            matrix, shape, lead = _pool(layer, values.reshape(shape))
            steps.append(("pool", matrix, None, values))
            values, margin = matrix @ values, min(margin, lead)
        elif isinstance(layer, nn.ReLU):
            values = np.maximum(values, 0.0)
        elif isinstance(layer, nn.Flatten):
            shape = (values.size,)
    relevance = np.where(np.arange(values.size) == target, values, 0.0)
    kept_by_bias, dead = 0.0, 0.0
    for kind, matrix, bias, before in reversed(steps):
        if kind == "pool":
            relevance = matrix.T @ relevance
        elif rules is not None:
            relevance = rules(kind, before is first)(matrix, bias, before, relevance)
        elif kind == "dense":  # LRP-0: every contribution counts, the bias included
            share = _divide(relevance, matrix @ before + bias)
            kept_by_bias += float(bias @ share)
            relevance = before * (matrix.T @ share)
        else:  # z+: only the positive contributions count, and the bias does not
            contributions = np.maximum(matrix * before, 0.0)
            total = contributions.sum(axis=1)
            dead += float(relevance[total == 0].sum())
            relevance = contributions.T @ _divide(relevance, total)
    return Reference(relevance.reshape(image.shape), values, kept_by_bias, dead, margin)


def _convolution(layer: nn.Conv2d, shape: tuple[int, ...]) -> tuple[Array, Array, tuple[int, ...]]:
    """Matrix and bias of a convolution on one flat image, and the shape of its output."""
    weight, (channels, height, width) = _numbers(layer.weight), shape
    padding = [int(p) for p in layer.padding]
    taps = [d * (k - 1) + 1 for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
    sizes = zip((height, width), padding, taps, layer.stride, strict=True)
    rows, columns = (int((size + 2 * pad - tap) // stride + 1) for size, pad, tap, stride in sizes)
    matrix = np.zeros((layer.out_channels, rows, columns, channels, height, width))
    for r, c, i, j in np.ndindex(rows, columns, *layer.kernel_size):
        y = r * layer.stride[0] + i * layer.dilation[0] - padding[0]
        x = c * layer.stride[1] + j * layer.dilation[1] - padding[1]
        if 0 <= y < height and 0 <= x < width:
            matrix[:, r, c, :, y, x] += weight[:, :, i, j]
    out = (layer.out_channels, rows, columns)
    bias = np.repeat(_bias(layer, layer.out_channels), rows * columns)
    return matrix.reshape(int(np.prod(out)), -1), bias, out


def _pool(layer: nn.MaxPool2d, grid: Array) -> tuple[Array, tuple[int, ...], float]:
    """The matrix that picks the first maximum of each window, the output's shape, and the smallest lead."""
    size = layer.kernel_size
    high, wide = size if isinstance(size, tuple) else (size, size)
    channels, height, width = grid.shape
    out = (channels, height // high, width // wide)
    matrix, lead = np.zeros((*out, *grid.shape)), np.inf
    for c, r, k in np.ndindex(*out):
        window = grid[c, r * high : (r + 1) * high, k * wide : (k + 1) * wide]
        i, j = np.unravel_index(window.argmax(), window.shape)
        matrix[c, r, k, c, r * high + i, k * wide + j] = 1.0
        top = np.sort(window.ravel())[::-1]
        lead = min(lead, float(top[0] - top[1])) if top[0] > 0 else lead
    return matrix.reshape(int(np.prod(out)), -1), out, lead


def _bias(layer: nn.Conv2d | nn.Linear, units: int) -> Array:
    bias: Any = layer.bias
    return np.zeros(units) if bias is None else _numbers(bias)


def _numbers(values: Any) -> Array:
    return values.detach().double().cpu().numpy()


def _divide(relevance: Array, z: Array) -> Array:
    return np.divide(relevance, z, out=np.zeros_like(relevance), where=z != 0)
