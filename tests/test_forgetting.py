"""A person or a database leaves a run: no name, no pixel, no prediction, no network that saw them stays."""

import hashlib
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from annotation_cases import items_of, say
from painlens import forgetting, tables
from painlens.annotations import exchange, store
from painlens.annotations.forgotten_pictures import count_forgotten
from painlens.annotations.keeping import problems_of
from painlens.annotations.tasks import Face, create_task, find_task
from painlens.annotations.tasks import Plan as TaskPlan
from painlens.cli import app
from painlens.faces import load_rows
from painlens.forgetting import forget, plan_forgetting, planning, removing
from painlens.forgetting.traces import traces
from painlens.forgotten import forgotten_file, load_forgotten, without_forgotten
from painlens.study import dump_study, parse_study
from painlens.tables import DataError
from painlens.workflow.run_folder import RunFolder, inputs_of, prepare_run
from painlens.workflow.stages import Job, jobs_of, parameters_of, sources_of
from painlens.workflow.steps import perform

SMALL = {"participants": 6, "sequences": 1, "seconds": 6, "fps": 2, "size": 64, "twins": 2}
PREPARED = ("synthesize", "frames", "faces", "split")
STUDY = {
    "study": "tiny",
    "databases": {
        "clinical": {
            "reader": "unbc", "synthetic": {"seed": 1, **SMALL}, "split": {"test": 2, "validation": 1},
            "consent": {"publish": "all"},
        },
        "experimental": {
            "reader": "biovid", "synthetic": {"seed": 2, **SMALL, "fps": 1}, "split": {"test": 2, "validation": 1},
        },
    },
    "faces": {"size": 32, "detector": "none"},
    "replication": {"seeds": 1, "half_splits": 1},
    "trust": {"randomised_labels": 0},
}  # fmt: skip


def lay_down(run: RunFolder, job: Job) -> None:
    """A result of a later step, as an up-to-date folder whose files hold whatever such a step may hold of a person."""
    folder, study = run.folder(job.stage, job.database, job.replicate), run.study()
    folder.mkdir(parents=True, exist_ok=True)
    if job.stage in ("pretrain", "train"):
        np.savez(folder / "weights.npz", weights=np.arange(64.0))
    else:
        write_about_people(run, folder)
    begun = tables.begin(
        job.stage,
        parameters=parameters_of(job.stage, study, job.database, job.replicate),
        inputs=inputs_of(job.stage, study, run, job.database, job.replicate),
        modules=sources_of(job.stage),
    )
    files = [path for path in folder.iterdir() if path.suffix in (".parquet", ".npz", ".h5")]
    tables.write_manifest(folder, begun, outputs=files, rows={})


def write_about_people(run: RunFolder, folder: Path) -> None:
    """Names and pixels of everybody in several formats."""
    clinical = run.folder("faces", "clinical")
    faces = tables.load_table(clinical / "faces.parquet", tables.FACES)
    faces[["database", "frame_id", "participant"]].to_parquet(folder / "answers.parquet")
    count = int(faces["found"].sum())
    crops = load_rows(clinical / "faces.h5", range(count), names=["faces"])["faces"]
    np.savez(folder / "features.npz", crops=crops, names=faces["participant"].astype(str).to_numpy(dtype=str))
    with h5py.File(folder / "maps.h5", "w") as file:
        file["maps"] = crops
        file.create_dataset("names", data=faces["frame_id"].astype(str).to_list(), dtype=h5py.string_dtype())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run with real frames, faces and parts, and made-up results of all later steps."""
    run = prepare_run(parse_study(STUDY), tmp_path_factory.mktemp("runs") / "tiny")
    for job in jobs_of(run.study()):
        if job.stage in PREPARED:
            perform(job, run)
        else:
            lay_down(run, job)
    split = tables.load_table(run.folder("split", "clinical") / "split.parquet", tables.SPLIT)
    (run.logs / "faces+database=clinical.log").write_text(f"cropping {split['participant'].iloc[0]}\n")
    (run.engine / "progress").mkdir(parents=True)
    (run.engine / "progress" / "x.json").write_text(f'{{"note": "{split["participant"].iloc[0]}"}}')
    return run


@pytest.fixture
def run(finished: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy that a test may change."""
    return RunFolder(Path(shutil.copytree(finished.root, tmp_path / "tiny")))


