"""A person: shape of the head, skin, hair, glasses, and how strongly this face moves."""

import functools
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from painlens.synthetic import materials as m
from painlens.synthetic.accessories import GlassesShape, Surface, glasses, hair_curtain
from painlens.synthetic.actions import ACTION_UNITS, COLUMN
from painlens.synthetic.appearance import Look, draw_look, hairline_field, skin_colours
from painlens.synthetic.head import EYE, EYE_CENTRE, SKIN, Head, load_head, smoothstep
from painlens.synthetic.rasteriser import vertex_normals
from painlens.synthetic.streams import Streams

# Standard deviation of the local shapes of each part; 0.35 and more gives caricatures.
SPREAD = {
    "head": 0.16, "forehead": 0.3, "eyebrows": 0.25, "eyes": 0.24, "nose": 0.27,
    "mouth": 0.22, "ears": 0.25, "chin": 0.26, "cheek": 0.33, "neck": 0.15,
}  # fmt: skip
OPPOSITES = (
    ("-decr", "-incr"), ("-down", "-up"), ("-in", "-out"),
    ("-backward", "-forward"), ("-concave", "-convex"), ("-compress", "-uncompress"),
)  # fmt: skip
OUTLINES = ("diamond", "invertedtriangular", "oval", "rectangular", "round", "square", "triangular")
UNUSED = ("head-age", "measure", "height3")  # macro shapes in disguise, or measures of the whole body
EYE_DISTANCE = 0.6155  # of the template


@dataclass(frozen=True, eq=False)
class Identity:
    """One person.

    Attributes
    ----------
    sex, age_years
        "f" or "m"; 20 to 65 years. Both only steer how the face looks.
    neutral
        Vertices of the head and then of hair and glasses, without expression.
    triangles, material, features, two_sided
        Triangles, and for each its material, the paints to look at and whether its back shows.
    surface, eye_direction, paint
        What `materials.shade` needs.
    gains, rest, skew
        Of each action unit: personal gain (mean 1), resting intensity (0..5) and left-right asymmetry.
    """

    sex: str
    age_years: int
    neutral: Float[np.ndarray, "vertex 3"]
    triangles: Int[np.ndarray, "triangle 3"]
    material: UInt8[np.ndarray, " triangle"]
    features: UInt8[np.ndarray, " triangle"]
    two_sided: Bool[np.ndarray, " triangle"]
    surface: Float[np.ndarray, "vertex 11"]
    eye_direction: Float[np.ndarray, "vertex 3"]
    paint: Float[np.ndarray, " paint"]
    gains: Float[np.ndarray, " unit"]
    rest: Float[np.ndarray, " unit"]
    skew: Float[np.ndarray, " unit"]


def draw_identity(streams: Streams) -> Identity:
    """A person drawn from the streams of one participant."""
    head = load_head()
    look = draw_look(streams)
    hairline = hairline_field(head, look)
    neutral = _with_hair_volume(head, _shaped(head, look, streams), hairline, look)
    surface = np.column_stack([head.template, skin_colours(head, look), head.occlusion, head.lips, head.cavity,
                               hairline, look.beard * _beard_area(head, look)])  # fmt: skip
    person = Identity(
        sex="m" if look.male else "f",
        age_years=round(20 + 45 * look.age / 0.95),
        neutral=neutral,
        triangles=head.triangles,
        material=head.material,
        features=_features(head, hairline, bearded=look.beard > 0),
        two_sided=np.zeros(len(head.triangles), bool),
        surface=np.ascontiguousarray(surface, np.float32),
        eye_direction=head.eye_direction,
        paint=look.paint,
        gains=_gains(streams),
        rest=_resting(streams),
        skew=streams.rng("asymmetry").normal(0, 0.08, len(ACTION_UNITS)).astype(np.float32),
    )
    for accessory in _accessories(head, person.neutral, look):
        person = _wearing(person, accessory)
    return person


