"""Annotation tasks: a question about faces, a guideline, and who has a place in it.

Nothing that an annotator is sent tells the database, the participant, the file, the label or a model: pictures have
random names, also the repeated ones.
"""

import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from painlens.annotations.events import current_guideline
from painlens.annotations.store import StoreError, now, transaction, version

TRAINING = "training"  # takes the place of a database's name
LONGEST_TEXT = 20_000
MOST_REPEATED = 0.3  # share of the faces: their first looks must find room in the early part of every order
FEWEST_WITH_REPEATS = 10  # faces; in fewer the second look cannot be hidden


@dataclass(frozen=True)
class Face:
    """One face of a task; `sha256` is of the pixels that people will see."""

    database: str
    frame_id: str
    participant: str
    sha256: str = ""


@dataclass(frozen=True)
class TrainingPicture:
    """A rendered face with known truth: WebP or PNG bytes."""

    name: str
    truth: Literal["yes", "no"]
    picture: bytes


@dataclass(frozen=True)
class Plan:
    """How a task is carried out.

    Attributes
    ----------
    annotators
        How many people answer every face.
    repeats
        Share of the faces that everybody sees a second time, 0 to 0.3.
    unsure
        ``answer``: unsure against yes or no is a disagreement; ``missing``: one unsure makes the label missing.
    seed
        Decides the repeats and, with the person's name, the order.
    origin
        Where the task comes from: ``study``, ``hypothesis:<id>`` or ``import:<file>``.
    """

    annotators: int
    repeats: float
    unsure: Literal["answer", "missing"]
    seed: int
    origin: str = "study"


@dataclass(frozen=True)
class Task:
    """A task as its row says, with its newest guideline."""

    task_id: str
    concept: str
    question: str
    guideline: str
    guideline_version: int
    annotators: int
    unsure: str
    seed: int
    origin: str
    created_at: str
    created_by: str


