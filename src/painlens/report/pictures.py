"""Faces and maps as pictures inside the page: five panels in a row, after the paper's Figure 1."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from PIL import Image

from painlens import differences
from painlens.report import numbers
from painlens.report.blocks import Picture, Scale, Strip
from painlens.report.colours import ONE_SIDED, SIGNED, SIGNED_ON_DARK, colourise, gradient, overlay, scale_of
from painlens.report.inputs import Example

# The last colour stands for the value that 99.5 % of the pixels stay below: single pixels of a map are several times
# as large as all others and would leave the rest of the picture blank.
SHARE_IN_SCALE = 0.995
LOSSLESS_BELOW = 100  # pixels: small crops are crisp and cheap without loss
QUALITY = 90
_UNITS = {
    differences.PAPER: "logit per pixel",
    "raw": "logit per pixel",
    "max": "of the largest pixel",
    "sum-abs": "of Σ|R|",
    differences.LOGIT: "of the network's logit (RMS), per pixel",
}


def data_address(rgb: UInt8[np.ndarray, "height width 3"]) -> str:
    """A picture as a WebP data address, without metadata."""
    stream = io.BytesIO()
    small = max(rgb.shape[:2]) < LOSSLESS_BELOW
    Image.fromarray(np.ascontiguousarray(rgb)).save(stream, "WEBP", lossless=small, quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def example_strip(example: Example, *, normalisation: str, target: str, opacity: float = 1.0) -> Strip:
    """Face, map A, map B, A > B, B > A of one face; both maps share a scale, and so do both directions.

    Parameters
    ----------
    normalisation
        Of the maps before subtraction (`study.differences.normalisation`).
    opacity
        1: the maps alone. Below 1 they lie over the face in grey.
    """
    a, b = example.model_a, example.model_b
    map_a, map_b = _normalised(example, normalisation)
    given = [numbers.plain(answer) for answer in example.answers.values()]
    answers = "; ".join(f"{model}: {answer}" for model, answer in zip(example.answers, given, strict=True))
    if len(given) > 1 and len(set(given)) == 1:
        answers = f"both answer {given[0]}"
    region = f" They differ most in the region {example.region}." if example.region else ""
    panels = _panels(map_a, map_b, example.face, opacity=opacity)
    return Strip(
        title=f"{numbers.plain(example.label)}, {example.database}",
        caption=answers,
        description=f"Face of the {example.database} database, {numbers.plain(example.label)}, with the relevance of "
        f"both models for {numbers.plain(target)} and their difference.{region}",
        headings=("face", a, b, f"{a} > {b}", f"{b} > {a}"),
        pictures=(Picture(data_address(example.face)), *panels.pictures),
        scales=_scales(panels, _UNITS[normalisation]),
    )


def _normalised(example: Example, how: str) -> list[NDArray[np.floating]]:
    """Both maps of a face in the unit in which they are subtracted."""
    unit = "raw" if how == differences.PAPER else how
    pairs = ((example.map_a, example.unit_a), (example.map_b, example.unit_b))
    return [differences.normalise(own[None], unit, unit=of_network)[0] for own, of_network in pairs]


def map_strip(
    map_a: NDArray[np.floating], map_b: NDArray[np.floating], *, names: tuple[str, str], title: str, scale: float
) -> Strip:
    """Map A, map B and A minus B of many faces, all three on one given scale."""
    a, b = names
    pictures = tuple(_signed_picture(m, scale) for m in (map_a, map_b, map_a - map_b))
    return Strip(
        title=title,
        caption="",
        description=f"{title}: relevance of {a}, of {b}, and the difference.",
        headings=(a, b, f"{a} minus {b}"),
        pictures=pictures,
        scales=(("scale", _signed_scale(scale, "of the largest pixel")),),
    )


@dataclass(frozen=True)
class _Panels:
    """The four coloured panels of two maps, and the values of their last colours."""

    pictures: tuple[Picture, ...]
    map_scale: float
    difference_scale: float


def _panels(
    map_a: NDArray[np.floating], map_b: NDArray[np.floating], face: NDArray[np.uint8], *, opacity: float
) -> _Panels:
    found = map_a.astype(np.float64) - map_b
    map_scale = scale_of(map_a, map_b, share=SHARE_IN_SCALE)
    difference_scale = scale_of(found, share=SHARE_IN_SCALE)
    over = None if opacity >= 1 else face
    maps = [_signed_picture(m, map_scale, over, opacity) for m in (map_a, map_b)]
    sides = [
        Picture(data_address(_coloured(side, difference_scale, ONE_SIDED, over, opacity)))
        for side in (np.maximum(found, 0), np.maximum(-found, 0))
    ]
    return _Panels((*maps, *sides), map_scale, difference_scale)


def _signed_picture(
    relevance: NDArray[np.floating], scale: float, face: NDArray[np.uint8] | None = None, opacity: float = 1.0
) -> Picture:
    light, dark = (_coloured(relevance, scale, name, face, opacity) for name in (SIGNED, SIGNED_ON_DARK))
    return Picture(data_address(light), data_address(dark))


def _coloured(
    relevance: NDArray[np.floating], scale: float, name: str, face: NDArray[np.uint8] | None, opacity: float
) -> NDArray[np.uint8]:
    if face is None:
        return colourise(relevance, scale, name)
    return overlay(face, relevance, scale, name, opacity=opacity)


def _scales(panels: _Panels, unit: str) -> tuple[tuple[str, Scale], ...]:
    largest = numbers.significant(panels.difference_scale)
    bar = Picture(data_address(gradient(ONE_SIDED, width=96)))
    return (
        ("maps", _signed_scale(panels.map_scale, unit)),
        ("differences", Scale("0", f"{largest} {unit}", bar)),
    )


def _signed_scale(scale: float, unit: str) -> Scale:
    size = numbers.significant(scale)
    bar = Picture(data_address(gradient(SIGNED, width=96)), data_address(gradient(SIGNED_ON_DARK, width=96)))
    low = size if size == "0" else numbers.MINUS + size
    high = size if size == "0" else f"+{size}"
    return Scale(low, f"{high} {unit}", bar)


def figure_1(
    examples: Sequence[Example], *, normalisation: str, panel: int = 160
) -> UInt8[np.ndarray, "height width 3"] | None:
    """The paper's Figure 1 as one picture without words: a row per face; None without faces.

    Parameters
    ----------
    examples
        Faces that may be published; all of one pair of models.
    panel
        Height and width of a panel in pixels.
    """
    rows = []
    for example in examples:
        map_a, map_b = _normalised(example, normalisation)
        found = map_a.astype(np.float64) - map_b
        scale, own = scale_of(map_a, map_b, share=SHARE_IN_SCALE), scale_of(found, share=SHARE_IN_SCALE)
        panels = [
            example.face,
            colourise(map_a, scale, SIGNED),
            colourise(map_b, scale, SIGNED),
            colourise(np.maximum(found, 0), own, ONE_SIDED),
            colourise(np.maximum(-found, 0), own, ONE_SIDED),
        ]
        rows.append(_row([_enlarged(image, panel) for image in panels]))
    if not rows:
        return None
    gap = np.full((_GAP, rows[0].shape[1], 3), 255, np.uint8)
    return np.concatenate([part for row in rows for part in (row, gap)][:-1])


_GAP = 4  # pixels between panels


def _row(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    gap = np.full((images[0].shape[0], _GAP, 3), 255, np.uint8)
    return np.concatenate([part for image in images for part in (image, gap)][:-1], axis=1)


def _enlarged(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize((size, size), Image.Resampling.BICUBIC))


def png_bytes(rgb: UInt8[np.ndarray, "height width 3"]) -> bytes:
    """A picture as PNG, without metadata."""
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "PNG")
    return stream.getvalue()


def mean_scale(maps: Sequence[Float[np.ndarray, "height width"]]) -> float:
    """One scale for maps that stand below each other, and for their differences."""
    return scale_of(*maps, share=SHARE_IN_SCALE)
