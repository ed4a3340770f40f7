"""SVM duals solved by exchanging whole sets of coordinates between free and fixed, one factorisation per fit.

The problem is that of `painlens.concept_test.descent`: minimise a'Qa/2 - sum(a) for 0 <= a <= C. Behind the last
pooling layer of a network there are more features than faces, Q has full rank, and most training faces are support
vectors. Then

* Q without its signs is factorised once per fit, LL' (LAPACK, float32);
* every coordinate starts free. The minimum with some coordinates fixed at 0 or C follows from the columns of L^-1 that
  belong to these: with multipliers l, S l = E'Q^-1 1 - b, where S = E'Q^-1 E; no further factorisation of Q;
* free coordinates beyond a bound become fixed, fixed ones whose gradient points inside become free, all at once
  (principal pivoting: Judice and Pires 1994; Hintermueller, Ito, Kunisch 2002). Three or four exchanges end it;
* float64 decisions of a block of fits, one product with the Gram matrix that all share, give the remaining gradient;
  one correction with the same factor removes the rounding of float32.

Columns of L^-1 begin with zeros, as many as faces stand before theirs. So faces that are seldom support vectors in the
first block of fits stand last, and their columns cost a fraction of the whole.

A fit whose Q has no factor, whose exchanges do not come to an end, or whose gradient is not within the tolerance at the
end, is left to descent. Blocks of fits are fixed and BLAS runs on one thread in each of them: results do not depend on
the number of threads.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int
from scipy.linalg import get_blas_funcs, get_lapack_funcs
from threadpoolctl import ThreadpoolController

from painlens.concept_test.gram import FoldGeometry

_FACTORISE, _SOLVE = get_lapack_funcs(("potrf", "posv"), dtype=np.float32)
_SUBSTITUTE, _SUBSTITUTE_ALL = get_blas_funcs(("trsv", "trsm"), dtype=np.float32)
BLOCK = 16  # fits that are judged by one product with the Gram matrix
MOST_EXCHANGES = 20
MOST_FIXED = 0.6  # share of fixed coordinates from which a factor of all of Q is a waste
WORSE = 4  # exchanges in a row without fewer violations than ever before
CORRECTIONS = 2
ALL_FREE = 1  # exchanges of a fit in which every face is a support vector; fewer: not solved, or of one class


@dataclass(frozen=True)
class Exchanged:
    """Fits that were tried.

    Attributes
    ----------
    coefficients
        float64 (fit, face): dual coefficients times signs; zeros where a fit was not solved.
    exchanges
        int64 (fit,): factorised systems that were solved; 0 where the training faces are of one class, -1 where the fit
        was not solved.
    """

    coefficients: Float64[np.ndarray, "fit face"]
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

    The first block decides whether the others are tried. Where it solves no fit, Q has too low a rank; where no
    coordinate was ever fixed, descent's conjugate gradients need less than a factor.
    """
    found = Exchanged(np.zeros(train.shape), np.full(len(train), -1, np.int64))
    inner = gram.astype(np.float32) if geometry.is_plain else gram  # half the bytes to gather from, for every fit
    blocks = [slice(start, min(start + BLOCK, len(train))) for start in range(0, len(train), BLOCK)]

    def work(rows: slice, rank: np.ndarray) -> None:
        _solve_block(found, rows, (gram, inner), geometry, train[rows], signs[rows], rank, cost, tolerance)

    with _one_blas_thread():
        work(blocks[0], np.zeros(len(gram)))
        if (found.exchanges[blocks[0]] <= ALL_FREE).all():
            return found
        known = np.abs(found.coefficients[blocks[0]])
        seldom_last = -known.sum(axis=0) / np.maximum(train[blocks[0]].sum(axis=0), 1)
        with ThreadPoolExecutor(numba.get_num_threads()) as pool:
            list(pool.map(lambda rows: work(rows, seldom_last), blocks[1:]))
    return found


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    """The BLAS libraries of this process; looking for them takes milliseconds."""
    return ThreadpoolController()


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    with _controller().limit(limits=1, user_api="blas"):
        yield


