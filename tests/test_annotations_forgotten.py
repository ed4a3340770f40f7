"""Somebody was forgotten: tasks go on without the faces, and the store says how many count no more."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from annotation_cases import ALWAYS, items_of, new_store, new_task, nonce, say, states
from painlens.annotations import store
from painlens.annotations.agreement import task_agreement
from painlens.annotations.events import Answer, append
from painlens.annotations.exchange import events_csv, final_labels, labels_csv
from painlens.annotations.forgotten_pictures import count_forgotten, describe_forgotten, forget_pictures
from painlens.annotations.keeping import problems_of
from painlens.annotations.queues import disputes_of, is_complete, queue_of
from painlens.annotations.tasks import Task

BOTH = ("db0", "db1")
WHO = "p1"  # with faces 1, 5 and 9 of twelve


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = new_store(tmp_path)
    yield connection
    connection.close()


def items_about(connection: sqlite3.Connection, task: Task, person: str) -> list[str]:
    rows = connection.execute("SELECT item_id FROM item WHERE task_id = ? AND participant = ?", (task.task_id, person))
    return [row[0] for row in rows]


def forget(connection: sqlite3.Connection, **options: str) -> int:
    return forget_pictures(connection, BOTH, **({"participant": WHO, "recorded_by": "test"} | options))


def test_tasks_go_on_without_the_faces(connection: sqlite3.Connection) -> None:
    task = new_task(connection, 12, repeats=0.2)
    gone = items_about(connection, task, WHO)
    before = queue_of(connection, task, "anna", shown=ALWAYS, at_most=100)
    say(connection, task, "anna", {gone[0]: "yes"})
    assert forget(connection) == len(gone)
    after = queue_of(connection, task, "anna", shown=ALWAYS, at_most=100)
    assert sorted(after.items) == sorted(set(before.items) - set(gone))
    assert (after.done, after.total) == (0, before.total - len(gone))
    assert after.recent == []
    for person in ("anna", "ben"):
        say(connection, task, person, dict.fromkeys(after.items, "no"))
    assert is_complete(connection, task, shown=ALWAYS)


def test_labels_exports_and_agreement_speak_of_the_others_alone(connection: sqlite3.Connection) -> None:
    task, other = new_task(connection, 12, repeats=0.2), new_task(connection, 12, concept="frown")
    for one in (task, other):
        for person in ("anna", "ben"):
            items = items_of(connection, one) + items_of(connection, one, "repeat")
            say(connection, one, person, {item: "yes" if n % 2 else "no" for n, item in enumerate(items)})
    rest = [row for row in final_labels(connection) if row["participant"] != WHO]
    events = [line for line in events_csv(connection).splitlines() if f",{WHO}," not in line]
    forget(connection)
    assert final_labels(connection) == rest
    assert events_csv(connection).splitlines() == events
    assert f"{WHO}/" not in labels_csv(connection)
    pairs, selves = task_agreement(connection, task.task_id, confidence=0.95, draws=100, seed=1)
    assert (pairs[0].faces, pairs[0].participants) == (9, 3)  # three faces each of p0, p2 and p3
    assert all(one.participants <= 3 for one in selves)


def test_disputes_about_them_are_not_shown(connection: sqlite3.Connection) -> None:
    task = new_task(connection, 12)
    for person, value in (("anna", "yes"), ("ben", "no")):
        say(connection, task, person, dict.fromkeys(items_of(connection, task), value))
    forget(connection)
    queue, answers = disputes_of(connection, task, "carl", shown=ALWAYS, at_most=100)
    assert queue.total == len(answers) == 9
    item = items_about(connection, task, WHO)[0]
    refused = append(
        connection, [Answer(nonce(), item, "label", "yes")], person="carl", task_id=task.task_id, part="adjudicate"
    )
    assert refused[0].state == "refused"
    assert set(states(connection, task)) == set(queue.items)


def test_new_answers_are_refused_and_one_that_was_stored_is_acknowledged_again(connection: sqlite3.Connection) -> None:
    task = new_task(connection, 12)
    item = items_about(connection, task, WHO)[0]
    first = Answer(nonce(), item, "label", "yes")
    send = {"person": "anna", "task_id": task.task_id, "part": "annotate"}
    append(connection, [first], **send)  # pyright: ignore[reportArgumentType] - the part is one
    forget(connection)
    later = Answer(nonce(), item, "undo", supersedes=first.nonce)
    outcomes = append(connection, [first, later], **send)  # pyright: ignore[reportArgumentType]
    assert [one.state for one in outcomes] == ["repeated", "refused"]
    assert "gone" in outcomes[1].reason


def test_the_store_says_how_many_and_stays_sound(connection: sqlite3.Connection) -> None:
    task = new_task(connection, 12, repeats=0.3)
    say(connection, task, "anna", dict.fromkeys(items_of(connection, task), "yes"))
    assert describe_forgotten(count_forgotten(connection)) == ""
    forget(connection)
    assert count_forgotten(connection) == count_forgotten(connection, task.task_id) == 3  # repeats are no further faces
    assert describe_forgotten(3).startswith("3 faces of people who were forgotten are not served")
    assert problems_of(connection) == []


def test_a_second_call_adds_nothing(connection: sqlite3.Connection) -> None:
    new_task(connection, 12)
    assert forget(connection) == 3
    assert forget(connection) == 0
    assert connection.execute("SELECT count(*) FROM forgetting").fetchone()[0] == 1


def test_a_database_is_forgotten_with_everybody_but_not_the_training(connection: sqlite3.Connection) -> None:
    task = new_task(connection, 12, training=2)
    assert forget_pictures(connection, ["db0"], recorded_by="test") == 6
    queue = queue_of(connection, task, "anna", shown=ALWAYS, at_most=100)
    assert queue.phase == "training"
    assert {row["database"] for row in final_labels(connection)} == {"db1"}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM forgotten_item",
        "UPDATE forgotten_item SET item_id = 'x'",
        "DELETE FROM forgetting",
        "UPDATE forgetting SET recorded_by = 'x'",
        "INSERT OR REPLACE INTO forgetting VALUES (1, 'then', 'me', '0')",
    ],
)
def test_it_is_never_taken_back(statement: str, connection: sqlite3.Connection) -> None:
    new_task(connection, 12)
    forget(connection)
    with pytest.raises(sqlite3.IntegrityError, match="never taken back"):
        connection.execute(statement)


def test_the_note_names_nobody(connection: sqlite3.Connection) -> None:
    new_task(connection, 12)
    forget(connection, recorded_by="painlens forget")
    kept = [
        tuple(row) for name in ("forgetting", "forgotten_item") for row in connection.execute(f"SELECT * FROM {name}")
    ]
    assert WHO not in str(kept)


def test_a_store_from_before_keeps_its_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = tuple(one for one in store.migrations() if one.number < 102)
    with monkeypatch.context() as patch:
        patch.setattr(store, "migrations", lambda: earlier)
        old = new_store(tmp_path)
        old.close()
    renewed = new_store(tmp_path)
    assert problems_of(renewed) == []
    task = new_task(renewed, 4)
    say(renewed, task, "anna", dict.fromkeys(items_of(renewed, task), "yes"))
    assert {state for state, _ in states(renewed, task).values()} == {"incomplete"}
    renewed.close()
