"""Answers as events: stored once, never changed, final labels and adjudication from them."""

import sqlite3
from pathlib import Path

import pytest

from annotation_cases import ALWAYS, items_of, new_store, new_task, nonce, say, states
from painlens.annotations import events, tasks
from painlens.annotations.events import Answer, append
from painlens.annotations.queues import adjudication_open, disputes_of, queue_of
from painlens.annotations.tasks import Task, release_place, take_place


@pytest.fixture
def connection(tmp_path: Path):  # noqa: ANN201
    """An open store."""
    connection = new_store(tmp_path)
    yield connection
    connection.close()


def queue(connection: sqlite3.Connection, task: Task, person: str, **options: object):  # noqa: ANN201
    """The person's queue, all of it."""
    given = {"shown": ALWAYS, "at_most": 10_000} | options
    return queue_of(connection, task, person, **given)  # pyright: ignore[reportArgumentType] - as above


class TestFinalLabel:
    @pytest.mark.parametrize(
        ("answers", "unsure", "expected"),
        [
            (("yes", "yes"), "answer", ("agreed", "yes")),
            (("no", "no"), "answer", ("agreed", "no")),
            (("yes", "no"), "answer", ("disagreement", None)),
            (("yes", "unsure"), "answer", ("disagreement", None)),
            (("unsure", "unsure"), "answer", ("agreed", "unsure")),
            (("yes", "unsure"), "missing", ("unsure", "unsure")),
            (("yes", "no"), "missing", ("disagreement", None)),
            (("yes",), "answer", ("incomplete", None)),
            (("yes", "yes", "no"), "answer", ("majority", "yes")),
            (("yes", "unsure", "no"), "answer", ("disagreement", None)),
            (("yes", "yes", "unsure"), "missing", ("unsure", "unsure")),
        ],
    )
    def test_follows_from_the_blind_answers(
        self, connection: sqlite3.Connection, answers: tuple[str, ...], unsure: str, expected: tuple[str, str | None]
    ) -> None:
        task = new_task(connection, 2, annotators=max(2, len(answers)), unsure=unsure)
        item = items_of(connection, task)[0]
        for n, value in enumerate(answers):
            say(connection, task, f"person{n}", {item: value})
        assert states(connection, task)[item] == expected

    def test_two_annotators_are_no_majority(self, connection: sqlite3.Connection) -> None:
        task = new_task(connection, 2)
        item = items_of(connection, task)[0]
        say(connection, task, "anna", {item: "yes"})
        say(connection, task, "ben", {item: "no"})
        assert states(connection, task)[item] == ("disagreement", None)
        say(connection, task, "cleo", {item: "no"}, part="adjudicate")
        assert states(connection, task)[item] == ("adjudicated", "no")

    def test_a_later_change_of_mind_after_adjudication_does_not_count_as_blind(
        self, connection: sqlite3.Connection
    ) -> None:
        task = new_task(connection, 2)
        item = items_of(connection, task)[0]
        say(connection, task, "anna", {item: "yes"})
        say(connection, task, "ben", {item: "no"})
        say(connection, task, "cleo", {item: "no"}, part="adjudicate")
        say(connection, task, "anna", {item: "no"})
        blind = dict(connection.execute("SELECT person, value FROM blind_answer WHERE item_id = ?", (item,)).fetchall())
        assert blind == {"anna": "yes", "ben": "no"}

    def test_repeats_never_change_a_label(self, connection: sqlite3.Connection) -> None:
        task = new_task(connection, 20, repeats=0.2)
        for person in ("anna", "ben"):
            say(connection, task, person, dict.fromkeys(items_of(connection, task), "yes"))
            say(connection, task, person, dict.fromkeys(items_of(connection, task, "repeat"), "no"))
        assert set(states(connection, task).values()) == {("agreed", "yes")}


