"""Where things are on the template: lids, lips, the 68 landmarks and exact facial regions."""

import functools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from painlens.synthetic.head import EYE, GLASSES, HAIR, SKIN, TEETH, TONGUE, Head, load_head, smoothstep

# The same order as `painlens.regions.REGIONS`; the two are siblings that do not import each other.
REGIONS = ("outside", "eyes", "brows", "nose", "mouth", "cheeks", "forehead", "chin")
MOUTH_HEIGHT = 6.611  # of the line between the lips

# Template positions (x, y) of the landmarks of the person's left half and the midline; the right half is mirrored.
# Lids and lips are folded surfaces, so their points carry a depth and snap to the nearest vertex.
_JAW = ((0.685, 7.28), (0.680, 7.08), (0.660, 6.88), (0.615, 6.71), (0.530, 6.545), (0.430, 6.42), (0.310, 6.31),
        (0.160, 6.225), (0.0, 6.20))  # fmt: skip
_BROW = ((0.12, 7.475), (0.23, 7.525), (0.35, 7.545), (0.47, 7.525), (0.58, 7.455))
_BRIDGE = ((0.0, 7.27), (0.0, 7.15), (0.0, 7.03), (0.0, 6.91))
_NOSTRILS = ((0.0, 6.795), (0.07, 6.80), (0.135, 6.82))
_EYE = ((0.161, 7.276, 1.400), (0.272, 7.323, 1.406), (0.384, 7.324, 1.401), (0.439, 7.287, 1.358),
        (0.386, 7.248, 1.387), (0.276, 7.243, 1.399))  # fmt: skip
_UPPER_LIP = ((0.246, 6.611, 1.45), (0.160, 6.680, 1.535), (0.080, 6.695, 1.590), (0.0, 6.690, 1.600))
_LOWER_LIP = ((0.0, 6.525, 1.562), (0.085, 6.530, 1.540), (0.165, 6.548, 1.490))
_INNER_LIPS = ((0.225, 6.612, 1.43), (0.101, 6.613, 1.545), (0.0, 6.608, 1.553), (0.0, 6.606, 1.527),
               (0.111, 6.604, 1.517))  # fmt: skip
# Lid margins (inner, middle, outer) and lip rims of the left half.
_UPPER_LID = ((0.272, 7.323, 1.406), (0.325, 7.330, 1.410), (0.384, 7.324, 1.401))
_LOWER_LID = ((0.276, 7.243, 1.399), (0.325, 7.240, 1.400), (0.386, 7.248, 1.387))
_UPPER_RIM = ((0.0, 6.608, 1.553), (0.047, 6.611, 1.549), (0.101, 6.613, 1.545), (0.156, 6.615, 1.516),
              (0.212, 6.615, 1.449))  # fmt: skip
_LOWER_RIM = ((0.0, 6.606, 1.527), (0.051, 6.606, 1.531), (0.111, 6.604, 1.517), (0.164, 6.606, 1.459),
              (0.211, 6.606, 1.426))  # fmt: skip


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Vertices with a meaning.

    Attributes
    ----------
    landmark_vertices, landmark_weights
        Three vertices and barycentric weights of each of the 68 landmarks (iBUG scheme; 0-16 jaw from the person's
        right ear to the left, 17-26 brows, 27-35 nose, 36-47 eyes, 48-67 mouth).
    lids
        Vertices of the lid margins, indexed (side: left, right; upper, lower; column).
    lid_opening
        How far each blendshape opens the lids at each column, (side, column, blendshape).
    upper_rim, lower_rim
        Vertices along the inner edges of the lips, from the person's right to the left.
    lip_vertices, lip_pull
        Vertices around the mouth that follow the lips, and how far: -1 (upper rim, pulled down) to 1 (lower rim).
    """

    landmark_vertices: Int[np.ndarray, "landmark 3"]
    landmark_weights: Float[np.ndarray, "landmark 3"]
    lids: Int[np.ndarray, "side lid column"]
    lid_opening: Float[np.ndarray, "side column blendshape"]
    upper_rim: Int[np.ndarray, " rim"]
    lower_rim: Int[np.ndarray, " rim"]
    lip_vertices: Int[np.ndarray, " lip"]
    lip_pull: Float[np.ndarray, " lip"]


@functools.cache
def load_anatomy() -> Anatomy:
    """The anatomy of the packaged head."""
    head = load_head()
    vertices, weights = _landmarks(head)
    lids = [[[_nearest(head, (side * x, y, z)) for x, y, z in lid] for lid in (_UPPER_LID, _LOWER_LID)]
            for side in (1, -1)]  # fmt: skip
    upper, lower = np.array(lids)[:, 0].reshape(-1), np.array(lids)[:, 1].reshape(-1)
    opening = (head.expressions[3 * upper + 1] - head.expressions[3 * lower + 1]).toarray()
    pull = _lip_pull(head)
    moved = np.nonzero(pull)[0]
    return Anatomy(
        landmark_vertices=vertices,
        landmark_weights=weights,
        lids=np.array(lids),
        lid_opening=opening.reshape(2, len(_UPPER_LID), -1).astype(np.float32),
        upper_rim=_both_sides(head, _UPPER_RIM),
        lower_rim=_both_sides(head, _LOWER_RIM),
        lip_vertices=moved,
        lip_pull=pull[moved].astype(np.float32),
    )


def region_of_template(
    template: Float[np.ndarray, "point 3"],
    material: UInt8[np.ndarray, " point"],
    *,
    lips: Float[np.ndarray, " point"],
    ears: Float[np.ndarray, " point"],
    hairline: Float[np.ndarray, " point"],
) -> UInt8[np.ndarray, " point"]:
    """Index into `REGIONS` of points on the template; hair, ears, neck, clothes and glasses are outside."""
    aside, y, z = np.abs(template[:, 0]), template[:, 1], template[:, 2]
    region = np.full(len(template), REGIONS.index("cheeks"), np.uint8)
    # Later lines win where areas overlap.
    for name, inside in (
        ("forehead", y > 7.60),
        ("chin", (y < 6.46) & (aside < 0.45)),
        ("brows", (aside < 0.68) & (y > 7.41) & (y <= 7.66)),
        ("nose", (aside < 0.17 + 0.09 * smoothstep(7.15, 6.90, y)) & (y > 6.77) & (y <= 7.41)),
        ("eyes", (aside > 0.11) & (aside < 0.56) & (y > 7.12) & (y <= 7.41)),
        ("mouth", (aside < 0.34) & (y > 6.44) & (y <= 6.77)),
        ("mouth", (lips > 0.3) | (material == TONGUE) | (material == TEETH)),
        ("eyes", material == EYE),
        ("outside", (material == HAIR) | (material == GLASSES)),
        ("outside", (material == SKIN) & ((ears > 0.5) | (hairline > 0.0) | (y < 6.02) | (z < 0.42))),
        ("outside", (material == SKIN) & (y < 6.22) & (z < 1.0)),
    ):
        region[inside] = REGIONS.index(name)
    return region


def _nearest(head: Head, position: tuple[float, float, float]) -> int:
    """Skin vertex nearest to a position of the template."""
    distance = np.linalg.norm(head.template - np.array(position, np.float32), axis=1)
    return int(np.argmin(np.where(head.vertex_material == SKIN, distance, np.inf)))


def _both_sides(head: Head, points: tuple[tuple[float, float, float], ...]) -> Int[np.ndarray, " rim"]:
    """Vertices of a line from the person's right to the left; the first point lies on the midline."""
    right = [_nearest(head, (-x, y, z)) for x, y, z in reversed(points[1:])]
    return np.array([*right, *(_nearest(head, point) for point in points)])


