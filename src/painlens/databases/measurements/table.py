"""What the tools' tables have in common: numbered landmarks, action units, which face of a picture."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from painlens.databases.columns import numbers
from painlens.tables import DataError

KEY, FRAME, SOURCE = "_measured_key", "_measured_frame", "_measured_confidence"


def check_columns(table: pd.DataFrame, needed: Sequence[str], file: Path, *, tool: str) -> None:
    """Raise a `DataError` where a table lacks what a tool always writes."""
    missing = [name for name in needed if name not in table]
    if missing:
        shown = ", ".join(map(str, table.columns[:8]))
        raise DataError(f"{file} is not a table of {tool}: it lacks {', '.join(missing)}; it has {shown} ...")
    if table.empty:
        raise DataError(f"{file} has no rows")


def action_units(table: pd.DataFrame, pattern: str, name: str, *, high: float) -> dict[str, pd.Series]:
    """Columns whose header matches a pattern with the number of a unit in its first group, as numbers 0..`high`."""
    found: dict[str, pd.Series] = {}
    for header in table.columns:
        match = re.fullmatch(pattern, str(header))
        if match:
            values = numbers(table, str(header))
            found[name.format(int(match[1]))] = values.where(values.between(0, high))
    return found


def landmarks(table: pd.DataFrame) -> pd.Series | None:
    """68 landmarks of columns x_0 .. x_67, y_0 .. y_67 as text x;y;x;y ..., missing where one is; None without them."""
    names = [f"{axis}_{point}" for point in range(68) for axis in "xy"]
    if any(name not in table for name in names) or "x_68" in table:
        return None
    values = pd.DataFrame({name: numbers(table, name) for name in names})
    text = pd.Series([";".join(f"{value:.6g}" for value in row) for row in values.to_numpy()], index=table.index)
    return text.where(values.notna().all(axis=1))