class TestAdjudication:
    def disputed(self, connection: sqlite3.Connection) -> tuple[Task, list[str]]:
        """A finished task; the first half of the faces is disputed."""
        task = new_task(connection, 8)
        items = items_of(connection, task)
        say(connection, task, "anna", dict.fromkeys(items, "yes"))
        say(connection, task, "ben", dict.fromkeys(items[:4], "no") | dict.fromkeys(items[4:], "yes"))
        return task, items

    def test_opens_when_everybody_has_finished(self, connection: sqlite3.Connection) -> None:
        task = new_task(connection, 3)
        items = items_of(connection, task)
        say(connection, task, "anna", dict.fromkeys(items, "yes"))
        say(connection, task, "ben", dict.fromkeys(items[:2], "no"))
        assert not adjudication_open(connection, task, shown=ALWAYS)
        say(connection, task, "ben", {items[2]: "no"})
        assert adjudication_open(connection, task, shown=ALWAYS)

    def test_stays_open_when_an_annotator_takes_an_answer_back(self, connection: sqlite3.Connection) -> None:
        task, items = self.disputed(connection)
        say(connection, task, "cleo", {items[0]: "no"}, part="adjudicate")
        row = connection.execute(
            "SELECT nonce FROM event WHERE person = 'anna' AND item_id = ?", (items[5],)
        ).fetchone()
        undo = Answer(nonce(), items[5], "undo", supersedes=row[0])
        append(connection, [undo], person="anna", task_id=task.task_id, part="annotate")
        assert adjudication_open(connection, task, shown=ALWAYS)

    def test_shows_only_disputes_with_answers_in_an_order_that_names_nobody(
        self, connection: sqlite3.Connection
    ) -> None:
        task = new_task(connection, 60)
        items = items_of(connection, task)
        say(connection, task, "anna", dict.fromkeys(items, "yes"))
        say(connection, task, "ben", dict.fromkeys(items, "no"))
        found, answers = disputes_of(connection, task, "cleo", shown=ALWAYS, at_most=1000)
        assert set(found.items) == set(items)
        orders = {tuple(value) for value in answers.values()}
        assert orders == {("yes", "no"), ("no", "yes")}  # anna is not always the first

    def test_an_agreed_face_is_not_adjudicated(self, connection: sqlite3.Connection) -> None:
        task, items = self.disputed(connection)
        assert say(connection, task, "cleo", {items[6]: "no"}, part="adjudicate")[0].state == "refused"
        assert states(connection, task)[items[6]] == ("agreed", "yes")

    def test_a_decision_can_be_undone(self, connection: sqlite3.Connection) -> None:
        task, items = self.disputed(connection)
        first = Answer(nonce(), items[0], "label", "yes")
        for answer in (first, Answer(nonce(), items[0], "undo", supersedes=first.nonce)):
            assert (
                append(connection, [answer], person="cleo", task_id=task.task_id, part="adjudicate")[0].state
                == "stored"
            )
        assert states(connection, task)[items[0]] == ("disagreement", None)

    def test_whoever_adjudicates_takes_no_place_later(self, connection: sqlite3.Connection) -> None:
        task, items = self.disputed(connection)
        say(connection, task, "cleo", {items[0]: "yes"}, part="adjudicate")
        release_place(connection, task.task_id, "ben", reason="")
        assert not take_place(connection, task, "cleo")


