"""What somebody has to do next: every person in an order of their own, repeats hidden, skipped faces last."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from painlens.annotations.tasks import Task, annotators_of

# Repeated faces come first in the first part and again in the last part of a person's order: a fifth of the faces at
# least lies between, so that the second answer is not remembered.
EARLY, LATE = 0.4, 0.6

Shown = Callable[[str, str], bool]  # database, frame_id -> may this face be shown now


@dataclass(frozen=True)
class Queue:
    """What one person has to do: picture ids in their order, and how far they are.

    Attributes
    ----------
    phase
        training (while training pictures wait), faces, or done.
    items
        The next pictures; skipped ones come last.
    done, total
        Faces with an answer, and all; repeats count.
    skipped
        How many of the waiting ones were skipped before.
    recent
        The last answers, newest first: item, value, nonce.
    """

    phase: Literal["training", "faces", "done"]
    items: list[str]
    done: int
    total: int
    skipped: int
    recent: list[dict[str, str]]


def queue_of(
    connection: sqlite3.Connection,
    task: Task,
    person: str,
    *,
    shown: Shown,
    at_most: int,
    again: bool = False,
) -> Queue:
    """What a person has to do next.

    Parameters
    ----------
    shown
        Whether a face (database, frame_id) may be shown now; others leave the queue.
    again
        Show the training pictures once more.
    """
    rows = connection.execute(
        "SELECT item_id, kind, database, frame_id, participant, repeats FROM present_item WHERE task_id = ?",
        (task.task_id,),
    ).fetchall()
    answered = {
        row["item_id"]
        for row in connection.execute(
            "SELECT item_id FROM current_answer WHERE task_id = ? AND person = ? AND part = 'annotate'",
            (task.task_id, person),
        )
    }
    recent = _recent(connection, task.task_id, person, "annotate")
    lessons = [row["item_id"] for row in rows if row["kind"] == "training"]
    waiting = [item for item in shuffled(lessons, task.seed, person) if again or item not in answered]
    faces = [row for row in rows if row["kind"] != "training" and shown(row["database"], row["frame_id"])]
    done = sum(row["item_id"] in answered for row in faces)
    if waiting:
        return Queue("training", waiting, done, len(faces), 0, [])
    order = [item for item in order_of(faces, task.seed, person) if item not in answered]
    skips = _skipped(connection, task.task_id, person)
    later = sorted((item for item in order if item in skips), key=skips.__getitem__)
    items = [item for item in order if item not in skips] + later
    return Queue("faces" if items else "done", items[:at_most], done, len(faces), len(later), recent)


def disputes_of(
    connection: sqlite3.Connection, task: Task, person: str, *, shown: Shown, at_most: int
) -> tuple[Queue, dict[str, list[str]]]:
    """Disagreements that wait for an adjudicator, and item -> the differing answers, in an order that names nobody."""
    rows = connection.execute(
        "SELECT item_id, database, frame_id, participant, state, 'face' AS kind, NULL AS repeats FROM final_label"
        " WHERE task_id = ? AND state IN ('disagreement', 'adjudicated')",
        (task.task_id,),
    ).fetchall()
    rows = [row for row in rows if shown(row["database"], row["frame_id"])]
    order = order_of(rows, task.seed, person)
    open_ids = {row["item_id"] for row in rows if row["state"] == "disagreement"}
    skips = _skipped(connection, task.task_id, person, part="adjudicate")
    later = sorted((item for item in order if item in open_ids and item in skips), key=skips.__getitem__)
    items = ([item for item in order if item in open_ids and item not in skips] + later)[:at_most]
    answers = {item: _unnamed(connection, item, task.seed) for item in items}
    recent = _recent(connection, task.task_id, person, "adjudicate")
    done = len(rows) - len(open_ids)
    return Queue("faces" if items else "done", items, done, len(rows), len(later), recent), answers


def adjudication_open(connection: sqlite3.Connection, task: Task, *, shown: Shown) -> bool:
    """Whether the disagreements of a task may be seen: everybody has finished, or it was opened before.

    An annotator who takes an answer back later does not close it again.
    """
    begun = connection.execute(
        "SELECT 1 FROM event WHERE task_id = ? AND part = 'adjudicate' AND kind = 'label' LIMIT 1", (task.task_id,)
    ).fetchone()
    return begun is not None or is_complete(connection, task, shown=shown)


def is_complete(connection: sqlite3.Connection, task: Task, *, shown: Shown) -> bool:
    """Whether all places are taken and everybody has answered every face that may be shown."""
    people = annotators_of(connection, task.task_id)
    if len(people) < task.annotators:
        return False
    return all(queue_of(connection, task, one, shown=shown, at_most=1).phase == "done" for one in people)


def order_of(faces: Sequence[sqlite3.Row], seed: int, person: str) -> list[str]:
    """Picture ids in the order of one person; a repeat comes long after the first look.

    The order follows from the seed, the person and the faces alone, not from the random ids.
    """
    first = sorted((row for row in faces if row["kind"] == "face"), key=lambda row: _rank(row, seed, person))
    seen_twice = {row["repeats"] for row in faces if row["kind"] == "repeat"}
    early = int(len(first) * EARLY)
    # Originals from the later part change places with once-seen faces from the early part.
    late = [n for n in range(early, len(first)) if first[n]["item_id"] in seen_twice]
    free = [n for n in range(early) if first[n]["item_id"] not in seen_twice]
    for n, place in zip(late, free, strict=False):
        first[n], first[place] = first[place], first[n]
    order: list[str] = [row["item_id"] for row in first]
    again = sorted((row for row in faces if row["kind"] == "repeat"), key=lambda row: _rank(row, seed, person))
    begin = int(len(first) * LATE)
    for number, row in enumerate(again):
        spread = _rank(row, seed, f"{person}/place") % (len(first) - begin + 1)
        order.insert(min(begin + spread + number, len(order)), row["item_id"])
    return order


def shuffled(names: Sequence[str], seed: int, person: str) -> list[str]:
    """Names in an order that follows from seed and person."""
    return sorted(names, key=lambda name: sha256(f"{seed}/{person}/{name}".encode()).digest())


def _rank(row: sqlite3.Row, seed: int, person: str) -> int:
    text = f"{seed}/{person}/{row['kind']}/{row['database']}/{row['frame_id']}"
    return int.from_bytes(sha256(text.encode()).digest(), "big")


def _recent(connection: sqlite3.Connection, task_id: str, person: str, part: str) -> list[dict[str, str]]:
    """The last five answers that still hold."""
    rows = connection.execute(
        "SELECT c.item_id AS item, c.value, c.nonce FROM current_answer c JOIN item i USING (item_id)"
        " WHERE c.task_id = ? AND c.person = ? AND c.part = ? AND i.kind <> 'training'"
        " ORDER BY c.event_id DESC LIMIT 5",
        (task_id, person, part),
    )
    return [dict(row) for row in rows]


def _skipped(connection: sqlite3.Connection, task_id: str, person: str, part: str = "annotate") -> dict[str, int]:
    """Item -> the last event that skipped it."""
    return dict(
        connection.execute(
            "SELECT item_id, max(event_id) FROM event WHERE task_id = ? AND person = ? AND part = ? AND kind = 'skip'"
            " GROUP BY item_id",
            (task_id, person, part),
        ).fetchall()
    )


def _unnamed(connection: sqlite3.Connection, item_id: str, seed: int) -> list[str]:
    """The blind answers to a face; their order follows from the face, not from the people."""
    rows = connection.execute("SELECT person, value FROM blind_answer WHERE item_id = ?", (item_id,)).fetchall()
    ranked = sorted(rows, key=lambda row: sha256(f"{seed}/{item_id}/{row['person']}".encode()).digest())
    return [row["value"] for row in ranked]
