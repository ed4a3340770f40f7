"""Small random networks and faces for the tests of attributions."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn


def fill(network: nn.Module, seed: int, *, bias: float = 0.1) -> None:
    """Random weights, Kaiming for ReLU, biases N(0, bias)."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            fan_in = parameter[0].numel()
            scale = bias if parameter.ndim == 1 else (2 / fan_in) ** 0.5
            parameter.copy_(torch.from_numpy(rng.normal(0.0, scale, tuple(parameter.shape))))


def images(shape: Sequence[int], seed: int) -> Tensor:
    """Smooth-less random inputs in float64; half of the values are negative."""
    return torch.from_numpy(np.random.default_rng(seed).normal(0.0, 1.0, tuple(shape)))


class SmallFaceNetwork(nn.Module):
    """Two blocks and a head over 12 x 12 faces, with the interface that attributions ask for."""

    classes = ("no-pain", "pain")

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, padding=1), nn.ReLU()
        )
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(54, 8), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(8, 2)
        )
        fill(self, seed)

    def layers(self) -> list[nn.Module]:
        """Layers in forward order."""
        return [self.body, self.pool, self.head]

    def prepare(self, faces: np.ndarray) -> Tensor:
        """Normalised to about -2 .. 2."""
        return torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 64.0 - 2.0

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits."""
        return self.head(self.pool(self.body(inputs)))


def faces(n: int, seed: int, size: int = 12) -> np.ndarray:
    """uint8 RGB noise."""
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), dtype=np.uint8)
