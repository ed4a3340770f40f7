"""VGG networks for faces: the paper's VGG-16 and a compact one for two CPU cores.

Convolutions of 3 x 3, ReLU, max-pooling and dense layers in plain sequence, without batch normalisation: the LRP rules
of the paper are exact on such networks, and their sum of relevance can be accounted for. Simonyan, Zisserman, "Very
Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015.
"""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from painlens.study import Backbone
from painlens.tables import DataError

Blocks = tuple[tuple[int, ...], ...]

# ImageNet's channel means and deviations of RGB in 0..1, which torchvision's public VGG weights expect
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class FaceNetwork(nn.Module):
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
        super().__init__()
        smallest = 2 ** len(blocks)
        if size < smallest:
            raise DataError(f"backbone '{settings.name}' needs faces of at least {smallest} pixels, got {size}")
        if len(classes) < 2 or len(set(classes)) < len(classes):
            raise DataError(f"a network needs at least two different classes, got {list(classes)}")
        self.settings = settings
        self.classes = classes
        self.size = size
        width_of_features = blocks[-1][-1] * (size // smallest) ** 2
        with torch.device("meta"):  # no memory and no random numbers until the weights are known
            features = _convolutions(blocks)
            classifier = _dense(width_of_features, settings, hidden=hidden, logits=len(classes))
        self.features = features.to_empty(device="cpu")
        self.flatten = nn.Flatten()
        self.classifier = classifier.to_empty(device="cpu")
        self.set_normalisation(MEAN, STD)

    @property
    def architecture(self) -> str:
        """Name in `BACKBONES`."""
        return self.settings.name

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.parameters()).device

    @property
    def mean(self) -> tuple[float, ...]:
        """Channel means that `prepare` subtracts, RGB in 0..1."""
        return self._mean

    @property
    def std(self) -> tuple[float, ...]:
        """Channel deviations that `prepare` divides by, RGB in 0..1."""
        return self._std

    def set_normalisation(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        """Choose what `prepare` subtracts and divides by (RGB in 0..1); saved with the network."""
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise DataError(f"normalisation needs three means and three positive deviations, got {mean} and {std}")
        self._mean, self._std = tuple(map(float, mean)), tuple(map(float, std))

    def prepare(self, faces: Tensor | np.ndarray) -> Float[Tensor, "face 3 height width"]:
        """Faces (uint8, (n, size, size, 3)) as the network takes them: float32, channels first, normalised.

        The result lies on the network's device, in channels-last memory.

        Raises
        ------
        DataError
            The faces are not uint8 RGB of the network's size.
        """
        return self.normalise(faces).contiguous(memory_format=torch.channels_last)

    def normalise(self, faces: Tensor | np.ndarray) -> Float[Tensor, "face 3 height width"]:
        """The same as `prepare` with a plane per channel in memory, which resampling wants."""
        if isinstance(faces, np.ndarray):  # torch takes neither read-only memory nor negative strides; copied if so
            faces = np.require(faces, requirements=("C_CONTIGUOUS", "WRITEABLE"))
        raw = torch.as_tensor(faces, device=self.device)
        expected = (self.size, self.size, 3)
        if raw.dtype != torch.uint8 or raw.ndim != 4 or tuple(raw.shape[1:]) != expected:
            raise DataError(
                f"faces must be uint8 of shape (n, {self.size}, {self.size}, 3), got {raw.dtype} {tuple(raw.shape)}; "
                f"crop them to the network's size"
            )
        planes = raw.permute(0, 3, 1, 2).contiguous().float()
        centre, scale = (torch.tensor(v, device=raw.device).mul_(255.0).view(3, 1, 1) for v in (self._mean, self._std))
        return planes.sub_(centre).div_(scale)

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

    def replace_head(self, classes: tuple[str, ...], *, seed: int) -> None:
        """Put a new, random prediction layer for other classes on top, as the paper does for pain; in place."""
        if len(classes) < 2 or len(set(classes)) < len(classes):
            raise DataError(f"a network needs at least two different classes, got {list(classes)}")
        old = self.logits_layer()
        new = nn.Linear(old.in_features, len(classes), device="meta").to_empty(device=old.weight.device)
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


def vgg16(settings: Backbone, *, classes: tuple[str, ...], size: int) -> FaceNetwork:
    """VGG-16 (configuration D): 13 convolutions, two dense layers, logits; `features` are named as torchvision's."""
    blocks = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
    return FaceNetwork(settings, blocks=blocks, hidden=2, classes=classes, size=size)


def compact(settings: Backbone, *, classes: tuple[str, ...], size: int) -> FaceNetwork:
    """A VGG of 7 convolutions and one dense layer, which two CPU cores train in seconds."""
    return FaceNetwork(settings, blocks=((16,), (32, 32), (64, 64), (96, 96)), hidden=1, classes=classes, size=size)


def _convolutions(blocks: Blocks) -> nn.Sequential:
    modules: list[nn.Module] = []
    channels = 3
    for block in blocks:
        for width in block:
            modules += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        modules.append(nn.MaxPool2d(2))
    return nn.Sequential(*modules)


def _dense(inputs: int, settings: Backbone, *, hidden: int, logits: int) -> nn.Sequential:
    modules: list[nn.Module] = []
    for _ in range(hidden):
        modules += [nn.Linear(inputs, settings.head), nn.ReLU(), nn.Dropout(settings.dropout)]
        inputs = settings.head
    return nn.Sequential(*modules, nn.Linear(inputs, logits))
