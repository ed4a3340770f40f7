"""The store of one study: an SQLite file in which people's work is only ever added to.

One file holds the people, the audit log, the hypotheses and the answers. A commit is on the disk before anybody is told
that an answer is saved (``synchronous=FULL``); readers do not wait for writers (WAL). The file must lie on a local
disk: SQLite's locks do not work on network file systems.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

MIGRATIONS = Path(__file__).with_name("migrations")
FILE = "annotations.sqlite"  # its name inside the folder of a run
BUSY_MS = 5000
_OWNER_ONLY = 0o600
_LEDGER = """CREATE TABLE IF NOT EXISTS migration (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at TEXT NOT NULL)"""


class StoreError(ValueError):
    """A store that cannot be read or written, or a request that it refuses; the message says what to do.

    Not a `painlens.tables.DataError`: the web server imports this module and should not load pandas.
    """


class Migration(NamedTuple):
    """One numbered file of SQL statements."""

    number: int
    name: str
    sql: str
    sha256: str


def connect(path: Path, *, create: bool = True, read_only: bool = False) -> sqlite3.Connection:
    """An open store whose tables are up to date; close it after use.

    The connection commits every statement by itself; group statements with `transaction`. Rows can be read by column
    name. It may move between threads, but only one may use it at a time.

    Parameters
    ----------
    create
        Make the file if it is missing; readable by its owner only.
    read_only
        Open without the right to write; migrations are not applied, they must have been.

    Raises
    ------
    StoreError
        The file is missing, cannot be written, is no SQLite file, is damaged, or was written by a newer painlens.
    """
    path = Path(path)
    if not path.exists():
        if read_only or not create:
            raise StoreError(f"there is no annotation store at {path}; `painlens annotations new` makes one")
        _make(path)
    try:
        connection = _open(path, read_only=read_only)
    except sqlite3.Error as error:
        raise store_error(path, error) from None
    try:
        if read_only:
            _check_migrations(connection, path)
        else:
            _migrate(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise store_error(path, error) from None
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def opened(path: Path, *, create: bool = False, read_only: bool = False) -> Iterator[sqlite3.Connection]:
    """An open store that is closed at the end of the block; SQLite's errors become `StoreError`."""
    connection = connect(path, create=create, read_only=read_only)
    try:
        yield connection
    except sqlite3.Error as error:
        raise store_error(path, error) from None
    finally:
        connection.close()


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All statements of the block or none; the write lock is taken at the beginning, so that reads stay true."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    try:
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk leaves it open
            connection.execute("ROLLBACK")
        raise


def now() -> str:
    """The server's clock, UTC, in ISO 8601 with milliseconds: information only, never an order."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@cache
def version() -> str:
    """Version of painlens, as written beside every event."""
    return metadata.version("painlens")


@cache
def migrations() -> tuple[Migration, ...]:
    """All migrations in their order, from files like ``001_annotations.sql``."""
    found = []
    for path in MIGRATIONS.glob("*.sql"):
        match = re.fullmatch(r"(\d{3})_([a-z_]+)", path.stem)
        if match is None:
            raise StoreError(f"migrations are called like 001_name.sql, got {path.name}")
        sql = path.read_text(encoding="utf-8")
        found.append(Migration(int(match[1]), match[2], sql, sha256(sql.encode()).hexdigest()))
    numbers = [m.number for m in found]
    if len(set(numbers)) != len(numbers):
        raise StoreError(f"two migrations have one number: {sorted(numbers)}")
    return tuple(sorted(found))


def store_error(path: Path, error: sqlite3.Error) -> StoreError:
    """A sentence about what SQLite could not do with a store, with its remedy."""
    text = str(error)
    remedies = {
        "readonly": "the file or its folder cannot be written; give the server's user the right to write there",
        "disk is full": "the disk is full; free some space, nothing that was acknowledged is lost",
        "malformed": "the file is damaged; restore the last backup (`painlens annotations backup`)",
        "not a database": "this is no annotation store, or it is damaged; restore the last backup",
        "unable to open": "the file or its folder cannot be opened; check the path and the rights",
        "locked": "another program held it for too long; close it and try again",
        "disk I/O": "the disk failed; check it and restore the last backup if needed",
    }
    remedy = next((sentence for sign, sentence in remedies.items() if sign in text), "see the message")
    return StoreError(f"{path}: {text}; {remedy}")


def _make(path: Path) -> None:
    """An empty file that only its owner can read."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=_OWNER_ONLY)
    except OSError as error:
        raise StoreError(f"no annotation store can be made at {path}: {error.strerror}") from None


def _open(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """A connection with the project's settings."""
    where = path.resolve().as_uri()
    if not read_only:
        return _settings(sqlite3.connect(f"{where}?mode=rw", uri=True, isolation_level=None, check_same_thread=False))
    connection = sqlite3.connect(f"{where}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        connection.close()
        # In a folder that cannot be written WAL's index cannot be made; without a WAL the file is complete by itself.
        if path.with_name(f"{path.name}-wal").exists():
            raise
        connection = sqlite3.connect(f"{where}?immutable=1", uri=True, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    return connection


def _settings(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Durable commits, readers beside a writer, foreign keys, patience."""
    connection.row_factory = sqlite3.Row
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _applied(connection: sqlite3.Connection) -> dict[int, str]:
    """Number -> digest of the migrations that the store has seen."""
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'migration'").fetchone()
    return dict(connection.execute("SELECT number, sha256 FROM migration").fetchall()) if known else {}


def _check_migrations(connection: sqlite3.Connection, path: Path, *, complete: bool = True) -> list[Migration]:
    """Migrations that the store has not seen; refuses a store that this painlens does not understand."""
    applied = _applied(connection)
    known = {m.number: m for m in migrations()}
    newer = sorted(set(applied) - set(known))
    if newer:
        raise StoreError(f"{path} was written by a newer painlens (migration {newer[-1]}); install that version")
    changed = [m.name for m in known.values() if applied.get(m.number, m.sha256) != m.sha256]
    if changed:
        raise StoreError(
            f"{path} was made with another text of the migrations {', '.join(changed)}; applied migrations are never "
            "edited: add a new one, or install the painlens that made the store"
        )
    missing = [m for m in migrations() if m.number not in applied]
    if missing and complete:
        raise StoreError(f"{path} lacks the tables '{missing[0].name}'; open it once with `painlens annotations check`")
    return missing


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Apply missing migrations, all or none; two programs that open a new store at once do not meet."""
    if not _check_migrations(connection, path, complete=False):
        return
    with transaction(connection):
        connection.execute(_LEDGER)
        for migration in _check_migrations(connection, path, complete=False):
            for statement in _statements(migration.sql):
                connection.execute(statement)
            connection.execute(
                "INSERT INTO migration VALUES (?, ?, ?, ?)",
                (migration.number, migration.name, migration.sha256, now()),
            )


def _statements(sql: str) -> Iterator[str]:
    """The statements of a script, one by one; `executescript` would commit the open transaction."""
    pending = ""
    for line in sql.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if any(line.strip() and not line.strip().startswith("--") for line in pending.splitlines()):
        raise StoreError(f"a migration ends within a statement: {pending.strip()[:80]}")
