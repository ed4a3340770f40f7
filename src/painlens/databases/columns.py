"""One column of an owner's table as numbers or as words, whatever it was read as."""

from typing import cast

import numpy as np
import pandas as pd


def column(table: pd.DataFrame, name: str) -> pd.Series:
    """The column as it is."""
    return cast("pd.Series", table[name])


def numbers(table: pd.DataFrame, name: str) -> pd.Series:
    """The column as float64; missing where a value is missing or no number.

    >>> numbers(pd.DataFrame({"pspi": ["0.0e+00", "two", None]}), "pspi").tolist()
    [0.0, nan, nan]
    """
    values = column(table, name)
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
