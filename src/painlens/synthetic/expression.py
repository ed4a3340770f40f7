"""Action units move a face: blendshapes, lids that really close or stay open, lips that really part or stay shut."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from painlens.synthetic import wrinkles as w
from painlens.synthetic.actions import ACTION_UNITS, COLUMN
from painlens.synthetic.anatomy import Anatomy, load_anatomy
from painlens.synthetic.head import EYE, Head, load_head
from painlens.synthetic.identity import Identity

# Blendshapes of each action unit ("*" stands for Left and Right) with their weight at intensity 5. Weights above 1
# because linear blendshapes move too little to be read at 128 pixels.
_BLENDSHAPES: Final = {
    1: {"browInnerUp": 1.2},
    2: {"browOuterUp*": 1.2},
    4: {"browDown*": 1.6},
    5: {"eyeWide*": 1.2},
    6: {"cheekSquint*": 1.25},
    7: {"eyeSquint*": 1.6},
    9: {"noseSneer*": 1.25},
    10: {"mouthUpperUp*": 0.95},
    12: {"mouthSmile*": 1.0},
    14: {"mouthDimple*": 1.0},
    15: {"mouthFrown*": 1.2},
    17: {"mouthShrugLower": 1.2},
    20: {"mouthStretch*": 1.0},
    23: {"mouthPress*": 1.0},
    24: {"mouthRollUpper": 1.0, "mouthRollLower": 1.0},
    25: {"mouthLowerDown*": 0.85, "mouthUpperUp*": 0.5},
    26: {"jawOpen": 0.7},
    43: {},  # the lids are closed by `_close_lids`, for every shape of eye
}
_SIDES: Final = ("Left", "Right")
STRONGEST: Final = 1.7  # largest weight of a blendshape
OPEN_SHARE: Final = 0.58  # an eye that is not closed keeps this share of its resting aperture
LID_OVERLAP: Final = 0.008  # closed lids overlap a little
LIP_OVERLAP: Final = 0.014
SMALLEST_PARTING: Final = 0.11  # of parted lips at the midline
EYE_RETREAT: Final = 0.03  # eyeballs of closed eyes sink a little, so that none pokes through a lid
CLOSED_FROM: Final = 2.5  # AU43 intensity from which eyes count as closed
PARTED_FROM: Final = 0.5  # AU25 + AU26 intensity from which lips count as parted


@dataclass(frozen=True, eq=False)
class Expression:
    """What a face does in one frame.

    Attributes
    ----------
    actions
        Intensity 0..5 of each entry of `ACTION_UNITS`.
    one_sided
        AU12 and AU14 act on both sides (0), the left (1) or the right (-1).
    gaze
        Where the eyes look: to the person's left and up, each in [-1, 1].
    """

    actions: Float[np.ndarray, " unit"]
    one_sided: float = 0.0
    gaze: tuple[float, float] = (0.0, 0.0)


def deform(person: Identity, expression: Expression) -> Float[np.ndarray, "vertex 3"]:
    """The person's vertices with the expression, before the head turns."""
    head, anatomy = load_head(), load_anatomy()
    weights = _weights(head, person, expression)
    closed = bool(expression.actions[COLUMN[43]] >= CLOSED_FROM)
    _set_lids(head, anatomy, person, weights, closed=closed)
    vertices = person.neutral.copy()
    count = len(head.template)
    vertices[:count] += (head.expressions @ weights).reshape(-1, 3)
    if closed:
        vertices[:count][head.vertex_material == EYE, 2] -= EYE_RETREAT
    parted = expression.actions[COLUMN[25]] + expression.actions[COLUMN[26]] >= PARTED_FROM
    _set_lips(anatomy, vertices, parted=bool(parted))
    return vertices


def wrinkle_strengths(person: Identity, expression: Expression) -> Float[np.ndarray, " wrinkle"]:
    """How strong each kind of painted wrinkle is, 0 to 1.3."""
    share = np.minimum(_felt(person, expression), 1.3)

    def of(unit: int) -> float:
        return float(share[COLUMN[unit]])

    strengths = np.zeros(w.WRINKLE_COUNT, np.float32)
    strengths[w.GLABELLA] = of(4)
    strengths[w.FOREHEAD] = max(of(1), of(2)) * (1 - 0.7 * min(1.0, of(4)))
    strengths[w.CROWS_FEET] = of(6)
    strengths[w.UNDER_EYE] = max(of(6), of(7))
    strengths[w.NASOLABIAL] = max(of(10), 0.8 * of(9), 0.8 * of(12), 0.4 * of(20), 0.5 * of(6))
    strengths[w.NOSE] = of(9)
    strengths[w.CHIN] = of(17)
    return strengths


