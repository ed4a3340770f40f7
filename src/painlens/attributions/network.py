"""What an attribution asks of a network, and the state in which it explains one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from painlens.attributions.structure import FALLBACK, UnsupportedStructure
from painlens.tables import DataError


@runtime_checkable
class FaceNetwork(Protocol):
    """A network that takes faces; those of `painlens.backbones` are of this kind."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        ...

    def prepare(self, faces: UInt8[np.ndarray, "face height width 3"]) -> Float[Tensor, "face channel height width"]:
        """Faces as the normalised float32 input of the first layer."""
        ...


@runtime_checkable
class SequentialNetwork(Protocol):
    """A network whose layers can be listed."""

    def layers(self) -> Sequence[nn.Module]:
        """Layers in forward order, from the normalised input to the logits."""
        ...


def classes_of(network: nn.Module) -> tuple[str, ...]:
    """Names of the classes, in the order of the logits."""
    return _as_face_network(network).classes


def layers_of(network: nn.Module) -> Sequence[nn.Module]:
    """Layers in forward order, from the normalised input to the logits."""
    if not isinstance(network, SequentialNetwork):
        raise UnsupportedStructure(f"{type(network).__name__} has no layers() that lists its layers; {FALLBACK}")
    return network.layers()


def prepared(network: nn.Module, faces: UInt8[np.ndarray, "face height width 3"]) -> Tensor:
    """Faces as the network's input, on its device."""
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    return _as_face_network(network).prepare(faces).to(device)


def logits_of(network: "FaceNetwork", faces: UInt8[np.ndarray, "face height width 3"]) -> Float[Tensor, "face class"]:
    """Logits of faces by the network as it is."""
    module = network
    assert isinstance(module, nn.Module)
    return module(prepared(module, faces))


def check_network(network: nn.Module) -> None:
    """Whether the weights are numbers.

    Raises
    ------
    DataError
        A weight is NaN or infinite; the message names it.
    """
    named = [*network.named_parameters(), *network.named_buffers()]
    for name, values in named:
        if values.is_floating_point() and not bool(values.isfinite().all()):
            wrong = int((~values.isfinite()).sum())
            raise DataError(
                f"{wrong} of {values.numel()} values of '{name}' are NaN or infinite, so that every map would be; the "
                "training diverged or the file is damaged: train with a smaller learning rate, or take another file"
            )


@contextmanager
def at_inference(network: nn.Module) -> Iterator[nn.Module]:
    """The network without dropout, batch statistics and gradients of weights; afterwards everything is as before."""
    training = {module: module.training for module in network.modules()}
    trainable = {parameter: parameter.requires_grad for parameter in network.parameters()}
    network.eval()
    network.requires_grad_(False)
    try:
        yield network
    finally:
        for module, flag in training.items():
            module.training = flag
        for parameter, flag in trainable.items():
            parameter.requires_grad_(flag)


def _as_face_network(network: nn.Module) -> FaceNetwork:
    if not isinstance(network, FaceNetwork):
        raise TypeError(
            f"an attribution needs a network with classes and prepare(faces), got {type(network).__name__}; "
            "use one of painlens.backbones, or add the two"
        )
    return network
