"""How far the score of every class goes along with a concept: the headline measure for each class in turn.

With two classes the second one's log-odds are the first one's with the other sign, and nothing is added. With more, a
concept may be taken for one class and not for another: closed eyes for pain but not for sadness. Each class is set
against all others; faces are compared within cells of true label x database, as in `association`. Exploratory: the
classes of one network are not independent (their probabilities add up to 1), and nothing is corrected for their number.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from painlens.concept_test.association import measure_auroc
from painlens.concept_test.folds import Untestable
from painlens.concept_test.material import Evidence, gather
from painlens.concept_test.measured import Measured
from painlens.concept_test.problems import problem_of
from painlens.tables import CLASS_ASSOCIATION, conform, empty

FEWEST = 3  # classes from which the table says more than the verdicts


def class_association(  # noqa: PLR0913 - as `concept_tests`
    evidence: Evidence,
    *,
    databases: Sequence[str],
    regions: Mapping[str, str],
    classes: Sequence[str],
    smallest_cell: int,
    draws: int,
    confidence: float,
) -> pd.DataFrame:
    """CLASS_ASSOCIATION: of every class, concept and model, mean over seeds with an interval over test participants.

    Parameters
    ----------
    evidence
        Predictions and concept labels.
    databases
        The study's databases, which are the models.
    regions
        Concept -> facial region; names the concepts.
    classes
        All classes, in the order of the rows.
    smallest_cell, draws
        As `study.concept_test.smallest_cell` and `.bootstrap`.

    Returns
    -------
    DataFrame
        Empty with fewer than three classes. A concept that its faces do not allow to test has no rows.
    """
    if len(classes) < FEWEST:
        return empty(CLASS_ASSOCIATION)
    rows: list[dict[str, object]] = []
    for name in classes:
        material = gather(
            evidence, databases=databases, regions=regions, target=name, smallest_cell=smallest_cell, draws=draws
        )
        for concept in regions:
            if problem_of(material, concept).refusal:
                continue
            try:
                found = measure_auroc(material, concept)
            except Untestable:
                continue
            rows += [_row(found, name, model, confidence=confidence) for model in databases]
    return conform(pd.DataFrame(rows), CLASS_ASSOCIATION) if rows else empty(CLASS_ASSOCIATION)


def _row(found: Measured, name: str, model: str, *, confidence: float) -> dict[str, object]:
    """One model's row: its seeds' mean; networks on halves of the people are left out."""
    own = [i for i, (m, replicate) in enumerate(found.networks) if m == model and replicate.startswith("seed=")]
    low, high = np.nan, np.nan
    if found.resampled is not None:
        drawn = found.resampled[own].mean(axis=0)
        drawn = drawn[np.isfinite(drawn)]
        if drawn.size:
            low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return {
        "class": name,
        "concept": found.concept,
        "model": model,
        "value": found.values[own, 0].mean(),
        "low": low,
        "high": high,
        "seeds": len(own),
        "cells": found.cells,
        "faces": found.faces,
        "participants": len(found.database),
    }
