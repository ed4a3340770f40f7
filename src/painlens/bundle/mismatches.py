"""Two tables of one kind, stored and computed again: every number, text and row in which they differ."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
import pandas as pd

ROUNDING = 1e-9
"""Relative difference that another machine's arithmetic may cause; sums in another order differ by about 1e-14."""
NOTHING = 1e-12
"""Two numbers below this are both zero to rounding."""


@dataclass(frozen=True)
class Mismatch:
    """One difference.

    Attributes
    ----------
    file, row, column
        Where: the file of the bundle, the key of the row, the column.
    stored, recomputed
        What the bundle says, and what follows from its predictions, labels and inner products.
    """

    file: str
    row: str
    column: str
    stored: str
    recomputed: str


@dataclass(frozen=True)
class Compared:
    """What a comparison of two tables found.

    Attributes
    ----------
    numbers
        Cells that were compared.
    rounded
        Of these, numbers that agree to rounding but not to the last bit.
    """

    mismatches: tuple[Mismatch, ...]
    numbers: int
    rounded: int


def compare_tables(
    file: str, stored: pd.DataFrame, recomputed: pd.DataFrame, *, key: Sequence[str], exact: bool = False
) -> Compared:
    """Compare cell by cell; rows are matched by their key.

    Parameters
    ----------
    key
        Columns that name a row; none: rows are matched by their position.
    exact
        Numbers must agree to the last bit.
    """
    found = list(_shape(file, stored, recomputed, key))
    if found:
        return Compared(tuple(found), 0, 0)
    numbers = rounded = 0
    for column in recomputed.columns:
        before, after = stored[column], recomputed[column]
        wrong, near = _cells(before, after)
        numbers, rounded = numbers + len(before), rounded + int(near.sum())
        for place in np.flatnonzero(wrong | near if exact else wrong).tolist():
            values = _shown(before.iloc[place]), _shown(after.iloc[place])
            found.append(Mismatch(file, _row(stored, place, key), str(column), *values))
    return Compared(tuple(found), numbers, rounded)


def _shape(file: str, stored: pd.DataFrame, recomputed: pd.DataFrame, key: Sequence[str]) -> Iterator[Mismatch]:
    """Columns and rows that one table has and the other has not, or in another order."""
    for column in recomputed.columns.difference(stored.columns):
        yield Mismatch(file, "", str(column), "no such column", "a column")
    for column in stored.columns.difference(recomputed.columns):
        yield Mismatch(file, "", str(column), "a column", "no such column")
    here, there = _keys(stored, key), _keys(recomputed, key)
    for row in [row for row in here if row not in set(there)]:
        yield Mismatch(file, row, "", "a row", "no such row")
    for row in [row for row in there if row not in set(here)]:
        yield Mismatch(file, row, "", "no such row", "a row")
    if set(here) == set(there) and here != there:
        for place, (before, after) in enumerate(zip_longest(here, there, fillvalue="no more rows")):
            if before != after:
                yield Mismatch(file, f"row {place}", "", before, after)
                return


def _keys(table: pd.DataFrame, key: Sequence[str]) -> list[str]:
    present = [name for name in key if name in table.columns]
    return [_row(table, place, present) for place in range(len(table))]


def _row(table: pd.DataFrame, place: int, key: Sequence[str]) -> str:
    return ", ".join(str(table[name].iloc[place]) for name in key) if key else f"row {place}"


def _cells(before: pd.Series, after: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Cells that differ, and numbers that differ by rounding only."""
    missing = before.isna().to_numpy(bool), after.isna().to_numpy(bool)
    if not (pd.api.types.is_numeric_dtype(after) and not pd.api.types.is_bool_dtype(after)):
        same = before.astype("string").fillna("").to_numpy(object) == after.astype("string").fillna("").to_numpy(object)
        return ~same | (missing[0] != missing[1]), np.zeros(len(before), bool)
    a, b = (pd.to_numeric(side, errors="coerce").to_numpy(float, na_value=np.nan) for side in (before, after))
    equal = (a == b) | (missing[0] & missing[1])
    larger = np.fmax(np.abs(a), np.abs(b))
    with np.errstate(invalid="ignore"):
        near = ~equal & (np.isfinite(a) & np.isfinite(b)) & ((np.abs(a - b) <= ROUNDING * larger) | (larger < NOTHING))
    return ~equal & ~near, near


def _shown(value: Any) -> str:
    if value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "missing"
    return repr(float(value)) if isinstance(value, float | np.floating) else str(value)
