"""Tasks and their orders: blind, seeded, repeated unnoticed, with a place per annotator."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation_cases import ALWAYS, items_of, new_store, new_task, nonce, say, some_faces, states
from painlens.annotations import tasks
from painlens.annotations.events import Answer, append
from painlens.annotations.queues import order_of, queue_of
from painlens.annotations.store import StoreError
from painlens.annotations.tasks import Face, Plan, Task, create_task, release_place, take_place


@pytest.fixture
def connection(tmp_path: Path):  # noqa: ANN201
    """An open store."""
    connection = new_store(tmp_path)
    yield connection
    connection.close()


def rows_of(connection: sqlite3.Connection, task: Task) -> list[sqlite3.Row]:
    """Pictures of a task without its training."""
    return connection.execute("SELECT * FROM item WHERE task_id = ? AND kind <> 'training'", (task.task_id,)).fetchall()


def queue(connection: sqlite3.Connection, task: Task, person: str, **options: object):  # noqa: ANN201
    """The person's queue, all of it."""
    given = {"shown": ALWAYS, "at_most": 10_000} | options
    return queue_of(connection, task, person, **given)  # pyright: ignore[reportArgumentType] - as above


class TestOrder:
    def test_every_annotator_has_an_order_of_their_own(self, connection: sqlite3.Connection) -> None:
        task = new_task(connection, 60)
        orders = {person: queue(connection, task, person).items for person in ("anna", "ben")}
        assert orders["anna"] != orders["ben"]
        assert set(orders["anna"]) == set(orders["ben"]) == set(items_of(connection, task))

    def test_it_follows_from_seed_person_and_faces_not_from_the_random_ids(
        self, connection: sqlite3.Connection
    ) -> None:
        def frames(task: Task) -> list[str]:
            names = {row["item_id"]: row["frame_id"] for row in rows_of(connection, task)}
            return [names[item] for item in queue(connection, task, "anna").items]

        same = [frames(new_task(connection, 40, seed=5, repeats=0.2)) for _ in range(2)]
        assert same[0] == same[1]
        assert same[0] != frames(new_task(connection, 40, seed=6, repeats=0.2))

    @settings(max_examples=40, deadline=None)
    @given(number=st.integers(10, 120), share=st.floats(0, 0.3), seed=st.integers(0, 10**6), person=st.text(max_size=5))
    def test_a_repeat_comes_at_least_a_fifth_of_the_faces_after_the_first_look(
        self, number: int, share: float, seed: int, person: str
    ) -> None:
        faces = some_faces(number)
        again = tasks._repeated(faces, Plan(2, share, "answer", seed))
        rows: list[dict[str, str | None]] = []
        for kind, listed in (("face", faces), ("repeat", again)):
            for f in listed:
                name = f"{kind[0].replace('f', 'i')}{f.frame_id}"
                original = f"i{f.frame_id}" if kind == "repeat" else None
                place = {"database": f.database, "frame_id": f.frame_id, "repeats": original}
                rows.append({"item_id": name, "kind": kind} | place)
        order = order_of(rows, seed, person)  # pyright: ignore[reportArgumentType] - a dict reads like a row
        assert sorted(order) == sorted(str(row["item_id"]) for row in rows)
        assert len(again) == round(share * number)
        for face in again:
            distance = order.index(f"r{face.frame_id}") - order.index(f"i{face.frame_id}")
            assert distance >= int(number * 0.6) - int(number * 0.4)

    def test_repeats_cannot_be_told_from_first_looks(self, connection: sqlite3.Connection) -> None:
        task = new_task(connection, 40, repeats=0.25)
        ids = {kind: items_of(connection, task, kind) for kind in ("face", "repeat")}
        assert len(ids["repeat"]) == 10
        assert {len(one) for one in ids["face"] + ids["repeat"]} == {24}
        assert not set(ids["face"]) & set(ids["repeat"])

    def test_few_faces_have_no_repeats(self, connection: sqlite3.Connection) -> None:
        assert items_of(connection, new_task(connection, 9, repeats=0.3), "repeat") == []


