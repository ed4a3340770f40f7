"""Answers become events: each is stored once, in order, chained to all before it, and never changed.

The client makes up a nonce per key press, so that an answer which is sent twice (a lost acknowledgement, a second
tab, a replay) is stored once. Each event carries a SHA-256 over the event before it: a row that was edited behind the
program's back breaks the chain and `check` says where.
"""

import json
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from painlens.annotations.store import StoreError, now, transaction, version

Part = Literal["annotate", "adjudicate"]
KINDS = ("label", "undo", "skip", "flag", "withheld")
VALUES = ("yes", "no", "unsure")
LONGEST_NOTE = 500
LONGEST_WAIT_MS = 24 * 3600 * 1000
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_CHAINED = (
    "event_id", "created_at", "person", "task_id", "item_id", "part", "kind", "value", "note", "nonce", "supersedes",
    "elapsed_ms", "guideline", "version",
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What one key press said about one picture.

    Attributes
    ----------
    nonce
        16 to 64 letters, digits, ``-`` or ``_`` that the client made up.
    kind
        label, undo, skip, flag or withheld.
    value
        yes, no or unsure of a label.
    supersedes
        Nonce of the label that an undo takes back.
    elapsed_ms
        From the painted picture to the key, by the client's monotonic clock.
    """

    nonce: str
    item_id: str
    kind: str
    value: str | None = None
    supersedes: str | None = None
    elapsed_ms: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of an answer: stored, repeated (it was there already) or refused, with the reason.

    `truth` is the right answer of a training picture that was just labelled.
    """

    nonce: str
    state: Literal["stored", "repeated", "refused"]
    reason: str = ""
    truth: str | None = None


def append(
    connection: sqlite3.Connection, answers: Sequence[Answer], *, person: str, task_id: str, part: Part
) -> list[Outcome]:
    """Store answers in one transaction; when this returns, what it calls stored is on the disk.

    One refused answer does not stop the others: a client that was offline sends a queue.

    Raises
    ------
    StoreError
        The task does not exist.
    """
    with transaction(connection):
        guideline = current_guideline(connection, task_id)
        outcomes = []
        for answer in answers:
            outcome = _judge(connection, answer, person=person, task_id=task_id, part=part)
            if outcome.state == "stored":
                _insert(connection, answer, (person, task_id, part, guideline))
            outcomes.append(outcome)
    return outcomes


def current_guideline(connection: sqlite3.Connection, task_id: str) -> int:
    """Number of the newest guideline of a task."""
    found = connection.execute("SELECT max(version) FROM guideline WHERE task_id = ?", (task_id,)).fetchone()[0]
    if found is None:
        raise StoreError(f"there is no task '{task_id[:40]}'")
    return int(found)


def broken_links(connection: sqlite3.Connection) -> list[str]:
    """Sentences about events that were changed, removed or put in after they were written; empty if none was."""
    previous, last_id, problems = "", 0, []
    for row in connection.execute("SELECT * FROM event ORDER BY event_id"):
        if row["event_id"] != last_id + 1:
            problems.append(f"events {last_id + 1} to {row['event_id'] - 1} are gone")
        elif _link(previous, row) != row["chain"]:
            problems.append(f"event {row['event_id']} is not what was written at {row['created_at']}")
        previous, last_id = row["chain"], row["event_id"]
    known = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
    if known is not None and known[0] > last_id:
        problems.append(f"events {last_id + 1} to {known[0]} are gone")
    return problems


def _judge(connection: sqlite3.Connection, answer: Answer, *, person: str, task_id: str, part: Part) -> Outcome:
    """What is to become of an answer."""
    reason = _malformed(answer)
    item = connection.execute("SELECT truth, task_id FROM item WHERE item_id = ?", (answer.item_id,)).fetchone()
    if not reason and (item is None or item["task_id"] != task_id):
        reason = "this picture does not belong to the task"
    if reason or item is None:
        return Outcome(answer.nonce, "refused", reason)
    truth = item["truth"] if answer.kind == "label" else None
    known = connection.execute("SELECT * FROM event WHERE nonce = ?", (answer.nonce,)).fetchone()
    said = {"person": person, "task_id": task_id, "item_id": answer.item_id, "part": part, "kind": answer.kind}
    said |= {"value": answer.value, "supersedes": answer.supersedes}
    if known is None:
        reason = _impossible(connection, answer, person=person, part=part)
    elif any(known[name] != value for name, value in said.items()):
        reason = "this nonce was used for another answer"
    else:
        return Outcome(answer.nonce, "repeated", truth=truth)
    return Outcome(answer.nonce, "refused", reason) if reason else Outcome(answer.nonce, "stored", truth=truth)


def _impossible(connection: sqlite3.Connection, answer: Answer, *, person: str, part: Part) -> str:
    """Why a new answer does not fit what has happened so far; empty if it does."""
    if is_forgotten(connection, answer.item_id):
        return "this face is gone, nobody is asked about it any more"
    if part == "adjudicate" and not disputed(connection, answer.item_id):
        return "this face does not wait for an adjudicator"
    if answer.kind != "undo":
        return ""
    target = connection.execute(
        "SELECT 1 FROM event WHERE nonce = ? AND person = ? AND item_id = ? AND part = ? AND kind = 'label'",
        (answer.supersedes, person, answer.item_id, part),
    ).fetchone()
    return "" if target else "there is no answer of yours to undo"


def is_forgotten(connection: sqlite3.Connection, item_id: str) -> bool:
    """Whether a picture shows somebody who was forgotten: nobody is asked about it any more."""
    row = connection.execute("SELECT 1 FROM forgotten_item WHERE item_id = ?", (item_id,)).fetchone()
    return row is not None


def disputed(connection: sqlite3.Connection, item_id: str) -> bool:
    """Whether the annotators' answers to a face differ, so that an adjudicator may decide or has decided."""
    row = connection.execute("SELECT state FROM final_label WHERE item_id = ?", (item_id,)).fetchone()
    return row is not None and row["state"] in ("disagreement", "adjudicated")


def _malformed(answer: Answer) -> str:
    """What is wrong with an answer by itself; empty if nothing is."""
    labels = answer.kind == "label"
    rules = (
        (_NONCE.fullmatch(answer.nonce), "a nonce must be 16 to 64 letters, digits, - or _"),
        (answer.kind in KINDS, f"kind must be one of {', '.join(KINDS)}"),
        (
            answer.value in (VALUES if labels else (None,)),
            f"a label must have one of the values {', '.join(VALUES)}, and nothing else has a value",
        ),
        (
            (answer.kind == "undo") == (answer.supersedes is not None),
            "an undo must name the nonce of the answer that it takes back, and nothing else names one",
        ),
        (
            answer.elapsed_ms is None or 0 <= answer.elapsed_ms <= LONGEST_WAIT_MS,
            f"elapsed_ms must lie between 0 and {LONGEST_WAIT_MS}",
        ),
        (len(answer.note) <= LONGEST_NOTE, f"a note has at most {LONGEST_NOTE} characters"),
    )
    return next((reason for kept, reason in rules if not kept), "")


def _insert(connection: sqlite3.Connection, answer: Answer, place: tuple[str, str, str, int]) -> None:
    """Write one event with its link of the chain."""
    person, task_id, part, guideline = place
    last = connection.execute("SELECT event_id, chain FROM event ORDER BY event_id DESC LIMIT 1").fetchone()
    row: dict[str, Any] = {
        "event_id": last["event_id"] + 1 if last else 1,
        "created_at": now(),
        "person": person,
        "task_id": task_id,
        "item_id": answer.item_id,
        "part": part,
        "kind": answer.kind,
        "value": answer.value,
        "note": answer.note,
        "nonce": answer.nonce,
        "supersedes": answer.supersedes,
        "elapsed_ms": answer.elapsed_ms,
        "guideline": guideline,
        "version": version(),
    }
    row["chain"] = _link(last["chain"] if last else "", row)
    marks = ", ".join(f":{name}" for name in row)
    connection.execute(f"INSERT INTO event ({', '.join(row)}) VALUES ({marks})", row)


def _link(previous: str, row: sqlite3.Row | dict[str, Any]) -> str:
    """SHA-256 over the link before and all that an event says."""
    content = json.dumps([row[name] for name in _CHAINED], ensure_ascii=False)
    return sha256(f"{previous}\n{content}".encode()).hexdigest()
