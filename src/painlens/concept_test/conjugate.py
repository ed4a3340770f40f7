"""Many linear systems at once, each on some of the faces of one Gram matrix: conjugate gradients in float32.

Every system has its own faces, but all share the matrix, so that one product of matrices per step serves a whole block
of systems; on a processor that is ten times as fast as a factor of each. Inner products of features have a few large
eigenvalues and a long flat tail. The large ones are taken out by a preconditioner: with V the leading eigenvectors of
the whole matrix, d their values, s the mean of the tail and F the rows of a system's faces,

    (s I + F V (d - s) V'F')^-1 = (I - F V (s / (d - s) + V'F'F V)^-1 V'F') / s        (Woodbury)

which needs one small matrix per system (Frangella, Tropp, Udell 2023, SIAM Journal on Matrix Analysis 44: Nystroem
preconditioning; here the eigenvectors are shared and their rows drawn). The systems of all fits:

    sum_j in F (gram_ij - shift_i - shift_j + constant) x_j = right_i        for i in F
"""

from dataclasses import dataclass

import numba
import numpy as np
from jaxtyping import Float32, Float64

from painlens.concept_test.gram import FoldGeometry

VECTORS = 24  # leading eigenvectors; with more the small matrices cost more than the steps that they save
MORE, POWERS = 16, 2  # further columns and products of the search for them (Halko, Martinsson, Tropp 2011)
LEAST_RIDGE = 1e-4  # keeps the small matrices far from singular in float32
MOST_STEPS = 40
READY = 0.9  # share of the systems that must have reached the aim; the others go on after the next exchange


