"""F1, AUROC and paired tests: pure functions of counts, decisions and weights."""

import numba
import numpy as np
from jaxtyping import Bool, Float, Float64, Int
from scipy import stats


def two_sided_p(t: float, df: float) -> float:
    """Two-sided p of a t value.

    Examples
    --------
    >>> round(two_sided_p(-12.706, 1), 3)
    0.05
    """
    return float(2 * stats.t.sf(abs(t), df))


def f1_from_counts(
    true_positive: Float[np.ndarray, "*any"],
    false_positive: Float[np.ndarray, "*any"],
    false_negative: Float[np.ndarray, "*any"],
) -> Float64[np.ndarray, "*any"]:
    """F1 = 2 TP / (2 TP + FP + FN); NaN where there is neither a face with the concept nor a positive answer.

    Examples
    --------
    >>> f1_from_counts(np.array([3.0, 0.0]), np.array([1.0, 0.0]), np.array([1.0, 0.0])).tolist()
    [0.75, nan]
    """
    total = 2 * true_positive + false_positive + false_negative
    return np.divide(2 * true_positive, total, out=np.full(np.shape(total), np.nan), where=total > 0)


def always_positive_f1(prevalence: float) -> float:
    """F1 of answering "present" on every face: 2 prevalence / (1 + prevalence).

    Examples
    --------
    >>> always_positive_f1(0.25)
    0.4
    """
    return 2 * prevalence / (1 + prevalence)


def naive_paired_t(fold_difference: Float64[np.ndarray, "repeat fold"]) -> tuple[float, float, float]:
    """t, p and Cohen's d over repeat means: the paper's test, for replication only.

    t grows as the square root of the repeats even for models that do not differ: repeats are no replicates.
    """
    mean = fold_difference.mean(axis=1)
    spread = mean.std(ddof=1)
    if spread == 0:
        return (0.0, 1.0, 0.0) if mean.mean() == 0 else (np.nan, np.nan, np.nan)
    t = float(mean.mean() / (spread / np.sqrt(len(mean))))
    return t, two_sided_p(t, len(mean) - 1), t / float(np.sqrt(len(mean)))


def nadeau_bengio(
    fold_difference: Float64[np.ndarray, "repeat fold"], *, test_to_train: float = 1.0
) -> tuple[float, float]:
    """Test statistic t and p of the corrected resampled test on *fold* differences (Nadeau and Bengio 2003).

    The only test of one network against one network that held its level in every null simulation. On repeat means it
    would be wrong.

    Parameters
    ----------
    test_to_train
        Size of a test fold over that of its training folds; 1 for two folds.
    """
    fold = fold_difference.ravel()
    variance = fold.var(ddof=1)
    if variance == 0:
        return (0.0, 1.0) if fold.mean() == 0 else (np.nan, np.nan)
    t = float(fold.mean() / np.sqrt((1 / len(fold) + test_to_train) * variance))
    return t, two_sided_p(t, len(fold) - 1)


def holm(p_values: Float64[np.ndarray, " test"]) -> Float64[np.ndarray, " test"]:
    """Adjusted p of a family of tests, in the given order (Holm 1979); NaN stays NaN and does not count.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    adjusted = np.full(len(p_values), np.nan)
    tested = np.flatnonzero(np.isfinite(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    steps = (len(order) - np.arange(len(order))) * p_values[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def weighted_auroc(
    score: Float64[np.ndarray, "network face"],
    present: Bool[np.ndarray, " face"],
    participant: Int[np.ndarray, " face"],
    weights: Float64[np.ndarray, "weighting participant"],
) -> Float64[np.ndarray, "network weighting"]:
    """AUROC of each network's score for a concept, with every face weighted as its participant.

    The share of pairs (face with the concept, face without) that the score puts in this order, ties counting half, a
    pair weighted by the product of its weights. NaN where a class has no weight.

    Examples
    --------
    >>> score = np.array([[0.0, 1.0, 1.0, 2.0]])
    >>> weighted_auroc(score, np.array([False, True, False, True]), np.arange(4), np.ones((1, 4))).tolist()
    [[0.875]]
    """
    return _auroc(np.ascontiguousarray(score), present, participant, np.ascontiguousarray(weights))


@numba.njit(cache=True)
def _auroc(
    score: np.ndarray, present: np.ndarray, participant: np.ndarray, weights: np.ndarray
):  # pragma: no cover - compiled
    """One pass over the sorted faces per network and weighting; tied faces enter together."""
    n_networks, n_faces = score.shape
    result = np.empty((n_networks, len(weights)))
    for network in range(n_networks):
        order = np.argsort(score[network])
        for weighting in range(len(weights)):
            below = positives = area = 0.0
            start = 0
            while start < n_faces:
                tied_positive = tied_negative = 0.0
                value = score[network, order[start]]
                while start < n_faces and score[network, order[start]] == value:
                    face = order[start]
                    if present[face]:
                        tied_positive += weights[weighting, participant[face]]
                    else:
                        tied_negative += weights[weighting, participant[face]]
                    start += 1
                area += tied_positive * (below + 0.5 * tied_negative)
                below += tied_negative
                positives += tied_positive
            pairs = positives * below
            result[network, weighting] = area / pairs if pairs > 0 else np.nan
    return result
