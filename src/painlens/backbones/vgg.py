"""VGG networks for faces: the paper's VGG-16 and a compact one for two CPU cores.

Convolutions of 3 x 3, ReLU, max-pooling and dense layers in plain sequence, without batch normalisation: the LRP rules
of the paper are exact on such networks, and their sum of relevance can be accounted for. Simonyan, Zisserman, "Very
Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015.
"""

from typing import TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from painlens.backbones.network import FaceNetwork, check_classes
from painlens.study import Backbone
from painlens.tables import DataError

Blocks = tuple[tuple[int, ...], ...]
AnyModule = TypeVar("AnyModule", bound=nn.Module)


class VGG(FaceNetwork):
    """A VGG: `features` (convolution, ReLU, pool), `flatten`, `classifier` (dense, ReLU, dropout ..., logits).

    A new network holds memory without meaning; `build_network` and `load_network` fill it.

    Parameters
    ----------
    settings
        Name, width of the dense layers, dropout.
    blocks
        Output channels of the convolutions, a tuple per block; a 2 x 2 max-pool ends each block.
    hidden
        Number of dense layers before the logits.
    classes
        Names of the logits, in their order.
    size
        Height and width of a face in pixels; at least 2 ** number of blocks.
    """

    def __init__(self, settings: Backbone, *, blocks: Blocks, hidden: int, classes: tuple[str, ...], size: int) -> None:
        smallest = 2 ** len(blocks)
        if size < smallest:
            raise DataError(f"backbone '{settings.name}' needs faces of at least {smallest} pixels, got {size}")
        super().__init__(classes, size)
        self.settings = settings
        width_of_features = blocks[-1][-1] * (size // smallest) ** 2
        with torch.device("meta"):  # no memory and no random numbers until the weights are known
            features = _convolutions(blocks)
            classifier = _dense(width_of_features, settings, hidden=hidden, logits=len(classes))
        self.features = _with_memory(features)
        self.flatten = nn.Flatten()
        self.classifier = _with_memory(classifier)

    @property
    def architecture(self) -> str:
        """Name in `BACKBONES`."""
        return self.settings.name

    def layers(self) -> list[nn.Module]:
        """All modules from the normalised input to the logits, in their order; relevance walks them backwards."""
        return [*self.features, self.flatten, *self.classifier]

    def forward(self, x: Float[Tensor, "face 3 height width"]) -> Float[Tensor, "face logit"]:
        """Logits of normalised faces (see `prepare`)."""
        return self.classifier(self.flatten(self.features(x)))

    def quick(self, x: Float[Tensor, "face 3 height width"]) -> Float[Tensor, "face logit"]:
        """The logits of `forward`, bit by bit, with less memory traffic; hooks on ReLU modules are not called.

        ReLU and max-pooling commute, so pooling first leaves ReLU a quarter of the work, and it can be in place.
        """
        return self._dense_in_place(self.flatten(self._features_in_place(x)))

    def last_pool(self, x: Float[Tensor, "face 3 height width"]) -> Float[Tensor, "face feature"]:
        """Outputs of the last pooling layer, flattened (channel, row, column): the layer of the concept test."""
        return self.flatten(self._features_in_place(x))

    def quick_with_features(self, x: Float[Tensor, "face 3 height width"]) -> tuple[Tensor, Tensor]:
        """Logits and `last_pool` of the same faces in one pass."""
        features = self.last_pool(x)
        return self._dense_in_place(features), features

    def replace_head(self, classes: tuple[str, ...], *, seed: int) -> None:
        """Put a new, random prediction layer for other classes on top, as the paper does for pain; in place."""
        check_classes(classes)
        old = self.logits_layer()
        new = _with_memory(nn.Linear(old.in_features, len(classes), device="meta")).to(old.weight.device)
        initialise(new, generator=torch.Generator().manual_seed(seed))
        self.classifier[-1] = new
        self.classes = classes

    def logits_layer(self) -> nn.Linear:
        """The prediction layer."""
        layer = self.classifier[-1]
        assert isinstance(layer, nn.Linear)
        return layer

    def _features_in_place(self, x: Tensor) -> Tensor:
        modules = list(self.features)
        for module, following in zip(modules, [*modules[1:], None], strict=True):
            if isinstance(module, nn.ReLU):
                x = F.relu_(following(x)) if isinstance(following, nn.MaxPool2d) else F.relu_(x)
            elif isinstance(module, nn.Conv2d):
                x = module(x)
        return x

    def _dense_in_place(self, x: Tensor) -> Tensor:
        for module in self.classifier:
            x = F.relu_(x) if isinstance(module, nn.ReLU) else module(x)
        return x


def initialise(module: nn.Module, *, generator: torch.Generator) -> None:
    """Random weights (He et al. 2015, fan in), those of logits small, biases zero; in place.

    Layers in front of a ReLU keep the size of their input. The prediction layer is normal with deviation .01 (Simonyan,
    Zisserman 2015), so that the first logits are near zero: with He's weights they are about +-4, and the first steps
    then silence many channels for good.

    Drawn on the processor in float32, so that a seed means the same weights on every device.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    for layer in layers:
        weight = torch.empty(layer.weight.shape)
        if layer is layers[-1] and isinstance(layer, nn.Linear):
            nn.init.normal_(weight, std=0.01, generator=generator)
        else:
            nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)
        with torch.no_grad():
            layer.weight.copy_(weight)
            if layer.bias is not None:
                layer.bias.zero_()


def vgg16(settings: Backbone, *, classes: tuple[str, ...], size: int) -> VGG:
    """VGG-16 (configuration D): 13 convolutions, two dense layers, logits; `features` are named as torchvision's."""
    blocks = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
    return VGG(settings, blocks=blocks, hidden=2, classes=classes, size=size)


def compact(settings: Backbone, *, classes: tuple[str, ...], size: int) -> VGG:
    """A VGG of 7 convolutions and one dense layer, which two CPU cores train in seconds."""
    return VGG(settings, blocks=((16,), (32, 32), (64, 64), (96, 96)), hidden=1, classes=classes, size=size)


def _convolutions(blocks: Blocks) -> nn.Sequential:
    modules: list[nn.Module] = []
    channels = 3
    for block in blocks:
        for width in block:
            modules += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        modules.append(nn.MaxPool2d(2))
    return nn.Sequential(*modules)


def _with_memory(layers: AnyModule) -> AnyModule:
    """The same layers of the meta device with memory of the processor; what it holds means nothing yet.

    `to_empty` does the same, but on layers of the meta device it loads a symbolic algebra system, half a second.
    """
    empty = {name: torch.empty(tensor.shape, dtype=tensor.dtype) for name, tensor in layers.state_dict().items()}
    layers.load_state_dict(empty, assign=True)
    return layers


def _dense(inputs: int, settings: Backbone, *, hidden: int, logits: int) -> nn.Sequential:
    modules: list[nn.Module] = []
    for _ in range(hidden):
        modules += [nn.Linear(inputs, settings.head), nn.ReLU(), nn.Dropout(settings.dropout)]
        inputs = settings.head
    return nn.Sequential(*modules, nn.Linear(inputs, logits))