@dataclass(frozen=True)
class Shared:
    """What the systems of all fits share.

    Attributes
    ----------
    inner
        float32 (face, face): inner products; centred on all faces where fits have shifts, so that these are small.
    vectors
        float32 (face, vector): leading eigenvectors.
    pairs
        float32 (face, pair): products of two columns of `vectors`; a system's small matrix is their sum over its faces.
    ridge
        float32 (vector,): s / (d - s).
    """

    inner: Float32[np.ndarray, "face face"]
    vectors: Float32[np.ndarray, "face vector"]
    pairs: Float32[np.ndarray, "face pair"]
    ridge: Float32[np.ndarray, " vector"]

    @classmethod
    def of(cls, gram: Float64[np.ndarray, "face face"], middle: Float64[np.ndarray, " face"]) -> "Shared":
        """From a Gram matrix, of which `middle` is taken off rows and columns."""
        inner = (gram - middle[:, None] - middle[None, :]).astype(np.float32) if middle.any() else gram.astype("f4")
        count = min(VECTORS, len(gram) // 4)
        columns = np.random.default_rng(0).standard_normal((len(gram), count + MORE)).astype(np.float32)
        for _ in range(POWERS + 1):
            columns = np.linalg.qr(inner @ columns)[0]
        values, turned = np.linalg.eigh((columns.T @ (inner @ columns)).astype(np.float64))
        vectors = columns @ turned[:, ::-1][:, :count].astype(np.float32)
        largest = values[::-1][:count]
        tail = max(float(inner.diagonal().sum(dtype=np.float64) - largest.sum()) / len(gram), 0.0)
        ridge = np.full(count, LEAST_RIDGE) if tail == 0 else tail / np.maximum(largest - tail, 1e-3 * tail)
        one, other = np.triu_indices(count)
        pairs = np.ascontiguousarray(vectors[:, one] * vectors[:, other])
        return cls(inner, np.ascontiguousarray(vectors), pairs, np.maximum(ridge, LEAST_RIDGE).astype(np.float32))


@dataclass
class Systems:
    """Some systems, on their way.

    Attributes
    ----------
    shared
        What they have in common.
    shift, constant
        float32 (system, face) and (system,): of the systems' own inner products; None where they are the shared ones.
    """

    shared: Shared
    shift: Float32[np.ndarray, "system face"] | None
    constant: Float32[np.ndarray, " system"]

    @classmethod
    def of(cls, shared: Shared, geometry: FoldGeometry, middle: Float64[np.ndarray, " face"]) -> "Systems":
        """The systems of some fits, in units in which the factor of the geometry is 1."""
        count = len(geometry.factor)
        if geometry.is_plain:
            return cls(shared, None, np.zeros(count, np.float32))
        shift = np.broadcast_to(geometry.shift - middle, (count, len(middle))).astype(np.float32)
        return cls(shared, shift, (geometry.intercept / geometry.factor).astype(np.float32))

    def only(self, kept: np.ndarray) -> "Systems":
        """Some of the systems."""
        return Systems(self.shared, None if self.shift is None else self.shift[kept], self.constant[kept])

    def product(self, vectors: Float32[np.ndarray, "system face"]) -> Float32[np.ndarray, "system face"]:
        """Inner products of all faces with the sum of a system's faces, weighted."""
        found = vectors @ self.shared.inner
        if self.shift is not None:
            _move(found, vectors, self.shift, self.constant)
        return found

    def move(self, products: Float32[np.ndarray, "system face"], changed: Float32[np.ndarray, "system face"]) -> None:
        """Add the `product` of a few changed numbers to products."""
        if self.shift is None:
            _add_rows(products, changed, self.shared.inner)
        else:
            products += self.product(changed)

    def solve(
        self,
        start: Float32[np.ndarray, "system face"],
        products: Float32[np.ndarray, "system face"],
        rest: Float32[np.ndarray, "system face"],
        free: Float32[np.ndarray, "system face"],
        aim: float,
    ) -> Float32[np.ndarray, " system"]:
        """Steps until most systems have no rest above the aim; changes `start`, `products` and `rest`.

        Parameters
        ----------
        start, products
            x, anywhere to begin with, and its `product`.
        rest
            right minus products on the faces of the system, 0 elsewhere.
        free
            1 on the faces of the system, 0 elsewhere.

        Returns
        -------
        Largest absolute rest of each system.
        """
        vectors, transposed = self.shared.vectors, np.ascontiguousarray(self.shared.vectors.T)
        factors = _factors(free @ self.shared.pairs, self.shared.ridge)
        direction, square = np.zeros_like(rest), np.zeros(len(rest), np.float32)
        worst = np.abs(rest).max(axis=1)
        for _ in range(MOST_STEPS):
            if (worst <= aim).mean() >= READY:
                break
            coarse = rest @ vectors
            _substitute(coarse, factors)
            _turn(direction, rest, coarse @ transposed, free, square)
            _step(start, products, rest, (direction, self.product(direction), free), square, worst)
        return worst


_COMPILED = {"cache": True, "nogil": True, "fastmath": {"reassoc", "contract", "nsz"}}  # sums in lanes; NaN stays NaN


@numba.njit(**_COMPILED)
def _move(products: np.ndarray, vectors: np.ndarray, shift: np.ndarray, constant: np.ndarray):  # pragma: no cover
    """Turn shared inner products into those of each system."""
    for system in range(len(products)):
        own, x, moved = products[system], vectors[system], shift[system]
        total, inner = np.float32(0), np.float32(0)
        for face in range(len(x)):
            total += x[face]
            inner += x[face] * moved[face]
        added = constant[system] * total - inner
        for face in range(len(x)):
            own[face] += added - moved[face] * total


@numba.njit(**_COMPILED)
def _add_rows(products: np.ndarray, changed: np.ndarray, inner: np.ndarray):  # pragma: no cover - compiled
    """Add multiples of rows, most of which are 0."""
    for system in range(len(products)):
        own = products[system]
        for face in range(len(own)):
            size = changed[system, face]
            if size != 0:
                row = inner[face]
                for other in range(len(own)):
                    own[other] += size * row[other]


@numba.njit(**_COMPILED)
def _factors(sums: np.ndarray, ridge: np.ndarray):  # pragma: no cover - compiled
    """Cholesky factors of the small matrices; their diagonals are inverted."""
    size = len(ridge)
    found = np.zeros((len(sums), size, size), np.float32)
    for system in range(len(sums)):
        own, place = found[system], 0
        for i in range(size):
            for j in range(i, size):
                own[j, i] = sums[system, place]
                place += 1
            own[i, i] += ridge[i]
        for i in range(size):
            for j in range(i):
                part = np.float32(0)
                for k in range(j):
                    part += own[i, k] * own[j, k]
                own[i, j] = (own[i, j] - part) * own[j, j]
            part = np.float32(0)
            for k in range(i):
                part += own[i, k] * own[i, k]
            own[i, i] = np.float32(1) / np.sqrt(max(own[i, i] - part, np.float32(1e-6)))
    return found


@numba.njit(**_COMPILED)
def _substitute(right: np.ndarray, factors: np.ndarray):  # pragma: no cover - compiled
    """Solve the small systems in place."""
    size = right.shape[1]
    for system in range(len(right)):
        own, x = factors[system], right[system]
        for i in range(size):
            part = np.float32(0)
            for j in range(i):
                part += own[i, j] * x[j]
            x[i] = (x[i] - part) * own[i, i]
        for i in range(size - 1, -1, -1):
            x[i] *= own[i, i]
            for j in range(i):
                x[j] -= own[i, j] * x[i]


@numba.njit(**_COMPILED)
def _turn(
    direction: np.ndarray, rest: np.ndarray, coarse: np.ndarray, free: np.ndarray, square: np.ndarray
):  # pragma: no cover - compiled
    """The next direction: the preconditioned rest plus the last direction, conjugate to it."""
    for system in range(len(rest)):
        own, left, taken, chosen = direction[system], rest[system], coarse[system], free[system]
        now = np.float32(0)
        for face in range(len(own)):
            taken[face] = (left[face] - taken[face]) * chosen[face]
            now += left[face] * taken[face]
        ratio = now / square[system] if square[system] > 0 else np.float32(0)
        for face in range(len(own)):
            own[face] = taken[face] + ratio * own[face]
        square[system] = now


@numba.njit(**_COMPILED)
def _step(
    start: np.ndarray, products: np.ndarray, rest: np.ndarray, way: tuple[np.ndarray, np.ndarray, np.ndarray],
    square: np.ndarray, worst: np.ndarray,
):  # fmt: skip # pragma: no cover - compiled
    """Go along the direction as far as the quadratic falls."""
    direction, moved, free = way
    for system in range(len(start)):
        own, along, chosen = direction[system], moved[system], free[system]
        x, q, left = start[system], products[system], rest[system]
        curve = np.float32(0)
        for face in range(len(own)):
            curve += own[face] * along[face]
        length = square[system] / curve if curve > 0 else np.float32(0)
        largest = np.float32(0)
        for face in range(len(own)):
            x[face] += length * own[face]
            q[face] += length * along[face]
            left[face] = (left[face] - length * along[face]) * chosen[face]
            largest = max(largest, abs(left[face]))
        worst[system] = largest
