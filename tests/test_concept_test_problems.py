"""Labels and features that do not allow a test: a clear sentence each."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from concept_test_study import PLANTED, SETTINGS, Made, make_study
from painlens.concept_test import ConceptTests, concept_tests, describe
from painlens.study import ConceptTest
from painlens.tables import DataError

CONCEPT = "teeth-visible"


@pytest.fixture(scope="module")
def study() -> Made:
    return make_study(PLANTED, seeds=2, halves=1)


def _run(study: Made) -> ConceptTests:
    return concept_tests(study.evidence, **study.arguments())  # pyright: ignore[reportArgumentType]


def _relabelled(study: Made, change: Callable[[pd.DataFrame], pd.Series]) -> Made:
    """The study with other labels of one concept."""
    concepts = study.evidence.concepts.copy()
    own = concepts["concept"] == CONCEPT
    concepts["value"] = concepts["value"].astype("boolean")
    concepts.loc[own, "value"] = change(concepts[own]).astype("boolean")
    return study.with_evidence(concepts=concepts)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t["value"] & False, "on none of the 336 labelled faces"),
        (lambda t: t["value"] | True, "on every one of the 336 labelled faces"),
        (lambda t: t["value"] & (t["participant"] == "c0"), "single participant only"),
        (lambda t: t["value"] | (t["participant"] != "c0"), "missing from the faces of a single participant"),
        (lambda t: t["value"].where(t["value"].isna(), pd.NA), "no labelled face"),
    ],
    ids=["nobody", "everybody", "one person", "all but one person", "unlabelled"],
)
def test_labels_without_a_contrast_are_refused_in_a_sentence(
    study: Made, change: Callable[[pd.DataFrame], pd.Series], message: str
) -> None:
    result = _run(_relabelled(study, change))
    own = result.verdicts[(result.verdicts["concept"] == CONCEPT) & (result.verdicts["measure"] != "cause")]
    assert {"auroc", "regression", "decodability:participants"} <= set(own["measure"])
    assert own["reason"].str.contains(message, regex=False).all()
    assert any(message in statement.headline for statement in describe(result.verdicts, target="pain"))
    assert (result.verdicts[result.verdicts["concept"] == "eyes-closed"]["reason"] == "").all()


def test_a_concept_of_one_database_only_is_called_confounded(study: Made) -> None:
    result = _run(_relabelled(study, lambda t: t["value"] & (t["database"] == "clinical")))
    own = result.verdicts[result.verdicts["concept"] == CONCEPT]
    decoded = own[own["measure"] == "decodability:participants"]
    assert decoded["reason"].str.contains("confounded").all()
    association = own[(own["measure"] == "auroc") & (own["claim"] == "databases")].iloc[0]
    assert np.isfinite(association["difference"])  # within the cells of one database it can still be measured
    told = next(s for s in describe(result.verdicts, target="pain") if s.concept == CONCEPT)
    assert any("come from clinical" in note for note in told.notes)


def test_fits_that_all_say_the_same_are_an_error_of_the_settings(study: Made) -> None:
    features, settings = study.evidence.features, SETTINGS.model_copy(update={"cost": 1e-9})
    assert features is not None
    bare = study.with_evidence(features=lambda model, replicate: features(model, replicate) + 5)  # as after a ReLU
    result = concept_tests(bare.evidence, **(bare.arguments() | {"settings": settings}))  # pyright: ignore[reportArgumentType]
    own = result.verdicts[result.verdicts["measure"] == "decodability:participants"]
    assert own["reason"].str.contains("raise concept_test.cost").all()
    assert (result.decodability["degenerate_fits"] > 0).all()


def test_copies_of_an_image_are_counted(study: Made) -> None:
    features = study.evidence.features
    assert features is not None

    def copied(model: str, replicate: str) -> np.ndarray:
        own = features(model, replicate).copy()
        own[10:20] = own[0]
        return own

    assert (_run(study.with_evidence(features=copied)).decodability["identical_faces"] == 10).all()
    assert (_run(study).decodability["identical_faces"] == 0).all()


def test_features_that_are_no_numbers_stop_the_test(study: Made) -> None:
    features = study.evidence.features
    assert features is not None
    with pytest.raises(DataError, match="NaN or infinity"):
        _run(study.with_evidence(features=lambda model, replicate: features(model, replicate) * np.nan))


def test_labels_of_unknown_images_stop_the_test(study: Made) -> None:
    concepts = study.evidence.concepts
    more = pd.concat([concepts, concepts.iloc[[0]].assign(frame_id="nobody")], ignore_index=True)
    with pytest.raises(DataError, match="no finite answer to the labelled face clinical: nobody"):
        _run(study.with_evidence(concepts=more))


def test_two_labels_for_one_image_stop_the_test(study: Made) -> None:
    concepts = study.evidence.concepts
    twice = pd.concat([concepts, concepts.iloc[[0]].assign(value=True)], ignore_index=True)
    with pytest.raises(DataError, match="repeated keys"):
        _run(study.with_evidence(concepts=twice))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"centring": "all"}, "whole test half on one side"),
        ({"scaling": "features"}, "not exact on a shared Gram matrix"),
        ({"layers": ["pool1", "pool1"]}, "must be different"),
        ({"equivalence": {"auroc": 0.0}}, "greater than 0"),
        ({"declared": ["auc"]}, "auroc"),
    ],
    ids=str,
)
def test_options_that_are_not_exact_or_not_known_are_refused_with_the_reason(
    settings: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        ConceptTest.model_validate(settings)
