"""The pages of adjudicators and researchers over HTTP: disputes, decisions, agreement, tasks."""

import re
import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from annotation_posts import answer_all, names_of, nonce, open_task, post
from annotation_server import Prepared, client_of, prepared_run
from painlens.web.run import Run


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A run that the tests copy."""
    return prepared_run(tmp_path_factory.mktemp("run") / "run", training=2, repeats=0.2)


@pytest.fixture
def run(template: Prepared, tmp_path: Path) -> Prepared:
    """A run of one test."""
    shutil.copytree(template.root, tmp_path / "run")
    return Prepared(tmp_path / "run", template.task, template.tokens)


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
