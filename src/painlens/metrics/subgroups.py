"""How good each model is for women and men and for people of different age, where the databases know."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from painlens.metrics.scores import MAJORITY, MEAN, evaluate
from painlens.tables import SUBGROUPS, conform, empty

AGES = ((0, 30, "under 30"), (30, 50, "30 to 49"), (50, 1000, "50 and over"))  # years: from, below, name (ours)
MEASURES = ("accuracy", "balanced-accuracy", "auroc")
SEX, AGE = "sex", "age"


def subgroups(  # noqa: PLR0913 - as `evaluate`, and who the people are
    predictions: pd.DataFrame,
    people: pd.DataFrame,
    *,
    classes: tuple[str, ...],
    target: str,
    confidence: float,
    draws: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """SUBGROUPS of every model on every database: accuracy, balanced accuracy and AUROC, mean over seeds.

    Sex and age are what the owner's files say. People of whom nothing is said are in no group; a database whose
    people are of one group only has no rows, since there is nothing to compare.

    Parameters
    ----------
    people
        FACES rows of the test faces, or other rows with the columns database and participant, and sex and age where
        they are known.
    """
    parts = [empty(SUBGROUPS)]
    for database, attribute, group, members in _groups(people):
        own = predictions[(predictions["database"] == database) & predictions["participant"].isin(members)]
        if own.empty:
            continue
        found = evaluate(own, classes=classes, target=target, confidence=confidence, draws=draws, rng=rng)
        kept = (found["replicate"] == MEAN) & (found["model"] != MAJORITY) & found["measure"].isin(MEASURES)
        parts.append(found[kept].assign(attribute=attribute, group=group).drop(columns=["replicate", "undefined"]))
    return conform(pd.concat(parts[1:] or parts, ignore_index=True), SUBGROUPS)


def age_group(years: float) -> str:
    """The group of an age in years.

    >>> age_group(29), age_group(30), age_group(50.5)
    ('under 30', '30 to 49', '50 and over')
    """
    return next(name for least, below, name in AGES if least <= years < below)


def _groups(people: pd.DataFrame) -> Iterator[tuple[str, str, str, set[str]]]:
    """Database, attribute, group and its participants, in the order of the tables."""
    for database, own in people.groupby("database", sort=True):
        for attribute, named in ((SEX, _by_sex(own)), (AGE, _by_age(own))):
            if len(named) < 2:
                continue
            for group, members in named.items():
                yield str(database), attribute, group, members


def _by_sex(people: pd.DataFrame) -> dict[str, set[str]]:
    """Sex -> participants."""
    if SEX not in people.columns:
        return {}
    known = people.dropna(subset=[SEX])
    return {
        str(sex): set(own["participant"].astype(str)) for sex, own in known.groupby(SEX, sort=True) if str(sex).strip()
    }


def _by_age(people: pd.DataFrame) -> dict[str, set[str]]:
    """Age group -> participants; who was filmed at several ages counts with the first."""
    if AGE not in people.columns:
        return {}
    years = people.dropna(subset=[AGE]).drop_duplicates("participant").set_index("participant")[AGE].astype(float)
    of_group = years.map(age_group)
    return {
        name: {str(who) for who in of_group.index[of_group == name]} for *_, name in AGES if (of_group == name).any()
    }
