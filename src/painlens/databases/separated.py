"""Text tables with columns separated by tab, semicolon or comma, in the encodings that spreadsheets write."""

import codecs
import warnings
from pathlib import Path

import pandas as pd

from painlens.tables import DataError

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_FORM = "expected a table with one row per frame or clip"


def separator_of(header: str) -> str:
    r"""The character between the cells of a header line: a tab if there is one, else a semicolon, else a comma.

    >>> separator_of("subject_id,x\tsubject_name")
    '\t'
    """
    return next((sign for sign in "\t;" if sign in header), ",")


def read_separated(path: Path, *, separator: str | None = None, header: bool = True) -> pd.DataFrame:
    """All cells of a text table as text; empty cells are missing, words such as ``None`` and ``NA`` stay words.

    UTF-8 with or without a byte order mark, UTF-16 with one ("Unicode text" of spreadsheets) and, where a file is not
    UTF-8, Windows-1252 are understood, and the line ends of all systems.

    Parameters
    ----------
    separator
        None: decided by the first line (`separator_of`).
    header
        The first line holds the names of the columns; else they are numbered.
    """
    encoding = encoding_of(path)
    try:
        return _read(path, separator, header, encoding)
    except UnicodeDecodeError:
        if encoding != "utf-8":
            raise DataError(f"{path} is not a readable text table: its bytes are no {encoding}") from None
    try:
        return _read(path, separator, header, "cp1252")
    except UnicodeDecodeError:
        raise DataError(f"{path} is not a readable text table: neither UTF-8 nor Windows-1252; {_FORM}") from None


def encoding_of(path: Path) -> str:
    """The encoding that the first bytes of a file announce, else UTF-8."""
    try:
        with path.open("rb") as stream:
            start = stream.read(4096)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    encoding = next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")
    if encoding != "utf-16" and b"\0" in start:
        raise DataError(f"{path} is not a readable text table: it holds binary zeros; {_FORM}")
    return encoding


def read_lines(path: Path) -> list[str]:
    """Lines of a text file in any of the encodings, without their ends."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    encoding = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8")
    try:
        return raw.decode(encoding).splitlines()
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace").splitlines()


def _read(path: Path, separator: str | None, header: bool, encoding: str) -> pd.DataFrame:
    try:
        with path.open(encoding=encoding) as stream:
            first = stream.readline()
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows with more cells than the header
            table = pd.read_csv(
                path,
                sep=separator or separator_of(first),
                header=0 if header else None,
                index_col=False,
                dtype=str,
                keep_default_na=False,
                na_values=[""],
                encoding=encoding,
                skipinitialspace=True,
            )
    except pd.errors.EmptyDataError:
        raise DataError(f"{path} is empty; {_FORM}") from None
    except UnicodeError:
        raise
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError) as error:
        raise DataError(f"{path} is not a readable text table: {str(error).strip()}; {_FORM}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    if header:
        table.columns = [str(name).strip() for name in table.columns]
    return table