def _solve_block(  # noqa: PLR0913, PLR0917
    found: Exchanged, rows: slice, grams: tuple[np.ndarray, np.ndarray], geometry: FoldGeometry, train: np.ndarray,
    signs: np.ndarray, rank: np.ndarray, cost: float, tolerance: float,
) -> None:  # fmt: skip
    """Solve some fits, correct them by their float64 gradients, and keep those within the tolerance."""
    gram, inner = grams
    chosen = [own[np.argsort(rank[own], kind="stable")] for own in map(np.flatnonzero, train)]
    fits = [_Fit.of(inner, geometry, rows.start + i, own, signs[i, own]) for i, own in enumerate(chosen)]
    coefficients = np.zeros(train.shape)
    for i, fit in enumerate(fits):
        if fit is None or not fit.solve(cost, tolerance):
            fits[i] = None
        else:
            coefficients[i, fit.faces] = fit.alpha * fit.sign
    own_geometry = geometry.of_fits(rows)
    for correction in range(CORRECTIONS + 1):
        decisions = own_geometry.decisions(gram, coefficients)
        for i, fit in enumerate(fits):
            if fit is None or fit.done:
                continue
            gradient = fit.sign * decisions[i, fit.faces] - 1.0
            if fit.spread(gradient, cost) <= tolerance:
                fit.done = True
            elif correction < CORRECTIONS:
                fit.correct(gradient, cost)
                coefficients[i, fit.faces] = fit.alpha * fit.sign
        if all(fit is None or fit.done for fit in fits):
            break
    for i, fit in enumerate(fits):
        one_class = abs(signs[i, train[i]].sum()) == train[i].sum()
        if one_class:
            found.exchanges[rows.start + i] = 0
        elif fit is not None and fit.done:
            found.coefficients[rows.start + i], found.exchanges[rows.start + i] = coefficients[i], fit.exchanges


