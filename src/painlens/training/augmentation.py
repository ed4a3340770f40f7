"""Random shifts, turns, shears, zooms and flips with the exact meaning of Keras, a whole batch in one resampling.

The reference is ``ImageDataGenerator`` of keras-preprocessing 1.1.2, which the paper's framework used: coordinates
are (row, column), the matrix from an output pixel to its input pixel is R(angle) T(shift) S(shear) Z(zoom) around
(height / 2 + .5, width / 2 + .5), interpolation is bilinear, pixels beyond the edge repeat the edge, and the flip
comes last. A zoom factor below 1 enlarges, rows and columns zoom independently, and shear is an angle in degrees.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from painlens.study import Augmentation

DRAWS_PER_FACE = 8  # angle, row shift, column shift, shear, row zoom, column zoom, horizontal and vertical flip


@dataclass(frozen=True)
class Draws:
    """Random parameters of n faces; arrays of shape (n,)."""

    angle_deg: np.ndarray
    shift_rows: np.ndarray  # pixels
    shift_columns: np.ndarray  # pixels
    shear_deg: np.ndarray
    zoom_rows: np.ndarray  # factor; below 1 enlarges
    zoom_columns: np.ndarray
    flip: np.ndarray  # bool; mirror left and right


def draw(rng: np.random.Generator, faces: int, *, settings: Augmentation, size: int) -> Draws:
    """Parameters for `faces` faces, drawn face by face in Keras' order.

    Eight numbers are taken per face whatever the ranges are, so that changing one range leaves the other draws as
    they were; the eighth belongs to Keras' vertical flip, which faces never need.
    """
    unit = rng.random((faces, DRAWS_PER_FACE))
    angle, rows, columns, shear, zoom_rows, zoom_columns = 2.0 * unit[:, :6].T - 1.0
    return Draws(
        angle_deg=settings.rotation_deg * angle,
        shift_rows=settings.shift * size * rows,
        shift_columns=settings.shift * size * columns,
        shear_deg=settings.shear_deg * shear,
        zoom_rows=1.0 + settings.zoom * zoom_rows,
        zoom_columns=1.0 + settings.zoom * zoom_columns,
        flip=(unit[:, 6] < 0.5) & settings.flip,
    )


def sampling_matrices(draws: Draws, *, size: int) -> Float[Tensor, "face 2 3"]:
    """Float32 matrices from output to input positions in the coordinates of `torch.nn.functional.affine_grid`.

    These are (x, y) in -1..1 from the first to the last pixel centre (``align_corners=True``).
    """
    pixels = _pixel_matrices(draws, size=size)
    # (x, y) in -1..1  ->  (row, column): both axes are scaled by (size - 1) / 2 and exchanged
    half = (size - 1) / 2.0
    to_pixels = np.array([[0.0, half, half], [half, 0.0, half], [0.0, 0.0, 1.0]])
    matrices = np.linalg.inv(to_pixels) @ pixels @ to_pixels
    matrices[draws.flip, :, 0] *= -1.0  # the flip comes after the affine step: output x is mirrored first
    return torch.from_numpy(matrices[:, :2].astype(np.float32))


def augment(
    images: Float[Tensor, "face channel size size"], matrices: Float[Tensor, "face 2 3"]
) -> Float[Tensor, "face channel size size"]:
    """Images resampled once, bilinearly, with repeated edges.

    Works before or after normalisation alike: interpolation weights sum to 1.
    """
    size = images.shape[-1]
    line = torch.linspace(-1.0, 1.0, size, device=images.device)
    y, x = torch.meshgrid(line, line, indexing="ij")
    pixels = torch.stack([x, y, torch.ones_like(x)], dim=-1).view(size * size, 3)
    # one product for the whole batch: twice as fast as affine_grid
    grid = torch.matmul(pixels, matrices.transpose(1, 2)).view(len(images), size, size, 2)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=True)


def is_identity(settings: Augmentation) -> bool:
    """Whether the ranges leave every face as it is."""
    return not (settings.rotation_deg or settings.shift or settings.shear_deg or settings.zoom or settings.flip)


def _pixel_matrices(draws: Draws, *, size: int) -> np.ndarray:
    """Matrices (n, 3, 3) from an output (row, column, 1) to the input, without the flip."""
    n = len(draws.angle_deg)
    angle, shear = np.deg2rad(draws.angle_deg), np.deg2rad(draws.shear_deg)
    rotation, shift, slant, zoom = (np.tile(np.eye(3), (n, 1, 1)) for _ in range(4))
    rotation[:, 0, 0] = rotation[:, 1, 1] = np.cos(angle)
    rotation[:, 0, 1], rotation[:, 1, 0] = -np.sin(angle), np.sin(angle)
    shift[:, 0, 2], shift[:, 1, 2] = draws.shift_rows, draws.shift_columns
    slant[:, 0, 1], slant[:, 1, 1] = -np.sin(shear), np.cos(shear)
    zoom[:, 0, 0], zoom[:, 1, 1] = draws.zoom_rows, draws.zoom_columns
    centre = np.eye(3)
    centre[:2, 2] = size / 2.0 + 0.5  # 1.1.2 adds the half; later versions subtract it
    return centre @ rotation @ shift @ slant @ zoom @ np.linalg.inv(centre)
