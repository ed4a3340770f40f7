"""Guesses about closed eyes and visible teeth from landmarks: they order people's work and are no labels.

A limit belongs to one landmark model: these are for the eye contour of the iris network and for the lips of the plain
mesh. Between the limits the guess is 'unsure'. Open lips only suggest teeth. People decide; a study that takes the
guesses for labels has to say so (`labels: suggested`), and its tables say it too.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from painlens.faces.pieces import Found
from painlens.study import Suggestions
from painlens.tables import SUGGESTIONS, empty

EYES, TEETH = "eyes-closed", "teeth-visible"
SUGGESTED = (EYES, TEETH)
"""Concepts that can be suggested, by their names in a study."""

_MEASURES = {EYES: "eye-aspect ratio, iris network, mean of both eyes", TEETH: "gap of the lips, face mesh"}


def suggestions_of(kept: pd.DataFrame, faces: Sequence[Found | None], limits: Suggestions) -> pd.DataFrame:
    """Table SUGGESTIONS: two rows per found face; without rows where the study asks for none.

    Parameters
    ----------
    kept
        FRAMES rows, one per entry of `faces`.
    limits
        The study's limits.
    """
    if not limits.make:
        return empty(SUGGESTIONS)
    rows: list[dict[str, Any]] = []
    places = zip(kept["database"], kept["frame_id"], kept["participant"], faces, strict=True)
    for database, frame_id, participant, face in places:
        if face is None:
            continue
        for concept, value in ((EYES, face.eye_opening), (TEETH, face.mouth_gap)):
            place = {"database": database, "frame_id": frame_id, "participant": participant, "concept": concept}
            rows.append(place | {"value": value, "suggestion": suggest(concept, value, limits)})
    table = pd.DataFrame(rows)
    return table.assign(measure=table["concept"].map(_MEASURES), source="network, not a person")


def suggest(concept: str, value: float, limits: Suggestions) -> str:
    """'yes', 'no' or 'unsure' for one measure; 'unsure' where there is none.

    >>> [suggest("eyes-closed", v, Suggestions()) for v in (0.1, 0.26, 0.4, float("nan"))]
    ['yes', 'unsure', 'no', 'unsure']
    >>> [suggest("teeth-visible", v, Suggestions()) for v in (0.2, 0.05, 0.01)]
    ['yes', 'unsure', 'no']
    """
    if np.isnan(value):
        return "unsure"
    if concept == EYES:
        return "yes" if value < limits.eyes_closed_below else "no" if value > limits.eyes_open_above else "unsure"
    return "yes" if value > limits.mouth_open_above else "no" if value < limits.mouth_shut_below else "unsure"
