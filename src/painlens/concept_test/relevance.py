"""Relevance that a network gives to a concept's region because the concept is there.

Relevance averaged over all faces hardly shows closed eyes: the brows take it. The difference of faces with the concept
minus faces without it, within cells of label x database, does.
"""

import numpy as np

from painlens.concept_test.cells import names_of, restrict, usable_cells
from painlens.concept_test.folds import Untestable
from painlens.concept_test.material import FACE, Material, people_of, rows_of, without_offsets
from painlens.concept_test.measured import Measured, weighted_means
from painlens.tables import SHARES, DataError, conform

NORMALISATION = "max"  # separated planted from null pairs best (ratio 7.3); division by the signed sum fails


def measure_relevance(material: Material, concept: str) -> Measured | None:
    """Share of relevance in the concept's region, faces with the concept minus faces without it, mean over cells.

    The unit is the sum of relevance in the region after division of the map by its largest absolute value. Faces
    without a map of every network are left out. None where there are no relevance shares.

    Raises
    ------
    Untestable
        No label x database cell has enough faces with maps.
    """
    if material.shares is None:
        return None
    try:
        shares = conform(material.shares, SHARES)
    except ValueError as error:
        raise DataError(f"relevance shares cannot be used: {error}") from None
    region = material.regions[concept]
    own = shares[(shares["region"] == region) & shares["model"].isin({model for model, _ in material.networks})]
    if own.empty:
        raise Untestable(f"relevance shares hold no region '{region}', the region of concept '{concept}'")
    rows, present = rows_of(material, concept)
    faces = material.faces.iloc[rows].reset_index(drop=True)
    wide = own.pivot(index=["model", "replicate"], columns=FACE, values=NORMALISATION)
    wide = wide.reindex(columns=list(faces[FACE].itertuples(index=False, name=None)))
    networks = tuple(network for network in material.networks if network in wide.index)
    share = wide.loc[list(networks)].to_numpy(dtype=float)
    mapped = np.isfinite(share).all(axis=0)
    faces, share, present = faces.iloc[np.flatnonzero(mapped)].reset_index(drop=True), share[:, mapped], present[mapped]
    if material.fold is not None:
        share = without_offsets(share, material.fold[rows[mapped]])
    used, cells = restrict(usable_cells(faces, present, concept=concept, smallest=material.smallest_cell))
    people, share = people_of(faces.iloc[used]), share[:, used]
    weights = people.weightings(material.draws)
    total = np.zeros((len(networks), len(weights)))
    for cell in cells:
        kinds = (cell.rows[cell.present], cell.rows[~cell.present])
        with_concept, without = (weighted_means(share[:, k], people.number[k], weights) for k in kinds)
        total += with_concept - without
    names = names_of(cells)
    return Measured.split(f"relevance:{NORMALISATION}", concept, networks, total / len(cells), people, names, len(used))
