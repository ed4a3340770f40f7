"""Decodability of every concept in every network: one Gram matrix at a time, the same halves for all networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd

from painlens.concept_test.decodability import Decoding
from painlens.concept_test.directions import Directions, cross_products
from painlens.concept_test.gram import feature_norm, gram_matrix, gram_of_parts, identical_faces
from painlens.concept_test.material import Evidence, Material, Network
from painlens.concept_test.measured import Measured
from painlens.concept_test.products import InnerProducts
from painlens.concept_test.replication import compare_decodings, replication_table
from painlens.concept_test.statistics import always_positive_f1
from painlens.concept_test.tasks import Task, decode_task, floor_of_task, tasks_of
from painlens.progress import Progress, silent
from painlens.study import ConceptTest
from painlens.tables import DECODABILITY, LAYERS, DataError, conform, empty

MEASURE = "decodability:participants"
MOSTLY = 0.5  # share of a network's fits that give one answer only, from which its decodability means nothing


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
        Concept -> why there is no decodability over halves of participants.
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
    directions: Directions | None = None,
) -> DecodabilityTables:
    """Train and judge the SVMs of all concepts on all networks that have features.

    Halves of faces (the paper's test) and random concepts are for networks that were trained on all participants and
    for the floors (pre-trained, random weights); networks of halves give their pooled F1 for the claim about databases.
    A concept whose SVMs mostly give one answer only is refused: it is no low F1 but a C that is too small.

    Parameters
    ----------
    directions
        Is given the gradients of every network of the study's databases, while its features are in memory.

    Raises
    ------
    DataError
        Features do not fit the labelled faces, are not finite, or an SVM does not converge.
    """
    if evidence.features is None:
        return DecodabilityTables(empty(DECODABILITY), replication_table([]), (), {})
    tasks, refused = tasks_of(material, settings, seed)
    decodings: dict[tuple[Network, str, str], Decoding] = {}
    rows = []
    progress(0, len(evidence.networks), "features")
    for done, network in enumerate(evidence.networks, start=1):
        products = _products_of(
            evidence, material, network, gradients=directions is not None and network[0] in databases
        )
        gram = products.gram
        if directions is not None and products.cross is not None:
            directions.add_products(network, products.cross, gram)
        whole = not network[1].startswith("half=")
        for task in tasks:
            if not whole and task.folds == "images":
                continue
            own = gram[np.ix_(task.rows, task.rows)]
            found = decode_task(own, task, settings)
            decodings[network, task.concept, task.folds] = found
            if network[0] in databases and task.folds == "participants":
                _refuse_degenerate(refused, network, task, found, settings.cost, feature_norm(own))
            if whole:
                floor = floor_of_task(own, task, settings, seed)
                rows.append(_row(network, task, found, floor, own, settings))
        progress(done, len(evidence.networks), "/".join(network))
    table = conform(pd.DataFrame(rows), DECODABILITY) if rows else empty(DECODABILITY)
    own = tuple(network for network in evidence.networks if network[0] in databases)
    by_person = [t for t in tasks if t.folds == "participants" and own and t.concept not in refused]
    measured = tuple(_measured(task, own, decodings, material.draws) for task in by_person)
    replications = _replications(tasks, decodings, databases, settings.paired_tests)
    return DecodabilityTables(table, replications, measured, refused)


def sweep_layers(
    evidence: Evidence, material: Material, *, settings: ConceptTest, seed: int, progress: Progress = silent
) -> pd.DataFrame:
    """LAYERS rows: decodability at every layer of the sweep, in networks of seeds and floors. Exploratory.

    Features come in groups of columns, so that memory holds one group and the Gram matrix, not a whole early layer.
    """
    if evidence.layer_parts is None or not settings.layers:
        return empty(LAYERS)
    tasks = [task for task in tasks_of(material, settings, seed)[0] if task.folds == "participants"]
    networks = [network for network in evidence.networks if not network[1].startswith("half=")]
    rows, total = [], len(networks) * len(settings.layers)
    for network in networks:
        for position, layer in enumerate(settings.layers):
            parts = partial(evidence.layer_parts, *network, layer)
            gram = evidence.products.of_layer(*network, layer, lambda parts=parts: gram_of_parts(parts()))
            for task in tasks:
                own = gram[np.ix_(task.rows, task.rows)]
                found = decode_task(own, task, settings)
                rows.append({
                    "concept": task.concept, "model": network[0], "replicate": network[1], "layer": layer,
                    "position": position, "pooled_f1": found.pooled_f1, "auroc": found.mean_auroc,
                    "average_precision": found.mean_precision, "undefined_folds": found.undefined,
                    "degenerate_fits": found.degenerate, "feature_norm": feature_norm(own),
                })  # fmt: skip
            progress(len(rows) // max(len(tasks), 1), total, f"{'/'.join(network)} {layer}")
    return conform(pd.DataFrame(rows), LAYERS) if rows else empty(LAYERS)


def _products_of(evidence: Evidence, material: Material, network: Network, *, gradients: bool) -> InnerProducts:
    """One network's inner products, while its features are in memory or from where they were kept."""

    def computed() -> InnerProducts:
        features = _features_of(evidence, material, network)
        gram = gram_matrix(features)
        if not gradients or evidence.gradients is None:
            return InnerProducts(gram)
        flat = features.reshape(len(features), -1)
        return InnerProducts(gram, cross_products(network, evidence.gradients(*network, flat), flat))

    found = evidence.products.of_network(*network, computed)
    if len(found.gram) != len(material.faces):
        raise DataError(
            f"inner products of {'/'.join(network)} must be of the {len(material.faces)} labelled faces, got "
            f"{len(found.gram)}"
        )
    return found


def _features_of(evidence: Evidence, material: Material, network: Network) -> np.ndarray:
    """One network's features of the labelled faces."""
    assert evidence.features is not None
    features = evidence.features(*network)
    if len(features) != len(material.faces):
        raise DataError(
            f"features of {'/'.join(network)} must have one row per labelled face ({len(material.faces)}, in "
            f"the order of labelled_faces), got {len(features)}"
        )
    return features


def _refuse_degenerate(  # noqa: PLR0913 - what the sentence says
    refused: dict[str, str], network: Network, task: Task, found: Decoding, cost: float, norm: float
) -> None:
    """Note that a network's SVMs say nothing."""
    fits = 2 * len(task.first_half)
    if found.degenerate > MOSTLY * fits:
        refused[task.concept] = (
            f"concept '{task.concept}': {found.degenerate} of {fits} SVMs on {'/'.join(network)} give every held-out "
            f"face the same answer (C = {cost:g}, feature norm {norm:.3g}); raise concept_test.cost, or see whether "
            "the network answers anything at all"
        )


def _row(  # noqa: PLR0913 - one row of a table
    network: Network, task: Task, found: Decoding, floor: np.ndarray, gram: np.ndarray, settings: ConceptTest
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
        "average_precision": found.mean_precision,
        "always_positive_f1": always_positive_f1(float(task.present.mean())),
        "random_concept_f1": float(np.nanmean(floor)) if len(floor) else np.nan,
        "random_concept_f1_95": float(np.nanpercentile(floor, 95)) if len(floor) else np.nan,
        "undefined_folds": found.undefined,
        "degenerate_fits": found.degenerate,
        "redrawn_halves": task.redrawn,
        "cost": settings.cost,
        "feature_norm": feature_norm(gram),
        "identical_faces": identical_faces(gram),
        "layer": settings.layer,
        "faces": len(task.rows),
        "positives": int(task.present.sum()),
        "participants": len(task.people.database),
    }


def _measured(
    task: Task, networks: tuple[Network, ...], decodings: dict[tuple[Network, str, str], Decoding], draws: int
) -> Measured:
    """Pooled F1 with and without each participant, and on drawn ones."""
    weights = task.people.weightings(draws)
    values = np.array([decodings[network, task.concept, task.folds].pooled_f1_of(weights) for network in networks])
    text = "linear SVM, halves of participants" + ("" if task.fold is None else " of each fold")
    return Measured.split(MEASURE, task.concept, networks, values, task.people, text, len(task.rows))


def _replications(
    tasks: Sequence[Task], decodings: dict[tuple[Network, str, str], Decoding], databases: Sequence[str],
    tests: Sequence[str],
) -> pd.DataFrame:  # fmt: skip
    """Paired tests of every pair of models, replicate by replicate."""
    replicates = sorted({replicate for (_, replicate), _, _ in decodings if not replicate.startswith("half=")})
    rows = []
    for task in tasks:
        for a, b in combinations(databases, 2):
            for replicate in replicates:
                pair = [decodings.get(((model, replicate), task.concept, task.folds)) for model in (a, b)]
                if pair[0] is not None and pair[1] is not None:
                    test = compare_decodings(pair[0], pair[1], tests=tests)
                    names = {"model_a": a, "model_b": b, "replicate": replicate, "folds": task.folds}
                    rows.append(test.to_frame(concept=task.concept, **names))
    return replication_table(rows)
