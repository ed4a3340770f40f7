"""SVM duals solved by exchanging whole sets of coordinates between free and fixed, many fits side by side.

The problem is that of `painlens.concept_test.descent`: minimise a'Qa/2 - sum(a) for 0 <= a <= C. Behind the last
pooling layer of a network there are more features than faces, Q has full rank, and most training faces are support
vectors. Then

* every coordinate starts free; with some coordinates fixed at 0 or C the minimum over the others is a system of linear
  equations, solved for a block of fits at once (`painlens.concept_test.conjugate`);
* free coordinates beyond a bound become fixed, fixed ones whose gradient points inside become free, all at once
  (principal pivoting: Judice and Pires 1994; Hintermueller, Ito, Kunisch 2002). Four or five exchanges end it, so the
  first systems are solved roughly and only the last ones to the tolerance;
* float64 decisions of the block, one product with the Gram matrix that all share, give the remaining gradient; a
  correction on the same sets removes the rounding of float32.

A fit whose exchanges do not come to an end, whose equations take too many steps, most of whose coordinates are fixed,
or whose gradient is not within the tolerance at the end, is left to descent. Blocks of fits are fixed and BLAS runs on
one thread in each of them: results do not depend on the number of threads.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numba
import numpy as np
from jaxtyping import Bool, Float64, Int

from painlens.concept_test.conjugate import READY, Shared, Systems
from painlens.concept_test.gram import FoldGeometry
from painlens.concept_test.threads import one_blas_thread

BLOCK, TRIAL = 128, 16  # fits that are solved side by side; in the first block
AIMS = (0.1, 0.02, 0.002)  # largest rest of the first systems, the gradient at 0 being 1; then a part of the tolerance
LAST_AIM = 0.25  # that part
MOST_EXCHANGES = 20
MOST_FIXED = 0.6  # share of fixed coordinates from which on descent is the faster
WORSE = 4  # exchanges in a row without fewer violations than ever before
CORRECTIONS = 2
WORTH_IT = 0.5  # share of the first block that must be solved; else the others are not tried


@dataclass(frozen=True)
class Exchanged:
    """Fits that were tried.

    Attributes
    ----------
    coefficients
        float64 (fit, face): dual coefficients times signs; zeros where a fit was not solved.
    decisions
        float64 (fit, face): of the solved fits.
    exchanges
        int64 (fit,): sets of systems that were solved; 0 where the training faces are of one class, -1 where the fit
        was not solved.
    """

    coefficients: Float64[np.ndarray, "fit face"]
    decisions: Float64[np.ndarray, "fit face"]
    exchanges: Int[np.ndarray, " fit"]


def solve_by_exchange(  # noqa: PLR0913 - the problem
    gram: Float64[np.ndarray, "face face"],
    geometry: FoldGeometry,
    train: Bool[np.ndarray, "fit face"],
    signs: Float64[np.ndarray, "fit face"],
    *,
    cost: float,
    tolerance: float,
) -> Exchanged:
    """Dual coefficients of all fits that this method can solve.

    The first block decides whether the others are tried: where Q has too low a rank, hardly any fit is solved.
    """
    found = Exchanged(np.zeros(train.shape), np.zeros(train.shape), np.full(len(train), -1, np.int64))
    edges = [0, *range(min(TRIAL, len(train)), len(train), BLOCK), len(train)]
    blocks = [slice(start, stop) for start, stop in pairwise(edges)]
    limits = cost, tolerance
    with one_blas_thread():
        middle = np.zeros(len(gram)) if geometry.is_plain else geometry.shift.mean(axis=0)
        shared = Shared.of(gram, middle)

        def work(rows: slice) -> None:
            own = geometry.of_fits(rows)
            systems = Systems.of(shared, own, middle)
            _solve_block(found, rows, (gram, own, systems), train[rows], signs[rows], limits)

        work(blocks[0])
        if (found.exchanges[blocks[0]] < 0).mean() > 1 - WORTH_IT:
            return found
        with ThreadPoolExecutor(numba.get_num_threads()) as pool:
            list(pool.map(work, blocks[1:]))
    return found


def _solve_block(  # noqa: PLR0913, PLR0917
    found: Exchanged, rows: slice, problem: tuple[np.ndarray, FoldGeometry, Systems], train: np.ndarray,
    signs: np.ndarray, limits: tuple[float, float],
) -> None:  # fmt: skip
    """Solve some fits, correct them by their float64 gradients, and keep those within the tolerance."""
    gram, geometry, systems = problem
    cost, tolerance = limits
    one_class = np.abs((signs * train).sum(axis=1)) == train.sum(axis=1)
    found.exchanges[rows][one_class] = 0
    fits = np.flatnonzero(~one_class)
    bound = (cost * geometry.factor[fits]).astype(np.float32)
    state = _Fits(systems.only(fits), train[fits], signs[fits].astype(np.float32), bound)
    exchanges = state.exchange(tolerance)
    fits, state, exchanges = fits[exchanges > 0], state.only(exchanges > 0), exchanges[exchanges > 0]
    own, factor = geometry.of_fits(fits), geometry.factor[fits, None]
    sign, trained = signs[fits], train[fits]
    coefficients = np.ascontiguousarray(state.alpha() / factor * sign)
    decisions = own.decisions(gram, coefficients)
    missed = np.flatnonzero(_spread(decisions, coefficients, sign, trained, cost) > tolerance)
    for _ in range(CORRECTIONS if len(missed) else 0):
        rest = np.where(trained[missed], sign[missed] - decisions[missed], 0.0)
        step = state.only(missed).corrected(rest, LAST_AIM * tolerance) / factor[missed]
        alpha = np.clip((coefficients[missed] + step) * sign[missed], 0.0, cost)
        coefficients[missed] = alpha * sign[missed]
        decisions[missed] = own.of_fits(missed).decisions(gram, coefficients[missed])
        over = _spread(decisions[missed], coefficients[missed], sign[missed], trained[missed], cost) > tolerance
        missed = missed[over]
        if not len(missed):
            break
    solved = np.setdiff1d(np.arange(len(fits)), missed)
    places = np.arange(rows.start, rows.stop)[fits[solved]]
    found.coefficients[places], found.decisions[places] = coefficients[solved], decisions[solved]
    found.exchanges[places] = exchanges[solved]


@numba.njit(cache=True, nogil=True)
def _spread(
    decisions: np.ndarray, coefficients: np.ndarray, signs: np.ndarray, train: np.ndarray, cost: float
):  # pragma: no cover - compiled
    """LIBLINEAR's measure for each fit: largest minus smallest projected gradient, 0 among them."""
    found = np.empty(len(decisions))
    for fit in range(len(decisions)):
        high, low = 0.0, 0.0
        for face in range(decisions.shape[1]):
            if not train[fit, face]:
                continue
            slope = decisions[fit, face] * signs[fit, face] - 1.0
            alpha = coefficients[fit, face] * signs[fit, face]
            if slope > high and alpha > 0:
                high = slope
            if slope < low and alpha < cost:
                low = slope
            if np.isnan(slope):
                high = np.inf
        found[fit] = high - low
    return found


