"""Linear SVMs with hinge loss, solved in the dual on a Gram matrix that all folds share.

The problem is that of LIBLINEAR and of scikit-learn's ``LinearSVC(dual=True, loss="hinge")`` (regularised intercept),
whose decisions it reproduces. Two engines: `pairs`, painlens' own, and `liblinear`, scikit-learn's solver on rows that
have the Gram matrix. The first is deterministic: there is no seed, and seeds of a solver would be no replicates. It
solves fits on many faces by exchanges (`painlens.concept_test.exchange`), all others and what these leave by descent on
pairs of coordinates (`painlens.concept_test.descent`), both on all cores. Fits that need too many steps go to an
interior-point method. All find the same solution.

Two failures of other solvers are errors or reported here: a fit that has not converged (primal solvers stop early
without a word), and a fit that gives every held-out face the same answer.
"""

import warnings
from dataclasses import dataclass

import numba
import numpy as np
from jaxtyping import Bool, Float64, Int
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from painlens.concept_test.descent import solve_dual
from painlens.concept_test.exchange import solve_by_exchange
from painlens.concept_test.gram import FoldGeometry, feature_norm, positive_part, rows_with_gram
from painlens.concept_test.interior_point import solve_box_dual
from painlens.tables import DataError

TOLERANCE = 1e-4  # LIBLINEAR's: largest spread of the projected gradient
MAX_SWEEPS = 300  # about 1 is needed on features of a network
FEWEST_FACES = 128  # of a training half, from which on a factorisation pays
LIBLINEAR_ITERATIONS = 1_000_000


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
        int64 (repeat, fold): exchanges, or passes over the training faces; negative where the interior-point method
        took over, 0 where the training half holds one class only.
    degenerate
        bool (repeat, fold): the fit gives every held-out face the same answer.
    """

    decisions: Float64[np.ndarray, "repeat face"]
    sweeps: Int[np.ndarray, "repeat fold"]
    degenerate: Bool[np.ndarray, "repeat fold"]


def out_of_fold(  # noqa: PLR0913 - the problem, and how it is solved
    gram: Float64[np.ndarray, "face face"],
    present: Bool[np.ndarray, "*repeat face"],
    first_half: Bool[np.ndarray, "repeat face"],
    *,
    cost: float,
    tolerance: float = TOLERANCE,
    max_sweeps: int = MAX_SWEEPS,
    geometry: FoldGeometry | None = None,
    engine: str = "pairs",
) -> OutOfFold:
    """Decisions of 2 R linear SVMs on one Gram matrix.

    Parameters
    ----------
    gram
        Inner products, including the intercept (`painlens.concept_test.gram.with_intercept`); with a `geometry`,
        which brings its own, without.
    present
        The concept is on the face: one row for all repeats, or one per repeat (random concepts).
    first_half
        In each repeat fold 0 trains on the True faces and judges the others, fold 1 the other way round.
    cost
        C: the price of one unit of hinge loss of one face.
    geometry
        Centring and scaling on the training faces of each fold (`painlens.concept_test.gram.in_fold`).
    engine
        ``pairs`` or ``liblinear``.

    Raises
    ------
    NotConverged
        Neither descent within `max_sweeps` sweeps nor the interior-point method found the solution.
    """
    n_faces = first_half.shape[1]
    if gram.shape != (n_faces, n_faces) or present.shape[-1] != n_faces:
        raise ValueError(f"gram {gram.shape}, present {present.shape} and first_half {first_half.shape} do not fit")
    geometry = geometry or FoldGeometry.plain(first_half.shape)
    train = np.ascontiguousarray(np.stack([first_half, ~first_half], axis=1)).reshape(-1, n_faces)
    signs = np.broadcast_to(np.where(present, 1.0, -1.0), first_half.shape).repeat(2, axis=0)
    if engine == "liblinear":
        decisions, sweeps = _decide_by_liblinear(gram, geometry, train, signs, cost, tolerance)
    else:
        arrays = np.ascontiguousarray(gram), geometry, train, signs
        _, decisions, sweeps = _solve(*arrays, cost, tolerance, max_sweeps)
    decisions[sweeps == 0] = np.nan
    decisions = np.where(first_half, decisions[1::2], decisions[::2])
    sweeps = sweeps.reshape(-1, 2)
    says_yes, held_out = decisions > 0, np.stack([~first_half, first_half], axis=1)
    yes = (says_yes[:, None, :] & held_out).sum(axis=-1)
    degenerate = (sweeps != 0) & ((yes == 0) | (yes == held_out.sum(axis=-1)))
    return OutOfFold(decisions, sweeps, degenerate)


def fit_all_faces(
    gram: Float64[np.ndarray, "face face"], present: Bool[np.ndarray, "fit face"], *, cost: float
) -> Float64[np.ndarray, "fit face"]:
    """Coefficients of SVMs on all faces: the normal of the plane is the sum of the faces' features times them.

    Parameters
    ----------
    gram
        Inner products including the intercept.
    present
        One labelling of the faces per fit; each needs both classes.

    Raises
    ------
    NotConverged
        As in `out_of_fold`.
    """
    everybody = np.ones(present.shape, bool)
    signs = np.where(present, 1.0, -1.0)
    geometry = FoldGeometry.plain((len(present), len(gram)), fits=len(present))
    arrays = np.ascontiguousarray(gram), geometry, everybody, signs
    return _solve(*arrays, cost, TOLERANCE, MAX_SWEEPS)[0]


def _solve(  # noqa: PLR0913
    gram: np.ndarray, geometry: FoldGeometry, train: np.ndarray, signs: np.ndarray, cost: float, tolerance: float,
    max_sweeps: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Coefficients and decisions (fit, face), steps (fit,): by exchanges where they pay, the rest by descent."""
    if train.sum(axis=1).min(initial=len(gram)) < FEWEST_FACES:
        coefficients, sweeps = _solve_by_pairs(gram, geometry, train, signs, cost, tolerance, max_sweeps)
        return coefficients, geometry.decisions(gram, coefficients), sweeps
    found = solve_by_exchange(gram, geometry, train, signs, cost=cost, tolerance=tolerance)
    left = np.flatnonzero(found.exchanges < 0)
    if len(left):
        own = geometry.of_fits(left), train[left], signs[left]
        found.coefficients[left], found.exchanges[left] = _solve_by_pairs(gram, *own, cost, tolerance, max_sweeps)
        found.decisions[left] = own[0].decisions(gram, found.coefficients[left])
    return found.coefficients, found.decisions, found.exchanges


