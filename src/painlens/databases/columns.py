"""One column of an owner's table as numbers or as words, whatever it was read as."""

import math
import re
from typing import cast

import numpy as np
import pandas as pd

# One comma between digits and no point: the decimal comma of many languages.
_COMMA = re.compile(r"^\s*([+-]?\d*),(\d+(?:[eE][+-]?\d+)?)\s*$")


def column(table: pd.DataFrame, name: str) -> pd.Series:
    """The column as it is."""
    return cast("pd.Series", table[name])


def number_of(text: str) -> float:
    """The number that a text is, with a decimal point or a decimal comma; NaN where it is none.

    >>> number_of(" 3,5e-01 "), number_of("1.234,5")
    (0.35, nan)
    """
    try:
        value = float(_COMMA.sub(r"\1.\2", text))
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def numbers(table: pd.DataFrame, name: str) -> pd.Series:
    """The column as float64; missing where a value is missing or no number. Decimal commas are understood.

    >>> numbers(pd.DataFrame({"pspi": ["0.0e+00", "two", None, "0,5"]}), "pspi").tolist()
    [0.0, nan, nan, 0.5]
    """
    values = column(table, name)
    if not pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        text = values.astype("string")
        with_comma = text.str.contains(",", regex=False).fillna(False).to_numpy(dtype=bool)
        if with_comma.any():
            values = text.mask(with_comma, text.str.replace(_COMMA, r"\1.\2", regex=True))
    converted = cast("pd.Series", pd.to_numeric(values, errors="coerce")).astype("float64")
    return converted.where(np.isfinite(converted))


def words(table: pd.DataFrame, name: str) -> pd.Series:
    """The column as text without blanks at its ends; flags are 'true' and 'false'."""
    values = column(table, name)
    text = values.astype("string").str.strip()
    return text.str.lower() if pd.api.types.is_bool_dtype(values) else text


def any_of(values: pd.Series) -> bool:
    """Whether a column of flags holds a true one."""
    return bool(values.to_numpy(dtype=bool, na_value=False).any())
