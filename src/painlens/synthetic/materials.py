"""The colour of each pixel: skin, hair, eyes, teeth and light, compiled by numba.

Materials are functions of the position on the neutral template ("solid textures"): brows, lips, hairline, beard and
wrinkles follow every expression without a texture map, and exact region maps cost nothing.

numba's cache notices changes of this file only: after a change in ``wrinkles.py`` delete the folder ``__pycache__``.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8
from numba import njit

from painlens.synthetic.head import EYE, GLASSES, HAIR, NOISE_SIZE, TEETH, TONGUE
from painlens.synthetic.rasteriser import Visible
from painlens.synthetic.wrinkles import bump, darkness, step

# Entries of the paint vector of one identity; colours take three entries.
LIP, HAIR_COLOUR, BROW, IRIS, CLOTH, FRAME = 0, 3, 6, 9, 12, 15
BROW_THICKNESS, BROW_ARCH, BROW_SHIFT, BROW_DENSITY, AGE, OFFSET, IRIS_RADIUS, STRAND = range(18, 26)
PAINT_COUNT = 26
# Columns of the vertex masks.
OCCLUSION, LIPS, CAVITY, HAIRLINE, BEARD = range(5)
# Bits of a triangle's features: which paints have to be looked at there.
HAS_BROWS, HAS_WRINKLES, HAS_BEARD, HAS_HAIR, HAS_CAVITY, HAS_CLOTHES, HAS_LIPS = (1 << bit for bit in range(7))

Colour = tuple[float, float, float]


class Painted(NamedTuple):
    """A mesh with everything that is painted on it.

    `surface` holds for each vertex its template position (3), its own colour (3) and the five masks.
    """

    triangles: Int[np.ndarray, "triangle 3"]
    material: UInt8[np.ndarray, " triangle"]
    features: UInt8[np.ndarray, " triangle"]
    normals: Float[np.ndarray, "vertex 3"]
    surface: Float[np.ndarray, "vertex 11"]
    eye_direction: Float[np.ndarray, "vertex 3"]
    paint: Float[np.ndarray, " paint"]
    wrinkles: Float[np.ndarray, " wrinkle"]
    cube: Float[np.ndarray, "noise noise noise"]


class Light(NamedTuple):
    """Unit vectors towards the lights, their colours, and the light from everywhere."""

    direction: Float[np.ndarray, "light 3"]
    colour: Float[np.ndarray, "light 3"]
    ambient: float


@njit(cache=True, fastmath=True)
def noise_at(cube: Float[np.ndarray, "noise noise noise"], x: float, y: float, z: float) -> float:
    """Trilinear interpolation of the periodic noise cube."""
    i, j, k = math.floor(x), math.floor(y), math.floor(z)
    u, v, w = x - i, y - j, z - k
    mask = NOISE_SIZE - 1
    i0, j0, k0 = int(i) & mask, int(j) & mask, int(k) & mask
    i1, j1, k1 = (i0 + 1) & mask, (j0 + 1) & mask, (k0 + 1) & mask
    near = (cube[i0, j0, k0] * (1 - w) + cube[i0, j0, k1] * w) * (1 - v)
    near += (cube[i0, j1, k0] * (1 - w) + cube[i0, j1, k1] * w) * v
    far = (cube[i1, j0, k0] * (1 - w) + cube[i1, j0, k1] * w) * (1 - v)
    far += (cube[i1, j1, k0] * (1 - w) + cube[i1, j1, k1] * w) * v
    return near * (1 - u) + far * u


@njit(cache=True, fastmath=True)
def _towards(colour: Colour, paint: Float[np.ndarray, " paint"], entry: int, gain: float, share: float) -> Colour:
    """Mix a colour with an entry of the paint vector."""
    red, green, blue = colour
    return (
        red + (paint[entry] * gain - red) * share,
        green + (paint[entry + 1] * gain - green) * share,
        blue + (paint[entry + 2] * gain - blue) * share,
    )


@njit(cache=True, fastmath=True)
def _brow_share(
    x: float, y: float, paint: Float[np.ndarray, " paint"], cube: Float[np.ndarray, "noise noise noise"]
) -> float:
    """How much of a pixel is eyebrow."""
    aside = abs(x)
    along = (aside - 0.34) / 0.28
    middle = 7.485 + paint[BROW_SHIFT] + paint[BROW_ARCH] * (1 - 0.8 * (along - 0.1) * (along - 0.1))
    thickness = paint[BROW_THICKNESS] * (0.95 - 0.62 * step(0.0, 1.15, along) - 0.25 * step(-0.55, -1.1, along))
    share = 1 - step(0.6 * thickness, 1.5 * thickness, abs(y - middle))
    share *= step(0.07, 0.17, aside) * (1 - step(0.54, 0.66, aside))
    if share <= 0:
        return 0.0
    hairs = noise_at(cube, x * 60 + y * 25, y * 14, paint[OFFSET])
    return min(1.0, share * paint[BROW_DENSITY] * (0.7 + 0.6 * hairs))


@njit(cache=True, fastmath=True)
def _skin(
    colour: Colour,
    position: Colour,
    masks: tuple[float, float, float, float],
    features: Any,  # bits, one uint8
    paint: Float[np.ndarray, " paint"],
    wrinkles: Float[np.ndarray, " wrinkle"],
    cube: Float[np.ndarray, "noise noise noise"],
) -> tuple[Colour, float, float]:
    """Colour, strength and sharpness of the highlight of a skin pixel with what grows or is painted on it."""
    x, y, z = position
    lips, cavity, hairline, beard = masks
    offset = paint[OFFSET]
    mottle = noise_at(cube, x * 16 + offset, y * 16, z * 16)
    gain = 0.93 + 0.14 * mottle
    colour = (colour[0] * gain, colour[1] * gain * (1.015 - 0.03 * mottle), colour[2] * gain)
    gloss, sharpness = 0.10, 18.0
    on_lips = 0.0
    if features & HAS_LIPS:
        on_lips = step(0.25, 0.75, lips) * (1.1 - 0.25 * mottle)
        colour = _towards(colour, paint, LIP, 1.0, min(1.0, on_lips))
        gloss, sharpness = gloss + 0.10 * on_lips, 18.0 + 12 * on_lips
    if features & HAS_BEARD:
        share = beard * (1 - min(1.0, on_lips)) * (0.55 + 0.8 * noise_at(cube, x * 45, y * 24, z * 45))
        colour = _towards(colour, paint, HAIR_COLOUR, 0.8, min(1.0, share))
    if features & HAS_WRINKLES:
        dark = darkness(x, y, wrinkles, paint[AGE], noise_at(cube, x * 30, y * 30, z * 30))
        gain = max(0.35, 1 - 0.50 * dark)
        colour = (colour[0] * gain, colour[1] * gain * (1 - 0.02 * dark), colour[2] * gain)
    if features & HAS_CAVITY:
        share = step(0.05, 0.5, cavity)
        colour = (colour[0] * (1 - share) + 0.16 * share, colour[1] * (1 - share) + 0.045 * share,
                  colour[2] * (1 - share) + 0.045 * share)  # fmt: skip
        gloss *= 1 - share
    if features & HAS_BROWS:
        colour = _towards(colour, paint, BROW, 1.0, _brow_share(x, y, paint, cube))
    if features & HAS_HAIR and hairline > -0.15:
        fringe = 0.12 * (noise_at(cube, x * 9 + offset, y * 9, z * 9) - 0.5)
        strand = noise_at(cube, x * 34 + offset, y * 5, z * 22)
        share = step(-0.05, 0.08, hairline + fringe + 0.08 * (strand - 0.5))
        if share > 0:
            colour = _towards(colour, paint, HAIR_COLOUR, 0.55 + 0.9 * strand, share)
            gloss *= 1 - 0.4 * share
    if features & HAS_CLOTHES and y < 6.02 + 0.22 * step(0.3, 0.0, z) + 0.02 * mottle:
        colour = _towards(colour, paint, CLOTH, 0.85 + 0.3 * mottle, 1.0)
        gloss = 0.0
    return colour, gloss, sharpness


@njit(cache=True, fastmath=True)
def _eye(direction: Colour, paint: Float[np.ndarray, " paint"]) -> tuple[Colour, float]:
    """Colour of an eyeball at a direction from its centre, and the shade of the upper lid on it."""
    across, up, ahead = direction
    colour = (0.90, 0.87, 0.85)
    if ahead > 0:
        radius, iris = math.sqrt(across * across + up * up), paint[IRIS_RADIUS]
        gain = (0.6 + 0.6 * step(0.0, iris, radius)) * (1 - 0.65 * step(iris * 0.8, iris, radius))
        colour = _towards(colour, paint, IRIS, gain, 1 - step(iris - 0.04, iris + 0.03, radius))
        open_part = 1 - 0.95 * (1 - step(0.16, 0.21, radius))
        colour = (colour[0] * open_part, colour[1] * open_part, colour[2] * open_part)
    return colour, 1 - 0.4 * step(0.16, 0.6, up)


@njit(cache=True, fastmath=True)
def _strand(
    x: float, y: float, z: float, paint: Float[np.ndarray, " paint"], cube: Float[np.ndarray, "noise noise noise"]
) -> Colour:
    """Colour of long hair."""
    wave = paint[STRAND] * math.sin(y * 7 + paint[OFFSET])
    gain = 0.45 + 0.75 * noise_at(cube, (x + wave) * 24, y * 1.5, z * 24) + 0.3 * noise_at(cube, x * 9, y * 0.7, z * 9)
    return _towards((0.0, 0.0, 0.0), paint, HAIR_COLOUR, gain, 1.0)


@njit(cache=True, fastmath=True)
def _teeth(x: float, z: float) -> tuple[Colour, float]:
    """Colour of the teeth and their share of the light, darker towards the sides and the back."""
    nearest = x / 0.082 - math.floor(x / 0.082)
    gap = 1 - step(0.0, 0.12, min(nearest, 1 - nearest))
    light = (0.15 + 0.85 * step(1.12, 1.40, z)) * (1 - 0.4 * step(0.15, 0.3, abs(x)))
    return (0.92 * (1 - 0.3 * gap), 0.88 * (1 - 0.35 * gap), 0.80 * (1 - 0.35 * gap)), light


@njit(cache=True, fastmath=True)
def shade(visible: Visible, painted: Painted, light: Light, image: Float[np.ndarray, "height width 3"]) -> None:
    """Colour every covered pixel of `image` (RGB, linear light), in place."""
    shown, weight_a, weight_b = visible.shown, visible.weight_a, visible.weight_b
    triangles, material, features, surface = painted.triangles, painted.material, painted.features, painted.surface
    normals, eye_direction, paint, cube = painted.normals, painted.eye_direction, painted.paint, painted.cube
    wrinkles, direction, light_colour, ambient = painted.wrinkles, light.direction, light.colour, light.ambient
    height, width = shown.shape
    for row in range(height):
        for column in range(width):
            triangle = shown[row, column]
            if triangle < 0:
                continue
            corners = (triangles[triangle, 0], triangles[triangle, 1], triangles[triangle, 2])
            weights = (weight_a[row, column], weight_b[row, column])
            nx, ny, nz = _mixed(normals, 0, corners, weights)
            x, y, z = _mixed(surface, 0, corners, weights)
            seen, lips, cavity = _mixed(surface, 6, corners, weights)
            kind = material[triangle]
            gloss, sharpness = 0.1, 18.0
            if kind == EYE:
                colour, lid_shade = _eye(_mixed(eye_direction, 0, corners, weights), paint)
                seen = (0.6 + 0.4 * seen) * lid_shade
                gloss, sharpness = 0.5, 90.0
            elif kind == TONGUE:
                colour = (0.42, 0.16, 0.16)
                seen = 0.12 + 0.45 * seen * step(0.7, 1.35, z)
            elif kind == TEETH:
                colour, seen = _teeth(x, z)
                nx, ny, nz = 0.3 * nx, 0.25, 0.95
            elif kind == HAIR:
                colour = _strand(x, y, z, paint, cube)
                if nz < 0:
                    nx, ny, nz = -nx, -ny, -nz
                gloss, sharpness = 0.06 + 0.10 * colour[1], 10.0
            elif kind == GLASSES:
                colour = (paint[FRAME], paint[FRAME + 1], paint[FRAME + 2])
                nz = abs(nz)
                gloss, sharpness = 0.35, 30.0
            else:
                bare = _mixed(surface, 3, corners, weights)
                _, hairline, beard = _mixed(surface, 8, corners, weights)
                colour, gloss, sharpness = _skin(
                    bare, (x, y, z), (lips, cavity, hairline, beard), features[triangle], paint, wrinkles, cube
                )
            length = math.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
            lit, highlight = _lit(nx / length, ny / length, nz / length, sharpness, direction, light_colour)
            sky = ambient * (0.75 + 0.25 * ny / length) * (seen * seen * 0.35 + seen * 0.65)
            direct, shine = 0.35 + 0.65 * seen, gloss * highlight * seen
            for channel in range(3):
                image[row, column, channel] = colour[channel] * (lit[channel] * direct + sky) + shine


@njit(cache=True, fastmath=True)
def _mixed(
    values: Float[np.ndarray, "vertex column"], first: int, corners: tuple[int, int, int], weights: tuple[float, float]
) -> Colour:
    """Three neighbouring columns of vertex values, mixed by barycentric weights."""
    a, b, c = corners
    wa, wb = weights
    wc = np.float32(1) - wa - wb
    return (
        wa * values[a, first] + wb * values[b, first] + wc * values[c, first],
        wa * values[a, first + 1] + wb * values[b, first + 1] + wc * values[c, first + 1],
        wa * values[a, first + 2] + wb * values[b, first + 2] + wc * values[c, first + 2],
    )


@njit(cache=True, fastmath=True)
def _lit(
    nx: float,
    ny: float,
    nz: float,
    sharpness: float,
    light_direction: Float[np.ndarray, "light 3"],
    light_colour: Float[np.ndarray, "light 3"],
) -> tuple[Colour, float]:
    """Light that falls on a surface, and the highlight seen from the front.

    Red light wraps further around the surface than blue: a cheap stand-in for light that travels below the skin.
    """
    red, green, blue, highlight = 0.0, 0.0, 0.0, 0.0
    for light in range(light_direction.shape[0]):
        lx, ly, lz = light_direction[light, 0], light_direction[light, 1], light_direction[light, 2]
        facing = nx * lx + ny * ly + nz * lz
        red += light_colour[light, 0] * max(0.0, (facing + 0.30) * 0.769)
        green += light_colour[light, 1] * max(0.0, (facing + 0.21) * 0.826)
        blue += light_colour[light, 2] * max(0.0, (facing + 0.18) * 0.847)
        half = math.sqrt(lx * lx + ly * ly + (lz + 1) * (lz + 1))
        aligned = (nx * lx + ny * ly + nz * (lz + 1)) / half
        highlight += light_colour[light, 1] * bump(math.sqrt(max(0.0, sharpness * (1 - aligned))))
    return (red, green, blue), highlight
