"""What a table is: its columns with their types, and the check that brings a table to them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Column:
    """One column: `kind` is text, flag, integer, real or class (a column per class, its name ends with the class)."""

    kind: str
    meaning: str
    required: bool = True


@dataclass(frozen=True)
class Schema:
    """One table: what a row is, its columns and the columns that identify a row."""

    name: str
    row: str
    key: tuple[str, ...]
    columns: dict[str, Column]


_DTYPES = {"text": "string", "flag": "boolean", "integer": "Int64", "real": "float64"}


def empty(schema: Schema) -> "pd.DataFrame":
    """A table of the schema without rows."""
    import pandas as pd

    return pd.DataFrame(
        {name: pd.Series(dtype=_DTYPES[c.kind]) for name, c in schema.columns.items() if c.kind in _DTYPES}
    )


def conform(table: "pd.DataFrame", schema: Schema) -> "pd.DataFrame":
    """The table with the schema's columns first and in their types; unknown columns follow unchanged.

    Raises
    ------
    ValueError
        A required column is missing, a value does not fit its type, or two rows have the same key.
    """
    import pandas as pd

    missing = [n for n, c in schema.columns.items() if c.required and c.kind != "class" and n not in table.columns]
    if missing:
        raise ValueError(f"table '{schema.name}' must have the columns {missing}, got {list(table.columns)}")
    known = {n: c for n, c in schema.columns.items() if n in table.columns}
    out = {}
    for name, column in known.items():
        try:
            out[name] = table[name].astype(pd.api.types.pandas_dtype(_DTYPES[column.kind]))
        except (TypeError, ValueError) as error:
            raise ValueError(f"column '{name}' of table '{schema.name}' must be {column.kind}: {error}") from None
    rest = table.drop(columns=list(known))
    conformed = pd.concat([pd.DataFrame(out, index=table.index), rest], axis=1)
    doubled = conformed.duplicated(list(schema.key))
    if doubled.any():
        example = conformed.loc[doubled, list(schema.key)].iloc[0].tolist()
        raise ValueError(f"table '{schema.name}' has {int(doubled.sum())} repeated keys {schema.key}, e.g. {example}")
    return conformed.reset_index(drop=True)