def _solve_by_pairs(  # noqa: PLR0913
    gram: np.ndarray, geometry: FoldGeometry, train: np.ndarray, signs: np.ndarray, cost: float, tolerance: float,
    max_sweeps: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Coefficients (fit, face) and sweeps (fit,), by descent on pairs."""
    arrays = gram, geometry.shift, geometry.factor, train, signs
    limits = float(cost), float(tolerance), int(max_sweeps)
    coefficients, sweeps = _fit_all(*arrays, float(geometry.intercept), limits)
    slow = np.flatnonzero(sweeps < 0)
    positive = positive_part(gram) if len(slow) else gram
    for fit in slow.tolist():
        own, sign = geometry.gram_of(positive, fit)[np.ix_(train[fit], train[fit])], signs[fit, train[fit]]
        alpha = solve_box_dual(own * np.outer(sign, sign), cost, tolerance=tolerance)
        if alpha is None:
            raise _not_converged(int(train[fit].sum()), cost, gram)
        coefficients[fit, train[fit]] = alpha * sign
    return coefficients, sweeps


def _decide_by_liblinear(
    gram: np.ndarray, geometry: FoldGeometry, train: np.ndarray, signs: np.ndarray, cost: float, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Decisions (fit, face) and iterations (fit,) of scikit-learn's solver on rows that have the Gram matrix."""
    decisions, iterations = np.zeros(signs.shape), np.zeros(len(signs), np.int64)
    shared = rows_with_gram(gram) if geometry.is_plain else None
    for fit, own in enumerate(train):
        sign = signs[fit, own]
        if abs(sign.sum()) == len(sign):
            continue
        rows = shared if shared is not None else rows_with_gram(geometry.gram_of(gram, fit))
        machine = LinearSVC(
            C=cost, loss="hinge", dual=True, tol=tolerance, max_iter=LIBLINEAR_ITERATIONS, fit_intercept=False,  # pyright: ignore[reportArgumentType] - dual takes bool
            random_state=0,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            try:
                machine.fit(rows[own], sign)
            except ConvergenceWarning:
                raise _not_converged(len(sign), cost, gram) from None
        decisions[fit], iterations[fit] = rows @ machine.coef_[0], machine.n_iter_
    return decisions, iterations


def _not_converged(n_faces: int, cost: float, gram: np.ndarray) -> NotConverged:
    return NotConverged(
        f"an SVM on {n_faces} faces did not converge (C = {cost:g}, feature norm {feature_norm(gram):.3g}); lower "
        "concept_test.cost"
    )


@numba.njit(cache=True, parallel=True)
def _fit_all(  # noqa: PLR0913 # pragma: no cover - compiled
    gram: np.ndarray, shift: np.ndarray, factor: np.ndarray, train: np.ndarray, signs: np.ndarray, intercept: float,
    limits: tuple[float, float, int],
):  # fmt: skip
    """Fit all machines, one thread each; a fit's result does not depend on the number of threads."""
    n_fits, n_faces = train.shape
    coefficients, sweeps = np.zeros((n_fits, n_faces)), np.zeros(n_fits, np.int64)
    for fit in numba.prange(n_fits):
        faces = np.nonzero(train[fit])[0]
        sign = signs[fit][faces]
        positives = (sign > 0).sum()
        if positives == 0 or positives == len(faces):
            continue
        scale = (factor[fit], intercept)
        found, sweeps[fit] = solve_dual(
            gram, shift[fit % len(shift)], scale, faces, sign, limits[0], limits[1], limits[2]
        )
        for place in range(len(faces)):
            coefficients[fit, faces[place]] = found[place]
    return coefficients, sweeps
