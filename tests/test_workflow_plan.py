"""What is due and why, from manifests alone."""

import json
import shutil
from pathlib import Path

import pytest

from painlens import tables
from painlens.study import Study
from painlens.workflow import stages
from painlens.workflow.plan import Due, describe, plan, settle_markers
from painlens.workflow.run_folder import RunFolder, inputs_of, prepare_run
from painlens.workflow.stages import Job, jobs_of, needs, parameters_of, sources_of
from tiny_run import plain_package, tiny_study


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run: manifests written by the real function."""
    folder = tmp_path_factory.mktemp("plan")
    plain_package(folder)
    study = tiny_study()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "PACKAGE", folder / "painlens")
        run = prepare_run(study, folder / "run")
        for job in jobs_of(study):
            finish(job, run, study)
        settle_markers(run, study, [])
    return folder


@pytest.fixture
def run(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    for part in ("run", "painlens"):
        shutil.copytree(template / part, tmp_path / part)
    monkeypatch.setattr(stages, "PACKAGE", tmp_path / "painlens")
    return RunFolder(tmp_path / "run")


def finish(job: Job, run: RunFolder, study: Study) -> None:
    place = (job.database, job.replicate)
    begun = tables.begin(
        job.stage,
        parameters=parameters_of(job.stage, study, *place),
        inputs=inputs_of(job.stage, study, run, *place),
        modules=sources_of(job.stage),
    )
    result = run.folder(job.stage, *place) / "result.txt"
    tables.save_text(job.name, result)
    tables.write_manifest(result.parent, begun, outputs=[result], rows={})


def reasons(run: RunFolder, study: Study | None = None) -> dict[str, str]:
    return {one.job.name: one.reason for one in plan(run, study or tiny_study()) if one.reason}


def test_nothing_is_due_in_a_finished_run(run: RunFolder) -> None:
    assert plan(run, tiny_study()) == []


def test_everything_is_due_in_an_empty_folder(tmp_path: Path) -> None:
    study = tiny_study()
    due = plan(prepare_run(study, tmp_path / "run"), study)
    assert [one.job for one in due] == jobs_of(study)
    assert {one.reason for one in due} == {"not done yet"}


def test_changed_setting_is_named_with_both_values(run: RunFolder) -> None:
    changed = tiny_study(training={"epochs": 7})
    assert reasons(run, changed)["train/database=a/seed=0"] == "training.epochs: 30 -> 7"


def test_many_changed_settings_are_counted(run: RunFolder) -> None:
    changed = tiny_study(training={"epochs": 7, "batch_size": 4, "momentum": 0.5, "gamma": 1})
    assert reasons(run, changed)["train/database=a/seed=0"].endswith("and 1 more")


def test_jobs_after_a_due_job_are_due_without_a_reason_of_their_own(run: RunFolder) -> None:
    due = {one.job.name: one for one in plan(run, tiny_study(differences={"normalisation": "sum-abs"}))}
    assert set(due) == {"differences", "report"}
    shutil.rmtree(run.folder("evaluate"))
    due = {one.job.name: one for one in plan(run, tiny_study())}
    assert due["report"] == Due(Job("report"), "", (Job("evaluate"), Job("concepts")))


def test_changed_source_is_a_reason(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "painlens" / "metrics.py").write_text("# other\n", encoding="utf-8")
    assert reasons(run) == {"evaluate": "its source code changed"}


def test_missing_result_is_a_reason(run: RunFolder) -> None:
    (run.folder("differences") / "result.txt").unlink()
    assert reasons(run) == {"differences": "result.txt is missing"}


def test_overwritten_result_is_a_reason(run: RunFolder) -> None:
    (run.folder("differences") / "result.txt").write_text("other", encoding="utf-8")
    assert reasons(run) == {"differences": "result.txt was changed by hand"}


def test_touched_result_is_none(run: RunFolder) -> None:
    (run.folder("differences") / "result.txt").touch()
    assert reasons(run) == {}


def test_broken_manifest_is_a_reason(run: RunFolder) -> None:
    run.manifest(Job("report")).write_text("{", encoding="utf-8")
    assert reasons(run) == {"report": "its manifest cannot be read"}


def test_new_result_of_an_earlier_step_is_a_reason(run: RunFolder) -> None:
    """As after a run that was stopped between the two."""
    manifest = run.manifest(Job("split", "a"))
    raw = json.loads(manifest.read_text(encoding="utf-8"))
    split = manifest.with_name("result.txt")
    split.write_text("another split", encoding="utf-8")
    raw["outputs"]["result.txt"] = tables.sha256_of(split)
    manifest.write_text(json.dumps(raw), encoding="utf-8")
    found = reasons(run)
    assert found["train/database=a/seed=0"] == "new input: split/database=a"
    assert "train/database=b/seed=0" not in found


def test_new_reason_with_the_same_result_reaches_no_later_step(run: RunFolder) -> None:
    manifest = run.manifest(Job("split", "a"))
    raw = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(raw | {"code": "other", "version": "9"}), encoding="utf-8")
    assert reasons(run) == {"split/database=a": "its source code changed"}


def test_dropped_network_is_a_reason(run: RunFolder) -> None:
    more = tiny_study(replication={"seeds": 2, "half_splits": 0})
    for job in jobs_of(more):
        finish(job, run, more)
    one_seed = {one.job.name: one.reason for one in plan(run, tiny_study())}
    assert "replicates" in one_seed["predict/database=a"]


def test_targets_limit_the_plan_to_what_they_need(tmp_path: Path) -> None:
    study = tiny_study()
    run = prepare_run(study, tmp_path / "run")
    due = plan(run, study, targets=[Job("split", "b")])
    assert [one.job.name for one in due] == ["frames/database=b", "faces/database=b", "split/database=b"]


def test_settled_markers_are_never_older_than_those_they_follow(run: RunFolder) -> None:
    study = tiny_study()
    shutil.rmtree(run.engine)
    settle_markers(run, study, [])
    times = {job: run.done(job).stat().st_mtime_ns for job in jobs_of(study)}
    assert all(times[earlier] <= times[job] for job in times for earlier in needs(job, study))


def test_markers_of_due_jobs_are_left_alone(run: RunFolder) -> None:
    shutil.rmtree(run.engine)
    settle_markers(run, tiny_study(), [Due(Job("report"), "not done yet", ())])
    assert not run.done(Job("report")).exists()


def test_description_gives_a_line_per_job_and_its_reason() -> None:
    lines = describe([Due(Job("split", "a"), "seed: 0 -> 1", ()), Due(Job("report"), "", (Job("split", "a"),))], 18)
    assert lines == [
        "2 of 18 steps would run:",
        "  split/database=a  seed: 0 -> 1",
        "  report            after split/database=a; only checks itself if the result there stays the same",
    ]


def test_description_of_a_finished_run_says_so() -> None:
    assert describe([], 18) == ["All 18 steps are up to date."]
