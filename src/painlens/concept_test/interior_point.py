"""The SVM's dual solved by an interior-point method: for the few fits on which coordinate descent is slow.

Coordinate descent needs about 16 sweeps where features outnumber faces, but thousands where classes overlap in few
dimensions (random concepts on a network with many dead units). Each step here costs one Cholesky factorisation, and
some twenty steps reach full precision whatever the geometry.
"""

import numpy as np
from jaxtyping import Float64
from scipy.linalg import cho_factor, cho_solve

MAX_STEPS = 100
GOOD_ENOUGH = 1e-3  # of the tolerance: stop there, and accept whatever is within the tolerance in the end
RIDGE = 1e-10  # of the mean diagonal, in the factorised matrix alone: it slows a step, it does not move the solution


def solve_box_dual(
    quadratic: Float64[np.ndarray, "face face"], cost: float, *, tolerance: float
) -> Float64[np.ndarray, " face"] | None:
    """Minimiser of a'Qa/2 - sum(a) for 0 <= a <= cost, or None if it is not reached.

    Primal-dual path following with Mehrotra's predictor and corrector (Mehrotra 1992; Wright 1997, chapter 10).

    Parameters
    ----------
    quadratic
        Q: inner products times the signs of both faces; positive semidefinite.
    tolerance
        Largest spread of the projected gradient, as in coordinate descent.

    Examples
    --------
    >>> solve_box_dual(np.array([[2.0, 0.0], [0.0, 0.5]]), 1.0, tolerance=1e-8).round(6).tolist()
    [0.5, 1.0]
    """
    n, scale = len(quadratic), float(np.mean(np.diag(quadratic)))
    quadratic, limit = (
        quadratic / scale,
        cost * scale,
    )  # unit features, so that starting point and rounding have a scale
    alpha = np.full(n, min(limit / 2, 1.0))
    gradient = quadratic @ alpha - 1.0
    at_zero, at_cost = np.maximum(gradient, 0.0) + 1.0, np.maximum(-gradient, 0.0) + 1.0  # multipliers of the bounds
    room = limit - alpha  # kept as a variable of its own: the difference would lose all digits near the upper bound
    best, smallest = alpha, np.inf
    for _ in range(MAX_STEPS):
        point = alpha, room, at_zero, at_cost
        rounded = _rounded(point, limit)
        violation = _violation(quadratic, rounded, limit)
        if violation < smallest:
            best, smallest = rounded, violation
        factor = None if smallest <= GOOD_ENOUGH * tolerance else _factor(quadratic, at_zero / alpha + at_cost / room)
        if factor is None:
            break
        residual = quadratic @ alpha - 1.0 - at_zero + at_cost
        step = _direction(factor, residual, point, (-alpha * at_zero, -room * at_cost))
        length = _longest(point, (step[0], -step[0], step[1], step[2]))
        gap = float(alpha @ at_zero + room @ at_cost) / (2 * n)
        ahead = (alpha + length * step[0]) @ (at_zero + length * step[1])
        ahead += (room - length * step[0]) @ (at_cost + length * step[2])
        centre = (ahead / (2 * n) / gap) ** 3 * gap
        targets = (centre - alpha * at_zero - step[0] * step[1], centre - room * at_cost + step[0] * step[2])
        step = _direction(factor, residual, point, targets)
        length = 0.995 * _longest(point, (step[0], -step[0], step[1], step[2]))
        if length < 1e-12:
            break
        alpha, room = alpha + length * step[0], room - length * step[0]
        at_zero, at_cost = at_zero + length * step[1], at_cost + length * step[2]
    return best / scale if smallest <= tolerance else None


def _factor(quadratic: np.ndarray, barrier: np.ndarray) -> tuple[np.ndarray, bool] | None:
    """Cholesky factor of Q plus the barrier's curvature; rounding of a singular Q is lifted by a growing ridge."""
    ridge = RIDGE * float(np.mean(np.diag(quadratic)))
    for _ in range(5):
        try:
            return cho_factor(quadratic + np.diag(barrier + ridge), lower=True)
        except np.linalg.LinAlgError:
            ridge *= 100
    return None


def _direction(
    factor: tuple[np.ndarray, bool],
    residual: np.ndarray,
    point: tuple[np.ndarray, ...],
    targets: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Newton step of alpha and of both multipliers towards given complementarity products."""
    alpha, room, at_zero, at_cost = point
    right = -residual + targets[0] / alpha - targets[1] / room
    step = cho_solve(factor, right)
    return step, (targets[0] - at_zero * step) / alpha, (targets[1] + at_cost * step) / room


def _longest(point: tuple[np.ndarray, ...], step: tuple[np.ndarray, ...]) -> float:
    """Largest step, at most 1, that keeps everything positive."""
    ratios = [np.min(-x[d < 0] / d[d < 0], initial=1.0) for x, d in zip(point, step, strict=True)]
    return float(min(ratios))


def _rounded(point: tuple[np.ndarray, ...], limit: float) -> np.ndarray:
    """Coefficients exactly on a bound where the distance to it is small and smaller than its multiplier."""
    alpha, room, at_zero, at_cost = point
    small = 1e-4 * min(limit, 1.0)
    low, high = (alpha < small) & (alpha < at_zero), (room < small) & (room < at_cost)
    return np.where(low, 0.0, np.where(high, limit, alpha))


def _violation(quadratic: np.ndarray, alpha: np.ndarray, cost: float) -> float:
    """Spread of the projected gradient: 0 at the solution."""
    gradient = quadratic @ alpha - 1.0
    projected = np.where(
        alpha <= 0, np.minimum(gradient, 0), np.where(alpha >= cost, np.maximum(gradient, 0), gradient)
    )
    return float(projected.max() - projected.min())
