"""A name becomes a network.

`BACKBONES` names the architectures; `build_network` makes one with reproducible random weights; `save_network` and
`load_network` keep it as safetensors with everything that is needed to rebuild it.
"""

from painlens.backbones.adopted import adopt
from painlens.backbones.device import choose_device, choose_precision
from painlens.backbones.foreign import ALLOW_CODE, ForeignNetwork
from painlens.backbones.layers import (
    LAST_POOL,
    is_bottleneck,
    layer_names,
    layer_place,
    layer_shape,
    run_from,
    run_to,
)
from painlens.backbones.network import FaceNetwork
from painlens.backbones.registry import BACKBONES, build_network
from painlens.backbones.vgg import VGG
from painlens.backbones.weights import load_network, load_pretrained, load_public_vgg16, save_network

__all__ = [
    "ALLOW_CODE",
    "BACKBONES",
    "LAST_POOL",
    "VGG",
    "FaceNetwork",
    "ForeignNetwork",
    "adopt",
    "build_network",
    "choose_device",
    "choose_precision",
    "is_bottleneck",
    "layer_names",
    "layer_place",
    "layer_shape",
    "load_network",
    "load_pretrained",
    "load_public_vgg16",
    "run_from",
    "run_to",
    "save_network",
]
