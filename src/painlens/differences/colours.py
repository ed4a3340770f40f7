"""Relevance maps as colours.

Signed maps are read by people who see few colours too, and no sign may look stronger: `RdBu_r` differs between the
signs by 2.8 in lightness and keeps them 18 to 27 apart under the three colour deficiencies; on a dark page `berlin`
(Crameri, "The misuse of colour in science communication", Nature Communications 2020) has its zero in the page's tone.
The maps that are usual in the literature favour one sign by about 28; they are there to compare with printed figures.
"""

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib import colormaps
from numpy.typing import NDArray

from painlens.tables import DataError

SIGNED, SIGNED_ON_DARK, ONE_SIDED = "RdBu_r", "berlin", "inferno"
LITERATURE = ("seismic", "bwr", "hot")
NAMES = (SIGNED, SIGNED_ON_DARK, ONE_SIDED, *LITERATURE)
_ONE_SIDED = (ONE_SIDED, "hot")


def colour_table(name: str) -> UInt8[np.ndarray, "step 3"]:
    """The 256 RGB colours of a map, uint8 (256, 3).

    Raises
    ------
    DataError
        The name is none of `NAMES`.
    """
    if name not in NAMES:
        raise DataError(f"a colour map must be one of {', '.join(NAMES)}, got '{name}'")
    return np.round(colormaps[name](np.arange(256))[:, :3] * 255).astype(np.uint8)


def colourise(relevance: Float[np.ndarray, "height width"], scale: float, name: str) -> UInt8[np.ndarray, "h w 3"]:
    """Colours of a map, uint8 RGB; values beyond the scale take the last colour.

    Parameters
    ----------
    scale
        Value of the last colour. Signed maps run from -scale to +scale, one-sided ones from 0 to scale.
    """
    table = colour_table(name)
    unit = scale if scale > 0 else 1.0  # a map of zeros has the scale 0
    position = np.clip(relevance / unit, -1.0, 1.0)
    index = np.maximum(position, 0.0) * 255 if name in _ONE_SIDED else (position + 1) / 2 * 255
    return table[np.floor(index + 0.5).astype(np.intp)]


def overlay(
    face: UInt8[np.ndarray, "height width 3"],
    relevance: Float[np.ndarray, "height width"],
    scale: float,
    name: str,
    *,
    opacity: float,
) -> UInt8[np.ndarray, "height width 3"]:
    """The colours of a map over the face in grey, uint8 RGB."""
    grey = (face @ np.array([0.299, 0.587, 0.114]))[..., None]
    mixed = opacity * colourise(relevance, scale, name) + (1 - opacity) * grey
    return np.round(mixed).astype(np.uint8)


def gradient(name: str, *, width: int = 256, height: int = 1) -> NDArray[np.uint8]:
    """The colours from low to high, uint8 (height, width, 3), for a scale bar."""
    steps = np.round(np.linspace(0, 255, width)).astype(np.intp)
    return np.repeat(colour_table(name)[steps][None], height, axis=0)


def scale_of(*maps: NDArray[np.floating], share: float = 1.0) -> float:
    """One scale for several maps: the value below which `share` of all absolute values lie; 1: the largest."""
    values = np.concatenate([np.abs(m).ravel() for m in maps])
    return float(np.quantile(values, share))