def people(run: RunFolder, part: str) -> list[str]:
    split = tables.load_table(run.folder("split", "clinical") / "split.parquet", tables.SPLIT)
    return split.loc[split["part"] == part, "participant"].astype(str).tolist()


def pixels_of(run: RunFolder, participant: str) -> list[bytes]:
    """Bytes that occur in the person's crops and in nobody else's."""
    folder = run.folder("faces", "clinical")
    faces = tables.load_table(folder / "faces.parquet", tables.FACES)
    crops = load_rows(folder / "faces.h5", range(int(faces["found"].sum())), names=["faces"])["faces"]
    own = (faces.loc[faces["found"], "participant"] == participant).to_numpy()
    rest = crops[~own].tobytes()
    lines = [crop[row].tobytes() for crop in crops[own] for row in (8, 16, 24)]
    return [line for line in lines if line not in rest]


def files_with(run: RunFolder, lines: list[bytes]) -> list[Path]:
    found = []
    for path in run.root.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if any(line in content for line in lines):
                found.append(path)
    return found


def digest_of(run: RunFolder) -> str:
    digest = hashlib.sha256()
    for path in sorted(run.root.rglob("*")):
        digest.update(path.relative_to(run.root).as_posix().encode())
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


def forgotten_person(run: RunFolder, part: str) -> str:
    who = people(run, part)[0]
    left = forget(run, plan_forgetting(run, participant=who))
    assert left.places == ()
    return who


# A person ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_no_file_of_the_run_names_the_person(run: RunFolder, part: str) -> None:
    assert len(traces(run.root, people(run, part)[:1])) > 10
    who = forgotten_person(run, part)
    assert traces(run.root, [who]) == []


def test_no_pixel_of_the_person_is_left_in_any_file(run: RunFolder) -> None:
    who = people(run, "train")[0]
    lines = pixels_of(run, who)
    assert len(lines) > 5
    assert {path.name for path in files_with(run, lines)} >= {"faces.h5", "maps.h5"}
    forget(run, plan_forgetting(run, participant=who))
    assert files_with(run, lines) == []


def test_others_keep_their_faces_and_parts(run: RunFolder) -> None:
    who, folder = people(run, "test")[0], run.folder("faces", "clinical")
    before = tables.load_table(folder / "faces.parquet", tables.FACES)
    crops = load_rows(folder / "faces.h5", range(int(before["found"].sum())), names=["faces", "regions"])
    parts = tables.load_table(run.folder("split", "clinical") / "split.parquet", tables.SPLIT)
    forgotten_person(run, "test")
    after = tables.load_table(folder / "faces.parquet", tables.FACES)
    rest = before[before["participant"] != who]
    assert after["frame_id"].tolist() == rest["frame_id"].tolist()
    kept = load_rows(folder / "faces.h5", after["row"].dropna().to_numpy(int), names=["faces", "regions"])
    for name, values in kept.items():
        np.testing.assert_array_equal(values, crops[name][rest["row"].dropna().to_numpy(int)])
    now = tables.load_table(run.folder("split", "clinical") / "split.parquet", tables.SPLIT)
    pd.testing.assert_frame_equal(now, parts[parts["participant"] != who].reset_index(drop=True))


