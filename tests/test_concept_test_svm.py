"""Gram matrices, the SVM solver and the halves it is judged on."""

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from painlens.concept_test.folds import Untestable, image_halves, participant_halves
from painlens.concept_test.gram import (
    centred_on,
    feature_norm,
    gram_matrix,
    gram_of_parts,
    identical_faces,
    in_fold,
    positive_part,
    rows_with_gram,
    unit_rows,
    with_intercept,
)
from painlens.concept_test.interior_point import solve_box_dual
from painlens.concept_test.svm import NotConverged, fit_all_faces, out_of_fold
from painlens.tables import DataError

ENGINES = ("pairs", "liblinear")


def _problem(seed: int = 0, *, faces: int = 120, dimensions: int = 900) -> tuple[np.ndarray, np.ndarray]:
    """Features like a network's (non-negative, many zeros) and a concept on a quarter of the faces."""
    rng = np.random.default_rng(seed)
    present = np.arange(faces) % 4 == 0
    signal = 0.15 * np.where(present, 1, -1)[:, None] * (np.arange(dimensions) < dimensions // 5)
    return np.maximum(rng.normal(size=(faces, dimensions)) + signal - 0.5, 0).astype(np.float32), present


def _halves(present: np.ndarray, repeats: int, seed: int = 1) -> np.ndarray:
    return image_halves(present, repeats=repeats, stratified=True, rng=np.random.default_rng(seed))


def _by_liblinear(rows: np.ndarray, present: np.ndarray, first_half: np.ndarray, cost: float = 1.0) -> np.ndarray:
    decisions = np.empty(first_half.shape)
    for repeat, half in enumerate(first_half):
        for train in (half, ~half):
            machine = LinearSVC(C=cost, loss="hinge", dual=True, tol=1e-8, max_iter=10**6, random_state=0)  # pyright: ignore[reportArgumentType] - dual takes bool
            machine.fit(rows[train], present[train])
            decisions[repeat, ~train] = machine.decision_function(rows[~train])
    return decisions


def test_decisions_equal_linear_svc_on_raw_features() -> None:
    features, present = _problem()
    first_half = _halves(present, 8)
    own = out_of_fold(with_intercept(gram_matrix(features)), present, first_half, cost=1.0).decisions
    theirs = _by_liblinear(features.astype(float), present, first_half)
    assert np.mean((own > 0) == (theirs > 0)) >= 0.9999
    np.testing.assert_allclose(own, theirs, atol=1e-3)  # both stop at a tolerance; the product is float32


def test_decisions_equal_linear_svc_where_the_box_binds() -> None:
    features, present = _problem(faces=80)
    first_half = _halves(present, 3)
    gram = with_intercept(gram_matrix(features))
    own = out_of_fold(gram, present, first_half, cost=1e-3, tolerance=1e-8).decisions
    np.testing.assert_allclose(own, _by_liblinear(features.astype(float), present, first_half, 1e-3), atol=1e-5)


def test_rows_with_the_gram_matrix_give_the_same_decisions() -> None:
    features, present = _problem(faces=60)
    first_half = _halves(present, 2)
    rows = rows_with_gram(gram_matrix(features))
    own = out_of_fold(with_intercept(gram_matrix(features)), present, first_half, cost=1.0, tolerance=1e-8).decisions
    np.testing.assert_allclose(own, _by_liblinear(rows, present, first_half), atol=1e-5)


def test_the_second_engine_gives_the_same_decisions_with_and_without_a_geometry() -> None:
    features, present = _problem(faces=60)
    gram, half = gram_matrix(features), _halves(present, 2)
    plain = {e: out_of_fold(with_intercept(gram), present, half, cost=1.0, tolerance=1e-8, engine=e) for e in ENGINES}
    np.testing.assert_allclose(plain["pairs"].decisions, plain["liblinear"].decisions, atol=1e-5)
    geometry = in_fold(gram, half, centre=True, scale=True)
    own = {e: out_of_fold(gram, present, half, cost=1.0, tolerance=1e-8, geometry=geometry, engine=e) for e in ENGINES}
    np.testing.assert_allclose(own["pairs"].decisions, own["liblinear"].decisions, atol=1e-5)


@pytest.mark.parametrize(("centre", "scale"), [(True, False), (False, True), (True, True)])
def test_in_fold_geometry_equals_linear_svc_on_transformed_features(centre: bool, scale: bool) -> None:
    features, present = _problem(faces=60)
    half = _halves(present, 2)
    gram = gram_matrix(features)
    geometry = in_fold(gram, half, centre=centre, scale=scale)
    own = out_of_fold(gram, present, half, cost=1.0, tolerance=1e-8, geometry=geometry).decisions
    raw, theirs = features.astype(float), np.empty(half.shape)
    for repeat in range(len(half)):
        for train in (half[repeat], ~half[repeat]):
            rows = raw - raw[train].mean(axis=0) if centre else raw
            rows = rows / np.sqrt((rows[train] ** 2).sum(axis=1).mean()) if scale else rows
            machine = LinearSVC(C=1.0, loss="hinge", dual=True, tol=1e-9, max_iter=10**6, random_state=0)  # pyright: ignore[reportArgumentType] - dual takes bool
            theirs[repeat, ~train] = machine.fit(rows[train], present[train]).decision_function(rows[~train])
    np.testing.assert_allclose(own, theirs, atol=1e-4)


def test_unit_rows_equal_normalised_features() -> None:
    features = _problem(faces=20)[0].astype(float)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_allclose(unit_rows(features @ features.T), unit @ unit.T, atol=1e-12)


def test_one_fit_on_all_faces_has_the_normal_of_linear_svc() -> None:
    features, present = _problem(faces=50)
    raw = features.astype(float)
    found = fit_all_faces(with_intercept(gram_matrix(features)), present[None], cost=1.0)[0] @ raw
    machine = LinearSVC(C=1.0, loss="hinge", dual=True, tol=1e-8, max_iter=10**6, random_state=0)  # pyright: ignore[reportArgumentType] - dual takes bool
    theirs = machine.fit(raw, present).coef_[0]
    assert found @ theirs / np.linalg.norm(found) / np.linalg.norm(theirs) > 0.99999


@pytest.mark.parametrize("noise", [0.0, 0.3, 3.0])
def test_every_kind_of_step_reaches_the_solution(noise: float) -> None:
    """Few support vectors, many, and all of them: pairs, Newton and conjugate gradients take their turn."""
    rng = np.random.default_rng(5)
    latent, present = rng.normal(size=(150, 12)), rng.random(150) < 0.4
    features = latent @ rng.normal(size=(12, 2000)) + 2.0 + noise * rng.normal(size=(150, 2000))
    half = _halves(present, 2)
    gram = with_intercept(gram_matrix(features))
    own = out_of_fold(gram, present, half, cost=1.0)
    sign = np.where(present, 1.0, -1.0)
    for repeat, train in ((0, half[0]), (1, half[1])):
        quadratic = positive_part(gram)[np.ix_(train, train)] * np.outer(sign[train], sign[train])
        alpha = solve_box_dual(quadratic, 1.0, tolerance=1e-5)
        assert alpha is not None
        theirs = gram[np.ix_(~train, train)] @ (alpha * sign[train])
        np.testing.assert_allclose(own.decisions[repeat, ~train], theirs, atol=2e-3 * np.abs(theirs).max())


def test_copies_of_an_image_are_counted() -> None:
    features = _problem(faces=30)[0]
    assert identical_faces(gram_matrix(features)) == 0
    features[7], features[9] = features[3], features[3]
    assert identical_faces(gram_matrix(features)) == 2


def test_features_in_groups_of_columns_have_the_same_gram_matrix() -> None:
    features = _problem(faces=20)[0]
    parts = np.array_split(features, 4, axis=1)
    np.testing.assert_allclose(gram_of_parts(parts), gram_matrix(features), rtol=1e-6)


def test_identical_images_do_not_break_the_solver() -> None:
    features, present = _problem(faces=60)
    features[30:] = features[:30]  # singular Gram matrix
    present[30:] = present[:30]
    gram = gram_matrix(features)
    np.testing.assert_allclose(rows_with_gram(gram) @ rows_with_gram(gram).T, gram, atol=1e-3)
    found = out_of_fold(with_intercept(gram), present, _halves(present, 4), cost=1.0)
    assert np.isfinite(found.decisions).all()


def _never(*arguments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Descent that never arrives."""
    train = arguments[3]
    return np.zeros(train.shape), np.full(len(train), -1)


def test_interior_point_agrees_with_descent(monkeypatch: pytest.MonkeyPatch) -> None:
    features, present = _problem(faces=60)
    gram, first_half = with_intercept(gram_matrix(features)), _halves(present, 3)
    descent = out_of_fold(gram, present, first_half, cost=0.01, tolerance=1e-9)
    assert (descent.sweeps > 0).all()
    monkeypatch.setattr("painlens.concept_test.svm._fit_all", _never)
    interior = out_of_fold(gram, present, first_half, cost=0.01, tolerance=1e-7)
    assert (interior.sweeps < 0).all()
    np.testing.assert_allclose(interior.decisions, descent.decisions, atol=1e-5)


@pytest.mark.parametrize(("dimensions", "scale"), [(10, 1.0), (10, 50.0), (30, 0.01)])
def test_overlapping_classes_in_few_dimensions_are_solved(dimensions: int, scale: float) -> None:
    rng = np.random.default_rng(3)
    features, present = scale * rng.normal(size=(120, dimensions)), rng.random(120) < 0.3
    gram, half = with_intercept(gram_matrix(features)), _halves(present, 1)
    own = out_of_fold(gram, present, half, cost=1.0)
    sign = np.where(present[half[0]], 1.0, -1.0)
    quadratic = positive_part(gram)[np.ix_(half[0], half[0])] * np.outer(sign, sign)
    alpha = solve_box_dual(quadratic, 1.0, tolerance=1e-4)
    assert alpha is not None
    gradient = quadratic @ alpha - 1
    assert gradient[alpha <= 0].min(initial=0) > -1e-4
    assert gradient[alpha >= 1].max(initial=0) < 1e-4
    np.testing.assert_allclose(
        own.decisions[0, ~half[0]],
        gram[np.ix_(~half[0], half[0])] @ (alpha * sign),
        atol=1e-2 * np.abs(own.decisions).max(),
    )


def test_a_fit_that_is_not_solved_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("painlens.concept_test.svm.solve_box_dual", lambda *_, **__: None)
    monkeypatch.setattr("painlens.concept_test.svm._fit_all", _never)
    features, present = _problem(faces=40)
    with pytest.raises(NotConverged, match="did not converge"):
        out_of_fold(with_intercept(gram_matrix(features)), present, _halves(present, 1), cost=1.0)


def test_a_tiny_cost_is_reported_as_degenerate() -> None:
    features, present = _problem(faces=60)
    found = out_of_fold(with_intercept(gram_matrix(features)), present, _halves(present, 2), cost=1e-9)
    assert found.degenerate.all()


def test_a_training_half_with_one_class_is_undefined_not_zero() -> None:
    features, _ = _problem(faces=20)
    present = np.arange(20) < 5
    first_half = (np.arange(20) < 10)[None]
    found = out_of_fold(with_intercept(gram_matrix(features)), present, first_half, cost=1.0)
    assert np.isnan(found.decisions[0, :10]).all()  # judged by the fit on the half without the concept
    assert np.isfinite(found.decisions[0, 10:]).all()


def test_one_label_row_per_repeat_equals_separate_calls() -> None:
    features, present = _problem(faces=40)
    other = np.roll(present, 1)
    gram, first_half = with_intercept(gram_matrix(features)), _halves(present, 2)
    both = out_of_fold(gram, np.stack([present, other]), first_half, cost=1.0).decisions
    alone = out_of_fold(gram, other, first_half[1:], cost=1.0, tolerance=1e-8).decisions
    np.testing.assert_allclose(both[1], alone[0], atol=1e-3)


def test_centring_in_the_fold_equals_centred_features() -> None:
    features = _problem(faces=30)[0].astype(float)
    train = np.arange(0, 30, 2)
    centred = features - features[train].mean(axis=0)
    np.testing.assert_allclose(centred_on(features @ features.T, train), centred @ centred.T, atol=1e-8)


def test_features_of_any_shape_have_the_gram_of_their_rows() -> None:
    features = np.random.default_rng(0).normal(size=(5, 4, 3, 2)).astype(np.float32)
    flat = features.reshape(5, -1).astype(float)
    np.testing.assert_allclose(gram_matrix(features), flat @ flat.T, rtol=1e-5, atol=1e-5)
    assert feature_norm(gram_matrix(features)) == pytest.approx(np.sqrt((flat**2).sum(axis=1).mean()), rel=1e-6)


@pytest.mark.parametrize(("value", "message"), [(np.nan, "row 3"), (np.inf, "finite"), (1e30, "too large")])
def test_features_that_are_no_numbers_are_refused(value: float, message: str) -> None:
    features = np.ones((6, 4), np.float32)
    features[3, 2] = value
    with pytest.raises(DataError, match=message):
        gram_matrix(features)


def test_image_halves_are_even_and_stratified() -> None:
    present = np.arange(50) < 10
    first_half = _halves(present, 20)
    assert set(first_half[:, present].sum(axis=1)) == {5}
    assert set(first_half.sum(axis=1)) <= {25}


def test_image_halves_without_strata_let_the_share_vary() -> None:
    present = np.arange(50) < 10
    first_half = image_halves(present, repeats=40, stratified=False, rng=np.random.default_rng(0))
    assert len(set(first_half[:, present].sum(axis=1))) > 1


def test_participant_halves_keep_persons_whole_and_positives_even() -> None:
    rng = np.random.default_rng(0)
    participant = np.repeat(np.arange(9), 10)
    present = rng.random(90) < 0.05 + 0.08 * participant
    found = participant_halves(present, participant, repeats=50, rng=rng)
    share = found.first_half[:, present].mean(axis=1)
    assert ((share >= 0.3) & (share <= 0.7)).all()
    by_person = found.first_half.reshape(50, 9, 10)
    assert (by_person == by_person[:, :, :1]).all()
    assert set(by_person[:, :, 0].sum(axis=1)) == {4, 5}
    assert found.redrawn > 0


def test_participant_halves_follow_the_seed() -> None:
    participant = np.repeat(np.arange(8), 5)
    present = np.arange(40) % 3 == 0
    first, second = (
        participant_halves(present, participant, repeats=6, rng=np.random.default_rng(5)).first_half for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("counts", "message"),
    [([4, 0, 0, 0], "two participants"), ([0, 0, 0, 0], "two participants"), ([8, 1, 1, 0], "one participant alone")],
)
def test_impossible_participant_halves_are_refused(counts: list[int], message: str) -> None:
    participant = np.repeat(np.arange(4), 10)
    present = np.concatenate([np.arange(10) < count for count in counts])
    with pytest.raises(Untestable, match=message):
        participant_halves(present, participant, repeats=3, rng=np.random.default_rng(0))
