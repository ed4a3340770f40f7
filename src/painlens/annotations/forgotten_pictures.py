"""Pictures of people who were forgotten: the store notes that they count no more, and says how many they are.

Nothing is removed: every event is chained to all before it, and holds no pixel. From the note on no task serves the
pictures, no answer to them is taken, and no label, export or agreement speaks of them. The note names random ids.
"""

import sqlite3
from collections.abc import Sequence

from painlens.annotations.store import now, transaction, version


def forget_pictures(
    connection: sqlite3.Connection, databases: Sequence[str], *, participant: str = "", recorded_by: str
) -> int:
    """Note that the pictures of a person count no more; how many they are. A second call adds nothing.

    Parameters
    ----------
    databases
        Whose pictures.
    participant
        Of this person alone; '': of everybody in the databases.
    """
    marks = ", ".join("?" for _ in databases)
    query = f"SELECT item_id FROM present_item WHERE kind <> 'training' AND database IN ({marks})"
    with transaction(connection):
        rows = connection.execute(
            query + (" AND participant = ?" if participant else ""),
            [*databases, *([participant] if participant else [])],
        ).fetchall()
        if not rows:
            return 0
        number = connection.execute(
            "INSERT INTO forgetting (created_at, recorded_by, version) VALUES (?, ?, ?)",
            (now(), recorded_by, version()),
        ).lastrowid
        connection.executemany("INSERT INTO forgotten_item VALUES (?, ?)", [(row[0], number) for row in rows])
    return len(rows)


def count_forgotten(connection: sqlite3.Connection, task_id: str | None = None) -> int:
    """How many faces of a task, or of all tasks, belonged to people who were forgotten; repeats are not counted."""
    row = connection.execute(
        "SELECT count(*) FROM forgotten_item JOIN item USING (item_id)"
        " WHERE kind = 'face' AND (?1 IS NULL OR task_id = ?1)",
        (task_id,),
    ).fetchone()
    return int(row[0])


def describe_forgotten(number: int) -> str:
    """A sentence about forgotten faces; '' where there is none.

    >>> describe_forgotten(1)
    '1 face of people who were forgotten is not served, exported or counted any more'
    """
    if not number:
        return ""
    faces, are = ("face", "is") if number == 1 else ("faces", "are")
    return f"{number} {faces} of people who were forgotten {are} not served, exported or counted any more"
