"""Linear SVMs with hinge loss, solved in the dual on a Gram matrix that all folds share.

Method: dual descent on two coordinates at a time, chosen by second-order gain (after Fan, Chen, Lin 2005), with the
problem of LIBLINEAR and of scikit-learn's ``LinearSVC(dual=True, loss="hinge")`` (regularised intercept), whose
decisions it reproduces. The choice is deterministic: there is no seed, and seeds of a solver would be no replicates.
Fits that need too many steps go to an interior-point method, which finds the same solution.

Two failures of other solvers are errors or reported here: a fit that has not converged (primal solvers stop early
without a word), and a fit that gives every held-out face the same answer.
"""

from dataclasses import dataclass

import numba
import numpy as np
from jaxtyping import Bool, Float64, Int

from painlens.concept_test.gram import feature_norm, positive_part
from painlens.concept_test.interior_point import solve_box_dual
from painlens.tables import DataError

TOLERANCE = 1e-4  # LIBLINEAR's: largest spread of the projected gradient
MAX_SWEEPS = 300  # about 10 are needed on features of a network


class NotConverged(DataError):
    """The solver stopped before the solution was found; its decisions must not be used."""


@dataclass(frozen=True)
class OutOfFold:
    """Decisions of R repeats of 2-fold cross-validation, each face judged by the fit that did not see it.

    Attributes
    ----------
    decisions
        float64 (repeat, face): distance to the plane times the norm of its normal; positive means "concept present".
        NaN where the training half holds one class only.
    sweeps
        int64 (repeat, fold): passes over the training faces; negative where the interior-point method took over, 0
        where the training half holds one class only.
    degenerate
        bool (repeat, fold): the fit gives every held-out face the same answer.
    """

    decisions: Float64[np.ndarray, "repeat face"]
    sweeps: Int[np.ndarray, "repeat fold"]
    degenerate: Bool[np.ndarray, "repeat fold"]


def out_of_fold(
    gram: Float64[np.ndarray, "face face"],
    present: Bool[np.ndarray, "*repeat face"],
    first_half: Bool[np.ndarray, "repeat face"],
    *,
    cost: float,
    tolerance: float = TOLERANCE,
    max_sweeps: int = MAX_SWEEPS,
) -> OutOfFold:
    """Decisions of 2 R linear SVMs on one Gram matrix.

    Parameters
    ----------
    gram
        Inner products, including the intercept (`painlens.concept_test.gram.with_intercept`).
    present
        The concept is on the face: one row for all repeats, or one per repeat (random concepts).
    first_half
        In each repeat fold 0 trains on the True faces and judges the others, fold 1 the other way round.
    cost
        C: the price of one unit of hinge loss of one face.

    Raises
    ------
    NotConverged
        Neither coordinate descent within `max_sweeps` sweeps nor the interior-point method found the solution.
    """
    n_faces = first_half.shape[1]
    if gram.shape != (n_faces, n_faces) or present.shape[-1] != n_faces:
        raise ValueError(f"gram {gram.shape}, present {present.shape} and first_half {first_half.shape} do not fit")
    signs = np.broadcast_to(np.where(present, 1.0, -1.0), first_half.shape).copy()
    arrays = np.ascontiguousarray(gram), signs, np.ascontiguousarray(first_half)
    decisions, sweeps = _fit_all(*arrays, float(cost), float(tolerance), int(max_sweeps))
    slow = np.argwhere(sweeps < 0)
    positive = positive_part(gram) if len(slow) else gram
    for repeat, fold in slow:
        train = first_half[repeat] == (fold == 0)
        decisions[repeat, ~train] = _decide_by_interior_point(positive, signs[repeat], train, cost, tolerance)
    says_yes, held_out = decisions > 0, np.stack([~first_half, first_half], axis=1)
    yes = (says_yes[:, None, :] & held_out).sum(axis=-1)
    degenerate = (sweeps != 0) & ((yes == 0) | (yes == held_out.sum(axis=-1)))
    return OutOfFold(decisions, sweeps, degenerate)


def _decide_by_interior_point(
    gram: np.ndarray, sign: np.ndarray, train: np.ndarray, cost: float, tolerance: float
) -> np.ndarray:
    """Decisions for the faces that are not in `train`."""
    own = sign[train]
    alpha = solve_box_dual(gram[np.ix_(train, train)] * np.outer(own, own), cost, tolerance=tolerance)
    if alpha is None:
        raise NotConverged(
            f"an SVM on {int(train.sum())} faces did not converge (C = {cost:g}, feature norm "
            f"{feature_norm(gram):.3g}); lower concept_test.cost"
        )
    return gram[np.ix_(~train, train)] @ (alpha * own)


@numba.njit(cache=True, parallel=True)
def _fit_all(  # noqa: PLR0913 # pragma: no cover - compiled
    gram: np.ndarray, signs: np.ndarray, first_half: np.ndarray, cost: float, tolerance: float, max_sweeps: int
):
    """Fit 2 R machines, one thread each; a fit's result does not depend on the number of threads."""
    n_repeats, n_faces = first_half.shape
    decisions = np.empty((n_repeats, n_faces))
    sweeps = np.zeros((n_repeats, 2), np.int64)
    for fit in numba.prange(2 * n_repeats):
        repeat, fold = fit // 2, fit % 2
        train = np.nonzero(first_half[repeat] == (fold == 0))[0]
        test = np.nonzero(first_half[repeat] != (fold == 0))[0]
        sign = signs[repeat][train]
        positives = (sign > 0).sum()
        if positives == 0 or positives == len(train):
            for face in test:
                decisions[repeat, face] = np.nan
            continue
        coefficient, sweeps[repeat, fold] = _fit(gram, train, sign, cost, tolerance, max_sweeps)
        support = np.nonzero(coefficient)[0]
        for face in test:
            decision = 0.0
            for k in support:
                decision += coefficient[k] * gram[face, train[k]]
            decisions[repeat, face] = decision
    return decisions, sweeps


