"""Linear SVMs with hinge loss, solved in the dual on a Gram matrix that all folds share.

Method: dual coordinate descent with random order and shrinking (Hsieh, Chang, Lin, Keerthi, Sundararajan 2008,
algorithm 3), kernelised. It is the method and the stopping rule of LIBLINEAR and of scikit-learn's
``LinearSVC(dual=True, loss="hinge")``, whose decisions it reproduces. A converged solution does not depend on the
order of the coordinates, so the order's seed is fixed here: seeds of a solver are no replicates. Fits that need too
many sweeps go to an interior-point method, which finds the same solution.

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
MAX_SWEEPS = 300  # about 16 are needed where features outnumber faces


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
        coefficient, sweeps[repeat, fold] = _fit(gram, train, sign, cost, tolerance, max_sweeps, fit + 1)
        support = np.nonzero(coefficient)[0]
        for face in test:
            decision = 0.0
            for k in support:
                decision += coefficient[k] * gram[face, train[k]]
            decisions[repeat, face] = decision
    return decisions, sweeps


@numba.njit(cache=True)
def _fit(  # noqa: PLR0912, PLR0913 # pragma: no cover - compiled
    gram: np.ndarray, train: np.ndarray, sign: np.ndarray, cost: float, tolerance: float, max_sweeps: int, seed: int
):
    """Dual coefficients times signs of the training faces, and the sweeps used (negative: not converged).

    Stops when the spread of the projected gradient over all training faces is at most `tolerance`. The decisions of
    the training faces are kept up to date, so one coordinate costs one row of the training part of the Gram matrix.
    """
    n_train = len(train)
    inner = np.empty((n_train, n_train))  # contiguous: half as many rows as the whole, and they stay in the cache
    for row in range(n_train):
        for column in range(n_train):
            inner[row, column] = gram[train[row], train[column]]
    alpha, decision, order = np.zeros(n_train), np.zeros(n_train), np.arange(n_train)
    state = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15)
    n_active, upper, lower = n_train, np.inf, -np.inf
    for sweep in range(max_sweeps):
        highest, lowest = -np.inf, np.inf
        for last in range(n_active - 1, 0, -1):  # Fisher-Yates with xorshift64*: no generator that others share
            state ^= state >> np.uint64(12)
            state ^= state << np.uint64(25)
            state ^= state >> np.uint64(27)
            drawn = np.int64(((state * np.uint64(0x2545F4914F6CDD1D)) >> np.uint64(33)) % np.uint64(last + 1))
            order[last], order[drawn] = order[drawn], order[last]
        position = 0
        while position < n_active:
            k = order[position]
            gradient = sign[k] * decision[k] - 1.0
            at_zero, at_cost = alpha[k] <= 0.0, alpha[k] >= cost
            if (at_zero and gradient > upper) or (at_cost and gradient < lower):  # will stay there: leave it out
                n_active -= 1
                order[position], order[n_active] = order[n_active], k
                continue
            position += 1
            if (at_zero and gradient > 0.0) or (at_cost and gradient < 0.0):
                gradient = 0.0
            highest, lowest = max(highest, gradient), min(lowest, gradient)
            if abs(gradient) > 1e-12:
                curvature = max(inner[k, k], 1e-12)  # a face without any feature and without intercept
                updated = min(max(alpha[k] - gradient / curvature, 0.0), cost)
                step = (updated - alpha[k]) * sign[k]
                alpha[k] = updated
                for other in range(n_train):
                    decision[other] += step * inner[k, other]
        if highest - lowest <= tolerance:
            if n_active == n_train:
                return alpha * sign, sweep + 1
            n_active, upper, lower = n_train, np.inf, -np.inf  # check the faces that were left out
        else:
            upper = highest if highest > 0.0 else np.inf
            lower = lowest if lowest < 0.0 else -np.inf
    return alpha * sign, -max_sweeps
