"""Layers of a network by the names that people use: last-pool, pool3, conv4_2, dense1, logits, features.28."""

import torch
from torch import Tensor, nn

from painlens.backbones.vgg import FaceNetwork
from painlens.tables import DataError

LAST_POOL = "last-pool"


def layer_names(network: FaceNetwork) -> dict[str, int]:
    """Name -> place in ``network.layers()`` of the module whose output is meant, in the network's order.

    Convolutions and dense layers are meant after their ReLU. ``fc6`` and ``fc7`` of a VGG-16 are ``dense1`` and
    ``dense2``.
    """
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
    for layer in network.layers()[: place + 1]:
        x = layer(x)
    return x


def run_from(network: FaceNetwork, x: Tensor, place: int) -> Tensor:
    """Logits from the output of the module at a place."""
    for layer in network.layers()[place + 1 :]:
        x = layer(x)
    return x
