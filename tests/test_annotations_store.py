"""The store: nothing is ever changed or lost, and what goes wrong is said in a sentence."""

import contextlib
import multiprocessing
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from annotation_cases import items_of, new_store, new_task, nonce, say, states
from painlens.annotations import keeping, store
from painlens.annotations.events import Answer, append
from painlens.annotations.store import StoreError, connect, opened, transaction
from painlens.annotations.tasks import find_task, list_tasks

TABLES = ("task", "guideline", "item", "assignment", "event")


@pytest.fixture
def connection(tmp_path: Path):  # noqa: ANN201
    """An open store."""
    connection = new_store(tmp_path)
    yield connection
    connection.close()


def test_commits_are_durable_and_readers_do_not_wait(connection: sqlite3.Connection) -> None:
    settings = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert settings == {"journal_mode": "wal", "synchronous": 2}
    assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    assert connection.execute("PRAGMA busy_timeout").fetchone()[0] == 5000


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    new_store(tmp_path).close()
    assert stat.S_IMODE((tmp_path / store.FILE).stat().st_mode) == 0o600


def filled(connection: sqlite3.Connection) -> str:
    """One answered face; the task's id."""
    task = new_task(connection, 3)
    say(connection, task, "anna", {items_of(connection, task)[0]: "yes"})
    return task.task_id


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("change", ["UPDATE {0} SET rowid = rowid + 7", "DELETE FROM {0}"])
def test_rows_are_never_changed_or_deleted(connection: sqlite3.Connection, table: str, change: str) -> None:
    filled(connection)
    before = connection.execute(f"SELECT * FROM {table}").fetchall()
    if table == "guideline" and change.startswith("UPDATE"):
        change = "UPDATE {0} SET text = 'x'"
    with pytest.raises(sqlite3.IntegrityError, match="never"):
        connection.execute(change.format(table))
    assert [tuple(row) for row in connection.execute(f"SELECT * FROM {table}")] == [tuple(row) for row in before]


@pytest.mark.parametrize("table", ["task", "item", "event"])
def test_rows_are_never_replaced(connection: sqlite3.Connection, table: str) -> None:
    filled(connection)
    row = dict(connection.execute(f"SELECT * FROM {table}").fetchone())
    text = "concept" if table == "task" else "frame_id" if table == "item" else "person"
    changed = row | {text: "forged"}
    marks = ", ".join("?" * len(row))
    with contextlib.suppress(sqlite3.IntegrityError):
        connection.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", tuple(changed.values()))
    assert dict(connection.execute(f"SELECT * FROM {table}").fetchone()) == row


def test_opening_twice_applies_migrations_once(tmp_path: Path) -> None:
    first = new_store(tmp_path)
    task_id = filled(first)
    second = new_store(tmp_path)
    assert find_task(second, task_id) == find_task(first, task_id)
    numbers = [row[0] for row in second.execute("SELECT number FROM migration ORDER BY number")]
    assert numbers == [m.number for m in store.migrations()]
    first.close()
    second.close()


def test_a_store_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    first = new_store(tmp_path)
    first.execute("INSERT INTO migration VALUES (999, 'future', 'x', 'later')")
    first.close()
    with pytest.raises(StoreError, match="written by a newer painlens"):
        new_store(tmp_path)


def test_an_edited_migration_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_store(tmp_path).close()
    changed = tuple(m._replace(sha256="other") for m in store.migrations())
    monkeypatch.setattr(store, "migrations", lambda: changed)
    with pytest.raises(StoreError, match="applied migrations are never edited"):
        new_store(tmp_path)


def test_a_failed_migration_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = (
        *store.migrations(),
        store.Migration(998, "broken", "CREATE TABLE one (x);\nCREATE TABLE task (x);\n", "d"),
    )
    monkeypatch.setattr(store, "migrations", lambda: broken)
    with pytest.raises(StoreError, match="already exists"):
        new_store(tmp_path)
    monkeypatch.undo()
    connection = new_store(tmp_path)
    assert list_tasks(connection) == []
    connection.close()