def _lip_pull(head: Head) -> Float[np.ndarray, " vertex"]:
    """How far each vertex follows the upper (negative) or lower (positive) lip."""
    aside, y, z = np.abs(head.template[:, 0]), head.template[:, 1], head.template[:, 2]
    above = y > MOUTH_HEIGHT - 0.004
    reach = np.where(above, smoothstep(0.20, 0.03, y - MOUTH_HEIGHT), smoothstep(0.30, 0.05, MOUTH_HEIGHT - y))
    reach *= smoothstep(0.36, 0.22, aside) * smoothstep(1.2, 1.4, z) * (head.vertex_material == SKIN)
    # Both rims are sampled at almost the same height: their own side decides, not the height.
    pull = np.where(above, -reach, reach)
    for rim, sign in ((_UPPER_RIM, -1.0), (_LOWER_RIM, 1.0)):
        rim_vertices = _both_sides(head, rim)
        pull[rim_vertices] = sign * np.abs(pull[rim_vertices])
    return pull


def _landmarks(head: Head) -> tuple[Int[np.ndarray, "68 3"], Float[np.ndarray, "68 3"]]:
    """Vertices and weights of the 68 landmarks."""

    def mirror(points: tuple[tuple[float, ...], ...]) -> list[tuple[float, ...]]:
        return [(-point[0], *point[1:]) for point in points]

    upper, lower = _UPPER_LIP, _LOWER_LIP
    right_eye = [mirror(_EYE)[i] for i in (3, 2, 1, 0, 5, 4)]
    outer_mouth = [*mirror(upper), *reversed(upper[:-1]), *reversed(lower), *mirror(lower)[1:]]
    inner = _INNER_LIPS
    inner_mouth = [*mirror(inner[:2]), inner[2], inner[1], inner[0], inner[4], inner[3], mirror(inner)[4]]
    points = [
        *mirror(_JAW[:-1]), _JAW[-1], *reversed(_JAW[:-1]),
        *reversed(mirror(_BROW)), *_BROW,
        *_BRIDGE, *reversed(mirror(_NOSTRILS)), *_NOSTRILS[1:],
        *right_eye, *_EYE, *outer_mouth, *inner_mouth,
    ]  # fmt: skip
    vertices, weights = np.zeros((len(points), 3), np.int64), np.zeros((len(points), 3), np.float32)
    for row, point in enumerate(points):
        if len(point) == 3:
            vertices[row], weights[row] = _nearest(head, (point[0], point[1], point[2])), (1, 0, 0)
        else:
            vertices[row], weights[row] = _seen_from_the_front(head, point[0], point[1])
    return vertices, weights


def _seen_from_the_front(head: Head, x: float, y: float) -> tuple[Int[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
    """The front-most skin triangle at a position, and barycentric weights in it."""
    triangles = head.triangles[head.material == SKIN]
    corners = head.template[triangles].astype(np.float64)
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    area[np.abs(area) < 1e-12] = np.nan
    weight_a = ((b[:, 0] - x) * (c[:, 1] - y) - (c[:, 0] - x) * (b[:, 1] - y)) / area
    weight_b = ((c[:, 0] - x) * (a[:, 1] - y) - (a[:, 0] - x) * (c[:, 1] - y)) / area
    weights = np.stack([weight_a, weight_b, 1 - weight_a - weight_b], -1)
    inside = (weights > -1e-6).all(1)
    depth = np.where(inside, (weights * corners[:, :, 2]).sum(1), -np.inf)
    front = int(np.argmax(depth))
    return triangles[front], weights[front].astype(np.float32)