def _shaped(head: Head, look: Look, streams: Streams) -> Float[np.ndarray, "vertex 3"]:
    """Vertices of the head with this person's shape, eyes at a fixed place and nearly fixed distance."""
    weights = dict.fromkeys(head.shape_names, 0.0)
    for sex, sex_share in (("male", look.masculinity), ("female", 1 - look.masculinity)):
        for age, age_share in (("young", 1 - look.age), ("old", look.age)):
            for ancestry, share in zip(("african", "asian", "caucasian"), look.ancestry, strict=True):
                weights[f"race:{ancestry}-{sex}-{age}"] += sex_share * age_share * float(share)
            for build, share in look.build.items():
                weights[f"uni:{sex}-{age}-{build}"] += sex_share * age_share * share
    for name, weight in _drawn_shapes(streams):
        weights[name] += weight
    outlines = [f"loc:head/head-{outline}" for outline in OUTLINES]
    rng = streams.rng("outline")
    weights[outlines[rng.integers(len(outlines))]] += rng.uniform(0, 0.45)
    moved = head.shapes @ np.array([weights[name] for name in head.shape_names], np.float32)
    vertices = head.template + moved.reshape(-1, 3)
    vertices += EYE_CENTRE - vertices[head.vertex_material == EYE].mean(0)
    distance = vertices[head.on_left_eye, 0].mean() - vertices[head.on_right_eye, 0].mean()
    return (vertices - EYE_CENTRE) * np.float32(1 + 0.5 * (EYE_DISTANCE / distance - 1)) + EYE_CENTRE


@dataclass(frozen=True)
class _LocalShape:
    """A pair of opposite targets; `common` is shared by the two sides of the face."""

    less: str
    more: str
    part: str
    common: str
    sided: bool
    gain: float


@functools.cache
def _local_shapes() -> tuple[_LocalShape, ...]:
    """The pairs of local shapes that people differ in."""
    names, shapes = set(load_head().shape_names), []
    for name in load_head().shape_names:
        part, _, local = name.removeprefix("loc:").partition("/")
        more = next((name.removesuffix(less) + more for less, more in OPPOSITES if name.endswith(less)), "")
        if not name.startswith("loc:") or more not in names or any(word in name for word in UNUSED):
            continue
        if part in ("head", "mouth") and "trans-in" in name:
            continue
        sided = local.startswith(("l-", "r-"))
        gain = (0.5 if part == "eyes" and "height" in local else 1.0) * (
            0.6 if "nostrils" in local or "septum" in local else 1.0
        )
        shapes.append(_LocalShape(name, more, part, f"{part}/{local[2:] if sided else local}", sided, gain))
    return tuple(shapes)


def _drawn_shapes(streams: Streams) -> list[tuple[str, float]]:
    """Weights of the local shapes of one person: nearly the same on both sides of the face."""
    common: dict[str, float] = {}
    rngs, asymmetric = {part: streams.rng(f"shape:{part}") for part in SPREAD}, streams.rng("asymmetric shapes")
    drawn = []
    for shape in _local_shapes():
        if shape.common not in common:
            common[shape.common] = rngs[shape.part].normal(0, SPREAD[shape.part])
        weight = common[shape.common] + (asymmetric.normal(0, 0.05) if shape.sided else 0.0)
        weight = min(0.6, max(-0.6, weight * shape.gain))
        drawn.append((shape.more if weight > 0 else shape.less, abs(weight)))
    return drawn


def _with_hair_volume(
    head: Head, vertices: Float[np.ndarray, "vertex 3"], hairline: Float[np.ndarray, " vertex"], look: Look
) -> Float[np.ndarray, "vertex 3"]:
    """The head with the hair standing off the skull."""
    amount = smoothstep(0.0, 0.3, hairline) * (1 - head.ears) * (head.vertex_material == SKIN)
    amount *= smoothstep(6.3, 6.9, head.template[:, 1]) * look.hair_volume
    amount *= 0.6 + 0.4 * smoothstep(7.2, 8.0, head.template[:, 1])  # more on the crown than beside the ears
    outwards = vertex_normals(np.ascontiguousarray(vertices, np.float32), head.triangles) * (1.0, 1.0, 0.6)
    return np.ascontiguousarray(vertices + amount[:, None] * outwards, np.float32)


def _beard_area(head: Head, look: Look) -> Float[np.ndarray, " vertex"]:
    """Where a beard grows, 0 to 1: jaw and chin with cheeks below a line, or the upper lip alone."""
    x, y, z = np.abs(head.template[:, 0]), head.template[:, 1], head.template[:, 2]
    lip = smoothstep(6.66, 6.70, y) * smoothstep(6.86, 6.80, y) * smoothstep(0.30, 0.22, x) * (z > 1.2)
    if look.moustache_only:
        return lip
    line = 6.88 + 0.5 * np.clip(x - 0.45, 0, None) - 0.12 * smoothstep(0.45, 0.25, x)
    jaw = smoothstep(line, line - 0.16, y) * smoothstep(6.02, 6.25, y) * smoothstep(0.35, 0.6, z) * (1 - head.ears)
    return np.maximum(jaw, lip)


