"""Gradients along concept directions: on a linear network every number is known."""

from dataclasses import replace

import numpy as np
import pytest

from concept_test_study import DATABASES, PLANTED, REGIONS, SETTINGS, Made, make_study
from painlens.concept_test import concept_tests
from painlens.concept_test.directions import Directions
from painlens.concept_test.gram import gram_matrix
from painlens.concept_test.material import Material, gather
from painlens.tables import DataError

CONCEPT = "eyes-closed"


@pytest.fixture(scope="module")
def study() -> Made:
    return make_study(PLANTED, seeds=2, halves=1)


def _material(study: Made, **changes: object) -> Material:
    evidence = replace(study.evidence, **changes)  # pyright: ignore[reportArgumentType]
    return gather(evidence, databases=DATABASES, regions=REGIONS, target="pain", smallest_cell=5, draws=20)


def _features(material: Material, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(len(material.faces), 40))
    features[:, 0] += 2 * material.present[CONCEPT]
    return features.astype(np.float32)


def _directions(material: Material, normal: np.ndarray, features: np.ndarray) -> Directions:
    found = Directions(material, settings=SETTINGS, target="pain", seed=0)
    gradients = np.tile(normal, (len(features), 1)).astype(np.float32)
    for network in (("clinical", "seed=0"), ("clinical", "half=0a")):
        found.add(network, gradients, features, gram_matrix(features))
    return found


def _stratified_step(material: Material, features: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """The definition, without any shortcut."""
    present = material.present[CONCEPT] > 0.5
    steps = []
    for label in ("no-pain", "pain"):
        for database in DATABASES:
            cell = (material.faces["label"] == label) & (material.faces["database"] == database)
            own = cell.to_numpy(dtype=bool) & keep
            steps.append(features[own & present].mean(axis=0) - features[own & ~present].mean(axis=0))
    return np.mean(steps, axis=0)


def test_the_derivative_of_a_linear_network_is_its_weights_times_the_step(study: Made) -> None:
    material = _material(study)
    features, normal = _features(material), np.random.default_rng(1).normal(size=40)
    measured = {(m.measure, m.concept): m for m in _directions(material, normal, features).measured()}
    own = measured["gradient:stratified", CONCEPT]
    everybody = np.ones(len(features), bool)
    assert own.values[0, 0] == pytest.approx(normal @ _stratified_step(material, features, everybody), rel=1e-4)
    first = material.faces[["database", "participant"]].drop_duplicates().iloc[0]
    person = ["database", "participant"]
    without = ~(material.faces[person] == first).all(axis=1)
    step = _stratified_step(material, features, without.to_numpy(dtype=bool))
    assert own.values[0, 1] == pytest.approx(normal @ step, rel=1e-4)
    assert own.resampled is not None
    assert own.resampled.shape == (2, 20)


def test_tcav_is_all_or_nothing_where_the_gradient_points_along_the_concept(study: Made) -> None:
    material = _material(study)
    features, along = _features(material), np.eye(40)[0]
    for sign, share in ((1.0, 1.0), (-1.0, 0.0)):
        table = _directions(material, sign * along, features).table()
        own = table[table["concept"] == CONCEPT]
        assert set(own["tcav"]) == {share}
        assert (np.sign(own["derivative"]) == sign).all()
        assert set(own["direction"]) == {"stratified", "svm-cav", "pattern-cav"}
        assert set(table["replicate"]) == {"seed=0"}


def test_random_concepts_give_a_range_for_tcav(study: Made) -> None:
    material = _material(study)
    table = _directions(material, np.random.default_rng(2).normal(size=40), _features(material)).table()
    assert (table["random_tcav_low"] <= table["random_tcav_high"]).all()
    assert (table["random_directions"] == SETTINGS.random_directions).all()


def test_gradients_that_do_not_fit_or_are_no_numbers_are_refused(study: Made) -> None:
    material = _material(study)
    features = _features(material)
    directions = Directions(material, settings=SETTINGS, target="pain", seed=0)
    with pytest.raises(DataError, match="shape"):
        directions.add(("clinical", "seed=0"), features[:, :3], features, gram_matrix(features))
    with pytest.raises(DataError, match="not finite"):
        directions.add(("clinical", "seed=0"), features * np.nan, features, gram_matrix(features))


def test_gradients_become_verdicts_about_the_databases(study: Made) -> None:
    use = {"clinical": 1.0, "experimental": -1.0}

    def gradients(model: str, _: str, features: np.ndarray) -> np.ndarray:
        held = np.zeros_like(features)
        held[:, 0] = use[model]  # where the made features hold closed eyes
        return held

    bare = study.with_evidence(gradients=gradients, twins=None, shares=None)
    result = concept_tests(bare.evidence, **bare.arguments())  # pyright: ignore[reportArgumentType]
    table = result.verdicts[result.verdicts["claim"] == "databases"].set_index(["measure", "concept"])
    assert {f"gradient:{kind}" for kind in ("stratified", "svm-cav", "pattern-cav")} <= set(
        table.index.get_level_values(0)
    )
    assert dict(table["difference"].astype(float))["gradient:stratified", CONCEPT] > 0
    assert set(result.directions["model"]) == set(DATABASES)
