"""The notebook of hypotheses through HTTP: written, frozen, never changed, made into a task."""

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from painlens import hypotheses
from painlens.web.notebook import load_notebook
from web_client import PAGE, log_of

pytest_plugins = ["inspected_run"]

NONCE = "n" * 24


def write(client: TestClient, statement: str, nonce: str = NONCE, **fields: object) -> object:
    return client.post("/notebook", data={"statement": statement, "nonce": nonce} | fields)


def notebook_of(app: Starlette) -> list[hypotheses.Hypothesis]:
    with app.state.run.connect() as connection:
        return load_notebook(connection)


def test_a_hypothesis_keeps_its_faces_its_filter_its_author_and_its_time(app: Starlette, client: TestClient) -> None:
    names = [app.state.run.opaque_of(r) for r in np.flatnonzero(app.state.run.consent.shown())[:2]]
    form = client.get(
        f"/notebook/new?face={names[0]}&face={names[1]}&filter=region%3Deyes%26sort%3Ddifference", headers=PAGE
    )
    assert form.text.count('name="face"') == 2
    write(client, "Closed eyes.", face=names, filter="sort=difference&region=eyes")
    (found,) = notebook_of(app)
    assert found.current.filter == "region=eyes&sort=difference"
    assert len(found.current.faces) == 2
    assert (found.versions[0].person, found.versions[0].time_utc) == ("rosa", "2027-01-15T08:00:00.000000Z")
    assert ("hypothesis write", found.hypothesis_id) in log_of(app)


def test_a_form_that_is_sent_twice_writes_once(app: Starlette, client: TestClient) -> None:
    write(client, "Closed eyes.")
    write(client, "Closed eyes.")
    assert len(notebook_of(app)) == 1


def test_freezing_and_later_edits_show_on_the_page_and_in_the_export(
    app: Starlette, client: TestClient, folder: Path
) -> None:
    write(client, "Closed eyes.")
    (found,) = notebook_of(app)
    client.post("/notebook/freeze")
    client.post("/notebook/freeze")
    client.post(f"/notebook/{found.hypothesis_id}", data={"statement": "Open mouths.", "nonce": "m" * 24})
    (after,) = notebook_of(app)
    digest = hypotheses.digest_of(found.hypothesis_id, found.current)
    assert after.frozen is not None
    assert after.frozen.sha256 == digest
    page = client.get("/notebook", headers=PAGE).text
    assert digest[:16] in page
    assert "Edited after freezing" in page
    (entry,) = json.loads((folder / "hypotheses.json").read_text())["hypotheses"]
    assert entry["frozen"]["sha256"] == digest
    assert (entry["tested"]["statement"], entry["later_edits"][0]["statement"]) == ("Closed eyes.", "Open mouths.")


def test_the_notebook_is_append_only(app: Starlette, client: TestClient) -> None:
    write(client, "Closed eyes.")
    with app.state.run.connect() as connection:
        for statement in ("DELETE FROM hypothesis_event", "UPDATE hypothesis_event SET content = '{}'",
                          "DELETE FROM audit", "UPDATE audit SET detail = ''",
                          "UPDATE person SET role = 'annotator'"):  # fmt: skip
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(statement)
        row = connection.execute("SELECT * FROM hypothesis_event").fetchone()
        connection.execute("INSERT OR REPLACE INTO hypothesis_event VALUES (?, ?, ?, 'thief', ?, '{}', ?)",
                           (row["event_id"], row["ts_utc"], row["hypothesis_id"], row["kind"],
                            row["nonce"]))  # fmt: skip
        assert tuple(connection.execute("SELECT * FROM hypothesis_event").fetchone()) == tuple(row)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"statement": " "}, "statement is empty"),
        ({"statement": "x" * 2001}, "at most 2000"),
        ({"statement": "x", "face": "forged"}, "there is no face"),
        ({"statement": "x", "filter": "database=elsewhere"}, "must be one of clinical"),
        ({"statement": "x", "nonce": ""}, "no nonce"),
    ],
)
def test_statements_that_cannot_be_kept_are_told_in_the_form(
    client: TestClient, fields: dict[str, str], told: str
) -> None:
    answer = client.post("/notebook", data={"nonce": NONCE} | fields, headers=PAGE)
    assert answer.status_code == 400
    assert told in answer.text


def test_markup_in_a_statement_is_text(client: TestClient) -> None:
    write(client, "<img src=x onerror=alert(1)>")
    page = client.get("/notebook", headers=PAGE).text
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page


def test_status_must_be_one_of_the_four(app: Starlette, client: TestClient) -> None:
    write(client, "Closed eyes.")
    (found,) = notebook_of(app)
    assert client.post(f"/notebook/{found.hypothesis_id}/status", data={"status": "proved"}).status_code == 400
    client.post(f"/notebook/{found.hypothesis_id}/status", data={"status": "refuted"})
    assert notebook_of(app)[0].status == "refuted"


def test_candidates_appear_as_candidates_only(app: Starlette, client: TestClient) -> None:
    page = client.get("/notebook", headers=PAGE).text
    assert "Nothing written yet" in page
    assert "On all faces the experimental model gives the mouth more relevance than the clinical model." in page
    assert notebook_of(app) == []


def test_a_task_needs_concept_question_and_guideline(app: Starlette, client: TestClient) -> None:
    write(client, "Closed eyes.", concept="eyes-closed")
    (found,) = notebook_of(app)
    answer = client.post(f"/notebook/{found.hypothesis_id}/task")
    assert answer.status_code == 409
    assert "question and guideline" in answer.text


def test_one_click_makes_a_task_from_what_was_frozen(app: Starlette, client: TestClient) -> None:
    from painlens.annotations import tasks

    fields = {"concept": "odd-shadow", "question": "Is there a shadow?", "guideline": "Yes if you see one."}
    write(client, "Shadows.", **fields)
    (found,) = notebook_of(app)
    client.post("/notebook/freeze")
    edited = fields | {"statement": "Light.", "question": "Other question?", "nonce": "m" * 24}
    client.post(f"/notebook/{found.hypothesis_id}", data=edited)
    answer = client.post(f"/notebook/{found.hypothesis_id}/task")
    assert answer.status_code == 303, answer.text
    (made,) = notebook_of(app)[0].tasks
    assert answer.headers["location"] == f"/tasks/{made}"
    with app.state.run.connect() as connection:
        task = tasks.find_task(connection, made)
        faces = connection.execute("SELECT count(*) FROM item WHERE task_id = ? AND kind = 'face'", (made,)).fetchone()[
            0
        ]
    assert task is not None
    assert (task.question, task.origin) == ("Is there a shadow?", f"hypothesis:{found.hypothesis_id}")
    assert faces == int(app.state.run.consent.shown().sum())
