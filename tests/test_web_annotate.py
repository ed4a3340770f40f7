"""The annotation pages over HTTP: blind, guarded, never losing an answer, clear when something is wrong."""

import re
import shutil
import sqlite3
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from annotation_posts import answer_all, names_of, nonce, open_task, post
from annotation_server import PEOPLE, Prepared, client_of, prepared_run
from painlens.annotations import store
from painlens.annotations.forgotten_pictures import forget_pictures
from painlens.annotations.tasks import release_place
from painlens.web import consent

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