class _Fit:
    """One fit: its factor, the columns that were needed so far, and which coordinates are free."""

    def __init__(self, factor: Float32[np.ndarray, "n n"], faces: np.ndarray, sign: np.ndarray) -> None:
        n = len(faces)
        self.faces, self.sign, self.done, self.exchanges = faces, sign, False, 0
        self.alpha = np.zeros(n)
        self._factor = factor
        self._place = np.full(n, -1)  # of a coordinate among the columns
        self._sign32, self._used = sign.astype(np.float32), 0
        self._columns = np.empty((n, 0), np.float32, order="F")
        self._products = np.empty((0, 0), np.float32)  # of the columns with each other
        self._low, self._high = np.zeros(n, bool), np.zeros(n, bool)

    @classmethod
    def of(
        cls, inner: np.ndarray, geometry: FoldGeometry, fit: int, faces: np.ndarray, sign: np.ndarray
    ) -> "_Fit | None":
        """The factorised fit; None where there is one class only, or Q has no factor."""
        if abs(sign.sum()) == len(sign):
            return None
        if geometry.is_plain:
            rows = _gathered(inner, faces)
        else:
            shift, factor = geometry.shift[fit % len(geometry.shift)], float(geometry.factor[fit])
            rows = _moved(inner, shift, factor, float(geometry.intercept), faces)
        found, info = _FACTORISE(rows.T, lower=1, clean=0, overwrite_a=1)
        return cls(found, faces, sign) if info == 0 else None

    def solve(self, cost: float, tolerance: float) -> bool:
        """Exchange coordinates until none is beyond a bound or pulled inside; whether that came to an end."""
        whole = self._forward(self.sign)
        fewest, worse = len(self.faces) + 1, 0
        for self.exchanges in range(1, MOST_EXCHANGES + 1):
            alpha, multipliers, fixed = self._minimum(whole, cost)
            gradient = np.zeros(len(alpha), np.float32)
            gradient[fixed] = -multipliers
            free = ~(self._low | self._high)
            below, above = free & (alpha < 0), free & (alpha > cost)
            back = (self._low & (gradient < -tolerance)) | (self._high & (gradient > tolerance))
            violations = int(below.sum() + above.sum() + back.sum())
            if not violations:
                self.alpha = np.where(self._high, cost, np.where(self._low, 0.0, alpha.astype(np.float64)))
                return bool(np.isfinite(self.alpha).all())
            worse = 0 if violations < fewest else worse + 1
            fewest = min(fewest, violations)
            self._low = (self._low | below) & ~back
            self._high = (self._high | above) & ~back
            if worse >= WORSE or (self._low.sum() + self._high.sum()) > MOST_FIXED * len(alpha):
                return False
        return False

    def correct(self, gradient: Float64[np.ndarray, " n"], cost: float) -> None:
        """Take off what the float64 gradient of the free coordinates says, the fixed ones held."""
        free = ~(self._low | self._high)
        rest = self._forward(np.where(free, -gradient * self.sign, 0.0))
        step, _, _ = self._minimum(rest, 0.0)
        self.alpha = np.clip(self.alpha + np.where(free, step.astype(np.float64), 0.0), 0.0, cost)

    def spread(self, gradient: Float64[np.ndarray, " n"], cost: float) -> float:
        """LIBLINEAR's measure: largest minus smallest projected gradient, 0 among them."""
        falls, rises = self.alpha > 0, self.alpha < cost
        slope = np.where(gradient > 0, gradient * falls, gradient * rises)
        return float(max(slope.max(), 0.0) - min(slope.min(), 0.0))

    def _forward(self, vector: np.ndarray) -> np.ndarray:
        return _SUBSTITUTE(self._factor, vector.astype(np.float32), lower=1)

    def _minimum(self, whole: np.ndarray, cost: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the quadratic is smallest with the fixed coordinates held, and the multipliers of these."""
        fixed = np.flatnonzero(self._low | self._high)
        if not len(fixed):
            return self._backward(whole), np.empty(0, np.float32), fixed
        self._reach(fixed)
        places, sign = self._place[fixed], self.sign[fixed].astype(np.float32)
        everyone = len(places) == self._used
        columns = self._columns[:, : self._used] if everyone else self._columns[:, places]
        own = np.argsort(places) if everyone else np.arange(len(places))  # rows of `fixed` in the order of the columns
        ordered = places[own]
        held = np.where(self._high[fixed], np.float32(cost), np.float32(0.0)) * sign
        right = columns.T @ whole - held[own]
        _, found, info = _SOLVE(self._products[np.ix_(ordered, ordered)], right)
        multipliers = np.full(len(fixed), np.nan, np.float32)
        if info == 0:
            multipliers[own] = found
        return self._backward(whole - columns @ multipliers[own]), multipliers * sign, fixed

    def _backward(self, vector: np.ndarray) -> np.ndarray:
        """The solution in the coordinates of the dual, whose signs are not in the factor."""
        return _SUBSTITUTE(self._factor, vector, lower=1, trans=1) * self._sign32

    def _reach(self, fixed: np.ndarray) -> None:
        """Columns of L^-1 for coordinates that are fixed for the first time, and their products with all."""
        new = fixed[self._place[fixed] < 0]
        if not len(new):
            return
        last = len(self.faces) * 2 // 3  # the columns of most of them begin behind this face
        for some in (new[new >= last], new[new < last]):
            if len(some):
                self._append(some)

    def _append(self, new: np.ndarray) -> None:
        """Columns of some coordinates; above the first of them there are zeros only."""
        old, size, first = self._used, self._used + len(new), int(new.min())
        self._place[new] = np.arange(old, size)
        if size > self._columns.shape[1]:
            self._columns = _grown(self._columns, (len(self.faces), 2 * size))
            self._products = _grown(self._products, (2 * size, 2 * size))
        unit = np.zeros((len(self.faces) - first, len(new)), np.float32, order="F")
        unit[new - first, np.arange(len(new))] = 1.0
        columns = _SUBSTITUTE_ALL(1.0, self._factor[first:, first:], unit, lower=1, overwrite_b=1)
        self._columns[:first, old:size], self._columns[first:, old:size], self._used = 0.0, columns, size
        products = self._columns[first:, :size].T @ columns
        self._products[:size, old:size] = products
        self._products[old:size, :old] = products[:old].T


def _grown(array: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A larger array that begins with this one, column by column in memory."""
    grown = np.empty(shape, array.dtype, order="F")
    grown[: array.shape[0], : array.shape[1]] = array
    return grown


@numba.njit(cache=True, nogil=True)
def _gathered(inner: np.ndarray, faces: np.ndarray):  # pragma: no cover - compiled
    """Upper triangle of the inner products of some faces, float32, row by row: the lower one of its transpose."""
    out = np.empty((len(faces), len(faces)), np.float32)
    for i in range(len(faces)):
        row, to = inner[faces[i]], out[i]
        for j in range(i, len(faces)):
            to[j] = row[faces[j]]
    return out


@numba.njit(cache=True, nogil=True)
def _moved(
    gram: np.ndarray, shift: np.ndarray, factor: float, intercept: float, faces: np.ndarray
):  # pragma: no cover - compiled
    """The same, centred and scaled as the fold wants it."""
    out = np.empty((len(faces), len(faces)), np.float32)
    for i in range(len(faces)):
        row, own, to = gram[faces[i]], shift[faces[i]], out[i]
        for j in range(i, len(faces)):
            to[j] = factor * (row[faces[j]] - own - shift[faces[j]]) + intercept
    return out
