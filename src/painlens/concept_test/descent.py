"""One SVM's dual, compiled: steps on pairs of coordinates, and now and then a step on all free ones.

The problem is LIBLINEAR's: minimise a'Qa/2 - sum(a) for 0 <= a <= C, with Q the inner products (including the
intercept) times the signs of both faces. Three kinds of steps, each of which lowers the dual:

* **pairs**: the coordinate that violates its bound most, and the partner with which the dual falls most (second-order
  choice after Fan, Chen, Lin 2005, here without their equality constraint). Features of a ReLU network share a large
  mean; one coordinate at a time crawls along that direction for thousands of sweeps, a pair does not.
* **Newton** on the coordinates strictly between their bounds, once the pairs have found most of them: one Cholesky
  factorisation replaces the long tail of ever smaller pair steps. The step is cut at the bounds (Bertsekas 1982).
* **conjugate gradients** on all coordinates that can move, where that is nearly all of them (many features of noise:
  every face becomes a support vector). A dozen products then reach the solution.

The order of the steps is deterministic. Quantities of one fit lie in one array `state`, a row each.
"""

import numba
import numpy as np

ALPHA, GRADIENT, SLOPE, FALLS, RISES, DIAGONAL, INVERSE, GAIN = range(8)
ROWS = 8
LANES = 64  # a maximum is taken over columns first: a plain loop would wait for each comparison
PAIRS_PER_ROUND = 1 / 8  # of the training faces, before the next step on all free coordinates
MANY_MOVING = 0.75  # share of coordinates that can move, from which conjugate gradients pay
MOST_PRODUCTS = 12  # of conjugate gradients in one round
RIDGE = 1e-7  # of the mean diagonal: the rounding of a float32 product, which can leave small negative eigenvalues