def test_forgetting_equals_never_having_read_the_person(run: RunFolder) -> None:
    forgotten_person(run, "train")
    folders = {stage: run.folder(stage, "clinical") for stage in ("frames", "faces")}
    frames = pd.read_parquet(folders["frames"] / "frames.parquet")
    faces = pd.read_parquet(folders["faces"] / "faces.parquet")
    crops = load_rows(folders["faces"] / "faces.h5", range(int(faces["found"].sum())), names=["faces", "landmarks"])
    for stage, folder in folders.items():
        shutil.rmtree(folder)
        assert not perform(Job(stage, "clinical"), run).up_to_date
    pd.testing.assert_frame_equal(pd.read_parquet(folders["frames"] / "frames.parquet"), frames)
    pd.testing.assert_frame_equal(pd.read_parquet(folders["faces"] / "faces.parquet"), faces)
    again = load_rows(folders["faces"] / "faces.h5", range(int(faces["found"].sum())), names=["faces", "landmarks"])
    for name, values in again.items():
        np.testing.assert_array_equal(values, crops[name])


def test_person_in_the_owners_folder_is_not_read_again(run: RunFolder, finished: RunFolder) -> None:
    who = forgotten_person(run, "train")
    frames = tables.load_table(finished.folder("frames", "clinical") / "frames.parquet", tables.FRAMES)
    assert who in set(frames["participant"])
    rest = without_forgotten(frames, run.root, "clinical")
    assert set(frames["participant"]) - set(rest["participant"]) == {who}
    assert who not in forgotten_file(run.root, "clinical").read_text()


def test_prepared_steps_need_not_run_again(run: RunFolder) -> None:
    forgotten_person(run, "test")
    for job in jobs_of(run.study()):
        if job.stage in PREPARED:
            assert perform(job, run).up_to_date, job.name


def test_networks_go_exactly_where_they_saw_the_person(run: RunFolder) -> None:
    split = tables.load_table(run.folder("split", "clinical") / "split.parquet", tables.SPLIT).set_index("participant")
    who = people(run, "train")[0]
    side = str(split.loc[who, "half=0"])
    forget(run, plan_forgetting(run, participant=who))
    left = {path.name for path in (run.root / "models" / "clinical").iterdir()}
    assert left == {"half=0a", "half=0b"} - {f"half=0{side}"}
    assert {path.name for path in (run.root / "models" / "experimental").iterdir()} == {"seed=0", "half=0a", "half=0b"}


def test_networks_that_never_saw_the_person_stay_valid(run: RunFolder) -> None:
    forgotten_person(run, "test")
    for job in jobs_of(run.study()):
        if job.stage == "train":
            assert perform(job, run).up_to_date, job.name


def test_everything_after_the_networks_must_be_computed_again(run: RunFolder) -> None:
    plan = plan_forgetting(run, participant=people(run, "test")[0])
    later = {"predict", "evaluate", "attribute", "differences", "concepts", "report"}
    assert {job.stage for job in plan.recompute} == later
    forget(run, plan)
    assert not any(run.folder(job.stage, job.database, job.replicate).exists() for job in plan.recompute)


def test_lists_of_the_study_lose_the_person(run: RunFolder) -> None:
    who, other = people(run, "test")
    study = run.study()
    clinical = study.databases["clinical"]
    named = clinical.model_copy(
        update={
            "consent": clinical.consent.model_copy(update={"publish": (who, other)}),
            "split": clinical.split.model_copy(update={"test": (who, other)}),
        }
    )
    prepare_run(study.model_copy(update={"databases": {**study.databases, "clinical": named}}), run.root)
    forget(run, plan_forgetting(run, participant=who))
    after = run.study().databases["clinical"]
    assert (after.consent.publish, after.split.test) == ((other,), (other,))


def test_other_rows_do_not_name_a_forgotten_frame(run: RunFolder) -> None:
    who = people(run, "train")[0]
    path = run.folder("frames", "clinical") / "frames.parquet"
    frames = tables.load_table(path, tables.FRAMES)
    own = frames.loc[frames["participant"] == who, "frame_id"].iloc[0]
    stranger = frames.index[frames["participant"] != who][0]
    frames.loc[stranger, ["kept", "reason"]] = [False, f"looks like {own}"]
    tables.save_table(frames, path, tables.FRAMES)
    forgotten_person(run, "train")
    after = tables.load_table(path, tables.FRAMES)
    same = after["frame_id"] == str(frames.loc[stranger, "frame_id"])
    assert after.loc[same, "reason"].tolist() == ["looks like a forgotten frame"]


