"""The exchange solver: the same solution as descent and LinearSVC, in every corner, whatever the number of threads."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.svm import LinearSVC

from painlens.concept_test import exchange, svm
from painlens.concept_test.exchange import solve_by_exchange
from painlens.concept_test.folds import image_halves
from painlens.concept_test.gram import FoldGeometry, gram_matrix, in_fold, with_intercept
from painlens.concept_test.svm import out_of_fold

FACES = 300


def problem(seed: int = 0, *, dimensions: int = 600, latents: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features like a network's: rectified sums of causes, the first of which goes along with the concept."""
    rng = np.random.default_rng(seed)
    present = np.arange(FACES) % 4 == 0
    causes = rng.normal(size=(FACES, latents)) * (1 + np.arange(latents)) ** -0.5
    causes[:, 0] += 0.8 * present
    features = causes @ rng.normal(size=(latents, dimensions)) + 0.3 * rng.normal(size=(FACES, dimensions))
    features = np.maximum(features - 0.5, 0).astype(np.float32)
    halves = image_halves(present, repeats=12, stratified=True, rng=rng)
    return features, present, halves


Tried = tuple[exchange.Exchanged, np.ndarray, np.ndarray]


def of_all(
    gram: np.ndarray, present: np.ndarray, halves: np.ndarray, geometry: FoldGeometry | None = None, *,
    cost: float = 1.0, tolerance: float = 1e-4,
) -> Tried:  # fmt: skip
    train = np.stack([halves, ~halves], axis=1).reshape(-1, len(gram))
    signs = np.tile(np.where(present, 1.0, -1.0), (len(train), 1))
    geometry = geometry or FoldGeometry.plain(halves.shape)
    return solve_by_exchange(gram, geometry, train, signs, cost=cost, tolerance=tolerance), train, signs


def optimality(gram: np.ndarray, coefficients: np.ndarray, train: np.ndarray, signs: np.ndarray, cost: float) -> float:
    """Largest spread of the projected gradient over the fits, from float64 products."""
    worst = 0.0
    for own, coefficient, sign in zip(train, coefficients, signs, strict=True):
        alpha = (coefficient * sign)[own]
        assert (alpha >= 0).all()
        assert (alpha <= cost).all()
        gradient = sign[own] * (gram[own] @ coefficient) - 1
        slope = np.where(gradient > 0, gradient * (alpha > 0), gradient * (alpha < cost))
        worst = max(worst, slope.max(initial=0) - slope.min(initial=0))
    return worst


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), cost=st.sampled_from([1.0, 1e-2, 3e-3, 1e-3]))
def test_what_is_called_solved_is_optimal(seed: int, cost: float) -> None:
    features, present, halves = problem(seed)
    gram = with_intercept(gram_matrix(features))
    found, train, signs = of_all(gram, present, halves, cost=cost)
    solved = found.exchanges > 0
    assert optimality(gram, found.coefficients[solved], train[solved], signs[solved], cost) <= 1.1e-4
    assert not found.coefficients[~solved].any()


def test_features_of_a_network_are_solved_without_descent() -> None:
    features, present, halves = problem()
    found, _, _ = of_all(with_intercept(gram_matrix(features)), present, halves)
    assert (found.exchanges > 1).all()
    assert found.exchanges.max() <= 8


def test_decisions_are_those_of_linear_svc() -> None:
    features, present, halves = problem()
    own = out_of_fold(with_intercept(gram_matrix(features)), present, halves, cost=1.0).decisions
    same = judged = 0
    for repeat, half in enumerate(halves[:4]):
        for train in (half, ~half):
            machine = LinearSVC(C=1.0, loss="hinge", dual=True, tol=1e-8, max_iter=10**6, random_state=0)  # pyright: ignore[reportArgumentType] - dual takes bool
            theirs = machine.fit(features[train], present[train]).decision_function(features[~train])
            same += int(((theirs > 0) == (own[repeat, ~train] > 0)).sum())
            judged += int((~train).sum())
    assert same == judged


@pytest.mark.parametrize(("centre", "scale"), [(True, False), (True, True), (False, True)])
def test_geometries_of_folds_give_what_descent_gives(
    centre: bool, scale: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, present, halves = problem(3)
    gram = gram_matrix(features)
    geometry = in_fold(gram, halves, centre=centre, scale=scale)
    cost = 1000.0 if scale else 1.0  # rows of norm 1 need it for a margin as hard
    found, _, _ = of_all(gram, present, halves, geometry, cost=cost)
    assert (found.exchanges > 0).mean() > 0.5
    own = out_of_fold(gram, present, halves[:3], cost=cost, geometry=geometry.of_fits(slice(0, 6))).decisions
    monkeypatch.setattr(svm, "FEWEST_FACES", FACES + 1)
    descent = out_of_fold(gram, present, halves[:3], cost=cost, geometry=geometry.of_fits(slice(0, 6))).decisions
    np.testing.assert_allclose(own, descent, atol=2e-3)


def test_too_few_dimensions_are_left_to_descent() -> None:
    features, present, halves = problem(1, dimensions=20)
    gram = with_intercept(gram_matrix(features))
    found, train, signs = of_all(gram, present, halves)
    assert (found.exchanges < 0).all()
    decided = out_of_fold(gram, present, halves, cost=1.0)
    assert np.isfinite(decided.decisions).all()
    assert not found.coefficients.any()
    assert len(train) == len(signs)


def test_copies_of_faces_do_not_break_it() -> None:
    features, present, halves = problem(2)
    features[1::2] = features[::2]
    decided = out_of_fold(with_intercept(gram_matrix(features)), present, halves[:2], cost=1.0)
    assert np.isfinite(decided.decisions).all()


def test_a_half_of_one_class_stays_undefined_beside_others() -> None:
    features, present, halves = problem()
    halves = halves.copy()
    halves[0] = ~present
    decided = out_of_fold(with_intercept(gram_matrix(features)), present, halves, cost=1.0)
    assert decided.sweeps[0].tolist()[0] == 0
    assert np.isnan(decided.decisions[0, present]).all()
    assert np.isfinite(decided.decisions[1:]).all()


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    features, present, halves = problem()
    gram = with_intercept(gram_matrix(features))
    before, found = numba.get_num_threads(), []
    try:
        for threads in {1, before}:
            numba.set_num_threads(threads)
            found += [of_all(gram, present, halves)[0].coefficients for _ in range(2)]
    finally:
        numba.set_num_threads(before)
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)


def test_the_order_of_the_fits_changes_no_decision() -> None:
    features, present, halves = problem()
    gram = with_intercept(gram_matrix(features))
    forth, back = (out_of_fold(gram, present, order, cost=1.0).decisions for order in (halves, halves[::-1]))
    np.testing.assert_allclose(forth, back[::-1], atol=1e-3)


def test_rounding_of_the_factor_is_corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Features with a large common part: float32 alone would miss the tolerance."""
    features, present, halves = problem(4)
    gram = with_intercept(gram_matrix(features + 8.0))
    found, train, signs = of_all(gram, present, halves, tolerance=1e-6)
    solved = found.exchanges > 0
    assert solved.any()
    assert optimality(gram, found.coefficients[solved], train[solved], signs[solved], 1.0) <= 1.1e-6
    monkeypatch.setattr(exchange, "CORRECTIONS", 0)
    assert (of_all(gram, present, halves, tolerance=1e-6)[0].exchanges > 0).sum() < solved.sum()
