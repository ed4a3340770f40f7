"""Two models' relevance of the same faces becomes differences: maps, facial regions, candidates, faces to show.

Ordinary intervals over test participants hold for the networks at hand. Null pairs, two networks of one database, are
visibly not blank: what a difference says about databases is the concept test's business.
"""

from painlens.differences.chosen_faces import pick_faces
from painlens.differences.concepts import ConceptWeights, concept_conditioned, concept_weights
from painlens.differences.frame import to_face_frame
from painlens.differences.maps import (
    LOGIT,
    NORMALISATIONS,
    PAPER,
    Directions,
    difference,
    directions,
    logit_unit,
    mean_maps,
    normalise,
    weighted_map,
)
from painlens.differences.normalised import best_normalisation, normalised_table
from painlens.differences.ranking import Resampling, ranking_table
from painlens.differences.shares import region_candidates, regions_table, shares_table
from painlens.differences.trust import BOUNDS as TRUST_BOUNDS

__all__ = [
    "LOGIT",
    "NORMALISATIONS",
    "PAPER",
    "TRUST_BOUNDS",
    "ConceptWeights",
    "Directions",
    "Resampling",
    "best_normalisation",
    "concept_conditioned",
    "concept_weights",
    "difference",
    "directions",
    "logit_unit",
    "mean_maps",
    "normalise",
    "normalised_table",
    "pick_faces",
    "ranking_table",
    "region_candidates",
    "regions_table",
    "shares_table",
    "to_face_frame",
    "weighted_map",
]
