"""What a person looks like before any movement: age, build, skin, hair, brows, beard and glasses."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from painlens.synthetic import materials as m
from painlens.synthetic.accessories import GlassesShape
from painlens.synthetic.head import Head, smoothstep
from painlens.synthetic.streams import Streams

# Skin of the three ancestries of the template, hair and eyes; RGB in linear light, chosen by eye.
SKIN_TONES = np.array([(0.34, 0.215, 0.15), (0.76, 0.57, 0.43), (0.88, 0.68, 0.58)])
HAIR_TONES = np.array(
    [(0.045, 0.04, 0.038), (0.11, 0.08, 0.06), (0.22, 0.15, 0.10), (0.44, 0.33, 0.20), (0.34, 0.15, 0.07)]
)
GREY = np.array([0.60, 0.59, 0.58])
IRIS_TONES = np.array([(0.15, 0.09, 0.05), (0.28, 0.18, 0.09), (0.28, 0.34, 0.22), (0.30, 0.42, 0.55)])
FRAME_TONES = np.array([(0.03, 0.03, 0.035), (0.20, 0.11, 0.05), (0.45, 0.45, 0.47), (0.25, 0.04, 0.06)])


@dataclass(frozen=True, eq=False)
class Look:
    """Drawn appearance of one person; `age` runs from 0 (young) to 0.95 (old)."""

    male: bool
    masculinity: float
    age: float
    ancestry: Float[np.ndarray, " 3"]
    build: dict[str, float]
    hairline: float
    receding: float
    ring_of_hair: bool
    hair_volume: float
    hair_length: float | None
    hair_width: float
    hair_opening_deg: float
    hair_flare: float
    beard: float
    moustache_only: bool
    redness: float
    eye_shadow: float
    skin: Float[np.ndarray, " 3"]
    glasses: GlassesShape | None
    paint: Float[np.ndarray, " paint"]


def draw_look(streams: Streams) -> Look:
    """The appearance of a participant."""
    male = bool(streams.rng("sex").random() < 0.5)
    age = float(np.clip(streams.rng("age").beta(1.2, 2.2), 0, 0.95))
    ancestry = streams.rng("ancestry").dirichlet([0.5, 0.45, 0.9])
    weight = float(np.clip(streams.rng("weight").normal(0, 0.5), -1, 1))
    skin = _skin_tone(streams, ancestry)
    dark = bool(ancestry[0] + ancestry[1] > 0.55)
    bald = male and streams.rng("bald").random() < 0.06 + 0.2 * age
    style = streams.rng("hair style")
    long_hair = not bald and style.random() < (0.05 if male else 0.68)
    fringe = not bald and style.random() < (0.12 if male else 0.3)
    hairline = style.uniform(8.02, 8.16)
    if fringe:
        hairline = style.uniform(7.74, 7.86)
    beard = streams.rng("beard")
    amount = float(beard.choice([0, 0, 0.3, 0.55, 0.85])) if male else 0.0
    return Look(
        male=male,
        masculinity=float(streams.rng("masculinity").uniform(0.75, 1.0) if male
                          else streams.rng("masculinity").uniform(0, 0.25)),
        age=age,
        ancestry=ancestry,
        build={"minweight": max(-weight, 0.0), "averageweight": 1 - abs(weight), "maxweight": max(weight, 0.0)},
        hairline=float(hairline),
        receding=float(streams.rng("receding").uniform(0, 1) * (0.08 + 0.24 * age if male else 0.02)),
        ring_of_hair=bool(bald),
        hair_volume=0.0 if bald else float(style.uniform(0.03, 0.11) if male else style.uniform(0.06, 0.15)),
        hair_length=float(style.uniform(5.75, 6.75)) if long_hair else None,
        hair_width=float(style.uniform(0.10, 0.26)),
        hair_opening_deg=float(style.uniform(60, 84)),
        hair_flare=float(style.uniform(-0.10, 0.22)),
        beard=amount,
        moustache_only=bool(beard.random() < 0.15),
        redness=float(streams.rng("redness").uniform(0.0, 0.3)),
        eye_shadow=0.0 if male else float(streams.rng("eye shadow").random() < 0.3),
        skin=skin,
        glasses=_draw_glasses(streams, age),
        paint=_draw_paint(streams, male=male, age=age, dark=dark, skin=skin),
    )  # fmt: skip


def _skin_tone(streams: Streams, ancestry: Float[np.ndarray, " 3"]) -> Float[np.ndarray, " 3"]:
    """Colour of the skin."""
    rng = streams.rng("skin")
    tone = ancestry @ SKIN_TONES
    return tone * rng.uniform(0.86, 1.1) * np.array([1, rng.uniform(0.95, 1.04), rng.uniform(0.93, 1.07)])


def _draw_glasses(streams: Streams, age: float) -> GlassesShape | None:
    """Glasses for some people, more often for older ones."""
    rng = streams.rng("glasses")
    if rng.random() > 0.14 + 0.2 * age:
        return None
    half_height = rng.uniform(0.13, 0.21)
    return GlassesShape(
        half_width=float(min(0.27, half_height + rng.uniform(0.05, 0.10))),
        half_height=float(half_height),
        thickness=float(rng.uniform(0.018, 0.045)),
        exponent=float(rng.uniform(2.0, 3.5)),
    )


def _draw_paint(
    streams: Streams, *, male: bool, age: float, dark: bool, skin: Float[np.ndarray, " 3"]
) -> Float[np.ndarray, " paint"]:
    """Colours and brow of a person as `materials.shade` wants them."""
    rng = streams.rng("hair colour")
    hair = HAIR_TONES[rng.choice(5, p=[0.62, 0.38, 0, 0, 0] if dark else [0.12, 0.28, 0.28, 0.22, 0.1])]
    if age > 0.5 or rng.random() < age * 0.5:
        hair = hair * (1 - 0.8 * age) + 0.8 * age * GREY
    rng = streams.rng("lips")
    lip = skin * np.array([0.88, 0.64, 0.63]) * rng.uniform(0.86, 1.0)
    if not male and rng.random() < 0.4:
        lip = skin * np.array([0.82, 0.42, 0.45])
    brow = streams.rng("brows")
    paint = np.zeros(m.PAINT_COUNT, np.float32)
    paint[m.LIP : m.LIP + 3] = lip
    paint[m.HAIR_COLOUR : m.HAIR_COLOUR + 3] = hair
    paint[m.BROW : m.BROW + 3] = hair * (0.7 if hair.mean() < 0.4 else 0.55)
    paint[m.IRIS : m.IRIS + 3] = IRIS_TONES[0 if dark else streams.rng("iris").integers(4)]
    cloth = streams.rng("clothes")
    paint[m.CLOTH : m.CLOTH + 3] = np.clip(cloth.uniform(0.05, 0.6) + cloth.normal(0, 0.1, 3), 0.02, 0.85)
    paint[m.FRAME : m.FRAME + 3] = FRAME_TONES[streams.rng("frame colour").integers(4)]
    paint[m.BROW_THICKNESS] = brow.uniform(0.03, 0.052) * (1.1 if male else 0.75)
    paint[m.BROW_ARCH] = brow.uniform(0.02, 0.08)
    paint[m.BROW_SHIFT] = brow.uniform(-0.03, 0.03)
    paint[m.BROW_DENSITY] = brow.uniform(0.5, 0.95)
    paint[m.AGE] = age
    paint[m.OFFSET] = streams.rng("mottle").uniform(0, 30)
    paint[m.IRIS_RADIUS] = streams.rng("iris size").uniform(0.43, 0.5)
    paint[m.STRAND] = streams.rng("waves").choice([0.0, 0.01, 0.03])
    return paint


def hairline_field(head: Head, look: Look) -> Float[np.ndarray, " vertex"]:
    """Height of each vertex above the hairline; hair grows where it is positive."""
    aside, y, z = np.abs(head.template[:, 0]), head.template[:, 1], head.template[:, 2]
    # From the nape over the sideburn and the temple to the forehead.
    knots_z = [-0.4, 0.0, 0.20, 0.50, 0.62, 0.80, 0.95, 1.10, 1.45]
    temple = 7.72 + 0.5 * look.receding
    heights = [6.25, 6.35, 6.60, 7.05, 7.20, temple - 0.14, temple + 0.10, look.hairline - 0.05, look.hairline]
    line = np.interp(z, knots_z, heights)
    line = line + look.receding * 1.2 * smoothstep(0.12, 0.40, aside) * smoothstep(7.8, 8.1, y)
    if look.ring_of_hair:
        line = np.where(z > 0.45, 9.0, line)
        return np.minimum(y - line, 7.75 - 0.5 * z - y).astype(np.float32)
    return (y - line).astype(np.float32)


def skin_colours(head: Head, look: Look) -> Float[np.ndarray, "vertex 3"]:
    """Colour of the bare skin at each vertex: flushed cheeks and nose, darker lids, shadows below the eyes."""
    aside, y, z = np.abs(head.template[:, 0]), head.template[:, 1], head.template[:, 2]

    def spot(x_centre: float, y_centre: float, x_width: float, y_width: float) -> Float[np.ndarray, " vertex"]:
        return np.exp(-(((aside - x_centre) / x_width) ** 2) - ((y - y_centre) / y_width) ** 2) * (z > 0.6)

    flush = look.redness * (0.4 * head.ears + spot(0.45, 6.95, 0.2, 0.2) + 0.7 * spot(0.0, 6.95, 0.12, 0.12))
    lid = (0.10 + 0.15 * look.eye_shadow) * spot(0.3, 7.36, 0.17, 0.07)
    below = 0.12 * (1 + look.age) * spot(0.28, 7.12, 0.16, 0.05)
    light = (1 - lid) * (1 - below)
    tint = np.stack([light, light * (1 - 0.4 * flush) * (1 - 0.05 * lid), light * (1 - 0.4 * flush)], -1)
    return (look.skin * tint).astype(np.float32)
