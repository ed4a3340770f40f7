"""What the labels of a concept do not allow, in a sentence, before any measure is tried."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool

from painlens.concept_test.material import Material, rows_of


@dataclass(frozen=True)
class Problem:
    """What stands in the way.

    Attributes
    ----------
    refusal
        Why nothing that rests on the labels can be measured; empty where it can.
    confounded
        Why a classifier of the concept could as well be one of the databases; empty where it could not.
    """

    refusal: str = ""
    confounded: str = ""


def problem_of(material: Material, concept: str) -> Problem:
    """Whether a concept is on nobody, everybody, one participant only, or in one database only."""
    rows, present = rows_of(material, concept)
    faces = material.faces.iloc[rows]
    if not len(rows):
        return Problem(f"concept '{concept}' has no labelled face; annotate the test faces, or leave the concept out")
    if not present.any() or present.all():
        how = "on every one" if present.all() else "on none"
        return Problem(
            f"concept '{concept}' is {how} of the {len(rows)} labelled faces, so there is nothing to compare; look for "
            "mistakes in the labels, or leave the concept out"
        )
    for kind, word in ((present, "on"), (~present, "missing from")):
        own = faces[kind]
        if len(own[["database", "participant"]].drop_duplicates()) == 1:
            return Problem(
                f"concept '{concept}' is {word} the faces of a single participant only ({len(own)} faces of "
                f"{own['database'].iloc[0]}), so the person cannot be told from the concept; test on more participants"
            )
    return Problem(confounded=_confounded(faces, present, concept))


def _confounded(faces: pd.DataFrame, present: Bool[np.ndarray, " face"], concept: str) -> str:
    """Whether all faces with the concept, or all without, come from one database of several."""
    databases = sorted(set(faces["database"].astype(str)))
    for kind, word in ((present, "with"), (~present, "without")):
        own = sorted(set(faces.loc[kind, "database"].astype(str)))
        if len(databases) > 1 and len(own) == 1:
            return (
                f"concept and database are confounded: all faces {word} '{concept}' come from {own[0]}, so a "
                "classifier of the concept may tell the databases apart instead"
            )
    return ""
