"""The score of every class: the headline measure for each class in turn, where there are three or more."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from sklearn.metrics import roc_auc_score

from concept_test_study import DATABASES, REGIONS, Made, make_study
from painlens.concept_test.by_class import class_association
from painlens.tables import CLASS_ASSOCIATION, conform

CLASSES = ("no-pain", "fear", "pain")


@pytest.fixture(scope="module")
def three() -> Made:
    """A made study whose networks know a third class."""
    study = make_study(seeds=2, halves=1)
    rng = np.random.default_rng(3)
    answers = study.evidence.predictions
    return study.with_evidence(predictions=answers.assign(**{"logit:fear": rng.normal(0, 1, len(answers))}))


def table(study: Made, classes: tuple[str, ...] = CLASSES) -> pd.DataFrame:
    return class_association(
        study.evidence, databases=DATABASES, regions=REGIONS, classes=classes, smallest_cell=5, draws=100,
        confidence=0.95,
    )  # fmt: skip


def test_two_classes_say_nothing_new() -> None:
    assert table(make_study(seeds=1, halves=0), ("no-pain", "pain")).empty


def test_every_class_concept_and_model_has_a_row(three: Made) -> None:
    found = table(three)
    pd.testing.assert_frame_equal(found, conform(found, CLASS_ASSOCIATION))
    assert len(found) == len(CLASSES) * len(REGIONS) * len(DATABASES)
    assert list(dict.fromkeys(found["class"])) == list(CLASSES)
    assert (found["seeds"] == 2).all()
    assert ((found["low"] < found["value"]) & (found["value"] < found["high"])).all()


def test_values_are_scikit_learns_within_cells(three: Made) -> None:
    found = table(three).set_index(["class", "concept", "model"])["value"]
    labels = three.evidence.concepts.query("concept == 'eyes-closed'").dropna(subset=["value"])
    answers = three.evidence.predictions.query("model == 'clinical' and replicate.str.startswith('seed=')")
    for name in CLASSES:
        others = [f"logit:{other}" for other in CLASSES if other != name]
        odds = answers[f"logit:{name}"].to_numpy(float) - np.asarray(logsumexp(answers[others].to_numpy(float), axis=1))
        joined = labels.merge(answers.assign(odds=odds), on=["database", "frame_id", "label"])
        by_cell = [
            np.mean([roc_auc_score(own["value"].astype(bool), own["odds"]) for _, own in cell.groupby("replicate")])
            for _, cell in joined.groupby(["label", "database"])
        ]
        assert found[name, "eyes-closed", "clinical"] == pytest.approx(np.mean(by_cell))


def test_a_concept_of_chance_goes_along_with_no_class(three: Made) -> None:
    rng = np.random.default_rng(99)
    concepts = three.evidence.concepts
    drawn = concepts.assign(value=rng.random(len(concepts)) < 0.5)
    found = table(three.with_evidence(concepts=drawn))
    assert (found["value"] - 0.5).abs().max() < 0.12


def test_opposite_classes_have_opposite_associations() -> None:
    """A third class that is never answered leaves two that mirror each other."""
    study = make_study(seeds=1, halves=0)
    answers = study.evidence.predictions.assign(**{"logit:fear": -1e3})
    found = table(study.with_evidence(predictions=answers)).set_index(["class", "concept", "model"])["value"]
    np.testing.assert_allclose(found["pain"] + found["no-pain"], 1.0, atol=1e-12)
