"""A small store with one task, and people who answer it; shared by the tests of annotations."""

import itertools
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from painlens.annotations import store
from painlens.annotations.events import Answer, Outcome, Part, append
from painlens.annotations.tasks import Face, Plan, Task, TrainingPicture, create_task, find_task, take_place

ALWAYS = lambda database, frame_id: True  # noqa: E731, ARG005 - every face may be shown
_numbers = itertools.count()


def nonce() -> str:
    """A nonce that no other call gave."""
    return f"nonce-{next(_numbers):012d}"


def some_faces(number: int, people: int = 4) -> list[Face]:
    """Faces of two databases; a person has several."""
    return [
        Face(f"db{n % 2}", f"p{n % people}/clip/{n:04d}", f"p{n % people}", sha256=f"{n:064x}") for n in range(number)
    ]


def new_store(folder: Path) -> sqlite3.Connection:
    """An open store in a folder."""
    return store.connect(folder / store.FILE)


def new_task(
    connection: sqlite3.Connection, faces: int = 12, *, training: int = 0, concept: str = "smile", **plan: object
) -> Task:
    """A task with its row read back."""
    settings: dict[str, object] = {"annotators": 2, "repeats": 0.0, "unsure": "answer", "seed": 1}
    lessons = [TrainingPicture(f"lesson-{n}", "yes" if n % 2 else "no", b"RIFFpicture%d" % n) for n in range(training)]
    task_id = create_task(
        connection,
        concept=concept,
        question="Do the corners of the mouth point up?",
        guideline="Yes if they do.",
        faces=some_faces(faces),
        plan=Plan(**(settings | plan)),  # pyright: ignore[reportArgumentType] - the tests pass the right types
        created_by="researcher",
        training=lessons,
    )
    task = find_task(connection, task_id)
    assert task is not None
    return task


def items_of(connection: sqlite3.Connection, task: Task, kind: str = "face") -> list[str]:
    """Picture ids of a task, in the order of its faces."""
    rows = connection.execute(
        "SELECT item_id FROM item WHERE task_id = ? AND kind = ? ORDER BY database, frame_id", (task.task_id, kind)
    )
    return [row[0] for row in rows]


def say(
    connection: sqlite3.Connection, task: Task, person: str, answers: Mapping[str, str], *, part: Part = "annotate"
) -> list[Outcome]:
    """Let a person label pictures: item -> value; annotators take a place first."""
    if part == "annotate":
        assert take_place(connection, task, person)
    given = [Answer(nonce(), item, "label", value) for item, value in answers.items()]
    return append(connection, given, person=person, task_id=task.task_id, part=part)


def states(connection: sqlite3.Connection, task: Task) -> dict[str, tuple[str, str | None]]:
    """Item -> state and value of its final label."""
    rows = connection.execute("SELECT item_id, state, value FROM final_label WHERE task_id = ?", (task.task_id,))
    return {row[0]: (row[1], row[2]) for row in rows}