def test_two_people_one_after_the_other(run: RunFolder) -> None:
    first, second = forgotten_person(run, "train"), forgotten_person(run, "train")
    known = load_forgotten(run.root, "clinical")
    assert known is not None
    assert known.holds(first)
    assert known.holds(second)
    assert traces(run.root, [first, second]) == []


def test_killed_call_can_be_repeated(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    who = people(run, "train")[0]
    plan = plan_forgetting(run, participant=who)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for module, place in ((removing, "_keep_faces"), (forgetting, "strike_off")):
        with monkeypatch.context() as patch:
            patch.setattr(module, place, killed)
            with pytest.raises(KeyboardInterrupt):
                forget(run, plan)
    if who in set(tables.load_table(run.folder("frames", "clinical") / "frames.parquet", tables.FRAMES)["participant"]):
        plan = plan_forgetting(run, participant=who)
    assert forget(run, plan).places == ()


def test_plan_touches_nothing(run: RunFolder) -> None:
    before = digest_of(run)
    plan = plan_forgetting(run, participant=people(run, "train")[0])
    assert any("rows are removed" in change.what for change in plan.changes)
    assert digest_of(run) == before


def test_unknown_person_is_told_with_the_nearest_names(run: RunFolder) -> None:
    who = people(run, "train")[0]
    with pytest.raises(DataError, match=f"did you mean {who}"):
        plan_forgetting(run, participant=who[:-1])
    with pytest.raises(DataError, match="no database 'clinic'"):
        plan_forgetting(run, database="clinic")
    with pytest.raises(DataError, match="say whom to forget"):
        plan_forgetting(run)


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


# A database -------------------------------------------------------------------------------------------------------


def test_forgotten_database_leaves_nothing_and_is_not_read_again(run: RunFolder) -> None:
    own = set(pd.read_parquet(run.folder("frames", "experimental") / "frames.parquet")["participant"].astype(str))
    left = forget(run, plan_forgetting(run, database="experimental"))
    assert left.places == ()
    assert traces(run.root, own) == []
    assert run.folder("train", "clinical", "seed=0").exists()
    with pytest.raises(DataError, match="was forgotten in this run"):
        without_forgotten(pd.DataFrame({"participant": [], "reason": []}), run.root, "experimental")


# The command ------------------------------------------------------------------------------------------------------


def test_command_says_what_it_removes_and_what_to_compute(run: RunFolder) -> None:
    who = people(run, "test")[0]
    dry = CliRunner().invoke(app, ["forget", str(run.root), "--participant", who, "--dry-run"])
    assert dry.exit_code == 0
    assert "Nothing was touched" in dry.output
    assert run.report.parent.exists()
    done = CliRunner().invoke(app, ["forget", str(run.root), "--participant", who])
    assert done.exit_code == 0, done.output
    assert "To be computed again (painlens run): predict/database=clinical" in done.output
    assert "Forgotten." in done.output
    again = CliRunner().invoke(app, ["forget", str(run.root), "--participant", who])
    assert again.exit_code == 3


def test_name_that_stays_somewhere_is_an_error(run: RunFolder) -> None:
    who = people(run, "test")[0]
    (run.root / "my notes.txt").write_text(f"look at {who} again")
    done = CliRunner().invoke(app, ["forget", str(run.root), "--participant", who])
    assert done.exit_code == 4
    assert "still named in my notes.txt" in done.output


def test_finished_run_is_not_changed_by_the_copies(finished: RunFolder) -> None:
    assert len(people(finished, "train")) == 3
    assert plan_forgetting(finished, participant=people(finished, "test")[0]).databases == ("clinical",)


def test_network_with_permuted_labels_saw_everybody_who_trains(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run, job = RunFolder(tmp_path), Job("train", "clinical", "shuffled=0")
    for part, seen in (("train", True), ("validation", True), ("test", False)):
        monkeypatch.setattr(planning, "_part_of", lambda *_, part=part: part)
        assert planning._saw(run, job, "p1") is seen
