"""Strips for a gallery: face, map A, map B, A > B, B > A side by side in one WebP, with the scale printed below.

One file per face and pair, because thousands of small requests are what makes a gallery slow. Both maps share a scale,
and so do both directions of their difference. Strips show faces: the caller asks for consent before it makes one.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from painlens.differences.colours import ONE_SIDED, SIGNED, colourise, scale_of
from painlens.differences.maps import LOGIT, PAPER, normalise

PANEL = 112  # pixels
FOOT = 14  # pixels for the scales
SHARE_IN_SCALE = 0.995  # single pixels are several times as large as all others and would leave the rest blank
QUALITY = 80
_UNITS = {
    PAPER: "logit/pixel",
    "raw": "logit/pixel",
    LOGIT: "of the logit's RMS",
    "max": "of the largest pixel",
    "sum-abs": "of sum |R|",
}


@dataclass(frozen=True)
class StripStyle:
    """How strips look.

    Attributes
    ----------
    normalisation
        Of the maps before subtraction: "paper", "raw", "logit", "max" or "sum-abs".
    signed, one_sided
        Colour maps, names of `painlens.differences.colours.NAMES`.
    scales
        Last values of the maps' and of the differences' colours; None: each strip its own.
    units
        `logit_unit` of both networks; for "logit" only.
    """

    normalisation: str
    signed: str = SIGNED
    one_sided: str = ONE_SIDED
    scales: tuple[float, float] | None = None
    units: tuple[float, float] | None = None


def strip(
    face: UInt8[np.ndarray, "height width 3"],
    map_a: Float[np.ndarray, "height width"],
    map_b: Float[np.ndarray, "height width"],
    style: StripStyle,
) -> UInt8[np.ndarray, "rows columns 3"]:
    """The picture of one face and pair, uint8 (PANEL + FOOT, 5 PANEL, 3)."""
    how = "raw" if style.normalisation == PAPER else style.normalisation
    units = style.units or (None, None)
    a, b = (normalise(m[None], how, unit=unit)[0] for m, unit in zip((map_a, map_b), units, strict=True))
    found = a.astype(np.float64) - b
    own = style.scales or (scale_of(a, b, share=SHARE_IN_SCALE), scale_of(found, share=SHARE_IN_SCALE))
    panels = [
        face,
        colourise(a, own[0], style.signed),
        colourise(b, own[0], style.signed),
        colourise(np.maximum(found, 0), own[1], style.one_sided),
        colourise(np.maximum(-found, 0), own[1], style.one_sided),
    ]
    picture = np.concatenate([_enlarged(panel) for panel in panels], axis=1)
    scope = "of this face" if style.scales is None else "of all faces"
    foot = f"A, B: ±{own[0]:.2g}   A>B, B>A: 0 to {own[1]:.2g}   {_UNITS[style.normalisation]}, scale {scope}"
    return np.concatenate([picture, _written(foot, picture.shape[1])])


def strips(
    faces: UInt8[np.ndarray, "face height width 3"],
    maps_a: Float[np.ndarray, "face height width"],
    maps_b: Float[np.ndarray, "face height width"],
    style: StripStyle,
) -> Iterator[bytes]:
    """WebP files of faces that may be shown, one after the other, without metadata."""
    for face, map_a, map_b in zip(faces, maps_a, maps_b, strict=True):
        yield webp(strip(face, map_a, map_b, style))


def common_scales(
    blocks: Iterable[tuple[Float[np.ndarray, "face height width"], Float[np.ndarray, "face height width"]]],
    normalisation: str,
    units: tuple[float, float] | None = None,
) -> tuple[float, float]:
    """One scale for the maps and one for the differences of many faces: the medians of the faces' own."""
    how = "raw" if normalisation == PAPER else normalisation
    unit_a, unit_b = units or (None, None)
    own: list[tuple[float, float]] = []
    for maps_a, maps_b in blocks:
        pairs = zip(normalise(maps_a, how, unit=unit_a), normalise(maps_b, how, unit=unit_b), strict=True)
        own += [(scale_of(a, b, share=SHARE_IN_SCALE), scale_of(a - b, share=SHARE_IN_SCALE)) for a, b in pairs]
    middle = np.median(np.array(own or [(0.0, 0.0)]), axis=0)
    return float(middle[0]), float(middle[1])


def webp(picture: UInt8[np.ndarray, "rows columns 3"]) -> bytes:
    """A picture as WebP, without metadata."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(stream, "WEBP", quality=QUALITY, method=0)
    return stream.getvalue()


def _enlarged(panel: NDArray[np.uint8]) -> NDArray[np.uint8]:
    image = Image.fromarray(np.ascontiguousarray(panel))
    return np.asarray(image.resize((PANEL, PANEL), Image.Resampling.BILINEAR))


def _written(text: str, width: int) -> NDArray[np.uint8]:
    image = Image.new("RGB", (width, FOOT), (253, 253, 252))
    ImageDraw.Draw(image).text((4, 1), text, fill=(29, 33, 38))
    return np.asarray(image)
