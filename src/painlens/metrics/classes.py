"""In which order classes are read: levels of pain from none upwards, emotions as AffectNet lists them, pain last."""

from collections.abc import Iterable

import pandas as pd

# The names of `painlens.databases.levels`; a test keeps the two together.
READING_ORDER = (
    "no-pain", "none", "trace", "weak", "strong",
    "neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt", "pain",
)  # fmt: skip


def in_reading_order(classes: Iterable[str]) -> tuple[str, ...]:
    """Classes in the order in which tables and figures show them; unknown ones first, by name.

    >>> in_reading_order({"strong", "none", "weak", "trace"})
    ('none', 'trace', 'weak', 'strong')
    >>> in_reading_order(["pain", "happy", "neutral", "startle"])
    ('startle', 'neutral', 'happy', 'pain')
    """
    place = {name: number for number, name in enumerate(READING_ORDER)}
    return tuple(sorted(set(classes), key=lambda name: (place.get(name, -1), name)))


def rows_in_reading_order(table: pd.DataFrame, *groups: str) -> pd.DataFrame:
    """The table with the rows of each group in the order of their classes (column `label`); groups stay in place.

    >>> table = pd.DataFrame({"database": ["b", "b", "a", "a"], "label": ["strong", "none", "trace", "none"]})
    >>> rows_in_reading_order(table, "database").to_numpy().tolist()
    [['b', 'none'], ['b', 'strong'], ['a', 'none'], ['a', 'trace']]
    """
    table = table.reset_index(drop=True)
    labels = table["label"].astype(str)
    place = {name: number for number, name in enumerate(in_reading_order(labels))}
    keys = pd.DataFrame(
        {"group": table.groupby(list(groups), sort=False, dropna=False).ngroup(), "class": labels.map(place)}
    )
    return table.loc[keys.sort_values(["group", "class"]).index]
