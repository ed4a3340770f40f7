"""Reading and writing: every file appears whole or not at all."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from painlens.tables.schema import Schema, conform

if TYPE_CHECKING:  # pandas takes more memory than a whole web server: it is loaded with the first table
    import pandas as pd


class DataError(ValueError):
    """Data that cannot be used; the message names the file or row, what was expected, what came, what to do."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; on leaving without an error it takes the place of `path` in one move.

    A crash, a full disk or Ctrl-C leaves the earlier file as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def save_table(table: "pd.DataFrame", path: Path, schema: Schema) -> "pd.DataFrame":
    """Write a table as Parquet after bringing it to its schema; returns what was written."""
    conformed = conform(table, schema)
    with atomic_path(path) as temporary:
        conformed.to_parquet(temporary, index=False)
    return conformed


def load_table(path: Path, schema: Schema) -> "pd.DataFrame":
    """Read a table and check its columns.

    Raises
    ------
    DataError
        The file is missing, is not Parquet, or lacks columns of the schema.
    """
    import pandas as pd

    if not path.exists():
        raise DataError(f"table '{schema.name}' not found: {path}; run the step that writes it first")
    try:
        return conform(pd.read_parquet(path), schema)
    except (ValueError, OSError) as error:
        raise DataError(f"{path} is not a valid '{schema.name}' table: {error}; run its step again") from None


def save_text(text: str, path: Path) -> None:
    """Write a text file."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def save_json(value: Any, path: Path) -> None:
    """Write JSON with sorted keys, so that equal values give equal bytes."""
    save_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n", path)


def load_json(path: Path) -> Any:
    """Read JSON; a missing or broken file is a `DataError`."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"file not found: {path}; run the step that writes it first") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not valid JSON: {error}") from None


def sha256_of(path: Path) -> str:
    """SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
