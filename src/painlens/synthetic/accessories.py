"""Long hair and glasses: surfaces of their own that are added to a head."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from painlens.synthetic.head import GLASSES, HAIR


@dataclass(frozen=True, eq=False)
class Surface:
    """Vertices and triangles of an accessory, its material and the share of the sky that it sees."""

    vertices: Float[np.ndarray, "vertex 3"]
    triangles: Int[np.ndarray, "triangle 3"]
    material: int
    occlusion: Float[np.ndarray, " vertex"]


@dataclass(frozen=True)
class GlassesShape:
    """Half width and half height of a lens, thickness of the frame, exponent of the outline (2: round)."""

    half_width: float
    half_height: float
    thickness: float
    exponent: float


def hair_curtain(*, half_width: float, back: float, lowest: float, opening_deg: float, flare: float) -> Surface:
    """Long hair that hangs around the sides and the back of the head, open at the face.

    Parameters
    ----------
    half_width
        Half width of the curtain at the ears.
    back
        Smallest z of the skull.
    lowest
        Height at which the hair ends: about 6.5 for chin length, 5.8 for shoulder length.
    opening_deg
        Angle from straight ahead to the front edges.
    flare
        How much wider the hair is at its end than at the ears.
    """
    angles = np.radians(np.linspace(opening_deg, 360 - opening_deg, 31))
    heights = np.concatenate([np.linspace(8.12, 7.2, 7), np.linspace(7.2, lowest, 7)[1:]])
    crown = np.sqrt(np.clip(1 - (np.clip(heights - 7.35, 0, None) / 1.02) ** 2, 0.05, 1))  # the skull narrows upwards
    downwards = np.clip((7.2 - heights) / 1.4, 0, 1)
    width = half_width * crown + flare * downwards - 0.05 * np.clip(heights - 7.6, 0, None)
    middle = 0.22
    depth = (middle - back + 0.12) * crown
    ahead = np.cos(angles)[:, None]
    x = np.sin(angles)[:, None] * width
    z = middle + np.where(ahead > 0, 0.62 * ahead * crown, ahead * depth)
    y = np.broadcast_to(heights, x.shape) - 0.10 * np.clip(ahead, 0, 1) * downwards  # the front hangs a little lower
    vertices = np.stack([x, y, z], -1).reshape(-1, 3).astype(np.float32)
    triangles = _grid_triangles(len(angles), len(heights))
    inner = 0.55 + 0.45 * np.clip(np.broadcast_to((heights - 5.9) / 1.2, x.shape), 0, 1)
    return Surface(vertices, triangles, HAIR, inner.reshape(-1).astype(np.float32))


def glasses(
    *,
    eyes: tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]],
    plane_z: float,
    ear_x: float,
    shape: GlassesShape,
) -> Surface:
    """A pair of glasses in front of two eye centres (right eye, left eye).

    `plane_z` is the depth of the lenses; `ear_x` is where the arms end beside the head.
    """
    parts = []
    for eye in eyes:
        side = float(np.sign(eye[0]))
        parts.append(_rim(eye, side=side, plane_z=plane_z, shape=shape))
        outer = np.array([eye[0] + side * shape.half_width, eye[1] + 0.06, _bent(plane_z, shape.half_width)])
        ear = np.array([side * ear_x, eye[1] + 0.05, 0.3])
        parts.append(_ribbon(np.stack([outer, ear]), 0.8 * shape.thickness))
    right, left = sorted(eyes, key=lambda eye: float(eye[0]))
    inner = [right + [shape.half_width, 0, 0], left - [shape.half_width, 0, 0]]
    height = float(right[1] + left[1]) / 2 + 0.07
    along = np.linspace(0, 1, 5)
    bridge = np.stack(
        [
            inner[0][0] + (inner[1][0] - inner[0][0]) * along,
            height + 0.10 * along * (1 - along),
            plane_z + 0.2 * along * (1 - along),
        ],
        -1,
    )
    parts.append(_ribbon(bridge, shape.thickness))
    offsets = np.cumsum([0] + [len(vertices) for vertices, _ in parts])
    vertices = np.concatenate([vertices for vertices, _ in parts]).astype(np.float32)
    triangles = np.concatenate([triangles + offset for (_, triangles), offset in zip(parts, offsets, strict=False)])
    return Surface(vertices, triangles.astype(np.int32), GLASSES, np.ones(len(vertices), np.float32))


def _bent(plane_z: float, outwards: float) -> float:
    """Depth of a frame point: rims bend backwards towards the temples."""
    return plane_z - 0.9 * max(0.0, outwards - 0.05) ** 2


def _rim(
    eye: Float[np.ndarray, " 3"], *, side: float, plane_z: float, shape: GlassesShape
) -> tuple[Float[np.ndarray, "vertex 3"], Int[np.ndarray, "triangle 3"]]:
    """A flat ring around one lens."""
    angles = np.linspace(0, 2 * np.pi, 33)
    cosine, sine = np.cos(angles), np.sin(angles)
    reach_x = np.sign(cosine) * np.abs(cosine) ** (2 / shape.exponent)
    reach_y = np.sign(sine) * np.abs(sine) ** (2 / shape.exponent)
    rings = []
    for grow in (-0.5, 0.5):
        x = (shape.half_width + grow * shape.thickness) * reach_x
        y = (shape.half_height + grow * shape.thickness) * reach_y
        z = [_bent(plane_z, float(side * value)) for value in x]
        rings.append(np.stack([eye[0] + x, eye[1] - 0.03 + y, np.array(z)], -1))
    vertices = np.stack(rings, 1).reshape(-1, 3)
    return vertices, _grid_triangles(len(angles), 2)


def _ribbon(
    line: Float[np.ndarray, "point 3"], thickness: float
) -> tuple[Float[np.ndarray, "vertex 3"], Int[np.ndarray, "triangle 3"]]:
    """An upright band along a line."""
    half = np.array([0.0, thickness / 2, 0.0])
    vertices = np.stack([line - half, line + half], 1).reshape(-1, 3)
    return vertices, _grid_triangles(len(line), 2)


def _grid_triangles(rows: int, columns: int) -> Int[np.ndarray, "triangle 3"]:
    """Triangles of a grid of vertices, row by row."""
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).reshape(-1)
    right, below, across = first + 1, first + columns, first + columns + 1
    return np.concatenate([np.stack([first, below, right], -1), np.stack([right, below, across], -1)]).astype(np.int32)
