"""Mean relevance per facial region of the chosen faces, with intervals over participants.

The intervals are those of `painlens.differences.regions_table`, a jackknife over participants within databases; here
for any selection and without pandas. They hold for the networks at hand on people like these, and say nothing about
other networks or databases.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from painlens.regions import REGIONS
from painlens.web.index import Index
from painlens.web.selection import Query, shares


@dataclass(frozen=True)
class RegionStatistic:
    """One region in one selection; `low` and `high` are NaN where a database has fewer than two participants."""

    region: str
    mean_a: float
    mean_b: float
    difference: float
    low: float
    high: float
    faces: int
    participants: int

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return bool(np.isfinite(self.low))


def region_statistics(
    index: Index, query: Query, rows: NDArray[np.intp], *, confidence: float
) -> list[RegionStatistic]:
    """Every region, in the order of `painlens.regions.REGIONS`; empty where no face has maps of both models."""
    a, b = (values[rows] for values in shares(index, query))
    known = np.isfinite(a).all(axis=1) & np.isfinite(b).all(axis=1)
    rows, a, b = rows[known], a[known], b[known]
    if not len(rows):
        return []
    people = np.char.add(np.char.add(index.database[rows], "\n"), index.participant[rows])
    half = half_width(a - b, people, index.database[rows], 0.5 + confidence / 2)
    count = len(np.unique(people))
    return [
        RegionStatistic(
            region=name,
            mean_a=float(a[:, r].mean()),
            mean_b=float(b[:, r].mean()),
            difference=float((a - b)[:, r].mean()),
            low=float((a - b)[:, r].mean() - half[r]),
            high=float((a - b)[:, r].mean() + half[r]),
            faces=len(rows),
            participants=count,
        )
        for r, name in enumerate(REGIONS)
    ]


def half_width(
    values: NDArray[np.float64], people: NDArray[np.str_], strata: NDArray[np.str_], quantile: float
) -> NDArray[np.float64]:
    """Half width of the t interval of the mean, from the stratified jackknife over participants.

    Parameters
    ----------
    values
        float64 (face, measure).
    people, strata
        Participant and database of every face.
    quantile
        Of Student's t; its degrees of freedom follow Satterthwaite.

    Returns
    -------
    float64 (measure,); NaN where a stratum has fewer than two participants.
    """
    names, number = np.unique(people, return_inverse=True)
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, number, values)
    counts = np.bincount(number).astype(float)
    own_stratum = np.empty(len(names), dtype=strata.dtype)
    own_stratum[number] = strata
    groups = [own_stratum == name for name in np.unique(own_stratum)]
    if min(int(group.sum()) for group in groups) < 2:
        return np.full(values.shape[1], np.nan)
    without = (sums.sum(axis=0) - sums) / (counts.sum() - counts)[:, None]
    variance, spread = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for group in groups:
        own = without[group]
        part = (len(own) - 1) / len(own) * ((own - own.mean(axis=0)) ** 2).sum(axis=0)
        variance += part
        spread += part**2 / (len(own) - 1)
    df = np.divide(variance**2, spread, out=np.ones_like(variance), where=spread > 0)
    return stdtrit(df, quantile) * np.sqrt(variance)