@numba.njit(cache=True)
def _fit(  # noqa: PLR0913 # pragma: no cover - compiled
    gram: np.ndarray, train: np.ndarray, sign: np.ndarray, cost: float, tolerance: float, max_sweeps: int
):
    """Dual coefficients times signs of the training faces, and the sweeps used (negative: not converged).

    Two coordinates at a time: the one that violates its bound most, and the partner with which the dual falls most
    (second-order choice after Fan, Chen, Lin 2005, here without their equality constraint). Features of a ReLU network
    share a large mean; one coordinate at a time crawls along that direction for thousands of sweeps, a pair does not.
    A sweep is as many pairs as there are training faces. Stops when the spread of the projected gradient is at most
    `tolerance`, as LIBLINEAR.
    """
    n_train = len(train)
    quadratic = np.empty((n_train, n_train))
    for row in range(n_train):
        for column in range(n_train):
            quadratic[row, column] = sign[row] * sign[column] * gram[train[row], train[column]]
    alpha, gradient = np.zeros(n_train), -np.ones(n_train)
    diagonal = np.empty(n_train)
    for k in range(n_train):
        diagonal[k] = max(quadratic[k, k], 1e-12)  # a face without any feature and without intercept
    for step in range(max_sweeps * n_train):
        first, best, highest, lowest = -1, 0.0, 0.0, 0.0
        for k in range(n_train):
            slope = _projected(gradient[k], alpha[k], cost)
            highest, lowest = max(highest, slope), min(lowest, slope)
            gain = slope * slope / diagonal[k]
            if gain > best:
                first, best = k, gain
        if highest - lowest <= tolerance or first < 0:
            return alpha * sign, step // n_train + 1
        second = _partner(quadratic, gradient, alpha, diagonal, first, cost)
        change_first, change_second = _pair_step(quadratic, gradient, alpha, diagonal, first, second, cost)
        alpha[first] = min(max(alpha[first] + change_first, 0.0), cost)
        alpha[second] = min(max(alpha[second] + change_second, 0.0), cost)
        for k in range(n_train):
            gradient[k] += change_first * quadratic[first, k] + change_second * quadratic[second, k]
    return alpha * sign, -max_sweeps


@numba.njit(cache=True)
def _projected(slope: float, alpha: float, cost: float) -> float:  # pragma: no cover - compiled
    """Gradient of one coordinate, zero where it points out of the box."""
    if (alpha <= 0.0 and slope > 0.0) or (alpha >= cost and slope < 0.0):
        return 0.0
    return slope


@numba.njit(cache=True)
def _partner(  # noqa: PLR0913 # pragma: no cover - compiled
    quadratic: np.ndarray, gradient: np.ndarray, alpha: np.ndarray, diagonal: np.ndarray, first: int, cost: float
) -> int:
    """The coordinate that lowers the dual most together with `first`, bounds left aside."""
    second, best, own = -1, -np.inf, diagonal[first]
    for k in range(len(alpha)):
        slope = gradient[k]
        if k == first or (alpha[k] <= 0.0 and slope > 0.0 and quadratic[first, k] * gradient[first] <= 0.0):
            continue
        cross = quadratic[first, k]
        determinant = max(own * diagonal[k] - cross * cross, 1e-12 * own * diagonal[k])
        top = gradient[first]
        gain = (diagonal[k] * top * top - 2.0 * cross * top * slope + own * slope * slope) / determinant
        if gain > best and _can_move(top, slope, alpha[k], cross, own, cost):
            second, best = k, gain
    return second if second >= 0 else (first + 1) % len(alpha)


@numba.njit(cache=True)
def _can_move(top: float, slope: float, alpha: float, cross: float, own: float, cost: float) -> bool:  # noqa: PLR0913 # pragma: no cover - compiled
    """Whether the partner's part of the joint step stays inside the box at first."""
    change = -(slope * own - cross * top)  # times a positive number
    return (change > 0.0 and alpha < cost) or (change < 0.0 and alpha > 0.0)


@numba.njit(cache=True)
def _pair_step(  # noqa: PLR0913 # pragma: no cover - compiled
    quadratic: np.ndarray,
    gradient: np.ndarray,
    alpha: np.ndarray,
    diagonal: np.ndarray,
    first: int,
    second: int,
    cost: float,
):
    """Changes of two coordinates that minimise the dual within their box; the best of inside and the four edges."""
    a, b, cross = diagonal[first], diagonal[second], quadratic[first, second]
    slope_a, slope_b = gradient[first], gradient[second]
    low_a, high_a, low_b, high_b = -alpha[first], cost - alpha[first], -alpha[second], cost - alpha[second]
    determinant = a * b - cross * cross
    if determinant > 1e-12 * a * b:
        x = (cross * slope_b - b * slope_a) / determinant
        y = (cross * slope_a - a * slope_b) / determinant
        if low_a <= x <= high_a and low_b <= y <= high_b:
            return x, y
    best, best_x, best_y = np.inf, 0.0, 0.0
    for edge in range(4):
        if edge < 2:
            x = low_a if edge == 0 else high_a
            y = min(max(-(slope_b + cross * x) / b, low_b), high_b)
        else:
            y = low_b if edge == 2 else high_b
            x = min(max(-(slope_a + cross * y) / a, low_a), high_a)
        value = slope_a * x + slope_b * y + 0.5 * (a * x * x + b * y * y) + cross * x * y
        if value < best:
            best, best_x, best_y = value, x, y
    return best_x, best_y
