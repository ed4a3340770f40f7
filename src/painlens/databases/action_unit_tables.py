"""Tables of action units by frame: a column per unit, 0 absent, 1 present, 9 not scored."""

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from painlens.databases.columns import number_of, numbers
from painlens.databases.separated import read_lines, read_separated
from painlens.tables import DataError

NOT_SCORED = 9
_NUMBER = re.compile(r"\d+")


def read_action_unit_table(file: Path) -> pd.DataFrame:
    """Action units of a recording, indexed by the number of the frame.

    The first column is the number of the frame. The header of each other column holds the number of its unit: 0 to 99
    in BP4D, where every unit has a column, and the names of the coded units in BP4D+.

    Returns
    -------
    DataFrame
        Columns au01, au04 ...: float64, missing where not scored; units that are scored nowhere have no column.

    Raises
    ------
    DataError
        The file is no such table.
    """
    table = read_separated(file)
    if table.shape[1] < 2:
        raise DataError(f"{file} must have columns for the frame and the action units, got {table.shape[1]} columns")
    numbered = {name: match for name in table.columns[1:] if (match := _NUMBER.search(str(name)))}
    if not numbered:
        raise DataError(f"{file} must name action units in its header, got {', '.join(map(str, table.columns[:6]))}")
    frame, values = numbers(table, table.columns[0]), _as_numbers(table[list(numbered)])
    values[(values == NOT_SCORED) | (values < 0) | (values > 5)] = np.nan
    scored = [bool(np.isfinite(column).any()) for column in values.T]
    units: dict[str, NDArray[np.float64]] = {}
    for place, match in enumerate(numbered.values()):
        if scored[place] and 1 <= int(match[0]) <= 99:
            units.setdefault(f"au{int(match[0]):02d}", values[:, place])
    found = pd.DataFrame(units, index=table.index).assign(frame=frame)
    found = found[found["frame"].notna() & (found["frame"] >= 0)].drop_duplicates("frame")
    return found.astype({"frame": "int64"}).set_index("frame")


def _as_numbers(table: pd.DataFrame) -> NDArray[np.float64]:
    """All cells as numbers, NaN where there is none; a table of clean numbers is converted at once."""
    try:
        return table.astype("float64").to_numpy(copy=True)
    except (ValueError, TypeError):
        return np.column_stack([numbers(table, name).to_numpy() for name in table.columns])


def read_frame_values(file: Path) -> dict[int, float]:
    """Number of the frame -> value, from lines 'frame,value' (DISFA); lines of another form are left out.

    Raises
    ------
    DataError
        The file cannot be read or no line has this form.
    """
    found: dict[int, float] = {}
    for line in read_lines(file):
        cells = re.split(r"[,;\s]+", line.strip())
        pair = [number_of(cell) for cell in cells[:2]]
        if len(pair) == 2 and all(map(math.isfinite, pair)) and pair[0] >= 0:
            found[int(pair[0])] = pair[1]
    if not found:
        raise DataError(f"{file} must hold lines 'frame,intensity'")
    return found
