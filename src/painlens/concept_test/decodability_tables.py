"""Decodability of every concept in every network: one Gram matrix at a time, the same halves for all networks."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from painlens.concept_test.decodability import Decoding, decode, random_concept_floor
from painlens.concept_test.folds import Untestable, image_halves, participant_halves
from painlens.concept_test.gram import feature_norm, gram_matrix, with_intercept
from painlens.concept_test.material import Evidence, Material, Network, People, people_of, rows_of
from painlens.concept_test.measured import Measured
from painlens.concept_test.replication import compare_decodings, replication_table
from painlens.concept_test.statistics import always_positive_f1
from painlens.progress import Progress, silent
from painlens.study import ConceptTest
from painlens.tables import DECODABILITY, DataError, conform, empty

MEASURE = "decodability:participants"


@dataclass(frozen=True)
class Task:
    """One concept and one kind of halves, the same for all networks.

    Attributes
    ----------
    rows, present
        Faces of the material that are labelled for the concept, and whether it is present.
    first_half
        bool (repeat, face).
    redrawn
        Halves that were refused for too few faces with the concept; 0 for halves of faces.
    """

    concept: str
    folds: str
    rows: np.ndarray
    present: np.ndarray
    people: People
    first_half: np.ndarray
    redrawn: int


@dataclass(frozen=True)
class DecodabilityTables:
    """What the SVMs say.

    Attributes
    ----------
    decodability, replication
        DECODABILITY and REPLICATION rows.
    measured
        Pooled F1 over halves of participants, ready for the claims.
    refused
        Concept -> why no halves of participants exist.
    """

    decodability: pd.DataFrame
    replication: pd.DataFrame
    measured: tuple[Measured, ...]
    refused: dict[str, str]


def tabulate_decodability(  # noqa: PLR0913 - two kinds of evidence, two kinds of settings
    evidence: Evidence,
    material: Material,
    *,
    databases: Sequence[str],
    settings: ConceptTest,
    seed: int,
    progress: Progress = silent,
) -> DecodabilityTables:
    """Train and judge the SVMs of all concepts on all networks that have features.

    Halves of faces (the paper's test) and random concepts are for networks that were trained on all participants and
    for the floors (pre-trained, random weights); networks of halves give their pooled F1 for the claim about databases.

    Raises
    ------
    DataError
        Features do not fit the labelled faces, are not finite, or an SVM does not converge.
    """
    if evidence.features is None:
        return DecodabilityTables(empty(DECODABILITY), replication_table([]), (), {})
    tasks, refused = _tasks(material, settings, seed)
    decodings: dict[tuple[Network, str, str], Decoding] = {}
    rows = []
    progress(0, len(evidence.networks), "features")
    for done, network in enumerate(evidence.networks, start=1):
        features = evidence.features(*network)
        if len(features) != len(material.faces):
            raise DataError(
                f"features of {'/'.join(network)} must have one row per labelled face ({len(material.faces)}, in "
                f"the order of labelled_faces), got {len(features)}"
            )
        gram = gram_matrix(features)
        del features  # one feature matrix at a time
        whole = not network[1].startswith("half=")
        for task in tasks:
            if not whole and task.folds == "images":
                continue
            own = gram[np.ix_(task.rows, task.rows)]
            found = decode(with_intercept(own), task.present, task.people.number, task.first_half, cost=settings.cost)
            decodings[network, task.concept, task.folds] = found
            if whole:
                floor = _floor(own, task, settings, seed)
                rows.append(_row(network, task, found, floor, feature_norm(own), settings.cost))
        progress(done, len(evidence.networks), "/".join(network))
    table = conform(pd.DataFrame(rows), DECODABILITY) if rows else empty(DECODABILITY)
    own = tuple(network for network in evidence.networks if network[0] in databases)
    by_person = [task for task in tasks if task.folds == "participants" and own]
    measured = tuple(_measured(task, own, decodings) for task in by_person)
    return DecodabilityTables(table, _replications(tasks, decodings, databases), measured, refused)


def _tasks(material: Material, settings: ConceptTest, seed: int) -> tuple[list[Task], dict[str, str]]:
    """Halves of every concept; they depend on the seed and the concept's name only."""
    tasks, refused = [], {}
    for concept in material.present:
        rows, present = rows_of(material, concept)
        if present.sum() < 2 or (~present).sum() < 2:
            refused[concept] = (
                f"concept '{concept}' needs two faces with and two without it, got {int(present.sum())} and "
                f"{int((~present).sum())}"
            )
            continue
        people = people_of(material.faces.iloc[rows])
        for folds in settings.folds:
            rng = _rng(seed, concept, folds)
            if folds == "images":
                halves = image_halves(present, repeats=settings.repeats, stratified=settings.stratified, rng=rng)
                redrawn = 0
            else:
                try:
                    drawn = participant_halves(present, people.number, repeats=settings.participant_repeats, rng=rng)
                except Untestable as error:
                    refused[concept] = f"concept '{concept}': {error}"
                    continue
                halves, redrawn = drawn.first_half, drawn.redrawn
            tasks.append(Task(concept, folds, rows, present, people, halves, redrawn))
    return tasks, refused


def _rng(seed: int, concept: str, purpose: str) -> np.random.Generator:
    """A generator of its own for each concept and purpose, so that concepts do not change each other's numbers."""
    return np.random.default_rng([seed, zlib.crc32(f"{concept}/{purpose}".encode())])


def _floor(gram: np.ndarray, task: Task, settings: ConceptTest, seed: int) -> np.ndarray:
    """Pooled F1 of random concepts, over halves of participants only."""
    if task.folds != "participants":
        return np.empty(0)
    rng = _rng(seed, task.concept, "floor")
    arrays = with_intercept(gram), task.present, task.people.number, task.first_half
    return random_concept_floor(*arrays, cost=settings.cost, permutations=settings.floor_permutations, rng=rng)


def _row(  # noqa: PLR0913 - one row of a table
    network: Network, task: Task, found: Decoding, floor: np.ndarray, norm: float, cost: float
) -> dict[str, object]:
    """One row of the DECODABILITY table."""
    return {
        "concept": task.concept,
        "model": network[0],
        "replicate": network[1],
        "folds": task.folds,
        "repeats": len(task.first_half),
        "fold_f1": found.mean_fold_f1,
        "pooled_f1": found.pooled_f1,
        "auroc": found.mean_auroc,
        "always_positive_f1": always_positive_f1(float(task.present.mean())),
        "random_concept_f1": float(np.nanmean(floor)) if len(floor) else np.nan,
        "random_concept_f1_95": float(np.nanpercentile(floor, 95)) if len(floor) else np.nan,
        "undefined_folds": found.undefined,
        "degenerate_fits": found.degenerate,
        "redrawn_halves": task.redrawn,
        "cost": cost,
        "feature_norm": norm,
        "faces": len(task.rows),
        "positives": int(task.present.sum()),
        "participants": len(task.people.database),
    }


def _measured(
    task: Task, networks: tuple[Network, ...], decodings: dict[tuple[Network, str, str], Decoding]
) -> Measured:
    """Pooled F1 with and without each participant."""
    values = np.array([decodings[network, task.concept, task.folds].pooled_f1_without() for network in networks])
    text = "linear SVM, halves of participants"
    return Measured(MEASURE, task.concept, networks, values, task.people.database, text, len(task.rows))


def _replications(
    tasks: Sequence[Task], decodings: dict[tuple[Network, str, str], Decoding], databases: Sequence[str]
) -> pd.DataFrame:
    """Paired tests of every pair of models, replicate by replicate."""
    replicates = sorted({replicate for (_, replicate), _, _ in decodings if not replicate.startswith("half=")})
    rows = []
    for task in tasks:
        for a, b in combinations(databases, 2):
            for replicate in replicates:
                pair = [decodings.get(((model, replicate), task.concept, task.folds)) for model in (a, b)]
                if pair[0] is not None and pair[1] is not None:
                    test = compare_decodings(pair[0], pair[1])
                    names = {"model_a": a, "model_b": b, "replicate": replicate, "folds": task.folds}
                    rows.append(test.to_frame(concept=task.concept, **names))
    return replication_table(rows)
