"""What all networks of painlens are: classes, a size, a normalisation, and faces as their input."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from painlens.tables import DataError

# ImageNet's channel means and deviations of RGB in 0..1, which torchvision's public VGG weights expect
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def check_classes(classes: tuple[str, ...]) -> None:
    """Refuse fewer than two classes, or one twice."""
    if len(classes) < 2 or len(set(classes)) < len(classes):
        raise DataError(f"a network needs at least two different classes, got {list(classes)}")


class FaceNetwork(nn.Module):
    """A network that takes faces and gives a logit per class; its layers are the business of the architectures.

    Parameters
    ----------
    classes
        Names of the logits, in their order.
    size
        Height and width of a face in pixels.
    """

    def __init__(self, classes: tuple[str, ...], size: int) -> None:
        super().__init__()
        check_classes(classes)
        self.classes = classes
        self.size = size
        self.set_normalisation(MEAN, STD)

    @property
    def architecture(self) -> str:
        """Name of the architecture in study files."""
        raise NotImplementedError

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

    def quick(self, x: Float[Tensor, "face 3 height width"]) -> Float[Tensor, "face logit"]:
        """The logits of `forward`, by whatever way is fastest."""
        return self(x)

    def last_pool(self, x: Float[Tensor, "face 3 height width"]) -> Float[Tensor, "face feature"]:
        """Outputs of the last pooling layer, or what is called so, flattened: the layer of the concept test."""
        raise NotImplementedError

    def quick_with_features(self, x: Float[Tensor, "face 3 height width"]) -> tuple[Tensor, Tensor]:
        """Logits and `last_pool` of the same faces in one pass."""
        raise NotImplementedError
