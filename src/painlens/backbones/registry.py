"""The literal dict of architectures."""

from typing import Protocol

import torch

from painlens.backbones.vgg import VGG, compact, initialise, vgg16
from painlens.study import Backbone
from painlens.tables import DataError


class Architecture(Protocol):
    """Makes the layers of a network, still without weights."""

    def __call__(self, settings: Backbone, *, classes: tuple[str, ...], size: int) -> VGG:
        """Layers for faces of `size` x `size` pixels and these classes."""
        ...


BACKBONES: dict[str, Architecture] = {"vgg16": vgg16, "compact": compact}


def build_layers(settings: Backbone, *, classes: tuple[str, ...], size: int) -> VGG:
    """A network whose weights are still to be filled in.

    Raises
    ------
    DataError
        The name is not in `BACKBONES`, or the size or the classes cannot be used.
    """
    if settings.name not in BACKBONES:
        raise DataError(f"backbone must be one of {', '.join(BACKBONES)}, got '{settings.name}'")
    return BACKBONES[settings.name](settings, classes=classes, size=size)


def build_network(settings: Backbone, *, classes: tuple[str, ...], size: int, seed: int) -> VGG:
    """A network with random weights; the same seed gives the same weights on every machine and device.

    Examples
    --------
    >>> network = build_network(Backbone(name="compact", head=16), classes=("no-pain", "pain"), size=32, seed=0)
    >>> tuple(network(network.prepare(torch.zeros(5, 32, 32, 3, dtype=torch.uint8))).shape)
    (5, 2)
    """
    network = build_layers(settings, classes=classes, size=size)
    initialise(network, generator=torch.Generator().manual_seed(seed))
    return network