@numba.njit(cache=True)
def solve_dual(  # noqa: PLR0913 # pragma: no cover - compiled
    gram: np.ndarray, shift: np.ndarray, scale: tuple[float, float], train: np.ndarray, sign: np.ndarray,
    cost: float, tolerance: float, max_sweeps: int,
):  # fmt: skip
    """Dual coefficients times signs of the training faces, and the sweeps used (negative: not converged).

    Inner products are scale[0] (gram[i, j] - shift[i] - shift[j]) + scale[1]. A sweep is as many pairs as there are
    training faces. Stops when the spread of the projected gradient is at most `tolerance`, as LIBLINEAR.
    """
    n, shift = len(train), shift[train]
    quadratic, built = np.empty((n, n)), np.zeros(n, np.bool_)
    state = np.zeros((ROWS, (n + LANES - 1) // LANES * LANES))
    state[GAIN, n:] = -1.0
    state[GRADIENT, :n] = -1.0
    for k in range(n):
        face = train[k]
        own = scale[0] * (gram[face, face] - 2.0 * shift[k]) + scale[1]
        state[DIAGONAL, k] = max(own, 1e-12)  # a face without any feature and without intercept
        state[INVERSE, k] = 1.0 / state[DIAGONAL, k]
    _bounds(state, n, cost)
    per_round = max(int(PAIRS_PER_ROUND * n), 1)
    steps, top = 0, np.empty(LANES)
    while steps < max_sweeps * n:
        first = _largest(state[GAIN], top)
        largest = state[GAIN, first] * state[DIAGONAL, first]
        if largest <= tolerance * tolerance and _spread(state[SLOPE, :n]) <= tolerance:
            return state[ALPHA, :n] * sign, steps // n + 1
        steps += 1
        if steps % per_round == 0:
            free = _free(state, n)
            for k in free:
                _build(quadratic, built, gram, shift, scale, train, sign, k)
            if len(free) > MANY_MOVING * n:
                _conjugate(quadratic, state, free, cost, 0.3 * tolerance)
            else:
                _newton(quadratic, state, free, cost)
            _bounds(state, n, cost)
            continue
        _build(quadratic, built, gram, shift, scale, train, sign, first)
        _partner_gains(quadratic[first], state, n, first)
        second = _largest(state[GAIN], top)
        second = second if second != first else (first + 1) % n
        _build(quadratic, built, gram, shift, scale, train, sign, second)
        _move_pair(quadratic, state, n, first, second, cost)
    return state[ALPHA, :n] * sign, -max_sweeps


@numba.njit(cache=True)
def _build(  # noqa: PLR0913 # pragma: no cover - compiled
    quadratic: np.ndarray, built: np.ndarray, gram: np.ndarray, shift: np.ndarray, scale: tuple[float, float],
    train: np.ndarray, sign: np.ndarray, k: int,
):  # fmt: skip
    """Fill row k of Q if it has not been needed so far; of most fits a third of the rows is ever needed."""
    if built[k]:
        return
    built[k] = True
    row, out = gram[train[k]], quadratic[k]
    for other in range(len(train)):
        out[other] = sign[k] * sign[other] * (scale[0] * (row[train[other]] - shift[k] - shift[other]) + scale[1])


@numba.njit(cache=True)
def _bounds(state: np.ndarray, n: int, cost: float) -> None:  # pragma: no cover - compiled
    """Which coordinates can fall and rise, the gradient projected to that, and the gain of moving each alone."""
    for k in range(n):
        state[FALLS, k] = 1.0 if state[ALPHA, k] > 0.0 else 0.0
        state[RISES, k] = 1.0 if state[ALPHA, k] < cost else 0.0
    _descend(state, n, 0.0, state[DIAGONAL], 0.0, state[DIAGONAL])


@numba.njit(cache=True)
def _descend(  # pragma: no cover - compiled
    state: np.ndarray, n: int, first: float, first_row: np.ndarray, second: float, second_row: np.ndarray
) -> None:
    """The gradient after two coordinates have changed, projected, with the gain of each coordinate."""
    _descend_rows(
        state[GRADIENT, :n], first, first_row[:n], second, second_row[:n],
        state[FALLS, :n], state[RISES, :n], state[SLOPE, :n],
    )  # fmt: skip
    _gains(state[SLOPE, :n], state[INVERSE, :n], state[GAIN, :n])


@numba.njit(cache=True, fastmath=True)
def _descend_rows(  # noqa: PLR0913 # pragma: no cover - compiled
    gradient: np.ndarray, first: float, first_row: np.ndarray, second: float, second_row: np.ndarray,
    falls: np.ndarray, rises: np.ndarray, slope: np.ndarray,
) -> None:  # fmt: skip
    for k in range(len(slope)):
        changed = gradient[k] + first * first_row[k] + second * second_row[k]
        gradient[k] = changed
        slope[k] = changed * falls[k] if changed > 0.0 else changed * rises[k]


@numba.njit(cache=True, fastmath=True)
def _gains(slope: np.ndarray, inverse: np.ndarray, gain: np.ndarray) -> None:  # pragma: no cover - compiled
    for k in range(len(slope)):
        gain[k] = slope[k] * slope[k] * inverse[k]


@numba.njit(cache=True)
def _partner_gains(row: np.ndarray, state: np.ndarray, n: int, first: int) -> None:  # pragma: no cover - compiled
    """By how much the dual falls if each coordinate moves together with `first`, bounds left aside."""
    _partner_rows(
        row, state[GRADIENT, :n], state[FALLS, :n], state[RISES, :n], state[DIAGONAL, :n], state[GAIN, :n],
        state[INVERSE, first], state[GRADIENT, first],
    )  # fmt: skip
    state[GAIN, first] = -1.0


@numba.njit(cache=True, fastmath=True)
def _partner_rows(  # noqa: PLR0913 # pragma: no cover - compiled
    row: np.ndarray, gradient: np.ndarray, falls: np.ndarray, rises: np.ndarray, diagonal: np.ndarray,
    gain: np.ndarray, inverse: float, slope: float,
) -> None:  # fmt: skip
    for k in range(len(row)):
        ratio = row[k] * inverse
        left = gradient[k] - ratio * slope
        may = falls[k] if left > 0.0 else rises[k]
        rest = max(diagonal[k] - row[k] * ratio, 1e-12 * diagonal[k])
        gain[k] = np.float32(left * left * may) / np.float32(rest)  # it only ranks; half the time of a float64 division


@numba.njit(cache=True)
def _largest(gain: np.ndarray, top: np.ndarray) -> int:  # pragma: no cover - compiled
    """Place of the largest value; the length is a multiple of LANES."""
    _column_maxima(gain, top)
    best, column = top[0], 0
    for place in range(1, LANES):
        if top[place] > best:
            best, column = top[place], place
    for place in range(column, len(gain), LANES):
        if gain[place] == best:
            return place
    return column


@numba.njit(cache=True, fastmath=True)
def _column_maxima(gain: np.ndarray, top: np.ndarray) -> None:  # pragma: no cover - compiled
    for lane in range(LANES):
        top[lane] = gain[lane]
    for start in range(LANES, len(gain), LANES):
        for lane in range(LANES):
            value, old = gain[start + lane], top[lane]
            top[lane] = value if value > old else old


@numba.njit(cache=True)
def _spread(slope: np.ndarray) -> float:  # pragma: no cover - compiled
    highest = lowest = 0.0
    for value in slope:
        highest, lowest = max(highest, value), min(lowest, value)
    return highest - lowest


@numba.njit(cache=True)
def _free(state: np.ndarray, n: int) -> np.ndarray:  # pragma: no cover - compiled
    """Coordinates that can move: all of them where that is nearly all, else those strictly between their bounds."""
    moving, inside = np.empty(n, np.int64), np.empty(n, np.int64)
    n_moving = n_inside = 0
    for k in range(n):
        if state[SLOPE, k] != 0.0:
            moving[n_moving] = k
            n_moving += 1
        if state[FALLS, k] > 0.0 and state[RISES, k] > 0.0:
            inside[n_inside] = k
            n_inside += 1
    return moving[:n_moving] if n_moving > MANY_MOVING * n else inside[:n_inside]


@numba.njit(cache=True)
def _move_pair(  # pragma: no cover - compiled
    quadratic: np.ndarray, state: np.ndarray, n: int, first: int, second: int, cost: float
) -> None:
    """Change two coordinates by the joint step that lowers the dual most within the box."""
    changes = _pair_step(quadratic[first, second], state, first, second, cost)
    for k, change in ((first, changes[0]), (second, changes[1])):
        moved = min(max(state[ALPHA, k] + change, 0.0), cost)
        state[ALPHA, k] = moved
        state[FALLS, k] = 1.0 if moved > 0.0 else 0.0
        state[RISES, k] = 1.0 if moved < cost else 0.0
    _descend(state, n, changes[0], quadratic[first], changes[1], quadratic[second])


@numba.njit(cache=True)
def _pair_step(cross: float, state: np.ndarray, first: int, second: int, cost: float):  # pragma: no cover - compiled
    """Changes of two coordinates that minimise the dual within their box; the best of inside and the four edges."""
    a, b = state[DIAGONAL, first], state[DIAGONAL, second]
    slope_a, slope_b = state[GRADIENT, first], state[GRADIENT, second]
    low_a, high_a = -state[ALPHA, first], cost - state[ALPHA, first]
    low_b, high_b = -state[ALPHA, second], cost - state[ALPHA, second]
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


@numba.njit(cache=True)
def _newton(quadratic: np.ndarray, state: np.ndarray, free: np.ndarray, cost: float) -> None:  # pragma: no cover
    """Step to the minimum over the free coordinates; none where rounding leaves Q without a Cholesky factor."""
    m = len(free)
    if m < 2:
        return
    factor, ridge = np.empty((m, m)), 0.0
    for i in range(m):
        for j in range(i + 1):
            factor[i, j] = quadratic[free[i], free[j]]
        ridge += RIDGE * factor[i, i] / m
    for i in range(m):
        factor[i, i] += ridge
    if not _factorise(factor):
        return
    step = np.empty(m)
    for i in range(m):
        step[i] = (-state[GRADIENT, free[i]] - _dot(factor[i], step, i)) / factor[i, i]
    for i in range(m - 1, -1, -1):
        step[i] /= factor[i, i]
        _add(step[:i], -step[i], factor[i, :i])
    _step_within(quadratic, state, free, step, cost)


@numba.njit(cache=True)
def _factorise(matrix: np.ndarray) -> bool:  # pragma: no cover - compiled
    """Cholesky factor in place of the lower triangle; whether there is one."""
    for i in range(len(matrix)):
        row = matrix[i]
        for j in range(i):
            row[j] = (row[j] - _dot(row, matrix[j], j)) / matrix[j, j]
        rest = row[i] - _dot(row, row, i)
        if not rest > 0.0:
            return False
        row[i] = np.sqrt(rest)
    return True


@numba.njit(cache=True)
def _conjugate(  # pragma: no cover - compiled
    quadratic: np.ndarray, state: np.ndarray, free: np.ndarray, cost: float, tolerance: float
) -> None:
    """Conjugate gradients on the free coordinates, scaled by the diagonal, then a step within the bounds."""
    n = len(quadratic)
    step, direction, product = np.zeros(len(free)), np.empty(len(free)), np.empty(n)
    residual, length = np.empty(len(free)), 0.0
    for i in range(len(free)):
        residual[i] = -state[GRADIENT, free[i]]
        direction[i] = residual[i] / state[DIAGONAL, free[i]]
        length += residual[i] * direction[i]
    for _ in range(MOST_PRODUCTS):
        product[:] = 0.0
        curvature = worst = following = 0.0
        for i in range(len(free)):
            _add(product, direction[i], quadratic[free[i]])
        for i in range(len(free)):
            curvature += direction[i] * product[free[i]]
        if curvature <= 1e-14 * length:
            break
        for i in range(len(free)):
            step[i] += length / curvature * direction[i]
            residual[i] -= length / curvature * product[free[i]]
            worst = max(worst, abs(residual[i]))
            following += residual[i] * residual[i] / state[DIAGONAL, free[i]]
        if worst <= tolerance:
            break
        for i in range(len(free)):
            direction[i] = residual[i] / state[DIAGONAL, free[i]] + following / length * direction[i]
        length = following
    _step_within(quadratic, state, free, step, cost)


@numba.njit(cache=True)
def _step_within(  # pragma: no cover - compiled
    quadratic: np.ndarray, state: np.ndarray, free: np.ndarray, step: np.ndarray, cost: float
) -> None:
    """Move the free coordinates by the step, cut at the bounds and shortened until the dual falls; else not at all."""
    n, length = len(quadratic), 1.0
    for _ in range(5):
        product, moved, change = np.zeros(n), np.empty(len(free)), 0.0
        for i in range(len(free)):
            own = state[ALPHA, free[i]]
            moved[i] = min(max(own + length * step[i], 0.0), cost)
            _add(product, moved[i] - own, quadratic[free[i]])
        for i in range(len(free)):
            k = free[i]
            change += (moved[i] - state[ALPHA, k]) * (state[GRADIENT, k] + 0.5 * product[k])
        if change < 0.0:
            for i in range(len(free)):
                state[ALPHA, free[i]] = moved[i]
            _add(state[GRADIENT, :n], 1.0, product)
            return
        length *= 0.3


@numba.njit(cache=True, fastmath=True)
def _dot(a: np.ndarray, b: np.ndarray, length: int) -> float:  # pragma: no cover - compiled
    total = 0.0
    for k in range(length):
        total += a[k] * b[k]
    return total


@numba.njit(cache=True, fastmath=True)
def _add(to: np.ndarray, factor: float, row: np.ndarray) -> None:  # pragma: no cover - compiled
    for k in range(len(to)):
        to[k] += factor * row[k]
