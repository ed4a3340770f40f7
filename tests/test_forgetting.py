"""A person or a database leaves a run: no name, no pixel, no prediction, no network that saw them stays."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from leaving_people import PREPARED, finished_run, people
from painlens import forgetting, tables
from painlens.cli import app
from painlens.faces import load_rows
from painlens.forgetting import forget, plan_forgetting, planning, removing
from painlens.forgetting.traces import traces
from painlens.forgotten import forgotten_file, load_forgotten, without_forgotten
from painlens.tables import DataError
from painlens.workflow.run_folder import RunFolder, prepare_run
from painlens.workflow.stages import Job, jobs_of
from painlens.workflow.steps import perform


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that the tests copy."""
    return finished_run(tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture
def run(finished: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy that a test may change."""
    return RunFolder(Path(shutil.copytree(finished.root, tmp_path / "tiny")))


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