class TestEvents:
    def test_a_repeated_answer_is_stored_once(self, connection: sqlite3.Connection) -> None:
        task = new_task(connection, 3)
        take_place(connection, task, "anna")
        answer = Answer(nonce(), items_of(connection, task)[0], "label", "yes", elapsed_ms=700)
        done = [append(connection, [answer], person="anna", task_id=task.task_id, part="annotate")[0] for _ in range(3)]
        assert [o.state for o in done] == ["stored", "repeated", "repeated"]
        assert connection.execute("SELECT count(*) FROM event").fetchone()[0] == 1

    @pytest.mark.parametrize("change", [{"value": "no"}, {"item": 1}, {"person": "ben"}])
    def test_a_replayed_nonce_with_another_content_is_refused(
        self, connection: sqlite3.Connection, change: dict[str, object]
    ) -> None:
        task = new_task(connection, 3)
        items = items_of(connection, task)
        for person in ("anna", "ben"):
            take_place(connection, task, person)
        name = nonce()
        append(
            connection, [Answer(name, items[0], "label", "yes")], person="anna", task_id=task.task_id, part="annotate"
        )
        forged = Answer(name, items[int(str(change.get("item", 0)))], "label", str(change.get("value", "yes")))
        done = append(
            connection, [forged], person=str(change.get("person", "anna")), task_id=task.task_id, part="annotate"
        )
        assert done[0].state == "refused"
        assert "nonce was used" in done[0].reason

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            ({"nonce": "short"}, "a nonce must be"),
            ({"nonce": "x" * 65}, "a nonce must be"),
            ({"nonce": "äöü456789012345678"}, "a nonce must be"),
            ({"kind": "delete"}, "kind must be one of"),
            ({"value": "maybe"}, "must have one of the values"),
            ({"value": None}, "must have one of the values"),
            ({"kind": "skip"}, "nothing else has a value"),
            ({"supersedes": "n" * 20}, "nothing else names one"),
            ({"kind": "undo", "value": None}, "an undo must name"),
            ({"kind": "undo", "value": None, "supersedes": "n" * 20}, "no answer of yours to undo"),
            ({"elapsed_ms": -1}, "elapsed_ms must lie between"),
            ({"elapsed_ms": 10**12}, "elapsed_ms must lie between"),
            ({"note": "x" * 501}, "at most 500"),
            ({"item_id": "forged-id-0123456789"}, "does not belong to the task"),
        ],
    )
    def test_what_is_malformed_is_refused_with_a_reason(
        self, connection: sqlite3.Connection, answer: dict[str, object], reason: str
    ) -> None:
        task = new_task(connection, 3)
        take_place(connection, task, "anna")
        base: dict[str, object] = {
            "nonce": nonce(),
            "item_id": items_of(connection, task)[0],
            "kind": "label",
            "value": "yes",
        }
        bad = Answer(**(base | answer))  # pyright: ignore[reportArgumentType] - wrong on purpose
        good = Answer(nonce(), items_of(connection, task)[1], "label", "no")
        done = append(connection, [bad, good], person="anna", task_id=task.task_id, part="annotate")
        assert [o.state for o in done] == ["refused", "stored"]
        assert reason in done[0].reason
        assert connection.execute("SELECT count(*) FROM event").fetchone()[0] == 1

    def test_an_item_of_another_task_is_refused(self, connection: sqlite3.Connection) -> None:
        own, other = new_task(connection, 3), new_task(connection, 3)
        take_place(connection, own, "anna")
        foreign = Answer(nonce(), items_of(connection, other)[0], "label", "yes")
        done = append(connection, [foreign], person="anna", task_id=own.task_id, part="annotate")
        assert done[0].state == "refused"

    def test_nobody_undoes_an_answer_of_somebody_else(self, connection: sqlite3.Connection) -> None:
        task = new_task(connection, 3)
        item = items_of(connection, task)[0]
        say(connection, task, "anna", {item: "yes"})
        take_place(connection, task, "ben")
        target = connection.execute("SELECT nonce FROM event").fetchone()[0]
        done = append(connection, [Answer(nonce(), item, "undo", supersedes=target)], person="ben",
                      task_id=task.task_id, part="annotate")  # fmt: skip
        assert done[0].state == "refused"

    def test_a_clock_that_goes_backwards_changes_no_order(
        self, connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task = new_task(connection, 3)
        item = items_of(connection, task)[0]
        times = iter(["2030-01-01T00:00:00.000+00:00", "1999-01-01T00:00:00.000+00:00"])
        take_place(connection, task, "anna")
        monkeypatch.setattr(events, "now", lambda: next(times))
        say(connection, task, "anna", {item: "yes"})
        say(connection, task, "anna", {item: "no"})
        current = connection.execute("SELECT value FROM current_answer WHERE item_id = ?", (item,)).fetchone()
        assert current[0] == "no"
        assert events.broken_links(connection) == []

    def test_answers_keep_the_version_of_the_guideline(self, connection: sqlite3.Connection) -> None:
        task = new_task(connection, 3)
        items = items_of(connection, task)
        say(connection, task, "anna", {items[0]: "yes"})
        assert tasks.revise_guideline(connection, task.task_id, "Yes only if both do.", created_by="r") == 2
        say(connection, task, "anna", {items[1]: "yes"})
        numbers = [row[0] for row in connection.execute("SELECT guideline FROM event ORDER BY event_id")]
        assert numbers == [1, 2]
        found = tasks.find_task(connection, task.task_id)
        assert found is not None
        assert found.guideline == "Yes only if both do."
