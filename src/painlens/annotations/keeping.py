"""Keeping a store: copies of it while people work, and whether it still is what was written."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from painlens.annotations import store
from painlens.annotations.events import broken_links
from painlens.annotations.store import StoreError
from painlens.annotations.tasks import digest_of_pixels

PAGES_AT_ONCE = 256  # of a backup: writers get their turn in between


def back_up(connection: sqlite3.Connection, file: Path) -> int:
    """Copy an open store to a file and return how many events the copy holds; people may go on working.

    The copy appears whole or not at all, and is a single file without a log beside it.

    Raises
    ------
    StoreError
        The file is the store itself, cannot be written, or the copy is not sound.
    """
    own = Path(connection.execute("PRAGMA database_list").fetchone()["file"])
    if file.exists() and file.samefile(own):
        raise StoreError(f"{file} is the store itself; give the backup another name")
    temporary = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        temporary.touch(mode=0o600)
        copy = sqlite3.connect(temporary)
        try:
            connection.backup(copy, pages=PAGES_AT_ONCE, sleep=0.01)
            copy.execute("PRAGMA journal_mode = DELETE")
            copy.row_factory = sqlite3.Row
            problems = problems_of(copy)
            count = int(copy.execute("SELECT count(*) FROM event").fetchone()[0])
        finally:
            copy.close()
        if problems:
            raise StoreError(f"the copy is not sound, {file} was left as it was: {problems[0]}")
        temporary.replace(file)
    except sqlite3.Error as error:
        raise store.store_error(file, error) from None
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)
    return count


def problems_of(connection: sqlite3.Connection) -> list[str]:
    """Sentences about what is wrong with a store; empty for a sound one."""
    problems = [f"damaged: {row[0]}" for row in connection.execute("PRAGMA integrity_check(20)") if row[0] != "ok"]
    if problems:
        return problems
    for row in connection.execute("PRAGMA foreign_key_check"):
        problems.append(f"a row of table {row[0]} points at a row of {row[2]} that is gone")
    problems += _missing_guards(connection)
    problems += broken_links(connection)
    return problems


def problems_of_pictures(connection: sqlite3.Connection, crop: Callable[[str, str], NDArray[np.uint8]]) -> list[str]:
    """Sentences about labelled faces that are gone from the run or were cropped anew since people judged them.

    Parameters
    ----------
    crop
        The face of (database, frame_id); raises KeyError or ValueError where there is none.
    """
    gone, changed = [], []
    rows = connection.execute(
        "SELECT DISTINCT i.database, i.frame_id, i.sha256 FROM present_item i JOIN event e USING (item_id)"
        " WHERE i.kind = 'face' AND e.kind = 'label' AND i.sha256 <> '' ORDER BY 1, 2"
    )
    for database, frame_id, digest in rows:
        try:
            same = digest_of_pixels(crop(database, frame_id)) == digest
        except (KeyError, ValueError):
            gone.append(f"{database} {frame_id}")
            continue
        if not same:
            changed.append(f"{database} {frame_id}")
    problems = []
    if gone:
        problems.append(f"{len(gone)} labelled faces are no test faces of the run any more, e.g. {gone[0]}")
    if changed:
        problems.append(f"{len(changed)} faces were cropped anew after people judged them, e.g. {changed[0]}")
    return problems


def _missing_guards(connection: sqlite3.Connection) -> list[str]:
    """Triggers and views that the migrations make and the store no longer has, or has in another form."""
    fresh = sqlite3.connect(":memory:")
    try:
        for migration in store.migrations():
            fresh.executescript(migration.sql)
        wanted = dict(fresh.execute("SELECT name, sql FROM sqlite_master WHERE type IN ('trigger', 'view')").fetchall())
    finally:
        fresh.close()
    found = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type IN ('trigger', 'view')").fetchall())
    return [
        f"the guard or view '{name}' is missing or was changed" for name in wanted if found.get(name) != wanted[name]
    ]
