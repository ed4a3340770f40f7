"""Labels in and out: CSV files, pseudonyms, and the concept test's own reading of the store."""

import csv
import io
import sqlite3
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from annotation_cases import items_of, new_store, new_task, nonce, say, some_faces
from painlens.annotations import store
from painlens.annotations.events import Answer, append
from painlens.annotations.exchange import events_csv, final_labels, import_labels, labels_csv
from painlens.annotations.labels import labels_from_file, labels_from_store
from painlens.annotations.store import StoreError
from painlens.annotations.tasks import list_tasks
from painlens.study import Study, parse_study
from painlens.tables import DataError
from painlens.workflow.labels import describe_labels, take_labels
from painlens.workflow.run_folder import RunFolder, inputs_of, prepare_run
from painlens.workflow.stages import parameters_of

FACES = some_faces(12)


@pytest.fixture
def connection(tmp_path: Path):  # noqa: ANN201
    """An open store."""
    connection = new_store(tmp_path)
    yield connection
    connection.close()


def rows(text: str) -> list[dict[str, str]]:
    """Rows of a CSV text."""
    return list(csv.DictReader(io.StringIO(text)))


def answered(connection: sqlite3.Connection) -> dict[str, str]:
    """Two annotators who disagree on the first two of twelve faces, one of which is decided; item -> final label."""
    task = new_task(connection, 12)
    items = items_of(connection, task)
    anna = {item: ("yes", "no", "unsure")[n % 3] for n, item in enumerate(items)}
    ben = anna | {items[0]: "no", items[1]: "yes"}
    say(connection, task, "anna", anna)
    say(connection, task, "ben", ben)
    say(connection, task, "cleo", {items[0]: "unsure"}, part="adjudicate")
    return anna | {items[0]: "unsure", items[1]: ""}


def test_the_label_table_is_what_a_recomputation_from_the_events_gives(connection: sqlite3.Connection) -> None:
    answered(connection)
    given: dict[tuple[str, str], dict[str, str]] = {}
    decided: dict[tuple[str, str], str] = {}
    for event in rows(events_csv(connection)):
        face = (event["database"], event["frame_id"])
        if event["part"] == "adjudicate":
            decided[face] = event["value"]
        else:
            given.setdefault(face, {})[event["annotator"]] = event["value"]
    for row in rows(labels_csv(connection)):
        face = (row["database"], row["frame_id"])
        values = set(given[face].values())
        assert row["value"] == decided.get(face, values.pop() if len(values) == 1 else "")
        assert int(row["yes"]) == sum(value == "yes" for value in given[face].values())
    assert len(given) == 12


def test_names_are_pseudonyms_unless_asked_for(connection: sqlite3.Connection) -> None:
    answered(connection)
    assert {row["annotator"] for row in rows(events_csv(connection))} == {"annotator-1", "annotator-2", "annotator-3"}
    assert {row["annotator"] for row in rows(events_csv(connection, names=True))} == {"anna", "ben", "cleo"}


def test_a_note_does_not_become_a_formula(connection: sqlite3.Connection) -> None:
    task = new_task(connection, 2)
    note = Answer(nonce(), items_of(connection, task)[0], "flag", note="=HYPERLINK(1)")
    append(connection, [note], person="anna", task_id=task.task_id, part="annotate")
    assert rows(events_csv(connection))[0]["note"] == "'=HYPERLINK(1)"


def test_exported_labels_come_back_as_they_were(connection: sqlite3.Connection, tmp_path: Path) -> None:
    answered(connection)
    file = tmp_path / "labels.csv"
    file.write_text(labels_csv(connection))
    (tmp_path / "other").mkdir()
    other = new_store(tmp_path / "other")
    assert import_labels(other, file, FACES, created_by="r") == {"smile": 11}  # one has no label yet
    before = {row["frame_id"]: row["value"] for row in rows(labels_csv(connection)) if row["value"]}
    assert {row["frame_id"]: row["value"] for row in rows(labels_csv(other))} == before
    other.close()