def test_a_transaction_is_whole_or_nothing(connection: sqlite3.Connection) -> None:
    with pytest.raises(RuntimeError), transaction(connection):
        connection.execute(
            "INSERT INTO task VALUES ('t' || hex(randomblob(8)), 'c', 'q', 1, 1, 'answer', 's', '', '', '', '')"
        )
        raise RuntimeError
    assert list_tasks(connection) == []
    assert not connection.in_transaction


# ---- what goes wrong --------------------------------------------------------------------------------------------


def test_a_missing_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no annotation store at .*none.sqlite"):
        connect(tmp_path / "none.sqlite", read_only=True)
    assert not (tmp_path / "none.sqlite").exists()


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / store.FILE
    path.write_bytes(b"PNG or something else, but long enough to be looked at" * 40)
    with pytest.raises(StoreError, match="no annotation store, or it is damaged"):
        connect(path)


def test_a_damaged_store_is_named_and_found_by_the_check(tmp_path: Path) -> None:
    connection = new_store(tmp_path)
    task = new_task(connection, 200)
    say(connection, task, "anna", dict.fromkeys(items_of(connection, task), "yes"))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    path = tmp_path / store.FILE
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4096 * 8] = os.urandom(4096 * 8)
    path.write_bytes(bytes(content))
    try:
        with opened(path) as damaged:
            assert keeping.problems_of(damaged)
    except StoreError as error:
        assert "damaged" in str(error)  # noqa: PT017 - where the damage lies decides whether it can be opened


def test_a_full_disk_is_said_and_loses_nothing(connection: sqlite3.Connection) -> None:
    task = new_task(connection, 40)
    items = items_of(connection, task)
    say(connection, task, "anna", {items[0]: "yes"})
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(sqlite3.Error, match="full") as caught:
        for item in items[1:]:
            for _ in range(20):
                append(connection, [Answer(nonce(), item, "flag", note="x" * 400)], person="anna",
                       task_id=task.task_id, part="annotate")  # fmt: skip
    assert "free some space" in str(store.store_error(Path("s"), caught.value))
    assert not connection.in_transaction
    connection.execute("PRAGMA max_page_count = 1000000")
    assert keeping.problems_of(connection) == []
    assert say(connection, task, "anna", {items[1]: "no"})[0].state == "stored"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_store_can_be_read_and_refuses_writing(tmp_path: Path) -> None:
    connection = new_store(tmp_path)
    task_id = filled(connection)
    connection.close()
    path = tmp_path / store.FILE
    path.chmod(0o400)
    tmp_path.chmod(0o500)
    try:
        with opened(path, read_only=True) as reader:
            assert find_task(reader, task_id) is not None
        with pytest.raises(StoreError, match="cannot be"), opened(path) as writer:
            filled(writer)
    finally:
        tmp_path.chmod(0o700)


def test_a_read_only_connection_cannot_write(tmp_path: Path) -> None:
    filled(connection := new_store(tmp_path))
    connection.close()
    with pytest.raises(StoreError, match="readonly"), opened(tmp_path / store.FILE, read_only=True) as reader:
        filled(reader)


def test_readers_see_what_was_committed_while_a_writer_is_open(tmp_path: Path) -> None:
    writer = new_store(tmp_path)
    task = new_task(writer, 3)
    with opened(tmp_path / store.FILE, read_only=True) as reader, transaction(writer):
        writer.execute("INSERT INTO guideline VALUES (?, 2, 'x', '', '')", (task.task_id,))
        found = find_task(reader, task.task_id)
        assert found is not None
        assert found.guideline_version == 1
    writer.close()


def _write(path: Path, task_id: str, item: str, person: str, number: int) -> None:
    connection = connect(path)
    for n in range(number):
        done = append(connection, [Answer(f"{person}-{n:016d}", item, "label", "yes")], person=person,
                      task_id=task_id, part="annotate")  # fmt: skip
        assert done[0].state == "stored"
    connection.close()