def _features(head: Head, hairline: Float[np.ndarray, " vertex"], *, bearded: bool) -> UInt8[np.ndarray, " triangle"]:
    """Which paints have to be looked at on each triangle."""
    x, y, z = np.abs(head.template[:, 0]), head.template[:, 1], head.template[:, 2]
    on_vertex = np.zeros(len(x), np.uint8)
    on_vertex |= np.where((z > 0.68) & (x < 0.76) & (y > 7.26) & (y < 7.84), m.HAS_BROWS, 0).astype(np.uint8)
    on_vertex |= np.where((z > 0.66) & (x < 0.84) & (y > 6.15) & (y < 8.14), m.HAS_WRINKLES, 0).astype(np.uint8)
    on_vertex |= np.where((y < 7.3) & bearded, m.HAS_BEARD, 0).astype(np.uint8)
    on_vertex |= np.where((y > 6.25) & (head.ears < 0.5) & (hairline > -0.2), m.HAS_HAIR, 0).astype(np.uint8)
    on_vertex |= np.where(head.cavity > 0.03, m.HAS_CAVITY, 0).astype(np.uint8)
    on_vertex |= np.where(y < 6.4, m.HAS_CLOTHES, 0).astype(np.uint8)
    on_vertex |= np.where(head.lips > 0.2, m.HAS_LIPS, 0).astype(np.uint8)
    corners = on_vertex[head.triangles]
    return corners[:, 0] | corners[:, 1] | corners[:, 2]


def _gains(streams: Streams) -> Float[np.ndarray, " unit"]:
    """Personal gain of each action unit."""
    gains = np.clip(streams.rng("gains").normal(1, 0.13, len(ACTION_UNITS)), 0.65, 1.35)
    gains[COLUMN[43]] = 1
    return gains.astype(np.float32)


def _resting(streams: Streams) -> Float[np.ndarray, " unit"]:
    """Resting intensity of each action unit: some people look stern or smile a little at rest."""
    rest = np.zeros(len(ACTION_UNITS), np.float32)
    columns = [COLUMN[unit] for unit in (1, 4, 7, 9, 12, 15, 17)]
    rest[columns] = np.clip(streams.rng("resting face").normal(0, 0.15, len(columns)), 0, 0.8)
    rest[COLUMN[12]] += 0.3  # the template looks stern
    return rest


def _accessories(head: Head, neutral: Float[np.ndarray, "vertex 3"], look: Look) -> list[Surface]:
    """Long hair and glasses that fit this head."""
    skull = (head.vertex_material == SKIN) & (head.template[:, 1] > 7.3) & (head.ears == 0)
    surfaces = []
    if look.hair_length is not None:
        surfaces.append(
            hair_curtain(
                half_width=float(np.abs(neutral[skull, 0]).max()) + look.hair_width,
                back=float(neutral[skull, 2].min()),
                lowest=look.hair_length,
                opening_deg=look.hair_opening_deg,
                flare=look.hair_flare,
            )
        )
    if look.glasses is not None:
        surfaces.append(_fitted_glasses(head, neutral, look.glasses))
    return surfaces


def _fitted_glasses(head: Head, neutral: Float[np.ndarray, "vertex 3"], shape: GlassesShape) -> Surface:
    """Glasses in front of this person's eyes, clear of brows and cheeks."""
    centres = (neutral[head.on_right_eye].mean(0), neutral[head.on_left_eye].mean(0))
    x, y = np.abs(head.template[:, 0]), head.template[:, 1]
    near = (head.vertex_material == SKIN) & (x > 0.15) & (x < 0.5) & (y > 7.1) & (y < 7.46)
    ears = head.ears > 0.5
    return glasses(
        eyes=centres,
        plane_z=float(neutral[near, 2].max()) + 0.04,
        ear_x=float(np.percentile(np.abs(neutral[ears, 0]), 40)),
        shape=shape,
    )


def _wearing(person: Identity, accessory: Surface) -> Identity:
    """The person with one more surface."""
    added, start = len(accessory.triangles), len(person.neutral)
    masks = np.zeros((len(accessory.vertices), 11), np.float32)
    masks[:, :3] = accessory.vertices
    masks[:, 6] = accessory.occlusion
    masks[:, 9] = -1  # below the hairline
    material = np.full(added, accessory.material, np.uint8)
    return replace(
        person,
        neutral=np.concatenate([person.neutral, accessory.vertices]),
        triangles=np.concatenate([person.triangles, accessory.triangles + start]).astype(np.int32),
        material=np.concatenate([person.material, material]),
        features=np.concatenate([person.features, np.zeros(added, np.uint8)]),
        two_sided=np.concatenate([person.two_sided, np.ones(added, bool)]),
        surface=np.concatenate([person.surface, masks]),
        eye_direction=np.concatenate([person.eye_direction, np.zeros_like(accessory.vertices)]),
    )
