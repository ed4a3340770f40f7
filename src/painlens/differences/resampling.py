"""Test participants drawn with replacement, within each database, and means of faces under such draws."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int


@dataclass(frozen=True)
class People:
    """Whose faces they are.

    Attributes
    ----------
    of_face
        Number of each face's participant.
    database
        Of each participant, who is drawn among the people of the same database.
    """

    of_face: Int[np.ndarray, " face"]
    database: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.database)

    @property
    def enough(self) -> bool:
        """Whether every database has the two people without whom nothing is known of how people vary."""
        return bool(self.database) and min(self.database.count(name) for name in set(self.database)) >= 2

    def drawn(self, draws: int, rng: np.random.Generator) -> Float64[np.ndarray, "draw participant"]:
        """How often each participant is drawn in each sample."""
        times = np.zeros((draws, len(self)))
        names = np.array(self.database)
        for name in sorted(set(self.database)):
            own = names == name
            count = int(own.sum())
            times[:, own] = rng.multinomial(count, np.full(count, 1 / count), size=draws)
        return times


def people_of(faces: pd.DataFrame) -> People:
    """The people of faces with the columns database and participant; equal names in two databases are two people."""
    keys = pd.MultiIndex.from_frame(faces[["database", "participant"]].astype(str))
    of_face, names = keys.factorize()
    return People(np.asarray(of_face), tuple(str(name[0]) for name in names))


def mean_intervals(
    values: Float64[np.ndarray, "face value"],
    people: People,
    *,
    draws: int,
    confidence: float,
    rng: np.random.Generator,
) -> tuple[Float64[np.ndarray, " value"], Float64[np.ndarray, " value"]]:
    """Percentile intervals of means over faces, people drawn within their database; NaN where people are too few."""
    if not people.enough or draws == 0:
        missing = np.full(values.shape[1], np.nan)
        return missing, missing
    sums = np.zeros((len(people), values.shape[1]))
    np.add.at(sums, people.of_face, values)
    times = people.drawn(draws, rng)
    means = times @ sums / (times @ np.bincount(people.of_face, minlength=len(people)))[:, None]
    low, high = np.quantile(means, [0.5 - confidence / 2, 0.5 + confidence / 2], axis=0)
    return low, high
