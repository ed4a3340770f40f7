"""Text tables with columns separated by tab, semicolon or comma."""

from pathlib import Path

import pandas as pd

from painlens.tables import DataError


def separator_of(header: str) -> str:
    r"""The character between the cells of a header line: a tab if there is one, else a semicolon, else a comma.

    >>> separator_of("subject_id,x\tsubject_name")
    '\t'
    """
    return next((sign for sign in "\t;" if sign in header), ",")


def read_separated(path: Path, *, separator: str | None = None, header: bool = True) -> pd.DataFrame:
    """All cells of a text table as text; empty cells are missing, words such as ``None`` and ``NA`` stay words.

    Parameters
    ----------
    separator
        None: decided by the first line (`separator_of`).
    header
        The first line holds the names of the columns; else they are numbered.
    """
    try:
        with path.open(encoding="utf-8-sig") as stream:
            first = stream.readline()
        return pd.read_csv(
            path,
            sep=separator or separator_of(first),
            header=0 if header else None,
            dtype=str,
            keep_default_na=False,
            na_values=[""],
            encoding="utf-8-sig",
            skipinitialspace=True,
        )
    except pd.errors.EmptyDataError:
        raise DataError(f"{path} is empty; expected a table with one row per frame or clip") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a readable text table in UTF-8: {str(error).strip()}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
