"""Counterfactual twins: the same face, light and noise, once without and once with a concept.

They tell what a network does when only the concept changes, which no correlation can. The people appear nowhere else
in the database; there is no lossy compression, which would spread the change over the picture.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from painlens.synthetic.actions import CONCEPT_ACTIONS, CONCEPTS
from painlens.synthetic.courses import still_actions
from painlens.synthetic.expression import Expression
from painlens.synthetic.identity import draw_identity
from painlens.synthetic.layout import Job, save_picture
from painlens.synthetic.planting import UNBIASED, act
from painlens.synthetic.recording import Style, draw_recording
from painlens.synthetic.render import Motion, Shot, develop, take
from painlens.synthetic.streams import Streams

PER_TASK = 20
PLACE = 1_000_000  # places of twins lie beyond those of participants


@dataclass(frozen=True, eq=False)
class Twins:
    """A pair of shots that differ in one concept only, and the streams of their common noise."""

    without: Shot
    shown: Shot
    streams: Streams
    pain: bool

    def images(self) -> tuple[UInt8[np.ndarray, "size size 3"], UInt8[np.ndarray, "size size 3"]]:
        """The two pictures, RGB."""
        return develop(self.without, self.streams), develop(self.shown, self.streams)


def draw_twins(streams: Streams, concept: str, number: int, *, style: Style, size: int) -> Twins:
    """Pair `number` of a concept; every other pair shows pain, and the other concepts come as they like."""
    place = streams.at(PLACE + CONCEPTS.index(concept), number)
    rng = place.rng("expression of twins")
    pain = number % 2 == 0
    row = still_actions(rng, pain=pain)
    others = {name: bool(rng.random() < UNBIASED) for name in CONCEPTS}
    person, recording = draw_identity(place), draw_recording(place, style, size)
    motion = Motion(*(float(value) for value in rng.normal(0, (0.04, 0.03, 0.02, 0.01, 0.01))))

    def shot(shown: bool) -> Shot:
        return take(person, recording, Expression(_acted(place, row, others | {concept: shown})), motion)

    return Twins(shot(False), shot(True), place, pain)


def tasks(job: Job) -> int:
    """Pieces of up to `PER_TASK` pairs."""
    return -(-job.settings.twins * len(CONCEPTS) // PER_TASK)


def write(job: Job, number: int, style: Style) -> list[dict[str, Any]]:
    """Render a few pairs and return their rows of ``twins.parquet``."""
    pairs = [(concept, index) for concept in CONCEPTS for index in range(job.settings.twins)]
    rows = []
    folder = job.truth / "twins"
    folder.mkdir(parents=True, exist_ok=True)
    for concept, index in pairs[number * PER_TASK : (number + 1) * PER_TASK]:
        twins = draw_twins(job.streams, concept, index, style=style, size=job.settings.size)
        row: dict[str, Any] = {
            "pair": f"{concept}-{index:03d}",
            "participant": f"twin-{concept}-{index:03d}",
            "concept": concept,
            "pain": twins.pain,
        }
        for which, image in zip(("without", "with"), twins.images(), strict=True):
            path = folder / f"{concept}-{index:03d}-{which}.png"
            save_picture(path, image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
            row[f"path_{which}"] = f"twins/{path.name}"
        rows.append(row)
    return rows


def _acted(streams: Streams, row: Float[np.ndarray, " unit"], shown: dict[str, bool]) -> Float[np.ndarray, " unit"]:
    """The actions with the wanted concepts, at the same intensities for both twins."""
    actions = row[None].copy()
    act(streams, {name: np.array([value]) for name, value in shown.items()}, actions)
    unknown = set(shown) - set(CONCEPT_ACTIONS)
    if unknown:
        raise ValueError(f"concepts must be among {', '.join(CONCEPTS)}, got {', '.join(sorted(unknown))}")
    return actions[0]
