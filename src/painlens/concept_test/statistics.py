"""F1, AUROC and paired tests: pure functions of counts, decisions and weights."""

import numba
import numpy as np
from jaxtyping import Bool, Float, Float64, Int
from scipy import special


def two_sided_p(t: float, df: float) -> float:
    """Two-sided p of a t value.

    Examples
    --------
    >>> round(two_sided_p(-12.706, 1), 3)
    0.05
    """
    return float(2 * special.stdtr(df, -abs(t)))


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


def dietterich(fold_difference: Float64[np.ndarray, "repeat fold"]) -> tuple[float, float]:
    """Test statistic t and p of the 5 x 2 cross-validated paired t test on the first five repeats (Dietterich 1998).

    Five degrees of freedom. Its numerator is a single fold's difference, so it wastes most of the data.

    Raises
    ------
    ValueError
        There are fewer than five repeats.
    """
    five = _five_repeats(fold_difference)
    spread = five.var(axis=1, ddof=1).sum()
    if spread == 0:
        return (0.0, 1.0) if five[0, 0] == 0 else (np.nan, np.nan)
    t = float(five[0, 0] / np.sqrt(spread / 5))
    return t, two_sided_p(t, 5)


def alpaydin(fold_difference: Float64[np.ndarray, "repeat fold"]) -> tuple[float, float]:
    """Test statistic F and p of the combined 5 x 2 F test on the first five repeats (Alpaydin 1999); F(10, 5).

    Raises
    ------
    ValueError
        There are fewer than five repeats.
    """
    five = _five_repeats(fold_difference)
    spread = five.var(axis=1, ddof=1).sum()
    if spread == 0:
        return (0.0, 1.0) if not five.any() else (np.nan, np.nan)
    f = float((five**2).sum() / (2 * spread))
    return f, float(special.fdtrc(10, 5, f))


def _five_repeats(fold_difference: Float64[np.ndarray, "repeat fold"]) -> Float64[np.ndarray, "5 2"]:
    if len(fold_difference) < 5:
        raise ValueError(f"5 x 2 tests need five repeats of two folds, got {len(fold_difference)}")
    return fold_difference[:5]


def equivalence_p(difference: float, standard_error: float, df: float, *, bound: float) -> float:
    """The p of two one-sided tests that a difference lies within plus or minus a bound (Schuirmann 1987).

    Examples
    --------
    >>> round(equivalence_p(0.0, 0.05, 20.0, bound=0.1), 3)
    0.03
    """
    if standard_error == 0:
        return 0.0 if abs(difference) < bound else 1.0
    return float(special.stdtr(df, (abs(difference) - bound) / standard_error))


def smallest_detectable(standard_error: float, df: float, *, confidence: float, power: float = 0.8) -> float:
    """Difference whose interval excludes zero in a share `power` of such studies.

    Examples
    --------
    >>> round(smallest_detectable(0.05, 20.0, confidence=0.95), 3)
    0.147
    """
    if standard_error == 0:
        return 0.0
    return float((special.stdtrit(df, (1 + confidence) / 2) + special.stdtrit(df, power)) * standard_error)


def average_precision(
    score: Float64[np.ndarray, "fold face"], present: Bool[np.ndarray, " face"], judged: Bool[np.ndarray, "fold face"]
) -> Float64[np.ndarray, " fold"]:
    """Average precision of each fold's scores over the faces that it judges; NaN without a face with the concept.

    The sum over the scores, from the largest, of precision times the rise of recall; tied faces enter together.

    Examples
    --------
    >>> score, present = np.array([[0.1, 0.4, 0.35, 0.8]]), np.array([False, False, True, True])
    >>> average_precision(score, present, np.ones((1, 4), bool)).round(3).tolist()
    [0.833]
    """
    return _average_precision(np.ascontiguousarray(score), present, np.ascontiguousarray(judged))


@numba.njit(cache=True)
def _average_precision(score: np.ndarray, present: np.ndarray, judged: np.ndarray):  # pragma: no cover - compiled
    result = np.empty(len(score))
    for fold in range(len(score)):
        faces = np.nonzero(judged[fold])[0]
        order = faces[np.argsort(-score[fold][faces])]
        seen = positives = area = 0.0
        start = 0
        while start < len(order):
            tied, value = 0.0, score[fold, order[start]]
            while start < len(order) and score[fold, order[start]] == value:
                seen += 1.0
                tied += 1.0 if present[order[start]] else 0.0
                start += 1
            positives += tied
            area += tied * positives / seen
        result[fold] = area / positives if positives > 0 else np.nan
    return result


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
    order = np.argsort(score, axis=1)
    return _auroc(np.ascontiguousarray(score), order, present, participant, np.ascontiguousarray(weights))


@numba.njit(cache=True)
def _auroc(
    score: np.ndarray, orders: np.ndarray, present: np.ndarray, participant: np.ndarray, weights: np.ndarray
):  # pragma: no cover - compiled
    """One pass over the sorted faces per network, all weightings side by side.

    Tied faces enter together: half of those without the concept, then those with it, then the other half.
    """
    n_networks, n_faces = score.shape
    by_person = np.ascontiguousarray(weights.T)
    result = np.empty((n_networks, len(weights)))
    for network in range(n_networks):
        order = orders[network]
        below, positives, area = np.zeros(len(weights)), np.zeros(len(weights)), np.zeros(len(weights))
        start = 0
        while start < n_faces:
            stop = start + 1
            while stop < n_faces and score[network, order[stop]] == score[network, order[start]]:
                stop += 1
            for step in range(3):
                for place in range(start, stop):
                    person = participant[order[place]]
                    if present[order[place]] != (step == 1):
                        continue
                    for k in range(len(weights)):
                        if step == 1:
                            area[k] += by_person[person, k] * below[k]
                            positives[k] += by_person[person, k]
                        else:
                            below[k] += 0.5 * by_person[person, k]
            start = stop
        for k in range(len(weights)):
            pairs = positives[k] * below[k]
            result[network, k] = area[k] / pairs if pairs > 0 else np.nan
    return result