def test_importing_twice_adds_nothing(connection: sqlite3.Connection, tmp_path: Path) -> None:
    file = tmp_path / "made.csv"
    lines = ["database,frame_id,concept,value,annotator"]
    lines += [
        f"{f.database},{f.frame_id},smile,{'1' if n % 2 else 'No'},{who}" for n, f in enumerate(FACES) for who in "ab"
    ]
    file.write_text("\n".join(lines))
    assert import_labels(connection, file, FACES, created_by="r") == {"smile": 24}
    assert import_labels(connection, file, FACES, created_by="r") == {"smile": 0}
    assert len(list_tasks(connection)) == 1
    assert {row["state"] for row in final_labels(connection)} == {"agreed"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["database,frame_id,value", "db0,x,1"], "concept is missing"),
        (["database,frame_id,concept,value"], "no row below its header"),
        (
            ["database,frame_id,concept,value", "db0,p0/clip/0000,smile,perhaps"],
            "line 2: value must be yes, no or unsure",
        ),
        (["database,frame_id,concept,value", "db0,p0/clip/0000,,1"], "line 2: the concept is missing"),
        (["database,frame_id,concept,value", "db0,../../etc/passwd,smile,1"], "line 2: .* is no test face"),
        (["database,frame_id,concept,value"] + ["db0,p0/clip/0000,smile,1"] * 2, "line 3: .* labelled twice"),
        (["database,frame_id,concept,value", 'db0,"p0/clip/0000,smile,1'], "line"),
    ],
)
def test_mistakes_in_an_import_name_the_line_and_store_nothing(
    connection: sqlite3.Connection, tmp_path: Path, lines: list[str], message: str
) -> None:
    file = tmp_path / "made.csv"
    file.write_text("\n".join(lines))
    with pytest.raises(StoreError, match=message):
        import_labels(connection, file, FACES, created_by="r")
    assert list_tasks(connection) == []


def test_files_that_cannot_be_read_are_named(connection: sqlite3.Connection, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no file"):
        import_labels(connection, tmp_path / "none.csv", FACES, created_by="r")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StoreError, match="cannot be read as a CSV"):
        import_labels(connection, tmp_path / "binary.csv", FACES, created_by="r")


def test_a_later_unfinished_task_does_not_hide_settled_labels(connection: sqlite3.Connection) -> None:
    expected = answered(connection)
    new_task(connection, 12)
    found = [row["value"] or "" for row in final_labels(connection, concept="smile")]
    assert sorted(map(str, found)) == sorted(expected.values())
    assert final_labels(connection, concept="frown") == []


# ---- the concept test reads the store ---------------------------------------------------------------------------


def study_with(labels: Path | str) -> Study:
    """A study whose concept 'smile' takes these labels."""
    concept = {"definition": "mouth corners up", "region": "mouth", "labels": str(labels)}
    databases = {name: {"reader": "manifest", "root": "/nowhere"} for name in ("db0", "db1")}
    return parse_study({"study": "made", "databases": databases, "concepts": {"smile": concept}})


def faces_table() -> pd.DataFrame:
    """The columns of FACES that labels take over."""
    return pd.DataFrame([vars(face) | {"label": "pain"} for face in FACES])


def test_a_study_may_name_a_store(connection: sqlite3.Connection, tmp_path: Path) -> None:
    expected = answered(connection)
    run = prepare_run(study_with(tmp_path / store.FILE), tmp_path / "run")
    counts = take_labels(run, run.study())
    assert counts == {"smile": {"agreed": 10, "adjudicated": 1, "disagreement": 1}}
    inputs = inputs_of("concepts", run.study(), run)
    labels = labels_from_store(faces_table(), inputs["labels:smile"], "smile")
    names = dict(connection.execute("SELECT frame_id, item_id FROM item").fetchall())
    words = {"yes": True, "no": False}
    found = [None if pd.isna(value) else bool(value) for value in labels["value"]]
    assert found == [words.get(expected[names[frame]]) for frame in labels["frame_id"]]
    assert set(labels["source"]) == {"annotations"}
    assert "1 of 12 faces have no final label yet (1 wait for an adjudicator)" in describe_labels(counts)[0]


def test_only_new_labels_change_the_file_that_steps_read(connection: sqlite3.Connection, tmp_path: Path) -> None:
    answered(connection)
    run = prepare_run(study_with(tmp_path / store.FILE), tmp_path / "run")
    take_labels(run, run.study())
    file = run.root / "labels" / "smile.csv"
    before = file.stat().st_mtime_ns
    task = list_tasks(connection)[0]
    flag = Answer(nonce(), items_of(connection, task)[0], "flag")
    append(connection, [flag], person="anna", task_id=task.task_id, part="annotate")
    take_labels(run, run.study())
    assert file.stat().st_mtime_ns == before
    say(connection, task, "cleo", {items_of(connection, task)[1]: "no"}, part="adjudicate")
    take_labels(run, run.study())
    assert file.stat().st_mtime_ns != before


