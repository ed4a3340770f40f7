"""How well annotators agree with each other and with themselves, with intervals over participants.

Only blind answers count: given by annotators who hold a place, before the adjudicator spoke. Adjudicated votes exist
for disagreements alone; counting them would bias every coefficient. Faces of one person resemble each other, so
intervals come from a bootstrap that draws whole participants; the usual formulas treat faces as independent.

Two raters, cells a (both yes), b, c, d (both no), n in all:

    raw agreement       p_o = (a + d) / n
    Cohen's kappa       (p_o - p_e) / (1 - p_e),  p_e = p1 p2 + (1 - p1)(1 - p2)          (Cohen 1960)
    Gwet's AC1          (p_o - q) / (1 - q),      q = 2 pi (1 - pi), pi = (p1 + p2) / 2     (Gwet 2008)
    positive agreement  2a / (2a + b + c)                                        (Cicchetti and Feinstein 1990)

With "unsure" as a third answer kappa and AC1 take their forms for several categories. Kappa falls when the concept is
rare although the raters agree as well as before; AC1 and positive agreement stand beside it for that reason.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

ANSWERS = ("yes", "no", "unsure")
MEASURES = ("raw", "kappa", "ac1", "positive")


@dataclass(frozen=True)
class Estimate:
    """A coefficient with its interval over participants; missing where it is undefined.

    The interval is missing too where all draws give one value: raters who never differed leave resampling nothing to
    vary, and a point would look like certainty. `undefined` is the share of bootstrap draws
    without a value (a coefficient that is 0/0).
    """

    value: float
    low: float
    high: float
    undefined: float


@dataclass(frozen=True)
class Agreement:
    """Agreement of two columns of answers to the same faces.

    Attributes
    ----------
    first, second
        The people; equal for self-agreement, where `second` are the answers to hidden repeats.
    counts
        (3, 3) faces by answer of the first (rows) and the second (columns): yes, no, unsure.
    decided
        raw, kappa, ac1 and positive agreement on the faces that both answered with yes or no.
    all_answers
        raw, kappa and ac1 with unsure as an answer of its own.
    """

    first: str
    second: str
    counts: NDArray[np.int64]
    participants: int
    confidence: float
    decided: Mapping[str, Estimate]
    all_answers: Mapping[str, Estimate]

    @property
    def faces(self) -> int:
        """Faces that both answered."""
        return int(self.counts.sum())

    @property
    def prevalence(self) -> float:
        """Mean share of yes among the faces that both answered with yes or no; missing without any."""
        decided = self.counts[:2, :2]
        n = decided.sum()
        return float((decided[0].sum() + decided[:, 0].sum()) / (2 * n)) if n else float("nan")


def coefficients(counts: NDArray[np.floating]) -> dict[str, NDArray[np.float64]]:
    """Raw agreement, kappa, AC1 and positive agreement of confusion tables.

    Parameters
    ----------
    counts
        (..., k, k) faces by answer of the first and second rater; the first category is "yes". May be fractional.

    Returns
    -------
    raw, kappa, ac1 and positive, each of the leading shape; NaN where undefined. Several categories:
    p_e = sum_k p1_k p2_k and q = sum_k pi_k (1 - pi_k) / (k - 1) (Gwet 2008).

    Examples
    --------
    >>> found = coefficients(np.array([[40.0, 9.0], [6.0, 45.0]]))
    >>> {name: round(float(value), 3) for name, value in found.items()}
    {'raw': 0.85, 'kappa': 0.7, 'ac1': 0.7, 'positive': 0.842}
    """
    counts = np.asarray(counts, dtype=np.float64)
    categories = counts.shape[-1]
    total = counts.sum(axis=(-2, -1))
    share = _ratio(counts, total[..., None, None])
    raw = np.trace(share, axis1=-2, axis2=-1)
    first, second = share.sum(axis=-1), share.sum(axis=-2)
    by_chance = (first * second).sum(axis=-1)
    mean = (first + second) / 2
    gwet = (mean * (1 - mean)).sum(axis=-1) / (categories - 1)
    both, either = counts[..., 0, 0], counts[..., 0, :].sum(axis=-1) + counts[..., :, 0].sum(axis=-1)
    return {
        "raw": raw,
        "kappa": _ratio(raw - by_chance, 1 - by_chance),
        "ac1": _ratio(raw - gwet, 1 - gwet),
        "positive": _ratio(2 * both, either),
    }


def agreement(
    answers: Iterable[tuple[str, str, str]],
    *,
    people: tuple[str, str],
    confidence: float,
    draws: int,
    rng: np.random.Generator,
) -> Agreement:
    """Agreement over faces with intervals from a bootstrap over participants.

    Parameters
    ----------
    answers
        One (participant, first answer, second answer) per face; participants of two databases have different names.
    draws
        Bootstrap samples.
    """
    rows = list(answers)
    names = {participant: number for number, participant in enumerate(dict.fromkeys(row[0] for row in rows))}
    cells = np.zeros((len(names), 3, 3), dtype=np.int64)
    for participant, first, second in rows:
        cells[names[participant], ANSWERS.index(first), ANSWERS.index(second)] += 1
    # Multinomial weights: a draw of whole participants with replacement.
    weights = (
        rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws).astype(np.float64)
        if names
        else np.zeros((draws, 0))
    )
    drawn = np.tensordot(weights, cells, axes=1)
    return Agreement(
        first=people[0],
        second=people[1],
        counts=cells.sum(axis=0),
        participants=len(names),
        confidence=confidence,
        decided=_estimates(cells[:, :2, :2], drawn[:, :2, :2], MEASURES, confidence),
        all_answers=_estimates(cells, drawn, MEASURES[:3], confidence),
    )


def task_agreement(
    connection: sqlite3.Connection, task_id: str, *, confidence: float, draws: int, seed: int
) -> tuple[list[Agreement], list[Agreement]]:
    """Agreement of every pair of a task's annotators, and of every annotator with themself on hidden repeats."""
    rng = np.random.default_rng(seed)
    first: dict[str, dict[str, str]] = {}  # person -> face -> answer
    again: dict[str, dict[str, str]] = {}
    participant: dict[str, str] = {}
    people = [
        row[0]
        for row in connection.execute(
            "SELECT person FROM active_assignment WHERE task_id = ? ORDER BY assignment_id", (task_id,)
        )
    ]
    for row in connection.execute("SELECT * FROM blind_answer WHERE task_id = ?", (task_id,)):
        face = row["repeats"] or row["item_id"]
        participant[face] = f"{row['database']}/{row['participant']}"
        (again if row["repeats"] else first).setdefault(row["person"], {})[face] = row["value"]

    def compare(a: tuple[str, dict[str, str]], b: tuple[str, dict[str, str]]) -> Agreement:
        # In the order of the faces' ids: a result must not depend on the order of rows in the file.
        common = sorted(a[1].keys() & b[1].keys(), key=lambda face: (participant[face], face))
        rows = [(participant[face], a[1][face], b[1][face]) for face in common]
        return agreement(rows, people=(a[0], b[0]), confidence=confidence, draws=draws, rng=rng)

    pairs = [compare((a, first.get(a, {})), (b, first.get(b, {}))) for a, b in combinations(people, 2)]
    selves = [compare((one, first.get(one, {})), (one, again.get(one, {}))) for one in people]
    return pairs, selves