def test_two_writers_at_once_never_meet_a_lock(tmp_path: Path) -> None:
    connection = new_store(tmp_path)
    task = new_task(connection, 3)
    item = items_of(connection, task)[0]
    context = multiprocessing.get_context("spawn")
    people = ("anna", "ben")
    workers = [
        context.Process(target=_write, args=(tmp_path / store.FILE, task.task_id, item, name, 60)) for name in people
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    counts = dict(connection.execute("SELECT person, count(*) FROM event GROUP BY 1").fetchall())
    assert counts == {"anna": 60, "ben": 60}
    assert keeping.problems_of(connection) == []
    connection.close()


# ---- backup and check -------------------------------------------------------------------------------------------


def test_a_backup_is_a_whole_store_by_itself(tmp_path: Path) -> None:
    connection = new_store(tmp_path)
    task = new_task(connection, 6)
    say(connection, task, "anna", dict.fromkeys(items_of(connection, task), "yes"))
    assert keeping.back_up(connection, tmp_path / "copies" / "monday.sqlite") == 6
    assert [p.name for p in (tmp_path / "copies").iterdir()] == ["monday.sqlite"]
    with opened(tmp_path / "copies" / "monday.sqlite", read_only=True) as copy:
        assert states(copy, task) == states(connection, task)
    connection.close()


def test_a_backup_never_replaces_the_store_itself(tmp_path: Path) -> None:
    connection = new_store(tmp_path)
    with pytest.raises(StoreError, match="is the store itself"):
        keeping.back_up(connection, tmp_path / store.FILE)
    connection.close()


def test_an_edited_event_breaks_the_chain(connection: sqlite3.Connection) -> None:
    task = new_task(connection, 4)
    items = items_of(connection, task)
    say(connection, task, "anna", dict.fromkeys(items, "yes"))
    guard = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'event_no_update'").fetchone()[0]
    connection.execute("DROP TRIGGER event_no_update")
    connection.execute("UPDATE event SET value = 'no' WHERE event_id = 2")
    assert any("event_no_update" in problem for problem in keeping.problems_of(connection))
    connection.execute(guard)
    problems = keeping.problems_of(connection)
    assert len(problems) == 1
    assert problems[0].startswith("event 2 is not what was written")


@pytest.mark.parametrize("gone", [1, 2, 4])
def test_a_deleted_event_is_noticed(connection: sqlite3.Connection, gone: int) -> None:
    task = new_task(connection, 4)
    say(connection, task, "anna", dict.fromkeys(items_of(connection, task), "yes"))
    connection.execute("DROP TRIGGER event_no_delete")
    connection.execute("DELETE FROM event WHERE event_id = ?", (gone,))
    assert f"events {gone} to {gone} are gone" in keeping.problems_of(connection)


def test_faces_that_were_cropped_anew_are_named(connection: sqlite3.Connection) -> None:
    import numpy as np

    from painlens.annotations.tasks import Face, Plan, create_task, digest_of_pixels

    pictures = {f"f{n}": np.full((4, 4, 3), n, np.uint8) for n in range(3)}
    faces = [Face("db", name, "p", digest_of_pixels(pixels)) for name, pixels in pictures.items()]
    plan = Plan(annotators=1, repeats=0, unsure="answer", seed=1)
    task_id = create_task(connection, concept="c", question="q", guideline="g", faces=faces, plan=plan, created_by="r")
    task = find_task(connection, task_id)
    assert task is not None
    say(connection, task, "anna", dict.fromkeys(items_of(connection, task), "yes"))
    assert keeping.problems_of_pictures(connection, lambda _, name: pictures[name]) == []
    pictures["f1"][0, 0, 0] += 1
    del pictures["f2"]
    problems = keeping.problems_of_pictures(connection, lambda _, name: pictures[name])
    assert [p.split(" ")[0] for p in problems] == ["1", "1"]
    assert "db f2" in problems[0]
    assert "db f1" in problems[1]
