"""Pictures of faces and maps: strips of five panels, mean maps, single faces; as WebP, kept in memory only.

Nothing of a face is written to the disk beyond the run's own store, so that a withdrawal leaves nothing behind.
"""

import base64
import io
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from painlens.web.index import LOGIT
from painlens.web.run import Run
from painlens.web.selection import PAPER, Query, model_rows, seed_rows

SIGNED, SIGNED_ON_DARK, ONE_SIDED = "RdBu_r", "berlin", "inferno"
SIGNED_MAPS, ONE_SIDED_MAPS = ("RdBu_r", "berlin", "seismic", "bwr"), ("inferno", "hot")
# The last colour stands for the value that 99.5 % of the pixels stay below: single pixels of a map are several times
# as large as all others and would leave the rest of the picture blank.
SHARE_IN_SCALE = 0.995
SCALE_SAMPLE = 64  # faces from which the common scale is taken, evenly spread
PANEL = 112  # pixels; a tile shows them at 80 to 110
GAP = 4
OPACITY = 0.6  # of maps over the face
QUALITY = 80
_LUMINANCE = np.array([0.299, 0.587, 0.114])
GROUND = {"light": 253, "dark": 21}  # grey of the page between the panels


@dataclass(frozen=True)
class Scale:
    """Values of the last colours: of the two maps, and of both directions of their difference."""

    maps: float
    difference: float


@cache
def colour_table(name: str) -> NDArray[np.uint8]:
    """The 256 RGB colours of a map, uint8 (256, 3)."""
    tables = json.loads((Path(__file__).with_name("static") / "colour-maps.json").read_text(encoding="utf-8"))
    return np.frombuffer(base64.b64decode(tables[name]), np.uint8).reshape(256, 3)


def colourise(relevance: NDArray[np.floating], scale: float, name: str) -> NDArray[np.uint8]:
    """Colours of a map, uint8 RGB; values beyond the scale take the last colour."""
    position = np.clip(relevance / (scale if scale > 0 else 1.0), -1.0, 1.0)
    index = np.maximum(position, 0.0) * 255 if name in ONE_SIDED_MAPS else (position + 1) / 2 * 255
    return colour_table(name)[np.floor(index + 0.5).astype(np.intp)]