def _estimates(
    cells: NDArray[np.int64], drawn: NDArray[np.float64], names: tuple[str, ...], confidence: float
) -> dict[str, Estimate]:
    """Coefficients of the sum of the cells, with percentile intervals of the drawn sums."""
    value, spread = coefficients(cells.sum(axis=0)), coefficients(drawn)
    return {name: _estimate(float(value[name]), spread[name], len(cells), confidence) for name in names}


def _estimate(value: float, spread: NDArray[np.float64], participants: int, confidence: float) -> Estimate:
    defined = spread[np.isfinite(spread)]
    undefined = 1 - len(defined) / len(spread) if len(spread) else 0.0
    if participants < 2 or not len(defined) or not np.isfinite(value):
        return Estimate(value, float("nan"), float("nan"), undefined)
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    if high - low < 1e-12:
        return Estimate(value, float("nan"), float("nan"), undefined)
    return Estimate(value, float(low), float(high), undefined)


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    """The quotient; NaN for 0/0 and where rounding alone keeps the denominator from 0."""
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    out = np.full(shape, np.nan)
    return np.divide(numerator, denominator, out=out, where=np.broadcast_to(np.abs(denominator) > 1e-12, shape))


def describe(pairs: list[Agreement], selves: list[Agreement]) -> list[str]:
    """Lines of text about a task's agreement, numbers with intervals."""
    lines = []
    for one in [*pairs, *(s for s in selves if s.faces)]:
        who = f"{one.first} and {one.second}" if one.first != one.second else f"{one.first} with themself on repeats"
        lines.append(
            f"{who}: {one.faces} faces of {one.participants} participants, share of yes {_two(one.prevalence)}"
        )
        header = "".join(f"{name:>8}" for name in ANSWERS)
        lines.append(f"  {'':<8}{header}")
        lines += [f"  {name:<8}" + "".join(f"{n:>8}" for n in one.counts[k]) for k, name in enumerate(ANSWERS)]
        for title, found in (("yes and no", one.decided), ("unsure as an answer", one.all_answers)):
            if title != "yes and no" and not one.counts[2].sum() + one.counts[:, 2].sum():
                continue
            numbers = ", ".join(f"{name} {_two(e.value)} [{_two(e.low)}, {_two(e.high)}]" for name, e in found.items())
            lines.append(f"  {title}: {numbers}")
    if not pairs:
        lines.append("fewer than two annotators have begun")
    return lines


def _two(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "-"
