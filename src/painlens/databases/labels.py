"""The class of every frame, from conditions on the owner's labels such as ``pspi > 0``.

A condition is ``column operator value``. Operators: ``== != < <= > >=`` and ``in`` with values separated by
commas (``class_name in PA3, PA4``). Values that are numbers are compared as numbers, others as text. Several
conditions are joined by ``and`` (``class_name == fear and view == straight``). The first class whose condition holds
wins; a missing value matches nothing.
"""

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from painlens.databases.columns import column, numbers, words
from painlens.tables import DataError

_FORM = re.compile(
    r"\s*(?P<column>[A-Za-z_][\w.]*)\s*(?:(?P<sign>==|!=|<=|>=|<|>)(?!\s*[=<>!])|\s(?P<word>in)\s)\s*(?P<value>.*?)\s*"
)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_ORDERINGS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True)
class Condition:
    """One condition: a column, an operator and its values as they were written."""

    column: str
    sign: str
    values: tuple[str, ...]

    @property
    def numbers(self) -> list[float] | None:
        """The values as numbers, or None if one of them is a word."""
        try:
            return [float(value) for value in self.values]
        except ValueError:
            return None


def parse_condition(text: str) -> Condition:
    """Read one condition.

    >>> parse_condition("class_name in PA3, PA4")
    Condition(column='class_name', sign='in', values=('PA3', 'PA4'))

    Raises
    ------
    DataError
        The text is not a condition, or an ordering has no number.
    """
    match = _FORM.fullmatch(text)
    if match is None or not match["value"]:
        raise DataError(
            f"a label condition must be '<column> <operator> <value>' with ==, !=, <, <=, >, >= or in, got '{text}'; "
            "write for example 'pspi > 0' or 'class_name in PA3, PA4'"
        )
    sign = match["sign"] or match["word"]
    values = match["value"].split(",") if sign == "in" else [match["value"]]
    condition = Condition(match["column"], sign, tuple(value.strip().strip("'\"") for value in values))
    if sign in _ORDERINGS and condition.numbers is None:
        raise DataError(f"'{text}': {sign} compares numbers, got '{match['value']}'; use == for words")
    return condition


def parse_conditions(text: str) -> list[Condition]:
    """Read conditions joined by ``and``.

    >>> [c.column for c in parse_conditions("task == T8 and au04 > 0")]
    ['task', 'au04']
    """
    return [parse_condition(part) for part in _AND.split(text)]


def apply_labels(frames: pd.DataFrame, rules: Mapping[str, str], *, database: str) -> tuple[pd.Series, pd.Series]:
    """Class of each frame, and why a frame has none.

    Parameters
    ----------
    frames
        Table with the owner's labels.
    rules
        Class -> condition; empty: the column `label` is the class.
    database
        Name in the study, for messages.

    Returns
    -------
    labels, reasons
        Text; labels are missing and reasons not empty where no rule matches.
    """
    if not rules:
        if "label" not in frames:
            raise DataError(
                f"database '{database}' has no column 'label' and the study no label rule; columns are "
                f"{', '.join(map(str, frames.columns))}; write for example label: {{pain: 'pspi > 0'}}"
            )
        labels = words(frames, "label")
        labels = labels.mask(labels == "")
        return labels, pd.Series("label is missing", index=frames.index, dtype="str").where(labels.isna(), "")
    conditions = {name: parse_conditions(text) for name, text in rules.items()}
    for name, parts in conditions.items():
        for condition in parts:
            if condition.column not in frames:
                raise DataError(
                    f"database '{database}', label '{name}': column '{condition.column}' not found; columns are "
                    f"{', '.join(map(str, frames.columns))}"
                )
    labels = pd.Series(pd.NA, index=frames.index, dtype="string")
    for name, parts in conditions.items():
        holds = pd.Series(True, index=frames.index)
        for condition in parts:
            holds &= _holds(frames, condition)
        labels = labels.mask(labels.isna() & holds, name)
    return labels, _reasons(frames, [condition for parts in conditions.values() for condition in parts], labels)


def _holds(frames: pd.DataFrame, condition: Condition) -> pd.Series:
    """Where a condition holds; never where the value is missing."""
    wanted = condition.numbers
    if wanted is not None:
        values = numbers(frames, condition.column)
        if condition.sign in _ORDERINGS:
            return _ORDERINGS[condition.sign](values, wanted[0])
        equal, known = values.isin(wanted), values.notna()
    else:
        text = words(frames, condition.column)
        equal, known = text.isin(condition.values), text.notna()
    return known & ~equal if condition.sign == "!=" else known & equal


def _reasons(frames: pd.DataFrame, conditions: list[Condition], labels: pd.Series) -> pd.Series:
    """Why a frame has no class: a missing value, a word where a number is needed, or no rule for its value."""
    reasons = pd.Series("", index=frames.index, dtype="str")
    for name in dict.fromkeys(condition.column for condition in conditions):
        shown = words(frames, name).fillna("")
        sentence = f"no rule matches ({name} = " + shown + ")"
        if all(c.numbers is not None for c in conditions if c.column == name):
            sentence = sentence.mask(numbers(frames, name).isna(), f"{name} is '" + shown + "', not a number")
        sentence = sentence.mask(column(frames, name).isna(), f"{name} is missing")
        reasons = reasons.where((reasons != "") | labels.notna(), sentence.astype("str"))
    return reasons
