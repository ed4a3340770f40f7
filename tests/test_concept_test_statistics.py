"""F1, AUROC, paired tests and decodability against independent implementations."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score
from statsmodels.stats.multitest import multipletests

from painlens.concept_test.decodability import decode, random_concept_floor
from painlens.concept_test.folds import image_halves, participant_halves
from painlens.concept_test.gram import gram_matrix, with_intercept
from painlens.concept_test.replication import compare_decodings, paper_replication
from painlens.concept_test.statistics import (
    alpaydin,
    average_precision,
    dietterich,
    equivalence_p,
    holm,
    nadeau_bengio,
    naive_paired_t,
    smallest_detectable,
    weighted_auroc,
)
from painlens.concept_test.svm import out_of_fold


@given(
    st.lists(st.integers(0, 4), min_size=6, max_size=30),
    st.integers(0, 2**31 - 1),
)
@settings(max_examples=50, deadline=None)
def test_weighted_auroc_equals_scikit_learn(score: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    present = np.arange(len(score)) % 2 == 0
    participant = rng.permutation(np.arange(len(score)) % 3)
    weights = rng.random((2, 3)) + 0.01
    values = np.array([score], dtype=float)
    own = weighted_auroc(values, present, participant, weights)
    theirs = [roc_auc_score(present, values[0], sample_weight=row[participant]) for row in weights]
    np.testing.assert_allclose(own[0], theirs, atol=1e-12)


def test_auroc_without_a_class_is_undefined() -> None:
    own = weighted_auroc(np.array([[1.0, 2.0]]), np.array([True, False]), np.array([0, 1]), np.eye(2))
    assert np.isnan(own).all()


def test_holm_equals_statsmodels() -> None:
    p = np.random.default_rng(0).random(12) ** 3
    np.testing.assert_allclose(holm(p), np.asarray(multipletests(p, method="holm")[1]), atol=1e-12)


def test_holm_leaves_missing_tests_out_of_the_family() -> None:
    np.testing.assert_allclose(holm(np.array([0.02, np.nan, 0.5])), [0.04, np.nan, 0.5])


def test_naive_t_equals_scipy() -> None:
    difference = np.random.default_rng(1).normal(0.02, 0.1, (30, 2))
    t, p, d = naive_paired_t(difference)
    theirs: Any = stats.ttest_1samp(difference.mean(axis=1), 0)
    np.testing.assert_allclose((t, p, d), (theirs.statistic, theirs.pvalue, theirs.statistic / np.sqrt(30)))


def test_nadeau_bengio_equals_its_formula() -> None:
    difference = np.random.default_rng(2).normal(0.05, 0.1, (10, 2))
    t, p = nadeau_bengio(difference)
    expected = difference.mean() / np.sqrt((1 / 20 + 1) * difference.var(ddof=1))
    np.testing.assert_allclose((t, p), (expected, 2 * stats.t.sf(abs(expected), 19)))


def test_equal_networks_do_not_differ_at_all() -> None:
    assert naive_paired_t(np.zeros((5, 2)))[1] == 1.0
    assert nadeau_bengio(np.zeros((5, 2)))[1] == 1.0


def _made(seed: int, *, people: int = 10, images: int = 12, signal: float = 0.6) -> tuple[np.ndarray, ...]:
    """Gram matrices of two exchangeable noisy views of one concept, the concept and the participants."""
    rng = np.random.default_rng(seed)
    participant = np.repeat(np.arange(people), images)
    present = rng.random(people * images) < rng.beta(3, 6, people)[participant]
    latent = np.where(present, 1.0, -1.0) + rng.normal(0, 0.4, len(present))
    grams = []
    for _ in range(2):
        seen = latent + rng.normal(0, 0.3, people)[participant] + rng.normal(0, 0.4, len(present))
        features = np.column_stack([4 * signal * seen, rng.normal(size=(len(present), 200))])
        grams.append(gram_matrix(features))
    return grams[0], grams[1], present, participant


def test_decoding_counts_equal_scikit_learn() -> None:
    gram, _, present, participant = _made(0)
    first_half = participant_halves(present, participant, repeats=3, rng=np.random.default_rng(0)).first_half
    found = decode(with_intercept(gram), present, participant, first_half, cost=1.0)
    decisions = out_of_fold(with_intercept(gram), present, first_half, cost=1.0).decisions
    test = ~first_half[0]
    assert found.fold_f1[0, 0] == pytest.approx(f1_score(present[test], decisions[0, test] > 0))
    assert found.fold_auroc[0, 0] == pytest.approx(roc_auc_score(present[test], decisions[0, test]))
    assert found.pooled_f1 == pytest.approx(np.mean([f1_score(present, row > 0) for row in decisions]))
    without = np.mean([f1_score(present[participant != 4], row[participant != 4] > 0) for row in decisions])
    assert found.pooled_f1_without()[5] == pytest.approx(without)


def test_undefined_folds_are_counted_and_left_out() -> None:
    gram, _, _, participant = _made(0, people=4, images=5)
    present = np.arange(20) < 2  # one half holds no concept at all
    first_half = np.stack([np.arange(20) < 10, np.arange(20) % 2 == 0])
    found = decode(with_intercept(gram), present, participant, first_half, cost=1.0)
    assert np.isnan(found.fold_f1[0, 1])
    assert found.undefined >= 1
    assert np.isfinite(found.pooled_f1)


def test_random_concepts_keep_each_participants_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    gram, _, present, participant = _made(1)
    seen = []

    def record(gram: np.ndarray, labels: np.ndarray, halves: np.ndarray, **how: Any) -> object:
        seen.append(labels)
        return out_of_fold(gram, labels, halves, **how)

    monkeypatch.setattr("painlens.concept_test.decodability.out_of_fold", record)
    first_half = participant_halves(present, participant, repeats=4, rng=np.random.default_rng(0)).first_half
    arguments = {"cost": 1.0, "permutations": 5, "rng": np.random.default_rng(2)}
    floor = random_concept_floor(with_intercept(gram), present, participant, first_half, **arguments)
    assert floor.shape == (5,)
    for labels in seen[0]:
        np.testing.assert_array_equal(np.bincount(participant, labels), np.bincount(participant, present))
    assert (seen[0] != present).any()


def test_a_real_concept_is_above_its_random_floor() -> None:
    gram, _, present, participant = _made(3, signal=1.0)
    halves = participant_halves(present, participant, repeats=10, rng=np.random.default_rng(0)).first_half
    found = decode(with_intercept(gram), present, participant, halves, cost=1.0)
    arguments = {"cost": 1.0, "permutations": 40, "rng": np.random.default_rng(2)}
    floor = random_concept_floor(with_intercept(gram), present, participant, halves, **arguments)
    assert found.pooled_f1 > np.percentile(floor, 95)


def test_no_random_concept_gives_no_floor() -> None:
    gram, _, present, participant = _made(0, people=4)
    halves = image_halves(present, repeats=2, stratified=True, rng=np.random.default_rng(0))
    arguments = {"cost": 1.0, "permutations": 0, "rng": np.random.default_rng(0)}
    assert random_concept_floor(gram, present, participant, halves, **arguments).size == 0


def test_paper_replication_is_labelled_and_changes_sign_with_the_models() -> None:
    gram_a, gram_b, present, _ = _made(4)
    arguments = {"repeats": 20, "cost": 1.0, "stratified": True}
    forth = paper_replication(gram_a, gram_b, present, **arguments, rng=np.random.default_rng(0))
    back = paper_replication(gram_b, gram_a, present, **arguments, rng=np.random.default_rng(0))
    assert forth.label == "replication, not inferential"
    assert forth.t == pytest.approx(-back.t)
    assert forth.p == pytest.approx(back.p)
    frame = forth.to_frame(concept="c", model_a="a", model_b="b", replicate="seed=0", folds="images")
    assert frame.loc[0, "label"] == forth.label


def test_nadeau_bengio_keeps_its_level_where_the_naive_t_does_not() -> None:
    naive, corrected = [], []
    for seed in range(40):
        gram_a, gram_b, present, participant = _made(100 + seed)
        rng = np.random.default_rng(seed)
        halves = participant_halves(present, participant, repeats=15, rng=rng).first_half
        decodings = [decode(with_intercept(gram), present, participant, halves, cost=1.0) for gram in (gram_a, gram_b)]
        test = compare_decodings(*decodings)
        naive.append(test.p < 0.05)
        corrected.append(test.nadeau_bengio_p < 0.05)
    assert np.mean(corrected) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 40)
    assert np.mean(naive) > 0.3


@given(st.lists(st.integers(0, 4), min_size=4, max_size=25), st.integers(0, 2**31 - 1))
@settings(max_examples=50, deadline=None)
def test_average_precision_equals_scikit_learn(score: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, judged = np.array([score], dtype=float), rng.random((1, len(score))) < 0.7
    present = rng.random(len(score)) < 0.5
    own = average_precision(values, present, judged)[0]
    if not (present & judged[0]).any():
        assert np.isnan(own)
    else:
        theirs = average_precision_score(present[judged[0]], values[0, judged[0]])
        assert own == pytest.approx(theirs, abs=1e-12)


def test_five_by_two_tests_equal_their_formulas() -> None:
    difference = np.array([[0.1, 0.2], [0.0, 0.1], [0.3, -0.1], [0.05, 0.05], [0.2, 0.0], [9.0, 9.0]])
    spread = sum(((row - row.mean()) ** 2).sum() for row in difference[:5])  # the sixth repeat takes no part
    t, p = dietterich(difference)
    assert t == pytest.approx(0.1 / np.sqrt(spread / 5))
    assert p == pytest.approx(2 * stats.t.sf(t, 5))
    f, p = alpaydin(difference)
    assert f == pytest.approx((difference[:5] ** 2).sum() / (2 * spread))
    assert p == pytest.approx(stats.f.sf(f, 10, 5))
    with pytest.raises(ValueError, match="five repeats"):
        alpaydin(difference[:4])


@given(st.floats(-0.3, 0.3), st.floats(0.01, 0.2), st.floats(3, 80), st.floats(0.05, 0.3))
@settings(max_examples=60, deadline=None)
def test_two_one_sided_tests_hold_if_the_wider_interval_lies_within_the_bound(
    difference: float, error: float, df: float, bound: float
) -> None:
    half = stats.t.ppf(0.95, df) * error
    inside = difference - half > -bound and difference + half < bound
    p = equivalence_p(difference, error, df, bound=bound)
    assert inside == (p < 0.05) or abs(p - 0.05) < 1e-9
    assert p == pytest.approx(equivalence_p(-difference, error, df, bound=bound))


@pytest.mark.parametrize("df", [4.0, 12.0, 60.0])
def test_the_smallest_detectable_difference_is_found_in_four_of_five_studies(df: float) -> None:
    difference = smallest_detectable(0.05, df, confidence=0.95)
    power = stats.nct.sf(stats.t.ppf(0.975, df), df, difference / 0.05)
    assert power == pytest.approx(0.8, abs=0.02)
