"""What people wrote about somebody who leaves a run: answers, labels and hypotheses."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from annotation_cases import items_of, say
from leaving_people import STUDY, finished_run, people
from painlens import tables
from painlens.annotations import exchange, store
from painlens.annotations.forgotten_pictures import count_forgotten
from painlens.annotations.keeping import problems_of
from painlens.annotations.tasks import Face, create_task, find_task
from painlens.annotations.tasks import Plan as TaskPlan
from painlens.forgetting import forget, plan_forgetting
from painlens.study import dump_study, parse_study
from painlens.workflow.run_folder import RunFolder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that the tests copy."""
    return finished_run(tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture
def run(finished: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy that a test may change."""
    return RunFolder(Path(shutil.copytree(finished.root, tmp_path / "tiny")))


@pytest.fixture
def answered(run: RunFolder) -> tuple[RunFolder, str, str]:
    """A run with an annotation store in which two people answered to two faces of a person and to one of another."""
    who, other = people(run, "test")
    faces = [
        Face("clinical", f"{who}/1", who),
        Face("clinical", f"{who}/2", who),
        Face("clinical", f"{other}/1", other),
    ]
    plan = TaskPlan(annotators=2, repeats=0.0, unsure="answer", seed=1)
    with store.opened(run.root / store.FILE, create=True) as connection:
        task_id = create_task(
            connection,
            concept="smile",
            question="Smile?",
            guideline="Yes if so.",
            faces=faces,
            plan=plan,
            created_by="r",
        )
        task = find_task(connection, task_id)
        assert task is not None
        for person in ("ann", "bo"):
            say(connection, task, person, dict.fromkeys(items_of(connection, task), "yes"))
    return run, who, other


def test_answers_about_the_person_are_kept_and_count_no_more(answered: tuple[RunFolder, str, str]) -> None:
    run, who, other = answered
    plan = plan_forgetting(run, participant=who)
    told = (
        "keeps 4 answers of 2 people to 2 pictures under 'smile', but serves, exports and counts them no more; the "
        "pictures themselves are gone"
    )
    assert [change.what for change in plan.changes if change.place == "annotations.sqlite"] == [told]
    left = forget(run, plan)
    assert (left.answers, left.places, left.kept) == (1, (), (f"annotations.sqlite {told}",))
    with store.opened(run.root / store.FILE, read_only=True) as connection:
        labels = exchange.labels_csv(connection)
        assert who not in labels
        assert other in labels
        assert who not in exchange.events_csv(connection)
        assert problems_of(connection) == []


def test_pictures_without_answers_are_told_as_such(run: RunFolder) -> None:
    who = people(run, "test")[0]
    plan = TaskPlan(annotators=2, repeats=0.0, unsure="answer", seed=1)
    faces = [Face("clinical", f"{who}/1", who)]
    with store.opened(run.root / store.FILE, create=True) as connection:
        create_task(connection, concept="smile", question="?", guideline="Yes.", faces=faces, plan=plan, created_by="r")
    told = "annotations.sqlite lists 1 pictures under 'smile' that nobody has answered; nobody is asked any more"
    assert forget(run, plan_forgetting(run, participant=who)).kept == (told,)


def test_plan_alone_leaves_the_store_as_it_is(answered: tuple[RunFolder, str, str]) -> None:
    run, who, _ = answered
    plan_forgetting(run, participant=who)
    with store.opened(run.root / store.FILE, read_only=True) as connection:
        assert count_forgotten(connection) == 0


def test_store_of_a_concept_outside_the_run_is_told_too(answered: tuple[RunFolder, str, str], tmp_path: Path) -> None:
    run, who, _ = answered
    outside = tmp_path / "lab.sqlite"
    (run.root / store.FILE).rename(outside)
    concept = {"definition": "corners up", "region": "mouth", "labels": str(outside)}
    tables.save_text(dump_study(parse_study(STUDY | {"concepts": {"smile": concept}})), run.study_file)
    forget(run, plan_forgetting(run, participant=who))
    with store.opened(outside, read_only=True) as connection:
        assert who not in exchange.labels_csv(connection)


def test_table_of_labels_that_names_the_person_is_told(run: RunFolder, tmp_path: Path) -> None:
    who = people(run, "test")[0]
    frames = pd.read_parquet(run.folder("frames", "clinical") / "frames.parquet")
    own = str(frames.loc[frames["participant"] == who, "frame_id"].iloc[0])
    table = tmp_path / "labels.csv"
    table.write_text(f"database,frame_id,concept,value\nclinical,{own},smile,yes\nclinical,x,smile,no\n")
    concept = {"definition": "corners up", "region": "mouth", "labels": str(table)}
    tables.save_text(dump_study(parse_study(STUDY | {"concepts": {"smile": concept}})), run.study_file)
    left = forget(run, plan_forgetting(run, participant=who))
    assert left.kept == (f"{table} is yours and has 1 rows about them; take these out before the next run",)


def test_a_store_that_cannot_be_read_is_told(run: RunFolder) -> None:
    (run.root / "annotations.sqlite").write_bytes(b"no database")
    assert "cannot be read" in forget(run, plan_forgetting(run, participant=people(run, "test")[0])).kept[0]


def test_hypotheses_lose_their_ties_to_the_person_and_keep_their_words(run: RunFolder) -> None:
    who = people(run, "test")[0]
    frames = pd.read_parquet(run.folder("frames", "clinical") / "frames.parquet")
    own = frames.loc[frames["participant"] == who, "frame_id"].astype(str).tolist()
    other = str(frames.loc[frames["participant"] != who, "frame_id"].iloc[0])
    faces = [["clinical", own[0]], ["clinical", other], ["experimental", own[0]]]
    entry = {"id": "h1", "tested": {"statement": "they look at the eyes", "faces": faces}}
    tables.save_json({"hypotheses": [entry], "sha256": ""}, run.root / "hypotheses.json")
    plan = plan_forgetting(run, participant=who, database="clinical")
    assert [c.what for c in plan.changes if c.place == "hypotheses.json"] == [
        "1 ties of hypotheses to the faces are removed; the words stay"
    ]
    forget(run, plan)
    kept = tables.load_json(run.root / "hypotheses.json")["hypotheses"][0]
    assert kept["tested"] == {"statement": "they look at the eyes", "faces": faces[1:]}
    assert kept["faces_withdrawn"] == 1


def test_a_forgotten_database_unties_all_of_its_faces(run: RunFolder) -> None:
    faces = [["clinical", "a"], ["experimental", "b"], ["experimental", "c"]]
    entry = {"id": "h1", "tested": {"statement": "words", "faces": faces}}
    tables.save_json({"hypotheses": [entry], "sha256": ""}, run.root / "hypotheses.json")
    forget(run, plan_forgetting(run, database="experimental"))
    kept = tables.load_json(run.root / "hypotheses.json")["hypotheses"][0]
    assert kept["tested"]["faces"] == faces[:1]
    assert kept["faces_withdrawn"] == 2
