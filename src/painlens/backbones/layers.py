"""Layers of a network by the names that people use: last-pool, pool3, conv4_2, dense1, logits, features.28."""

import torch
from torch import Tensor, nn

from painlens.backbones.foreign import ForeignNetwork
from painlens.backbones.network import FaceNetwork
from painlens.backbones.vgg import VGG
from painlens.tables import DataError

LAST_POOL = "last-pool"


def layer_names(network: FaceNetwork) -> dict[str, int]:
    """Name -> place in ``network.layers()`` of the module whose output is meant, in the network's order.

    Convolutions and dense layers are meant after their ReLU. ``fc6`` and ``fc7`` of a VGG-16 are ``dense1`` and
    ``dense2``. A foreign network has torch's names of its modules, and ``last-pool``: the last one with planes.
    """
    if isinstance(network, ForeignNetwork):
        return {name: place for place, name in enumerate(network.places)} | {LAST_POOL: network.last_place()}
    assert isinstance(network, VGG)
    layers, names = network.layers(), {}
    block, convolution, dense = 1, 0, 0
    for place, layer in enumerate(layers):
        following = layers[place + 1] if place + 1 < len(layers) else None
        after = place + 1 if isinstance(following, nn.ReLU) else place
        if isinstance(layer, nn.Conv2d):
            convolution += 1
            names[f"conv{block}_{convolution}"] = after
        elif isinstance(layer, nn.MaxPool2d):
            names[f"pool{block}"] = names[LAST_POOL] = place
            block, convolution = block + 1, 0
        elif isinstance(layer, nn.Linear):
            dense += 1
            names["logits" if following is None else f"dense{dense}"] = after
    return names


def layer_place(network: FaceNetwork, name: str) -> int:
    """Place in ``network.layers()`` of a layer by its name, or by torch's (``features.28``, ``classifier.0``).

    Raises
    ------
    DataError
        The network has no such layer; the message lists those that it has.
    """
    if isinstance(network, ForeignNetwork):
        return _foreign_place(network, name)
    assert isinstance(network, VGG)
    names = layer_names(network) | {
        f"classifier.{k}": len(network.features) + 1 + k for k in range(len(network.classifier))
    }
    names |= {f"features.{k}": k for k in range(len(network.features))}
    aliases = {"fc6": "dense1", "fc7": "dense2"} if network.architecture == "vgg16" else {}
    found = names.get(aliases.get(name, name))
    if found is None:
        raise DataError(
            f"network '{network.architecture}' has no layer '{name}'; it has {', '.join(layer_names(network))} and "
            f"torch's features.0 to features.{len(network.features) - 1}, classifier.0 to "
            f"classifier.{len(network.classifier) - 1}; correct concept_test.layer or concept_test.layers"
        )
    return found


@torch.inference_mode()
def layer_shape(network: FaceNetwork, place: int) -> tuple[int, ...]:
    """Shape of one face's output at a place, such as (512, 7, 7) or (1024,)."""
    x = torch.zeros(1, 3, network.size, network.size, device=network.device)
    return tuple(run_to(network, x, place).shape[1:])


def run_to(network: FaceNetwork, x: Tensor, place: int) -> Tensor:
    """Output of the module at a place for normalised faces."""
    if isinstance(network, ForeignNetwork):
        return network.output_of(x, place)
    assert isinstance(network, VGG)
    for layer in network.layers()[: place + 1]:
        x = layer(x)
    return x


def run_from(network: FaceNetwork, x: Tensor, place: int) -> Tensor:
    """Logits from the output of the module at a place."""
    if isinstance(network, ForeignNetwork):
        return network.answer_from(x, place)
    assert isinstance(network, VGG)
    for layer in network.layers()[place + 1 :]:
        x = layer(x)
    return x


def is_bottleneck(network: FaceNetwork, place: int) -> bool:
    """Whether logits can be computed from the output at a place alone, as `run_from` does."""
    return not isinstance(network, ForeignNetwork) or network.is_bottleneck(place)


def _foreign_place(network: ForeignNetwork, name: str) -> int:
    """Place of a module of a foreign network by torch's name."""
    names = layer_names(network)
    if name not in names:
        shown = [own for own in names if own.count(".") < 2]
        raise DataError(
            f"network '{network.architecture}' has no layer '{name}'; its modules are {', '.join(shown)}, and those "
            "inside of them by torch's names; correct concept_test.layer or concept_test.layers"
        )
    return names[name]