class _Fits:
    """Fits side by side, in units in which the factor of their geometry is 1: which coordinates are free, and where."""

    def __init__(self, systems: Systems, train: np.ndarray, signs: np.ndarray, bound: np.ndarray) -> None:
        self._systems, self._train, self._signs, self._bound = systems, train, signs, bound
        self._free = train.astype(np.float32)
        self._high = np.zeros(train.shape, bool)
        self._x = np.zeros(train.shape, np.float32)  # the coefficients
        self._products = np.zeros(train.shape, np.float32)  # of them

    def only(self, kept: np.ndarray) -> "_Fits":
        """Some of the fits as they are now."""
        other = _Fits(self._systems.only(kept), self._train[kept], self._signs[kept], self._bound[kept])
        other._free, other._high = self._free[kept], self._high[kept]
        other._x, other._products = self._x[kept], self._products[kept]
        return other

    def alpha(self) -> Float64[np.ndarray, "fit face"]:
        """Dual coefficients, within their bounds."""
        return np.clip((self._x * self._signs).astype(np.float64), 0.0, self._bound[:, None].astype(np.float64))

    def corrected(self, rest: Float64[np.ndarray, "fit face"], aim: float) -> Float64[np.ndarray, "fit face"]:
        """Change of the free coefficients that brings the rest of the equations to nothing, the fixed ones held."""
        own = (rest * self._free).astype(np.float32)
        step, products = np.zeros_like(own), np.zeros_like(own)
        self._systems.solve(step, products, own, self._free, aim)
        return step.astype(np.float64)

    def exchange(self, tolerance: float) -> Int[np.ndarray, " fit"]:
        """Exchange coordinates until none is beyond a bound or pulled inside; how often, -1 where it found no end."""
        taken = np.full(len(self._x), -1, np.int64)
        live, fits = np.arange(len(self._x)), self
        fewest, worse = np.full(len(live), self._train.shape[1] + 1), np.zeros(len(live), int)
        last = LAST_AIM * tolerance
        aims = [*(max(aim, last) for aim in AIMS), *[last] * (MOST_EXCHANGES - len(AIMS))]
        for count, aim in enumerate(aims, start=1):
            violations, fixed, worst = fits._round(aim, tolerance)
            self._put(live, fits)
            done = (violations == 0) & (worst <= last)
            taken[live[done]] = count
            worse = np.where(violations < fewest, 0, worse + 1)
            fewest = np.minimum(fewest, violations)
            stuck = (worst > aim) & ((worst <= aim).mean() < READY)  # Q is too near to a singular one
            going = ~done & ~stuck & (worse < WORSE) & (fixed <= MOST_FIXED * self._train[live].sum(axis=1))
            if not going.any():
                break
            live, fits, fewest, worse = live[going], fits.only(going), fewest[going], worse[going]
        return taken

    def _put(self, rows: np.ndarray, fits: "_Fits") -> None:
        """Take over where some of the fits have come to."""
        if fits is not self:
            self._x[rows], self._free[rows], self._high[rows] = fits._x, fits._free, fits._high

    def _round(self, aim: float, tolerance: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Solve the systems of the free coordinates and exchange: violations, fixed coordinates, largest rest."""
        rest = (self._signs - self._products) * self._free
        worst = self._systems.solve(self._x, self._products, rest, self._free, aim)
        sets, slack = (self._train, self._free, self._high), max(tolerance, aim)
        changed = np.zeros_like(self._x)
        violations, fixed = _exchange(self._x, self._products, self._signs, sets, self._bound, slack, changed)
        self._systems.move(self._products, changed)
        return violations, fixed, worst


@numba.njit(cache=True, nogil=True)
def _exchange(  # noqa: PLR0913, PLR0917
    x: np.ndarray, products: np.ndarray, signs: np.ndarray, sets: tuple[np.ndarray, np.ndarray, np.ndarray],
    bound: np.ndarray, slack: float, changed: np.ndarray,
):  # fmt: skip # pragma: no cover - compiled
    """Move coordinates between free and fixed, and to their bounds, which is noted in `changed`.

    Returns how many were moved, and how many are fixed: all where x is no number.
    """
    train, free, high = sets
    violations, fixed = np.zeros(len(x), np.int64), np.zeros(len(x), np.int64)
    odd = np.empty(x.shape[1], np.bool_)
    for fit in range(len(x)):
        own, sign, most = x[fit], signs[fit], bound[fit]
        for face in range(len(own)):  # few are odd: found in one go, without a branch
            alpha, slope = own[face] * sign[face], products[fit, face] * sign[face] - np.float32(1)
            beyond = (free[fit, face] > 0) & ((alpha < 0) | (alpha > most))
            above = high[fit, face]
            pulled = (above & (slope > slack)) | (~above & (slope < -slack))
            odd[face] = beyond | ((free[fit, face] == 0) & train[fit, face] & pulled)
        total, count = np.float32(0), 0
        for face in range(len(own)):
            if odd[face]:
                violations[fit] += 1
                if free[fit, face] > 0:
                    high[fit, face] = own[face] * sign[face] > 0
                    goal = most * sign[face] if high[fit, face] else np.float32(0)
                    changed[fit, face], own[face] = goal - own[face], goal
                    free[fit, face] = np.float32(0)
                else:
                    free[fit, face] = np.float32(1)
            count += train[fit, face] & (free[fit, face] == 0)
            total += own[face]
        fixed[fit] = count if np.isfinite(total) else len(own)
    return violations, fixed