def create_task(
    connection: sqlite3.Connection,
    *,
    concept: str,
    question: str,
    guideline: str,
    faces: Sequence[Face],
    plan: Plan,
    created_by: str,
    training: Sequence[TrainingPicture] = (),
) -> str:
    """Make a task and return its id; all of it or nothing.

    Raises
    ------
    StoreError
        There is no face, a face comes twice, or a text is empty or too long.
    """
    _check_task(concept, question, guideline, faces, plan)
    listed = sorted(faces, key=lambda face: (face.database, face.frame_id))
    task_id = secrets.token_hex(8)  # a word on the command line: it must not begin with a hyphen
    digest = sha256("\n".join(f"{f.database}\t{f.frame_id}" for f in listed).encode()).hexdigest()
    names = {face: secrets.token_urlsafe(18) for face in listed}
    rows: list[tuple[object, ...]] = [
        (names[f], task_id, "face", f.database, f.frame_id, f.participant, f.sha256, None, None, None) for f in listed
    ]
    rows += [
        (
            secrets.token_urlsafe(18),
            task_id,
            "repeat",
            f.database,
            f.frame_id,
            f.participant,
            f.sha256,
            names[f],
            None,
            None,
        )
        for f in _repeated(listed, plan)
    ]
    rows += [
        (secrets.token_urlsafe(18), task_id, "training", TRAINING, t.name, t.name, sha256(t.picture).hexdigest(), None,
         t.truth, t.picture)
        for t in training
    ]  # fmt: skip
    with transaction(connection):
        connection.execute(
            "INSERT INTO task VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (task_id, concept, question, plan.seed, plan.annotators, plan.unsure, plan.origin, digest, now(),
             created_by, version()),
        )  # fmt: skip
        connection.execute("INSERT INTO guideline VALUES (?, 1, ?, ?, ?)", (task_id, guideline, now(), created_by))
        connection.executemany("INSERT INTO item VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return task_id


def revise_guideline(connection: sqlite3.Connection, task_id: str, text: str, *, created_by: str) -> int:
    """Add a version of a guideline; earlier answers keep the number of the one that they were given under."""
    _check_text("guideline", text)
    with transaction(connection):
        number = current_guideline(connection, task_id) + 1
        row = (task_id, number, text, now(), created_by)
        connection.execute("INSERT INTO guideline VALUES (?, ?, ?, ?, ?)", row)
    return number


def find_task(connection: sqlite3.Connection, task_id: str) -> Task | None:
    """A task by its id."""
    row = connection.execute(
        "SELECT t.*, g.text, g.version AS guideline_version FROM task t JOIN guideline g USING (task_id)"
        " WHERE task_id = ? ORDER BY g.version DESC LIMIT 1",
        (task_id,),
    ).fetchone()
    if row is None:
        return None
    return Task(
        row["task_id"], row["concept"], row["question"], row["text"], row["guideline_version"], row["annotators"],
        row["unsure"], row["seed"], row["origin"], row["created_at"], row["created_by"],
    )  # fmt: skip


def list_tasks(connection: sqlite3.Connection) -> list[Task]:
    """All tasks in the order in which they were made."""
    ids = [row[0] for row in connection.execute("SELECT task_id FROM task ORDER BY rowid")]
    return [task for one in ids if (task := find_task(connection, one)) is not None]


def annotators_of(connection: sqlite3.Connection, task_id: str) -> list[str]:
    """People whose answers count, in the order in which they took their places."""
    rows = connection.execute(
        "SELECT person FROM active_assignment WHERE task_id = ? ORDER BY assignment_id", (task_id,)
    )
    return [row[0] for row in rows]


def take_place(connection: sqlite3.Connection, task: Task, person: str) -> bool:
    """Whether a person has one of the task's places; gives one if it is free and they have never given one up."""
    with transaction(connection):
        places = annotators_of(connection, task.task_id)
        if person in places:
            return True
        left = connection.execute(
            "SELECT 1 FROM assignment WHERE task_id = ? AND person = ?", (task.task_id, person)
        ).fetchone()
        spoke = connection.execute(
            "SELECT 1 FROM event WHERE task_id = ? AND person = ? AND part = 'adjudicate'", (task.task_id, person)
        ).fetchone()
        if left or spoke or len(places) >= task.annotators:
            return False
        connection.execute(
            "INSERT INTO assignment (task_id, person, created_at) VALUES (?, ?, ?)", (task.task_id, person, now())
        )
        return True


def release_place(connection: sqlite3.Connection, task_id: str, person: str, *, reason: str) -> None:
    """Free the place of somebody who stopped for good; the answers stay, but count no longer.

    Raises
    ------
    StoreError
        The person has no place in the task.
    """
    with transaction(connection):
        row = connection.execute(
            "SELECT assignment_id FROM active_assignment WHERE task_id = ? AND person = ?", (task_id, person)
        ).fetchone()
        if row is None:
            known = ", ".join(annotators_of(connection, task_id)) or "nobody"
            raise StoreError(f"'{person}' has no place in task '{task_id}'; there is {known}")
        connection.execute("INSERT INTO release VALUES (?, ?, ?)", (row[0], reason, now()))


def may_adjudicate(connection: sqlite3.Connection, task_id: str, person: str) -> bool:
    """Whether a person has never seen the task as an annotator."""
    row = connection.execute("SELECT 1 FROM assignment WHERE task_id = ? AND person = ?", (task_id, person)).fetchone()
    return row is None


def _repeated(faces: Sequence[Face], plan: Plan) -> list[Face]:
    """The faces that everybody sees twice."""
    if len(faces) < FEWEST_WITH_REPEATS:
        return []
    ranked = sorted(faces, key=lambda f: sha256(f"{plan.seed}/repeat/{f.database}/{f.frame_id}".encode()).digest())
    return ranked[: round(plan.repeats * len(faces))]


def _check_task(concept: str, question: str, guideline: str, faces: Sequence[Face], plan: Plan) -> None:
    for name, text in (("concept", concept), ("question", question), ("guideline", guideline)):
        _check_text(name, text)
    if not faces:
        raise StoreError("a task needs faces, got none; check the filter and the consent to display")
    keys = {(face.database, face.frame_id) for face in faces}
    if len(keys) < len(faces):
        raise StoreError(f"a face comes only once in a task, got {len(faces) - len(keys)} repetitions")
    if not 0 <= plan.repeats <= MOST_REPEATED:
        raise StoreError(f"the share of repeats must lie between 0 and {MOST_REPEATED}, got {plan.repeats}")
    if plan.annotators < 1:
        raise StoreError(f"a task needs at least one annotator, got {plan.annotators}")


def _check_text(name: str, text: str) -> None:
    if not text.strip():
        raise StoreError(f"the {name} of a task must not be empty")
    if len(text) > LONGEST_TEXT:
        raise StoreError(f"the {name} of a task has at most {LONGEST_TEXT} characters, got {len(text)}")


def digest_of_pixels(pixels: NDArray[np.uint8]) -> str:
    """SHA-256 of a picture's pixels, by which `check` finds faces that were cropped anew after people judged them."""
    return sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
