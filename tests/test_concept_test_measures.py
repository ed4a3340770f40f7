"""Measures of association, relevance and cause: cells, weights and what they cannot do."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.metrics import roc_auc_score

from concept_test_study import DATABASES, PLANTED, REGIONS, Made, make_study
from painlens.concept_test.association import measure_auroc
from painlens.concept_test.causes import cause_table, measure_cause
from painlens.concept_test.folds import Untestable
from painlens.concept_test.material import Material, gather, labelled_faces
from painlens.concept_test.measured import Measured
from painlens.concept_test.regression import measure_adjusted_regression, measure_regression
from painlens.concept_test.relevance import measure_relevance
from painlens.tables import DataError

CONCEPT = "eyes-closed"


@pytest.fixture(scope="module")
def material() -> Material:
    return _gather(make_study(PLANTED, seeds=2, halves=1))


def _gather(study: Made) -> Material:
    return gather(study.evidence, databases=DATABASES, regions=REGIONS, target="pain", smallest_cell=5)


def _with_concept(material: Material, value: np.ndarray) -> Material:
    return replace(material, present={**material.present, CONCEPT: value.astype(float)})


def _without_person(material: Material, person: int) -> Material:
    """The material without all faces of one participant, in the order of appearance."""
    names = material.faces["database"].astype(str) + material.faces["participant"].astype(str)
    stay = np.flatnonzero(pd.factorize(names)[0] != person)
    faces = material.faces.iloc[stay].reset_index(drop=True)
    present = {name: value[stay] for name, value in material.present.items()}
    return replace(material, faces=faces, score=material.score[:, stay], present=present)


def test_score_is_the_log_odds_against_all_other_classes() -> None:
    study = make_study(PLANTED, seeds=1, halves=0)
    predictions = study.evidence.predictions.assign(**{"logit:fear": 0.0})
    material = _gather(study.with_evidence(predictions=predictions))
    row = material.faces.iloc[5]
    same = (predictions["database"] == row["database"]) & (predictions["frame_id"] == row["frame_id"])
    logits = predictions[same & (predictions["model"] == "clinical")].iloc[0]
    p = np.exp(logits["logit:pain"]) / np.exp([logits[f"logit:{c}"] for c in ("pain", "no-pain", "fear")]).sum()
    assert material.score[0, 5] == pytest.approx(np.log(p / (1 - p)))


def test_auroc_is_the_mean_over_cells_of_scikit_learn(material: Material) -> None:
    found = measure_auroc(material, CONCEPT)
    present = material.present[CONCEPT] > 0.5
    cells = material.faces.groupby(["label", "database"]).indices.values()
    theirs = np.mean([roc_auc_score(present[rows], material.score[0, rows]) for rows in cells])
    assert found.values[0, 0] == pytest.approx(theirs)
    assert found.cells.count(" x ") == 4


@pytest.mark.parametrize("measure", [measure_auroc, measure_regression, measure_adjusted_regression, measure_relevance])
@pytest.mark.parametrize("person", [0, 9])
def test_jackknife_equals_measuring_again_without_the_person(material: Material, measure: Any, person: int) -> None:
    whole, less = (measure(one, CONCEPT) for one in (material, _without_person(material, person)))
    np.testing.assert_allclose(whole.values[:, 1 + person], less.values[:, 0], atol=1e-9)


def test_planted_use_shows_in_every_measure(material: Material) -> None:
    for measure in (measure_auroc, measure_regression, measure_adjusted_regression, measure_relevance, measure_cause):
        found = measure(material, CONCEPT)
        assert isinstance(found, Measured)
        by_model = {model: np.mean([r[0] for r in found.replicates_of(model).values()]) for model in DATABASES}
        assert by_model["clinical"] > by_model["experimental"], found.measure


def test_regression_equals_statsmodels(material: Material) -> None:
    found = measure_regression(material, CONCEPT)
    cells = pd.get_dummies(material.faces["label"].astype(str) + material.faces["database"].astype(str), dtype=float)
    design = np.column_stack([*material.present.values(), cells.to_numpy()])
    score = material.score[0]
    theirs = sm.OLS((score - score.mean()) / score.std(), design).fit()
    assert found.values[0, 0] == pytest.approx(theirs.params[0], abs=1e-9)


def test_adjustment_removes_what_another_action_unit_does(material: Material) -> None:
    rng = np.random.default_rng(0)
    present = material.present[CONCEPT] > 0.5
    frown = present + rng.normal(0, 0.4, len(present))  # comes together with closed eyes
    score = np.tile(2 * frown + rng.normal(0, 0.3, len(present)), (len(material.networks), 1))
    units = material.faces[["database", "frame_id"]].assign(au04=frown)
    confounded = replace(material, score=score, action_units=units)
    assert measure_auroc(confounded, CONCEPT).values[0, 0] > 0.8
    adjusted = measure_adjusted_regression(confounded, CONCEPT)
    assert adjusted is not None
    assert abs(adjusted.values[0, 0]) < 0.1


def test_units_that_define_a_concept_are_not_held_constant(material: Material) -> None:
    adjusted = measure_adjusted_regression(material, CONCEPT)
    assert adjusted is not None
    assert "au04" in adjusted.cells
    assert "au43" not in adjusted.cells


def test_a_database_offset_does_not_count_as_association(material: Material) -> None:
    rng = np.random.default_rng(1)
    own = (material.faces["database"] == "experimental").to_numpy()
    rare = own & (rng.random(len(own)) < 0.5)  # the concept comes from one database only
    offset = np.tile(5.0 * own + rng.normal(0, 1, len(own)), (len(material.networks), 1))
    found = measure_auroc(replace(_with_concept(material, rare), score=offset), CONCEPT)
    assert found.values[0, 0] == pytest.approx(0.5, abs=0.1)
    assert "clinical" not in found.cells
    assert set(found.database) == {"experimental"}


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan])
def test_a_concept_on_nobody_or_everybody_is_untestable(material: Material, value: float) -> None:
    constant = _with_concept(material, np.full(len(material.faces), value))
    for measure in (measure_auroc, measure_regression, measure_relevance):
        with pytest.raises(Untestable, match=CONCEPT):
            measure(constant, CONCEPT)


def test_a_concept_of_one_participant_is_untestable(material: Material) -> None:
    alone = (material.faces["participant"] == "c0").to_numpy() & (np.arange(len(material.faces)) % 4 < 2)
    with pytest.raises(Untestable, match="two participants"):
        measure_auroc(_with_concept(material, alone), CONCEPT)


def test_a_cell_with_four_faces_does_not_count(material: Material) -> None:
    value = material.present[CONCEPT].copy()
    cell = (material.faces["label"] == "pain").to_numpy() & (material.faces["database"] == "clinical").to_numpy()
    value[cell] = 0.0
    value[np.flatnonzero(cell)[[0, 20, 40, 60]]] = 1.0
    assert "pain x clinical" not in measure_auroc(_with_concept(material, value), CONCEPT).cells.replace("no-pain", "")
    value[np.flatnonzero(cell)[80]] = 1.0
    assert measure_auroc(_with_concept(material, value), CONCEPT).cells.count("clinical") == 2


def test_faces_that_nobody_could_label_take_no_part(material: Material) -> None:
    value = material.present[CONCEPT].copy()
    value[:10] = np.nan
    assert measure_auroc(_with_concept(material, value), CONCEPT).faces == len(value) - 10


def test_relevance_of_a_part_of_the_networks_is_measured_for_these() -> None:
    study = make_study(PLANTED, seeds=2, halves=1)
    shares = study.evidence.shares
    assert shares is not None
    some = shares[shares["replicate"].str.startswith("seed=")]
    found = measure_relevance(_gather(study.with_evidence(shares=some)), CONCEPT)
    assert found is not None
    assert {replicate for _, replicate in found.networks} == {"seed=0", "seed=1"}


def test_causes_are_mean_changes_and_all_is_their_mean() -> None:
    twins = make_study(PLANTED, seeds=1, halves=0).evidence.twins
    assert twins is not None
    table: Any = cause_table(twins).set_index(["model", "replicate", "concept", "database"])
    own = twins[(twins["model"] == "clinical") & (twins["concept"] == CONCEPT) & (twins["database"] == "clinical")]
    key = ("clinical", "seed=0", CONCEPT)
    assert table.loc[(*key, "clinical"), "effect"] == pytest.approx(
        (own["probability_with"] - own["probability_without"]).mean()
    )
    both = table.loc[[(*key, name) for name in DATABASES], "effect_score"].mean()
    assert table.loc[(*key, "all"), "effect_score"] == pytest.approx(both)
    assert table.loc[(*key, "all"), "pairs"] == 16


def test_a_missing_answer_names_network_and_face() -> None:
    study = make_study(PLANTED, seeds=1, halves=0)
    predictions = study.evidence.predictions.drop(index=3)
    with pytest.raises(DataError, match=r"clinical/seed=0 .* p0/s/003"):
        _gather(study.with_evidence(predictions=predictions))


def test_contradicting_labels_are_refused() -> None:
    study = make_study(PLANTED, seeds=1, halves=0)
    predictions = study.evidence.predictions.copy()
    predictions.loc[0, "label"] = "pain"
    with pytest.raises(DataError, match="same frames table"):
        _gather(study.with_evidence(predictions=predictions))


def test_an_unknown_target_is_refused() -> None:
    evidence = make_study(PLANTED, seeds=1, halves=0).evidence
    with pytest.raises(DataError, match=r"attribution\.target"):
        gather(evidence, databases=DATABASES, regions=REGIONS, target="fear", smallest_cell=5)


def test_a_database_without_network_is_refused() -> None:
    study = make_study(PLANTED, seeds=1, halves=0)
    predictions = study.evidence.predictions.query("model == 'clinical'")
    with pytest.raises(DataError, match="no network of experimental"):
        _gather(study.with_evidence(predictions=predictions))


def test_a_face_with_two_participants_is_refused() -> None:
    concepts = make_study(PLANTED, seeds=1, halves=0).evidence.concepts.copy()
    concepts.loc[0, "participant"] = "somebody-else"
    with pytest.raises(DataError, match="one participant"):
        labelled_faces(concepts)
