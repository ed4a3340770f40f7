"""A list of layers is read as blocks that the fast engine understands, or refused with the layer's name."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from torch import nn

Kind = TypeVar("Kind", bound=nn.Module)
Size = TypeVar("Size", int, int | None)

IDLE = (nn.Dropout, nn.Dropout2d, nn.Identity)  # they change nothing at inference time
PROBABILITIES = (nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.Sigmoid, nn.LogSigmoid)
FALLBACK = "use attribution method 'zennit', which takes any architecture"


class UnsupportedStructure(TypeError):
    """The layers are not of the plain form that an attribution understands; the message names the layer."""


@dataclass(frozen=True)
class ConvBlock:
    """A convolution with its ReLU, and the max-pool behind it if there is one."""

    conv: nn.Conv2d
    pool: nn.MaxPool2d | None


@dataclass(frozen=True)
class DenseBlock:
    """A dense layer, with a ReLU unless it is the last one."""

    linear: nn.Linear
    relu: bool


@dataclass(frozen=True)
class Structure:
    """Convolution blocks, then dense blocks.

    `average_size` is the output size of an adaptive average pool between the two; it must change nothing (VGG has one
    for inputs of other sizes).
    """

    convs: tuple[ConvBlock, ...]
    average_size: tuple[int | None, int | None] | None
    dense: tuple[DenseBlock, ...]


def read_structure(layers: Iterable[nn.Module]) -> Structure:
    """Blocks of a network given as its layers in forward order, from the input to the logits.

    Accepted are (Conv2d, ReLU, optional MaxPool2d) blocks, Flatten, (Linear, ReLU) blocks and a last Linear. Nested
    `nn.Sequential` are opened; Dropout and Identity are skipped; AdaptiveAvgPool2d may stand before Flatten.

    Raises
    ------
    UnsupportedStructure
        For anything else, naming the layer and what to do.
    """
    reader = _Reader(layers)
    convs = []
    while reader.at(nn.Conv2d):
        convs.append(_conv_block(reader))
    average_size = None
    if reader.at(nn.AdaptiveAvgPool2d):
        average_size = _pair(reader.take(nn.AdaptiveAvgPool2d).output_size)
    flatten = reader.take(nn.Flatten)
    if (flatten.start_dim, flatten.end_dim) != (1, -1):
        reader.refuse_last("flattens other axes than all but the first")
    dense = [_dense_block(reader)]
    while not reader.finished:
        if not dense[-1].relu:
            reader.refuse_here("follows a dense layer without ReLU")
        dense.append(_dense_block(reader))
    if dense[-1].relu:
        reader.refuse_last("ends the network, whose last layer must be a dense layer that gives logits")
    return Structure(tuple(convs), average_size, tuple(dense))


class _Reader:
    """The layers from left to right, idle ones skipped; it knows the name of the one that it refuses."""

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        numbered = enumerate(_expand(layers))
        self._layers = [(position, layer) for position, layer in numbered if type(layer) not in IDLE]
        self._next = 0

    @property
    def finished(self) -> bool:
        return self._next == len(self._layers)

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
            raise UnsupportedStructure(
                f"{name} turns logits into probabilities, but relevance starts at a logit; give the layers without it"
            )
        raise UnsupportedStructure(f"{name} {problem}; {FALLBACK}. The layer: {layer}")


def _conv_block(reader: _Reader) -> ConvBlock:
    conv = reader.take(nn.Conv2d)
    if conv.groups != 1:
        reader.refuse_last(f"has {conv.groups} groups; the engine expects 1")
    if conv.padding_mode != "zeros" or isinstance(conv.padding, str):
        reader.refuse_last("must be padded with zeros by numbers, not by a mode")
    reader.take(nn.ReLU)
    if not reader.at(nn.MaxPool2d):
        return ConvBlock(conv, None)
    pool = reader.take(nn.MaxPool2d)
    if _pair(pool.kernel_size) != _pair(pool.stride):
        reader.refuse_last("has windows that overlap or leave gaps; the engine expects stride = kernel size")
    if (_pair(pool.padding), _pair(pool.dilation), pool.ceil_mode) != ((0, 0), (1, 1), False):
        reader.refuse_last("has padding, dilation or ceil_mode")
    return ConvBlock(conv, pool)


def _dense_block(reader: _Reader) -> DenseBlock:
    linear = reader.take(nn.Linear)
    relu = reader.at(nn.ReLU)
    if relu:
        reader.take(nn.ReLU)
    return DenseBlock(linear, relu)


def _expand(layers: Iterable[nn.Module]) -> Iterator[nn.Module]:
    """Open nested sequences."""
    for layer in layers:
        if type(layer) is nn.Sequential:
            yield from _expand(layer)
        else:
            yield layer


def _pair(size: Size | tuple[Size, ...]) -> tuple[Size, Size]:
    if isinstance(size, tuple):
        return size[0], size[1]
    return size, size
