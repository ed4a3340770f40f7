"""Features, answers and concept labels become effects with intervals, and verdicts about two databases.

Adding a measure is one file with one function (`Measure`) and one line in `MEASURES`; claims, intervals and verdicts
follow by themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Protocol

import pandas as pd

from painlens.concept_test.association import measure_auroc
from painlens.concept_test.causes import cause_table, measure_cause
from painlens.concept_test.claims import claim_rows, refused_rows, verdict_table
from painlens.concept_test.decodability_tables import MEASURE as DECODABILITY_MEASURE
from painlens.concept_test.decodability_tables import sweep_layers, tabulate_decodability
from painlens.concept_test.directions import KINDS, PREFIX, Directions
from painlens.concept_test.expectation import Finding, judge
from painlens.concept_test.folds import Untestable
from painlens.concept_test.material import Evidence, Material, gather, labelled_faces
from painlens.concept_test.measured import Measured, association_table
from painlens.concept_test.problems import problem_of
from painlens.concept_test.products import FOLDER as PRODUCTS
from painlens.concept_test.products import InnerProducts, KeptProducts, Products, StoredProducts
from painlens.concept_test.regression import measure_adjusted_regression, measure_regression
from painlens.concept_test.relevance import measure_relevance
from painlens.concept_test.reliability import load_ratings, tabulate_label_noise, tabulate_reliability
from painlens.concept_test.threads import one_blas_thread
from painlens.concept_test.verdicts import Statement, describe
from painlens.progress import Progress, silent
from painlens.study import ConceptTest, Replication
from painlens.tables import ASSOCIATION, CAUSES, LABEL_NOISE, RELIABILITY, conform, empty

__all__ = [
    "MEASURES",
    "PRODUCTS",
    "ConceptTests",
    "Evidence",
    "Finding",
    "InnerProducts",
    "KeptProducts",
    "Products",
    "Statement",
    "StoredProducts",
    "concept_tests",
    "describe",
    "judge",
    "labelled_faces",
    "load_ratings",
]


class Measure(Protocol):
    """A number per network that says how far its answer depends on, or goes along with, a concept."""

    def __call__(self, material: Material, concept: str) -> Measured | None:
        """Values of all networks, with and without each participant; None without the evidence it needs.

        Raises `Untestable` where the faces do not allow it for this concept.
        """
        ...


MEASURES: dict[str, Measure] = {
    "auroc": measure_auroc,
    "regression": measure_regression,
    "regression:adjusted": measure_adjusted_regression,
    "relevance:max": measure_relevance,
    "cause": measure_cause,
}
NO_DIRECTION = (
    "a direction in the features needs many people's faces in one network; with cross-fitting every fold of "
    "participants has a network of its own"
)
WITHOUT_LABELS = ("cause",)  # measures that need no concept label


@dataclass(frozen=True)
class ConceptTests:
    """The tables of the concept test, each conforming to its schema in `painlens.tables`."""

    association: pd.DataFrame
    decodability: pd.DataFrame
    causes: pd.DataFrame
    verdicts: pd.DataFrame
    replication: pd.DataFrame
    directions: pd.DataFrame
    layers: pd.DataFrame
    reliability: pd.DataFrame
    label_noise: pd.DataFrame


@one_blas_thread()
def concept_tests(  # noqa: PLR0913 - the sections of the study that this step reads
    evidence: Evidence,
    *,
    databases: Sequence[str],
    regions: Mapping[str, str],
    target: str,
    settings: ConceptTest,
    replication: Replication,
    seed: int,
    progress: Progress = silent,
) -> ConceptTests:
    """Test every concept on every pair of databases.

    Parameters
    ----------
    evidence
        Tables and features; features are asked for one network at a time.
    databases
        The study's databases in its order; of each pair the earlier one is A. Differences are A minus B.
    regions
        Concept -> facial region, in the study's order (`study.concepts`).
    target
        Class whose log-odds are the score (`study.attribution.target`).
    seed
        Decides the halves of the cross-validation and the random concepts.

    Raises
    ------
    DataError
        Tables or features contradict each other or are incomplete. A concept that its faces do not allow to test is no
        error: its rows in the verdicts carry the reason.
    """
    databases = tuple(databases)
    material = gather(
        evidence, databases=databases, regions=regions, target=target, smallest_cell=settings.smallest_cell,
        draws=settings.bootstrap,
    )  # fmt: skip
    confidence = replication.confidence
    measured, rows = _measure_all(material, confidence, databases)
    directions = Directions(material, settings=settings, target=target, seed=seed)
    wants_directions = settings.gradients and evidence.gradients is not None
    decoded = tabulate_decodability(
        evidence, material, databases=databases, settings=settings, seed=seed, progress=progress,
        directions=directions if wants_directions and material.fold is None else None,
    )  # fmt: skip
    for concept, reason in decoded.refused.items():
        rows += refused_rows(DECODABILITY_MEASURE, concept, databases, reason=reason, confidence=confidence)
    along = directions.measured()
    for concept, reason in directions.refused.items() if along else ():
        for kind in KINDS:
            rows += refused_rows(PREFIX + kind, concept, databases, reason=reason, confidence=confidence)
    if wants_directions and material.fold is not None:
        for concept, kind in product(material.present, KINDS):
            rows += refused_rows(PREFIX + kind, concept, databases, reason=NO_DIRECTION, confidence=confidence)
    measured += along
    for one in (*measured, *decoded.measured):
        for a, b in combinations(databases, 2):
            fine_tunings = one.measure == DECODABILITY_MEASURE
            rows += claim_rows(one, a, b, confidence=confidence, fine_tunings=fine_tunings)
    notes = {concept: problem_of(material, concept).confounded for concept in regions}
    verdicts = verdict_table(
        [row | {"note": notes[str(row["concept"])], "cross_fitting": material.folds} for row in rows],
        declared=settings.declared, equivalence={str(name): bound for name, bound in settings.equivalence.items()},
    )  # fmt: skip
    reliability, label_noise = empty(RELIABILITY), empty(LABEL_NOISE)
    if evidence.ratings is not None:
        reliability = tabulate_reliability(material, evidence.ratings, confidence=confidence, seed=seed)
        label_noise = tabulate_label_noise(
            material, reliability, databases, draws=settings.label_noise_draws, seed=seed
        )
    return ConceptTests(
        conform(association_table(measured), ASSOCIATION) if measured else empty(ASSOCIATION),
        decoded.decodability,
        cause_table(evidence.twins) if evidence.twins is not None else empty(CAUSES),
        verdicts,
        decoded.replication,
        directions.table(),
        sweep_layers(evidence, material, settings=settings, seed=seed, progress=progress),
        reliability,
        label_noise,
    )


def _measure_all(
    material: Material, confidence: float, databases: tuple[str, ...]
) -> tuple[list[Measured], list[dict[str, object]]]:
    """The measures in `MEASURES` of every concept, and the rows of those that cannot be taken."""
    rows: list[dict[str, object]] = []
    measured: list[Measured] = []
    for concept in material.present:
        refusal = problem_of(material, concept).refusal
        for name, measure in MEASURES.items():
            try:
                if refusal and name not in WITHOUT_LABELS:
                    raise Untestable(refusal)
                found = measure(material, concept)
            except Untestable as error:
                rows += refused_rows(name, concept, databases, reason=str(error), confidence=confidence)
                continue
            if found is not None:
                measured.append(found)
    return measured, rows
