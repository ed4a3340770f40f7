"""The annotation pages over HTTP: blind, guarded, never losing an answer, clear when something is wrong."""

import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from annotation_server import PEOPLE, Prepared, client_of, prepared_run
from painlens.annotations import store
from painlens.annotations.forgotten_pictures import forget_pictures
from painlens.annotations.tasks import release_place
from painlens.web import consent
from painlens.web.run import Run

ROUTES = ("", "/queue", "/picture/{item}", "/answers")
# What would tell an annotator more than the face: databases, people, labels, answers of models.
FORBIDDEN = (
    "clinical",
    "experimental",
    "-p00",
    "clip",
    'pain"',
    "no-pain",
    "logit",
    "relevance",
    "predict",
    "anna",
    "ben",
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A run that the tests copy."""
    return prepared_run(tmp_path_factory.mktemp("run") / "run", training=2, repeats=0.2)


@pytest.fixture
def run(template: Prepared, tmp_path: Path) -> Prepared:
    """A run of one test."""
    shutil.copytree(template.root, tmp_path / "run")
    return Prepared(tmp_path / "run", template.task, template.tokens)


def nonce(number: int, person: str = "x") -> str:
    """A nonce."""
    return f"{person}-nonce-{number:012d}"


def open_task(client: TestClient, task: str, part: str = "annotate") -> dict[str, Any]:
    """Take a place and read the queue."""
    assert client.get(f"/{part}/{task}").status_code == 200
    return client.get(f"/{part}/{task}/queue").json()


def post(client: TestClient, task: str, *answers: dict[str, Any], part: str = "annotate"):  # noqa: ANN201
    """Send answers."""
    return client.post(f"/{part}/{task}/answers", json={"answers": list(answers)})


def answer_all(client: TestClient, task: str, person: str, choose: Callable[[str], str]) -> None:
    """Finish a task: training, then every face with `choose(item)`."""
    count = 0
    while (queue := open_task(client, task))["items"]:
        given = [
            {"nonce": nonce(count + n, person), "item": item, "kind": "label", "value": choose(item)}
            for n, item in enumerate(queue["items"])
        ]
        count += len(given)
        assert all(o["state"] == "stored" for o in post(client, task, *given).json()["outcomes"])


def names_of(run: Prepared) -> dict[str, str]:
    """Item -> frame of the task's faces."""
    with run.store() as connection:
        return dict(connection.execute("SELECT item_id, frame_id FROM item").fetchall())


def test_a_label_is_acknowledged_after_it_is_stored(run: Prepared) -> None:
    client = client_of(run, "anna")
    queue = open_task(client, run.task)
    assert (queue["phase"], queue["total"]) == ("training", 14)
    sent = {"nonce": nonce(1), "item": queue["items"][0], "kind": "label", "value": "yes", "elapsed_ms": 812}
    done = post(client, run.task, sent).json()["outcomes"][0]
    assert done["state"] == "stored"
    assert done["truth"] in ("yes", "no")
    row = run.store().execute("SELECT person, value, elapsed_ms, guideline FROM event").fetchone()
    assert tuple(row) == ("anna", "yes", 812, 1)
    assert post(client, run.task, sent).json()["outcomes"][0]["state"] == "repeated"
    assert run.store().execute("SELECT count(*) FROM event").fetchone()[0] == 1


def test_nothing_about_models_databases_or_people_reaches_an_annotator(run: Prepared) -> None:
    answer_all(client_of(run, "ben"), run.task, "ben", lambda _: "yes")
    client = client_of(run, "anna")
    answer_all(client, run.task, "anna", lambda _: "no")
    with run.store() as connection:  # a second look at a fresh place: the pages while work goes on
        release_place(connection, run.task, "anna", reason="test")
    client = client_of(run, "dora")
    seen = []
    for address in ("/annotate", f"/annotate/{run.task}", f"/annotate/{run.task}/queue"):
        answer = client.get(address)
        assert answer.status_code == 200
        seen += [answer.text, *[f"{k}: {v}" for k, v in answer.headers.items()]]
    queue = client.get(f"/annotate/{run.task}/queue").json()
    assert set(queue) == {"phase", "items", "done", "total", "skipped", "recent"}
    picture = client.get(f"/annotate/{run.task}/picture/{queue['items'][0]}")
    seen += [f"{k}: {v}" for k, v in picture.headers.items()]
    seen.append(picture.content.decode("latin-1"))
    text = re.sub(r"painlens|no-store|no-cache", "", "\n".join(seen))
    assert not [word for word in FORBIDDEN if word in text]


def test_pictures_are_lossy_free_of_metadata_and_never_cached(run: Prepared) -> None:
    client = client_of(run, "anna")
    queue = open_task(client, run.task)
    picture = client.get(f"/annotate/{run.task}/picture/{queue['items'][0]}")
    assert picture.headers["content-type"] == "image/webp"
    assert picture.headers["cache-control"] == "no-store"
    assert not any(mark in picture.content for mark in (b"EXIF", b"XMP ", b"ICCP"))


def test_two_annotators_have_orders_of_their_own(run: Prepared) -> None:
    orders = []
    for person in ("anna", "ben"):
        client = client_of(run, person)
        queue = open_task(client, run.task)
        post(client, run.task, *[
            {"nonce": nonce(n, person), "item": i, "kind": "label", "value": "yes"}
            for n, i in enumerate(queue["items"])
        ])  # fmt: skip
        orders.append(open_task(client, run.task)["items"])
    assert orders[0] != orders[1]
    assert set(orders[0]) == set(orders[1])


def test_a_third_annotator_finds_no_place(run: Prepared) -> None:
    for person in ("anna", "ben"):
        open_task(client_of(run, person), run.task)
    client = client_of(run, "dora")
    assert client.get(f"/annotate/{run.task}").status_code == 403
    assert client.get(f"/annotate/{run.task}/queue").status_code == 404
    item = next(iter(names_of(run)))
    assert client.get(f"/annotate/{run.task}/picture/{item}").status_code == 404
    refused = post(client, run.task, {"nonce": nonce(1), "item": item, "kind": "label", "value": "yes"})
    assert refused.status_code == 403
    assert run.task not in client.get("/annotate").text


@pytest.mark.parametrize("part", ["annotate", "adjudicate"])
@pytest.mark.parametrize("person", [*PEOPLE, ""])
def test_every_route_is_for_its_role(run: Prepared, part: str, person: str) -> None:
    client = client_of(run, person or "anna")
    if not person:
        client.cookies.clear()
    item = next(iter(names_of(run)))
    may = PEOPLE.get(person) == {"annotate": "annotator", "adjudicate": "adjudicator"}[part]
    for route in ROUTES:
        address = f"/{part}/{run.task}{route.format(item=item)}"
        send = client.post if route == "/answers" else client.get
        code = send(address, headers={"accept": "application/json"}, follow_redirects=False).status_code
        if not person:
            assert code in (303, 401), address
        elif may:
            assert code not in (401, 403), address
        else:
            assert code == 403, address


@pytest.mark.parametrize("person", ["anna", "cleo", ""])
def test_tasks_agreement_and_exports_are_for_researchers(run: Prepared, person: str) -> None:
    client = client_of(run, person or "anna")
    if not person:
        client.cookies.clear()
    reads = (
        "/tasks",
        "/tasks/new",
        f"/tasks/{run.task}",
        f"/tasks/{run.task}/events.csv",
        f"/tasks/{run.task}/labels.csv",
    )
    for address in reads:
        assert client.get(address, headers={"accept": "application/json"}).status_code == (403 if person else 401)
    for address in ("/tasks", f"/tasks/{run.task}/guideline", f"/tasks/{run.task}/release"):
        assert client.post(address, headers={"accept": "application/json"}).status_code == (403 if person else 401)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"answers": []}', 400),
        (b'{"answers": [{"nonce": 1, "item": "x", "kind": "label"}]}', 400),
        (b'{"answers": [{"nonce": "n", "item": "x", "kind": "label", "person": "ben"}]}', 400),
        (b'{"answers": [{"nonce": "n", "item": "x", "kind": "label", "elapsed_ms": 1e3}]}', 400),
        (b"\xff\xfe\x00", 400),
        (b'{"answers": [' + b'{"nonce": "n", "item": "x", "kind": "label"},' * 5000 + b"]}", 413),
    ],
)
def test_malformed_and_oversized_posts_store_nothing(run: Prepared, body: bytes, status: int) -> None:
    client = client_of(run, "anna")
    open_task(client, run.task)
    answer = client.post(f"/annotate/{run.task}/answers", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert run.store().execute("SELECT count(*) FROM event").fetchone()[0] == 0


@pytest.mark.parametrize(
    "item", ["x", "..%2f..%2fetc%2fpasswd", "../../annotations.sqlite", "%00", "a" * 500, "' OR 1=1 --"]
)
def test_forged_ids_show_nothing(run: Prepared, item: str) -> None:
    client = client_of(run, "anna")
    open_task(client, run.task)
    assert client.get(f"/annotate/{run.task}/picture/{item}").status_code in (404, 400)
    assert client.get(f"/annotate/{item}/queue").status_code in (404, 400)
    done = post(client, run.task, {"nonce": nonce(1), "item": item[:500], "kind": "label", "value": "yes"})
    assert done.json()["outcomes"][0]["state"] == "refused"


def test_a_picture_of_another_task_is_not_shown(run: Prepared) -> None:
    client = client_of(run, "anna")
    items = open_task(client, run.task)["items"]
    assert client.get(f"/annotate/{run.task[:-1]}x/picture/{items[0]}").status_code == 404


def test_a_post_from_another_page_is_refused(run: Prepared) -> None:
    client = client_of(run, "anna")
    item = open_task(client, run.task)["items"][0]
    sent = {"answers": [{"nonce": nonce(1), "item": item, "kind": "label", "value": "yes"}]}
    for origin in ("http://evil.example", "null"):
        assert client.post(f"/annotate/{run.task}/answers", json=sent, headers={"origin": origin}).status_code == 403


def faces_after_training(client: TestClient, run: Prepared) -> list[str]:
    """Answer the training pictures; the items that come then."""
    lessons = open_task(client, run.task)["items"]
    answers = [{"nonce": nonce(n), "item": i, "kind": "label", "value": "yes"} for n, i in enumerate(lessons)]
    post(client, run.task, *answers)
    return open_task(client, run.task)["items"]


def test_withdrawn_consent_hides_a_face_at_once_and_is_logged(run: Prepared) -> None:
    client = client_of(run, "anna")
    before = faces_after_training(client, run)
    with run.store() as connection:
        row = connection.execute("SELECT * FROM item WHERE item_id = ?", (before[0],)).fetchone()
        assert client.get(f"/annotate/{run.task}/picture/{before[0]}").status_code == 200
        consent.withdraw(connection, row["database"], row["participant"], by="rob", now=0.0)
    assert client.get(f"/annotate/{run.task}/picture/{before[0]}").status_code == 410
    after = open_task(client, run.task)
    assert before[0] not in after["items"]
    assert after["total"] < 14
    # An answer that was given while the face was still shown is not lost.
    late = post(client, run.task, {"nonce": nonce(99), "item": before[0], "kind": "label", "value": "no"})
    assert late.json()["outcomes"][0]["state"] == "stored"
    kinds = [r[0] for r in run.store().execute("SELECT kind FROM event WHERE item_id = ?", (before[0],))]
    assert kinds == ["withheld", "label"]


def test_a_forgotten_face_is_gone_from_the_task_and_the_page_says_so(run: Prepared) -> None:
    client, researcher = client_of(run, "anna"), client_of(run, "rob")
    before = faces_after_training(client, run)
    with run.store() as connection:
        row = connection.execute("SELECT * FROM item WHERE item_id = ?", (before[0],)).fetchone()
        forget_pictures(connection, [row["database"]], participant=row["participant"], recorded_by="test")
    assert client.get(f"/annotate/{run.task}/picture/{before[0]}").status_code == 410
    assert before[0] not in open_task(client, run.task)["items"]
    late = post(client, run.task, {"nonce": nonce(99), "item": before[0], "kind": "label", "value": "no"})
    assert late.json()["outcomes"][0]["state"] == "refused"
    assert "of people who were forgotten" in researcher.get(f"/tasks/{run.task}").text


def test_a_client_cannot_log_a_face_as_withheld(run: Prepared) -> None:
    client = client_of(run, "anna")
    item = open_task(client, run.task)["items"][0]
    post(client, run.task, {"nonce": nonce(1), "item": item, "kind": "withheld"})
    assert run.store().execute("SELECT count(*) FROM event").fetchone()[0] == 0


def test_a_face_whose_crops_are_gone_is_not_computed_and_never_a_crash(run: Prepared) -> None:
    client = client_of(run, "anna")
    lessons = open_task(client, run.task)["items"]
    post(client, run.task, *[
        {"nonce": nonce(n), "item": i, "kind": "label", "value": "yes"} for n, i in enumerate(lessons)
    ])  # fmt: skip
    item = open_task(client, run.task)["items"][0]
    for file in run.root.rglob("faces.h5"):
        file.unlink()
    answer = client.get(f"/annotate/{run.task}/picture/{item}")
    assert answer.status_code == 404
    assert "not computed" in answer.json()["error"]


class TestTrouble:
    """The browser keeps its answers when the server cannot store them, and says why."""

    def sent(self, client: TestClient, run: Prepared):  # noqa: ANN201
        """A label that should be stored."""
        item = next(iter(names_of(run)))
        return lambda: post(client, run.task, {"nonce": nonce(1), "item": item, "kind": "label", "value": "yes"})

    @pytest.mark.parametrize(
        ("message", "status"),
        [
            ("database or disk is full", 507),
            ("attempt to write a readonly database", 503),
            ("database disk image is malformed", 503),
            ("database is locked", 503),
        ],
    )
    def test_trouble_of_the_store_is_said_and_nothing_is_acknowledged(
        self, run: Prepared, monkeypatch: pytest.MonkeyPatch, message: str, status: int
    ) -> None:
        client = client_of(run, "anna")
        open_task(client, run.task)
        send = self.sent(client, run)

        def fails(*_: object, **__: object) -> None:
            raise sqlite3.OperationalError(message)

        with monkeypatch.context() as patched:
            patched.setattr("painlens.annotations.events._insert", fails)
            answer = send()
        assert answer.status_code == status
        assert "kept in this browser" in answer.json()["error"]
        assert str(run.root) not in answer.text
        assert answer.headers["retry-after"]
        assert send().json()["outcomes"][0]["state"] == "stored"

    @pytest.mark.parametrize("state", ["missing", "corrupt"])
    def test_a_store_that_is_gone_or_damaged_is_503_and_never_a_trace(self, run: Prepared, state: str) -> None:
        client = client_of(run, "anna")
        open_task(client, run.task)
        send = self.sent(client, run)
        for suffix in ("-wal", "-shm"):
            (run.root / f"{store.FILE}{suffix}").unlink(missing_ok=True)
        path = run.root / store.FILE
        if state == "corrupt":
            path.write_bytes(b"damaged beyond recognition, but not short" * 200)
        else:
            path.unlink()
        answer = send()
        assert answer.status_code in (401, 503)  # without a store nobody is signed in
        assert "Traceback" not in answer.text


class TestAdjudication:
    def finished(self, run: Prepared) -> tuple[TestClient, set[str]]:
        """Two annotators who disagree on some faces; the adjudicator's client and the disputed items."""
        names = names_of(run)
        disputed = {item for item, frame in names.items() if frame.endswith(("1", "5"))}
        answer_all(client_of(run, "anna"), run.task, "anna", lambda _: "yes")
        answer_all(client_of(run, "ben"), run.task, "ben", lambda item: "no" if item in disputed else "yes")
        return client_of(run, "cleo"), disputed

    def test_is_closed_while_annotators_work(self, run: Prepared) -> None:
        answer_all(client_of(run, "anna"), run.task, "anna", lambda _: "yes")
        client = client_of(run, "cleo")
        assert "still at work" in client.get("/adjudicate").text
        assert client.get(f"/adjudicate/{run.task}").status_code == 409
        assert client.get(f"/adjudicate/{run.task}/queue").status_code == 404
        item = next(iter(names_of(run)))
        assert client.get(f"/adjudicate/{run.task}/picture/{item}").status_code == 404
        sent = {"nonce": nonce(1), "item": item, "kind": "label", "value": "yes"}
        assert post(client, run.task, sent, part="adjudicate").status_code == 403

    def test_shows_disputes_with_two_answers_and_no_names(self, run: Prepared) -> None:
        client, disputed = self.finished(run)
        queue = open_task(client, run.task, "adjudicate")
        with run.store() as connection:
            kinds = dict(connection.execute("SELECT item_id, kind FROM item").fetchall())
        assert set(queue["items"]) == {item for item in disputed if kinds[item] == "face"}
        assert all(sorted(given) == ["no", "yes"] for given in queue["answers"].values())
        page = client.get(f"/adjudicate/{run.task}").text
        assert not [name for name in ("anna", "ben", "clinical", "experimental") if name in page + str(queue)]
        agreed = next(item for item in kinds if item not in disputed and kinds[item] == "face")
        assert client.get(f"/adjudicate/{run.task}/picture/{agreed}").status_code == 404
        assert client.get(f"/adjudicate/{run.task}/picture/{queue['items'][0]}").status_code == 200

    def test_decisions_become_the_final_labels(self, run: Prepared) -> None:
        client, _ = self.finished(run)
        items = open_task(client, run.task, "adjudicate")["items"]
        sent = [{"nonce": nonce(n, "c"), "item": item, "kind": "label", "value": "no"} for n, item in enumerate(items)]
        assert all(o["state"] == "stored" for o in post(client, run.task, *sent, part="adjudicate").json()["outcomes"])
        assert open_task(client, run.task, "adjudicate")["phase"] == "done"
        found = client_of(run, "rob").get(f"/tasks/{run.task}/labels.csv").text.splitlines()
        assert sum(",adjudicated," in line for line in found) == len(items)
        assert len(found) == 13

    def test_the_researcher_sees_agreement_only_when_all_have_finished(self, run: Prepared) -> None:
        researcher = client_of(run, "rob")
        assert "Gwet" not in researcher.get(f"/tasks/{run.task}").text
        self.finished(run)
        page = researcher.get(f"/tasks/{run.task}").text
        assert "Gwet" in page
        assert "wait for an adjudicator" in page
        assert "12 faces" in page
        assert re.search(r"annotator-1|anna", researcher.get(f"/tasks/{run.task}/events.csv").text)


class TestTasks:
    FORM = {"concept": "teeth-visible", "question": "Can you see teeth?", "guideline": "Yes if so.", "faces": "6"}

    def test_a_researcher_makes_a_task_and_annotators_find_it(
        self, run: Prepared, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("painlens.web.tasks.render_training_elsewhere", lambda *_, **__: [])
        client = client_of(run, "rob")
        assert "Can you see teeth" in client.get("/tasks/new?question=Can you see teeth?").text
        made = client.post("/tasks", data=self.FORM, follow_redirects=False)
        assert made.status_code == 303
        page = client.get(made.headers["location"]).text
        assert "6 faces" in page
        assert "Can you see teeth?" in client_of(run, "anna").get("/annotate").text
        with run.store() as connection:
            counts = connection.execute(
                "SELECT database, count(*) FROM item JOIN task USING (task_id)"
                " WHERE concept = 'teeth-visible' AND kind = 'face' GROUP BY 1"
            ).fetchall()  # noqa: E501
        assert [count for _, count in counts] == [3, 3]

    @pytest.mark.parametrize(
        ("change", "message"),
        [({"question": ""}, "write a question"), ({"faces": "-3"}, "whole number above 0"),
         ({"database": "other"}, "no database"), ({"guideline": "x" * 20001}, "at most 20000")],
    )  # fmt: skip
    def test_mistakes_are_said_on_the_form(
        self, run: Prepared, change: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:  # noqa: E501
        monkeypatch.setattr("painlens.web.tasks.render_training_elsewhere", lambda *_, **__: [])
        answer = client_of(run, "rob").post("/tasks", data=self.FORM | change)
        assert answer.status_code == 400
        assert message in answer.text
        assert "Can you see teeth?" in answer.text or "question" in change

    def test_a_guideline_is_revised_not_replaced(self, run: Prepared) -> None:
        client = client_of(run, "rob")
        client.post(f"/tasks/{run.task}/guideline", data={"guideline": "Only if both are."})
        with run.store() as connection:
            texts = [row[0] for row in connection.execute("SELECT text FROM guideline ORDER BY version")]
        assert texts == ["Yes if they are.\n\nElse no.", "Only if both are."]
        assert "Only if both are." in client_of(run, "anna").get(f"/annotate/{run.task}").text

    def test_a_released_annotator_makes_room(self, run: Prepared) -> None:
        for person in ("anna", "ben"):
            open_task(client_of(run, person), run.task)
        assert client_of(run, "rob").post(f"/tasks/{run.task}/release", data={"annotator": "ben"}).status_code == 200
        assert client_of(run, "dora").get(f"/annotate/{run.task}").status_code == 200

    def test_the_demo_has_a_prepared_task_once(self, run: Prepared) -> None:
        from painlens.web.demo_task import prepare_demo_task

        opened = Run.open(run.root, separate_process=False)
        assert prepare_demo_task(opened) == prepare_demo_task(opened) == run.task