def normalise(maps: NDArray[np.float32], how: str, units: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
    """Maps (n, height, width) in a unit that two models share; see `painlens.differences.normalise`.

    `units` are those of the maps' networks, for "logit".
    """
    if how in ("raw", PAPER):
        return maps
    if how == LOGIT:
        assert units is not None
        of_network = np.broadcast_to(units.astype(np.float32)[:, None, None], maps.shape)
        return np.divide(maps, of_network, out=np.zeros_like(maps), where=of_network > 0)
    size = np.abs(maps)
    unit = size.max(axis=(1, 2), keepdims=True) if how == "max" else size.sum(axis=(1, 2), keepdims=True)
    return np.divide(maps, unit, out=np.zeros_like(maps), where=unit > 0)


def maps_of(run: Run, row: int, query: Query) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Normalised maps (height, width) of A and B, mean over the chosen seeds; None where one is not computed."""
    seeds, models = seed_rows(run.faces, query), model_rows(run.faces, query)
    found = []
    for model in models:
        maps = run.maps(row, model, seeds)
        if maps is None:
            return None
        found.append(normalise(maps, query.norm, run.faces.logit_units(model, seeds)).mean(axis=0))
    return found[0], found[1]


def scale_of(a: NDArray[np.floating], b: NDArray[np.floating]) -> Scale:
    """The scale of some pairs of maps."""
    both = np.abs(np.stack([a, b]))
    return Scale(float(np.quantile(both, SHARE_IN_SCALE)), float(np.quantile(np.abs(a - b), SHARE_IN_SCALE)))


def common_scale(run: Run, query: Query) -> Scale | None:
    """One scale for all faces under a view; None where nothing is computed."""

    def computed() -> Scale | None:
        rows = np.flatnonzero(run.faces.consent)
        rows = rows[np.linspace(0, len(rows) - 1, min(SCALE_SAMPLE, len(rows))).astype(int)] if len(rows) else rows
        found = [pair for row in rows if (pair := maps_of(run, int(row), query)) is not None]
        return scale_of(np.stack([p[0] for p in found]), np.stack([p[1] for p in found])) if found else None

    return run.scales.get(("scale", query.pair, query.seeds, query.norm), computed)


def strip(run: Run, row: int, query: Query, theme: str) -> bytes:
    """Face, map A, map B, A > B, B > A side by side, as WebP.

    Whether the face may be shown is the caller's business. Panels without maps are hatched and say so.
    """
    return run.pictures.get(
        (row, query.pair, query.seeds, query.norm, query.scope, query.over, theme),
        lambda: _encode(_strip(run, row, query, theme)),
    )


def _strip(run: Run, row: int, query: Query, theme: str) -> NDArray[np.uint8]:
    face = run.crop(str(run.faces.database[row]), str(run.faces.frame_id[row]))
    size = min(PANEL, face.shape[0])
    pair = maps_of(run, row, query)
    scale = common_scale(run, query) if query.scope == "all" else scale_of(*pair) if pair else None
    ground = GROUND[theme]
    if pair is None or scale is None or pair[0].shape != face.shape[:2]:
        panels = [face, *[_hatched(face.shape[0], theme)] * 4]
    else:
        a, b = pair
        signed = SIGNED_ON_DARK if theme == "dark" else SIGNED
        found = a - b
        grey = np.asarray(face @ _LUMINANCE, float)[..., None] if query.over else None
        panels = [face]
        panels += [_over(grey, colourise(m, scale.maps, signed)) for m in (a, b)]
        sides = (np.maximum(found, 0), np.maximum(-found, 0))
        panels += [_over(grey, colourise(m, scale.difference, ONE_SIDED)) for m in sides]
    gap = np.full((size, GAP, 3), ground, np.uint8)
    parts = [part for panel in panels for part in (_sized(panel, size), gap)]
    return np.concatenate(parts[:-1], axis=1)


def _over(grey: NDArray[np.floating] | None, colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if grey is None:
        return colours
    return np.round(OPACITY * colours + (1 - OPACITY) * grey).astype(np.uint8)


def _sized(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    if image.shape[0] == size:
        return image
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BOX))


@cache
def _hatched(size: int, theme: str) -> NDArray[np.uint8]:
    """A panel that says that there is nothing to show."""
    ground, line = (253, 222) if theme == "light" else (29, 52)
    y, x = np.mgrid[:size, :size]
    grey = np.where((x + y) // 6 % 2 == 0, ground, line).astype(np.uint8)
    image = Image.fromarray(np.repeat(grey[..., None], 3, axis=2))
    draw = ImageDraw.Draw(image)
    for number, word in enumerate(("not", "computed")):
        left, top, right, bottom = draw.textbbox((size / 2, size / 2 + 12 * number - 6), word, anchor="mm")
        draw.rectangle((left - 3, top - 2, right + 3, bottom + 2), fill=(ground,) * 3)
        draw.text(
            (size / 2, size / 2 + 12 * number - 6),
            word,
            anchor="mm",
            fill=(95,) * 3 if theme == "light" else (170,) * 3,
        )
    return np.asarray(image)


def face_picture(face: NDArray[np.uint8], size: int = 0) -> bytes:
    """One face as WebP; `size` enlarges or shrinks it to that many pixels."""
    image = Image.fromarray(np.ascontiguousarray(face))
    if size and size != face.shape[0]:
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    return _encode(np.asarray(image), quality=92)


def signed_picture(relevance: NDArray[np.floating], scale: float, theme: str, size: int) -> bytes:
    """A signed map as WebP, enlarged."""
    colours = colourise(relevance, scale, SIGNED_ON_DARK if theme == "dark" else SIGNED)
    return face_picture(colours, size)


def _encode(rgb: NDArray[np.uint8], quality: int = QUALITY) -> bytes:
    stream = io.BytesIO()
    # method 2: half the time of the default for some bytes more
    Image.fromarray(np.ascontiguousarray(rgb)).save(stream, "WEBP", quality=quality, method=2)
    return stream.getvalue()
