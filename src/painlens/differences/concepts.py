"""Relevance that goes to a concept because it is there: faces with it minus faces without it.

Averaged over all faces closed eyes are barely seen, since the brows take the relevance; conditioned on the concept
the maps are vivid. Comparing within cells of label x database keeps out what the label and the database do by
themselves.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float64

from painlens.differences.maps import Maps, weighted_map


@dataclass(frozen=True)
class ConceptWeights:
    """Weights of faces whose weighted sum of maps is the map conditioned on the concept.

    Attributes
    ----------
    weights
        float64 (n,): positive with the concept, negative without, 0 in cells that do not count or where nobody could
        tell; the positive and the negative ones sum to 1 and -1.
    cells
        Label x database cells that count.
    faces
        Number of faces with a weight.
    """

    weights: Float64[np.ndarray, " face"]
    cells: tuple[str, ...]
    faces: int


def concept_weights(faces: pd.DataFrame, *, smallest: int) -> ConceptWeights | None:
    """Weights of the map "present minus absent", the mean over cells of label x database.

    A cell counts if it has at least `smallest` faces with the concept and as many without, both from at least two
    participants: the cells of the concept test.

    Parameters
    ----------
    faces
        Columns label, database, participant, present (missing where nobody could tell).

    Returns
    -------
    None where no cell counts: there is no such map then.
    """
    weights, cells = np.zeros(len(faces)), []
    present = faces["present"].astype("boolean")
    groups = faces.assign(row=np.arange(len(faces)), present=present).dropna(subset="present")
    for (label, database), cell in sorted(groups.groupby(["label", "database"]), key=lambda pair: pair[0]):
        kinds = {sign: cell[cell["present"] == (sign > 0)] for sign in (1.0, -1.0)}
        if min(len(kind) for kind in kinds.values()) < smallest:
            continue
        if min(kind["participant"].nunique() for kind in kinds.values()) < 2:
            continue
        cells.append(f"{label} x {database}")
        for sign, kind in kinds.items():
            weights[kind["row"].to_numpy()] = sign / len(kind)
    if not cells:
        return None
    return ConceptWeights(weights / len(cells), tuple(cells), int((weights != 0).sum()))


def concept_conditioned(
    maps: Maps, faces: pd.DataFrame, *, how: str, smallest: int
) -> Float64[np.ndarray, "height width"] | None:
    """Mean map of faces with a concept minus that of faces without it, the mean over label x database cells.

    Parameters
    ----------
    maps
        (n, height, width), in the order of `faces`; see `weighted_map` with `concept_weights` for more than fit into
        memory.
    faces
        Columns label, database, participant, present.

    Returns
    -------
    None where no cell counts.
    """
    found = concept_weights(faces, smallest=smallest)
    return None if found is None else weighted_map([(slice(None), maps)], found.weights, how)