def test_the_place_of_a_store_is_no_parameter(tmp_path: Path) -> None:
    here, there = (study_with(tmp_path / name) for name in ("a.sqlite", "b.sqlite"))
    assert parameters_of("concepts", here) == parameters_of("concepts", there)


def test_without_any_task_no_face_is_labelled(connection: sqlite3.Connection, tmp_path: Path) -> None:
    run = prepare_run(study_with(tmp_path / store.FILE), tmp_path / "run")
    counts = take_labels(run, run.study())
    assert "has no annotation task yet" in describe_labels(counts)[0]
    labels = labels_from_store(faces_table(), run.root / "labels" / "smile.csv", "smile")
    assert labels["value"].isna().all()
    assert len(labels) == 12
    assert connection.execute("SELECT count(*) FROM task").fetchone()[0] == 0


def test_a_missing_store_is_named(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    with pytest.raises(DataError, match="labels of concept 'smile': there is no annotation store at"):
        take_labels(run, study_with(tmp_path / "none.sqlite"))
    with pytest.raises(DataError, match="takes the labels from the store"):
        labels_from_store(faces_table(), tmp_path / "none.csv", "smile")


def test_a_label_table_of_the_store_is_also_a_label_file(connection: sqlite3.Connection, tmp_path: Path) -> None:
    answered(connection)
    file = tmp_path / "labels.csv"
    file.write_text(labels_csv(connection))
    labels = labels_from_file(faces_table(), file, "smile")
    assert labels["value"].notna().sum() == 6  # of twelve: four unsure, one adjudicated unsure, one open


# ---- commands ---------------------------------------------------------------------------------------------------


class TestCommands:
    @pytest.fixture
    def run(self, tmp_path: Path) -> Path:
        """A run folder with a study and a store."""
        run = prepare_run(study_with("truth"), tmp_path / "run")
        connection = new_store(run.root)
        answered(connection)
        connection.close()
        return run.root

    def call(self, *words: str | Path):  # noqa: ANN201
        """One command."""
        from painlens.cli.annotations import app

        return CliRunner().invoke(app, [str(word) for word in words])

    def test_tasks_agreement_export_and_check(self, run: Path, tmp_path: Path) -> None:
        listed = self.call("tasks", run)
        assert "10 agreed" in listed.output
        assert "annotators: anna, ben" in listed.output
        assert "anna and ben: 12 faces of 4 participants" in self.call("agreement", run, "--draws", "100").output
        assert len(rows(self.call("export", run).output)) == 12
        assert len(rows(self.call("export", run, "--events").output)) == 25
        assert self.call("export", run, "--out", tmp_path / "x.csv").exit_code == 0
        assert (tmp_path / "x.csv").read_text().startswith("concept,database")
        checked = self.call("check", run)
        assert (checked.exit_code, checked.output) == (0, "25 events, no problem found\n")
        assert "25 events" in self.call("backup", run, tmp_path / "copy.sqlite").output

    def test_check_exits_with_4_where_something_was_edited(self, run: Path) -> None:
        connection = new_store(run)
        connection.execute("DROP TRIGGER event_no_update")
        connection.execute("UPDATE event SET value = 'no' WHERE event_id = 1")
        connection.close()
        found = self.call("check", run)
        assert found.exit_code == 4
        assert "event 1 is not what was written" in found.output

    def test_release_frees_a_place(self, run: Path) -> None:
        connection = new_store(run)
        task_id = list_tasks(connection)[0].task_id
        connection.close()
        assert self.call("release", run, task_id, "ben").exit_code == 0
        assert "annotators: anna\n" in self.call("tasks", run).output
        assert self.call("release", run, task_id, "ben").exit_code == 3

    def test_refusals_are_sentences(self, run: Path, tmp_path: Path) -> None:
        assert self.call("tasks", tmp_path).exit_code == 2
        assert self.call("agreement", run, "--task", "none").exit_code == 2
        (run / store.FILE).write_bytes(b"no store at all, but some bytes" * 100)
        for suffix in ("-wal", "-shm"):
            (run / f"{store.FILE}{suffix}").unlink(missing_ok=True)
        refused = self.call("tasks", run)
        assert refused.exit_code == 3
        assert "restore the last backup" in refused.output
