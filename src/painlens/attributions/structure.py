"""A list of layers is read as blocks that the fast engine understands, or refused with the layer's name."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import torch
from torch import Tensor, nn

Kind = TypeVar("Kind", bound=nn.Module)

IDLE = (nn.Dropout, nn.Dropout2d, nn.Identity)  # they change nothing at inference time
PROBABILITIES = (nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.Sigmoid, nn.LogSigmoid)
FALLBACK = "use attribution method 'zennit', which takes any architecture"


class UnsupportedStructure(TypeError):
    """The layers are not of the plain form that an attribution understands; the message names the layer."""


class NoLogits(UnsupportedStructure):
    """The network gives probabilities, and no attribution of this package starts at one."""


@dataclass(frozen=True)
class ConvBlock:
    """A convolution, its batch norm folded in, with its ReLU and the max-pool behind it if there is one."""

    name: str
    weight: Tensor
    bias: Tensor | None
    options: tuple[Any, Any, Any]  # stride, padding, dilation; Any, because torch declares them as wider than here
    pool: nn.MaxPool2d | None


@dataclass(frozen=True)
class DenseBlock:
    """A dense layer, its batch norm folded in, with a ReLU unless it is the last one."""

    name: str
    weight: Tensor
    bias: Tensor | None
    relu: bool


@dataclass(frozen=True)
class PoolBlock:
    """A max-pool that does not stand right behind a convolution, or an average pool."""

    name: str
    pool: nn.MaxPool2d | nn.AvgPool2d | nn.AdaptiveAvgPool2d


@dataclass(frozen=True)
class FlattenBlock:
    """Planes become one row of numbers."""

    name: str


Block = ConvBlock | DenseBlock | PoolBlock | FlattenBlock


@dataclass(frozen=True)
class Structure:
    """Blocks in forward order."""

    blocks: tuple[Block, ...]

    @property
    def convs(self) -> tuple[ConvBlock, ...]:
        """The convolutions."""
        return tuple(block for block in self.blocks if isinstance(block, ConvBlock))

    @property
    def dense(self) -> tuple[DenseBlock, ...]:
        """The dense layers."""
        return tuple(block for block in self.blocks if isinstance(block, DenseBlock))


def read_structure(layers: Iterable[nn.Module]) -> Structure:
    """Blocks of a network given as its layers in forward order, from the input to the logits.

    Accepted are convolution, batch norm if any, ReLU, then any number of max- and average pools, and so on; an adaptive
    average pool; Flatten; dense layer, batch norm if any, ReLU, and so on; and a last dense layer. Nested
    `nn.Sequential` are opened; Dropout and Identity are skipped. Weights are taken as they are now.

    Raises
    ------
    UnsupportedStructure
        For anything else, naming the layer and what to do; `NoLogits` where the last layer gives probabilities.
    """
    reader = _Reader(layers)
    blocks: list[Block] = []
    while reader.at(nn.Conv2d):
        blocks.append(_conv_block(reader))
        while pool := reader.take_any(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d):
            _check_average(reader, pool)
            blocks.append(PoolBlock(reader.last_name, pool))
    blocks.append(_flatten_block(reader))
    last = _dense_block(reader)
    blocks.append(last)
    while not reader.finished:
        if not last.relu:
            reader.refuse_here("follows a dense layer without ReLU")
        last = _dense_block(reader)
        blocks.append(last)
    if last.relu:
        reader.refuse_last("ends the network; the engine expects a dense layer that gives logits")
    return Structure(tuple(blocks))


class _Reader:
    """Walks through the layers and remembers their places."""

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        numbered = enumerate(_expand(layers))
        self._layers = [(position, layer) for position, layer in numbered if type(layer) not in IDLE]
        self._next = 0

    @property
    def finished(self) -> bool:
        return self._next == len(self._layers)

    @property
    def last_name(self) -> str:
        """Place and kind of the layer that was taken last."""
        position, layer = self._layers[self._next - 1]
        return f"{position} {type(layer).__name__}"

    def at(self, kind: type[nn.Module]) -> bool:
        """Whether the next layer is exactly of this kind: a subclass may compute something else."""
        return not self.finished and type(self._layers[self._next][1]) is kind

    def take(self, kind: type[Kind]) -> Kind:
        """The next layer, which must be of this kind."""
        if self.finished:
            raise UnsupportedStructure(f"the layers end where the engine expects {kind.__name__}; {FALLBACK}")
        layer = self._layers[self._next][1]
        if type(layer) is not kind:
            self.refuse_here(f"stands where the engine expects {kind.__name__}")
        if layer._forward_hooks or layer._forward_pre_hooks:  # the engine would not run them
            self.refuse_here("has forward hooks, which may change its weights or its output; remove them")
        self._next += 1
        return layer

    def take_any(self, *kinds: type[Kind]) -> Kind | None:
        """The next layer if it is of one of these kinds."""
        for kind in kinds:
            if self.at(kind):
                return self.take(kind)
        return None

    def refuse_here(self, problem: str) -> NoReturn:
        """Refuse the next layer."""
        self._refuse(self._next, problem)

    def refuse_last(self, problem: str) -> NoReturn:
        """Refuse the layer that was taken last."""
        self._refuse(self._next - 1, problem)

    def _refuse(self, index: int, problem: str) -> NoReturn:
        position, layer = self._layers[index]
        name = f"layer {position} ({type(layer).__name__})"
        if isinstance(layer, PROBABILITIES):
            raise NoLogits(
                f"{name} turns logits into probabilities, but relevance starts at a logit; give the layers without it"
            )
        raise UnsupportedStructure(f"{name} {problem}; {FALLBACK}. The layer: {layer}")


def _conv_block(reader: _Reader) -> ConvBlock:
    conv = reader.take(nn.Conv2d)
    name = reader.last_name
    if conv.groups != 1:
        reader.refuse_last(f"has {conv.groups} groups; the engine expects 1")
    if conv.padding_mode != "zeros" or isinstance(conv.padding, str):
        reader.refuse_last("must be padded with zeros by numbers, not by a mode")
    weight, bias = _folded(reader, conv, reader.take_any(nn.BatchNorm2d))
    reader.take(nn.ReLU)
    pool = reader.take_any(nn.MaxPool2d)
    return ConvBlock(name, weight, bias, (conv.stride, conv.padding, conv.dilation), pool)


def _dense_block(reader: _Reader) -> DenseBlock:
    linear = reader.take(nn.Linear)
    name = reader.last_name
    weight, bias = _folded(reader, linear, reader.take_any(nn.BatchNorm1d))
    return DenseBlock(name, weight, bias, reader.take_any(nn.ReLU) is not None)


def _flatten_block(reader: _Reader) -> FlattenBlock:
    flatten = reader.take(nn.Flatten)
    if (flatten.start_dim, flatten.end_dim) != (1, -1):
        reader.refuse_last("flattens other axes than all but the first")
    return FlattenBlock(reader.last_name)


def _check_average(reader: _Reader, pool: nn.Module) -> None:
    if isinstance(pool, nn.AvgPool2d) and pool.divisor_override is not None:
        reader.refuse_last("divides by a number of its own")


def _folded(
    reader: _Reader, layer: nn.Conv2d | nn.Linear, norm: nn.BatchNorm1d | nn.BatchNorm2d | None
) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of a layer and the batch norm behind it as one linear layer, as at inference time."""
    weight, bias = layer.weight.detach(), None if layer.bias is None else layer.bias.detach()
    if norm is None:
        return weight, bias
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        reader.refuse_last(
            "keeps no running statistics, so that a face's logits depend on the other faces of its batch"
        )
    # In float64: the folded network must give the logits of the network itself.
    scale = (variance.double() + norm.eps).rsqrt()
    shift = torch.zeros_like(scale)
    if norm.affine:
        scale, shift = scale * norm.weight.detach().double(), norm.bias.detach().double()
    start = torch.zeros_like(scale) if bias is None else bias.double()
    folded = weight.double() * scale.view(-1, *[1] * (weight.ndim - 1))
    return folded.to(weight.dtype), ((start - mean.double()) * scale + shift).to(weight.dtype)


def _expand(layers: Iterable[nn.Module]) -> Iterator[nn.Module]:
    """Open nested sequences."""
    for layer in layers:
        if type(layer) is nn.Sequential:
            yield from _expand(layer)
        else:
            yield layer