def _felt(person: Identity, expression: Expression) -> Float[np.ndarray, " unit"]:
    """Actions as shares of 1 with the person's gains and resting face."""
    return (expression.actions * person.gains + person.rest) / 5


def _weights(head: Head, person: Identity, expression: Expression) -> Float[np.ndarray, " blendshape"]:
    """Weight of each blendshape, before lids and lips are set."""
    weights = np.zeros(len(head.expression_names), np.float32)
    share = _felt(person, expression)
    for unit in ACTION_UNITS:
        column = COLUMN[unit]
        for shape, gain in _BLENDSHAPES[unit].items():
            for sign, side in ((1, "Left"), (-1, "Right")) if shape.endswith("*") else ((0, ""),):
                name = shape.removesuffix("*") + side
                tilt = 1 + sign * person.skew[column]
                if unit in (12, 14):
                    tilt *= max(0.0, 1 + sign * expression.one_sided) if expression.one_sided else 1
                    tilt = min(tilt, 1.2)
                weights[head.expression_index(name)] += gain * share[column] * tilt
    sideways, upwards = expression.gaze
    for name, weight in (
        ("eyeLookOutLeft", sideways), ("eyeLookInRight", sideways),
        ("eyeLookInLeft", -sideways), ("eyeLookOutRight", -sideways),
        ("eyeLookUpLeft", upwards), ("eyeLookUpRight", upwards),
        ("eyeLookDownLeft", -upwards), ("eyeLookDownRight", -upwards),
    ):  # fmt: skip
        weights[head.expression_index(name)] += max(0.0, weight)
    return np.clip(weights, 0, STRONGEST)


def _set_lids(
    head: Head, anatomy: Anatomy, person: Identity, weights: Float[np.ndarray, " blendshape"], *, closed: bool
) -> None:
    """Close the lids, or keep them open however strong the muscles around them are; in place."""
    for side, name in enumerate(_SIDES):
        upper, lower = anatomy.lids[side]
        resting = person.neutral[upper, 1] - person.neutral[lower, 1]
        opening = anatomy.lid_opening[side]
        squint, wide = head.expression_index(f"eyeSquint{name}"), head.expression_index(f"eyeWide{name}")
        if closed:
            weights[wide] = 0
            weights[squint] *= 0.3
            blink = head.expression_index(f"eyeBlink{name}")
            missing = resting + opening @ weights + LID_OVERLAP
            weights[blink] = float(np.clip((missing / -opening[:, blink]).max(), 0.6, 1.5))
            continue
        smallest = OPEN_SHARE * resting
        missing = float((smallest - resting - opening @ weights).max())
        if missing > 0:
            relief = min(weights[squint], missing / float(-opening[:, squint].mean()))
            weights[squint] -= relief
            missing = float((smallest - resting - opening @ weights).max())
            weights[wide] += float(np.clip(missing / opening[:, wide].mean(), 0, STRONGEST))


def _set_lips(anatomy: Anatomy, vertices: Float[np.ndarray, "vertex 3"], *, parted: bool) -> None:
    """Bring the lips together, or part them far enough to show what is behind; in place."""
    upper, lower = vertices[anatomy.upper_rim], vertices[anatomy.lower_rim]
    along = vertices[anatomy.lip_vertices, 0]
    upper_height = np.interp(along, upper[:, 0], upper[:, 1])
    gap = upper_height - np.interp(along, lower[:, 0], lower[:, 1])
    if parted:
        half_width = float(upper[-1, 0] - upper[0, 0]) / 2
        centre = float(upper[-1, 0] + upper[0, 0]) / 2
        profile = np.clip(1 - ((along - centre) / half_width) ** 2, 0, None)
        wanted = np.maximum(gap, SMALLEST_PARTING * profile)
    else:
        wanted = np.full_like(gap, -LIP_OVERLAP)
    vertices[anatomy.lip_vertices, 1] += anatomy.lip_pull * (gap - wanted) / 2