class TestQueue:
    def test_training_comes_first_and_counts_for_nothing(self, connection: sqlite3.Connection) -> None:
        task = new_task(connection, 4, training=3)
        first = queue(connection, task, "anna")
        assert (first.phase, first.total, len(first.items)) == ("training", 4, 3)
        outcomes = say(connection, task, "anna", dict.fromkeys(first.items, "yes"))
        assert sorted(o.truth or "" for o in outcomes) == ["no", "no", "yes"]
        second = queue(connection, task, "anna")
        assert (second.phase, second.done, len(second.items)) == ("faces", 0, 4)
        assert set(items_of(connection, task, "training")) == set(queue(connection, task, "anna", again=True).items)
        assert all(state == "incomplete" for state, _ in states(connection, task).values())

    def test_no_truth_is_told_before_the_answer_or_for_real_faces(self, connection: sqlite3.Connection) -> None:
        task = new_task(connection, 4, training=2)
        flagged = Answer(nonce(), items_of(connection, task, "training")[0], "flag")
        assert append(connection, [flagged], person="anna", task_id=task.task_id, part="annotate")[0].truth is None
        assert say(connection, task, "anna", {items_of(connection, task)[0]: "yes"})[0].truth is None

    def test_it_goes_on_where_the_person_stopped(self, connection: sqlite3.Connection) -> None:
        task = new_task(connection, 10)
        order = queue(connection, task, "anna").items
        say(connection, task, "anna", dict.fromkeys(order[:4], "no"))
        found = queue(connection, task, "anna")
        assert (found.items, found.done, found.phase) == (order[4:], 4, "faces")
        assert [one["item"] for one in found.recent] == order[:4][::-1]
        say(connection, task, "anna", dict.fromkeys(order[4:], "no"))
        assert queue(connection, task, "anna").phase == "done"

    def test_skipped_faces_come_last(self, connection: sqlite3.Connection) -> None:
        task = new_task(connection, 6)
        take_place(connection, task, "anna")
        order = queue(connection, task, "anna").items
        for item in (order[0], order[1], order[0]):
            append(connection, [Answer(nonce(), item, "skip")], person="anna", task_id=task.task_id, part="annotate")
        found = queue(connection, task, "anna")
        assert found.items == [*order[2:], order[1], order[0]]
        assert found.skipped == 2

    def test_an_undo_brings_the_face_back(self, connection: sqlite3.Connection) -> None:
        task = new_task(connection, 3)
        item = queue(connection, task, "anna").items[0]
        take_place(connection, task, "anna")
        label, undo = nonce(), nonce()
        given = [Answer(label, item, "label", "yes"), Answer(undo, item, "undo", supersedes=label)]
        done = append(connection, given, person="anna", task_id=task.task_id, part="annotate")
        assert [o.state for o in done] == ["stored", "stored"]
        assert item in queue(connection, task, "anna").items
        assert connection.execute("SELECT count(*) FROM event").fetchone()[0] == 2

    def test_a_face_without_consent_leaves_the_queue_and_the_counts(self, connection: sqlite3.Connection) -> None:
        task = new_task(connection, 6)
        gone = queue(connection, task, "anna").items[0]
        frame = connection.execute("SELECT frame_id FROM item WHERE item_id = ?", (gone,)).fetchone()[0]
        found = queue(connection, task, "anna", shown=lambda _, frame_id: frame_id != frame)
        assert gone not in found.items
        assert found.total == 5


class TestPlaces:
    def test_a_task_has_as_many_places_as_it_needs(self, connection: sqlite3.Connection) -> None:
        task = new_task(connection, 3)
        assert [take_place(connection, task, name) for name in ("anna", "ben", "cleo", "anna")] == [
            True, True, False, True,
        ]  # fmt: skip

    def test_a_released_place_is_free_and_its_answers_count_no_longer(self, connection: sqlite3.Connection) -> None:
        task = new_task(connection, 2)
        items = items_of(connection, task)
        say(connection, task, "anna", dict.fromkeys(items, "yes"))
        say(connection, task, "ben", dict.fromkeys(items, "no"))
        release_place(connection, task.task_id, "ben", reason="moved away")
        assert {state for state, _ in states(connection, task).values()} == {"incomplete"}
        assert take_place(connection, task, "cleo")
        assert not take_place(connection, task, "ben")
        say(connection, task, "cleo", dict.fromkeys(items, "yes"))
        assert set(states(connection, task).values()) == {("agreed", "yes")}
        assert connection.execute("SELECT count(*) FROM event WHERE person = 'ben'").fetchone()[0] == 2

    def test_releasing_somebody_without_a_place_names_who_has_one(self, connection: sqlite3.Connection) -> None:
        task = new_task(connection, 2)
        take_place(connection, task, "anna")
        with pytest.raises(StoreError, match="'ben' has no place .* there is anna"):
            release_place(connection, task.task_id, "ben", reason="")


class TestCreation:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"faces": []}, "needs faces, got none"),
            ({"faces": [Face("d", "f", "p"), Face("d", "f", "p")]}, "comes only once"),
            ({"question": "  "}, "question of a task must not be empty"),
            ({"guideline": "x" * 20_001}, "at most 20000 characters"),
            ({"plan": Plan(2, 0.9, "answer", 1)}, "share of repeats must lie between"),
            ({"plan": Plan(0, 0.1, "answer", 1)}, "at least one annotator"),
        ],
    )
    def test_mistakes_are_named_and_nothing_is_made(
        self, connection: sqlite3.Connection, change: dict[str, object], message: str
    ) -> None:
        base: dict[str, object] = {
            "concept": "smile", "question": "q", "guideline": "g", "faces": some_faces(3),
            "plan": Plan(2, 0.1, "answer", 1), "created_by": "r",
        }  # fmt: skip
        with pytest.raises(StoreError, match=message):
            create_task(connection, **(base | change))  # pyright: ignore[reportArgumentType] - wrong on purpose
        assert tasks.list_tasks(connection) == []

    def test_ids_tell_nothing_and_differ_between_tasks(self, connection: sqlite3.Connection) -> None:
        one, other = new_task(connection, 5), new_task(connection, 5)
        ids = items_of(connection, one) + items_of(connection, other)
        assert len(set(ids)) == 10
        assert not any(part in item for item in ids for part in ("db", "clip", "p0"))

    def test_answers_to_an_unknown_task_are_refused(self, connection: sqlite3.Connection) -> None:
        with pytest.raises(StoreError, match="there is no task"):
            append(connection, [Answer(nonce(), "x" * 20, "label", "yes")], person="a", task_id="none", part="annotate")


def test_training_faces_are_rendered_with_known_truth() -> None:
    cv2 = pytest.importorskip("cv2")
    import numpy as np

    from painlens.annotations.training import SIZE, render_training

    pictures = render_training("eyes-closed", 2, seed=4)
    assert sorted(p.truth for p in pictures) == ["no", "yes"]
    for one in pictures:
        image = cv2.imdecode(np.frombuffer(one.picture, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (SIZE, SIZE, 3)
        assert image.std() > 20
    assert render_training("a-concept-that-nobody-renders", 3, seed=4) == []
