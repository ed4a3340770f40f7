"""Painted wrinkles: how dark a position of the template is while action units pull the skin.

Blendshapes alone fold the skin too little; at 128 pixels the folds are what people read as an expression.
"""

import math

import numpy as np
from jaxtyping import Float
from numba import njit

# Order of the wrinkle vector, with the action units that drive each entry (see expression.py).
GLABELLA, FOREHEAD, CROWS_FEET, UNDER_EYE, NASOLABIAL, NOSE, CHIN = range(7)
WRINKLE_COUNT = 7
FAINTEST = 0.02  # weaker wrinkles are not drawn


@njit(cache=True, fastmath=True)
def step(low: float, high: float, value: float) -> float:
    """Smooth step from 0 at `low` to 1 at `high` (or downwards where `low` is the larger)."""
    share = (value - low) / (high - low)
    if share <= 0:
        return 0.0
    if share >= 1:
        return 1.0
    return share * share * (3 - 2 * share)


@njit(cache=True, fastmath=True)
def bump(distance: float) -> float:
    """Close to exp(-distance²), but exactly 0 from 2.4 on and without an exponential."""
    rest = 1 - distance * distance * 0.1736
    if rest <= 0:
        return 0.0
    rest *= rest * rest
    return rest * rest


@njit(cache=True, fastmath=True)
def fold(distance: float, width: float) -> float:
    """Profile across a fold: a dark core with a light shoulder on one side."""
    scaled = distance / width
    return bump(scaled) - 0.45 * bump(scaled - 1.7)


@njit(cache=True, fastmath=True)
def _repeated(value: float, spacing: float) -> float:
    """Signed distance to the nearest of parallel lines."""
    return value - spacing * (math.floor(value / spacing) + 0.5)


@njit(cache=True, fastmath=True)
def _upper_face(x: float, y: float, strengths: Float[np.ndarray, " wrinkle"], age: float) -> float:
    """Folds between the brows and across the forehead."""
    aside, dark = abs(x), 0.0
    strength = strengths[GLABELLA] + 0.2 * age
    if strength > FAINTEST and aside < 0.2 and 7.33 < y < 7.6:
        extent = step(7.33, 7.42, y) * (1 - step(7.5, 7.6, y))
        dark += strength * extent * (0.85 * fold(aside - 0.075 - 0.05 * (y - 7.4), 0.017) + 0.2 * bump(x / 0.03))
    strength = strengths[FOREHEAD] + 0.25 * age
    if strength > FAINTEST and aside < 0.6 and 7.6 < y < 8.1:
        extent = (1 - step(0.35, 0.6, aside)) * step(7.6, 7.66, y) * (1 - step(8.0, 8.1, y))
        height = y + 0.06 * aside * aside + 0.015 * math.sin(aside * 9)
        dark += strength * 0.6 * extent * fold(_repeated(height - 7.68, 0.11), 0.014)
    return dark


@njit(cache=True, fastmath=True)
def _around_eyes(x: float, y: float, strengths: Float[np.ndarray, " wrinkle"], age: float) -> float:
    """Crow's feet beside the eye and pouches below it."""
    aside, dark = abs(x), 0.0
    strength = strengths[CROWS_FEET] + 0.25 * age
    if strength > FAINTEST and 0.5 < aside < 0.78 and 7.0 < y < 7.5:
        across, up = aside - 0.42, y - 7.27
        angle, radius = math.atan2(up, across), math.sqrt(across * across + up * up)
        if abs(angle) < 0.62:
            extent = step(0.1, 0.16, radius) * (1 - step(0.25, 0.34, radius))
            dark += strength * 0.5 * extent * fold(_repeated(angle + 0.12, 0.27) * radius, 0.012)
    strength = strengths[UNDER_EYE] + 0.2 * age
    if strength > FAINTEST and 0.1 < aside < 0.55 and 7.0 < y < 7.25:
        middle = 7.155 - 0.035 * math.cos((aside - 0.3) * 6.0)
        extent = step(0.12, 0.2, aside) * (1 - step(0.45, 0.55, aside))
        dark += strength * 0.5 * extent * (fold(y - middle, 0.016) + 0.4 * fold(y - middle + 0.06, 0.016))
    return dark


@njit(cache=True, fastmath=True)
def _lower_face(x: float, y: float, strengths: Float[np.ndarray, " wrinkle"], age: float, mottle: float) -> float:
    """Folds from nose to mouth, across the nose and on the chin."""
    aside, dark = abs(x), 0.0
    strength = strengths[NASOLABIAL] + 0.3 * age
    if strength > FAINTEST and 6.45 < y < 7.02:
        along = (7.0 - y) / 0.5
        middle = 0.205 + 0.27 * along - 0.08 * along * along * along
        extent = step(0.0, 0.15, along) * (1 - step(0.8, 1.15, along))
        dark += strength * 0.7 * extent * fold(aside - middle, 0.022)
    strength = strengths[NOSE]
    if strength > FAINTEST and aside < 0.3 and 6.95 < y < 7.4:
        extent = (1 - step(0.1, 0.17, aside)) * step(7.12, 7.18, y) * (1 - step(7.3, 7.38, y))
        dark += strength * 0.8 * extent * fold(_repeated(y + 0.5 * aside - 7.1, 0.055), 0.011)
        extent = step(0.07, 0.11, aside) * (1 - step(0.17, 0.23, aside)) * step(6.98, 7.04, y)
        extent *= 1 - step(7.18, 7.25, y)
        dark += strength * 0.6 * extent * fold(_repeated(y - 0.6 * aside - 6.9, 0.06), 0.012)
    strength = strengths[CHIN]
    if strength > FAINTEST and aside < 0.25 and 6.2 < y < 6.45:
        dark += strength * 0.3 * (mottle - 0.4)
    return dark


@njit(cache=True, fastmath=True)
def darkness(x: float, y: float, strengths: Float[np.ndarray, " wrinkle"], age: float, mottle: float) -> float:
    """Darkness of all wrinkles at a position of the template; `mottle` is fine noise in [0, 1]."""
    dark = _lower_face(x, y, strengths, age, mottle)
    if y > 6.95:
        dark += _around_eyes(x, y, strengths, age)
    if y > 7.3:
        dark += _upper_face(x, y, strengths, age)
    return dark
