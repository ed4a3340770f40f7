"""Steps on an owner's folder: a change is noticed, a copy trains nothing again, two processes do no harm."""

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import layouts
from painlens import tables
from painlens.study import parse_study
from painlens.workflow.failures import StepBusyError
from painlens.workflow.plan import plan
from painlens.workflow.run_folder import RunFolder, prepare_run
from painlens.workflow.stages import Job
from painlens.workflow.steps import perform
from painlens.workflow.supervise import holding

FRAMES, FACES, SPLIT = Job("frames", "a"), Job("faces", "a"), Job("split", "a")


def prepared(folder: Path, **split: object) -> RunFolder:
    """A study on a tiny owner's folder; frames and faces are done."""
    layouts.write_unbc(folder / "data", {f"{who}/s": [0, 3] for who in ("042-x", "043-y", "047-z", "048-w")})
    database = {"reader": "unbc", "root": str(folder / "data"), "split": {"test": 1, "validation": 1} | split}
    faces = {"detector": "none", "size": 32, "landmarks": "template"}
    study = parse_study({"study": "s", "databases": {"a": database, "b": database}, "faces": faces})
    run = prepare_run(study, folder / "run")
    assert [perform(job, run).up_to_date for job in (FRAMES, FACES)] == [False, False]
    return run


def reasons(run: RunFolder) -> dict[str, str]:
    return {one.job.name: one.reason for one in plan(run, run.study(), targets=[FACES]) if one.reason}


def picture_of(folder: Path) -> Path:
    return next((folder / "data" / "Images").rglob("*001.png"))


def test_nothing_to_do_on_an_unchanged_folder(tmp_path: Path) -> None:
    run = prepared(tmp_path)
    assert reasons(run) == {}
    assert [perform(job, run).up_to_date for job in (FRAMES, FACES)] == [True, True]


HEAVY = {"torch", "cv2", "av", "pandas", "numpy", "pyarrow", "scipy", "sklearn", "numba", "matplotlib", "snakemake"}


@pytest.mark.parametrize("call", [["frames", "-d", "a"], ["faces", "-d", "a"]])
def test_nothing_to_do_is_seen_without_loading_what_would_do_it(call: list[str], tmp_path: Path) -> None:
    run = prepared(tmp_path)
    code = "import sys; sys.argv[0] = 'painlens'; from painlens.cli import app; app(standalone_mode=False)\n"
    code += f"print(sorted({HEAVY} & set(sys.modules)))"
    command = [sys.executable, "-c", code, call[0], str(run.root), *call[1:]]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "up to date" in said[0]
    assert said[-1] == "[]"


def test_plan_of_finished_steps_loads_nothing_heavy(tmp_path: Path) -> None:
    run = prepared(tmp_path)
    code = (
        "import sys; from pathlib import Path; from painlens.workflow import engine; "
        "from painlens.workflow.run_folder import RunFolder; from painlens.workflow.stages import Job; "
        "engine.run_workflow(RunFolder(Path(sys.argv[1])), targets=[Job('faces', 'a')]); "
        f"print(sorted({HEAVY} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(run.root)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1] == "[]"


def test_exchanged_picture_makes_new_faces(tmp_path: Path) -> None:
    run = prepared(tmp_path)
    layouts.save_picture(picture_of(tmp_path), layouts.picture(19))
    assert reasons(run) == {"frames/database=a": f"files changed in {tmp_path / 'data'}"}
    assert [perform(job, run).up_to_date for job in (FRAMES, FACES)] == [False, False]


def test_new_picture_is_found(tmp_path: Path) -> None:
    run = prepared(tmp_path)
    layouts.write_unbc(tmp_path / "data", {"042-x/t": [1]})
    assert perform(FRAMES, run).rows["frames"] == 9


def test_touched_files_are_looked_at_and_change_nothing_later(tmp_path: Path) -> None:
    run = prepared(tmp_path)
    before = run.manifest(FRAMES).read_bytes()
    for path in (tmp_path / "data").rglob("*.png"):
        os.utime(path)
    assert [perform(job, run).up_to_date for job in (FRAMES, FACES)] == [False, True]
    assert run.manifest(FRAMES).read_bytes() == before


def test_disk_that_is_not_mounted_leaves_finished_steps_alone(tmp_path: Path) -> None:
    run = prepared(tmp_path)
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    assert reasons(run) == {}
    assert perform(FACES, run).up_to_date


def test_digests_of_the_pictures_stand_in_the_table(tmp_path: Path) -> None:
    run = prepared(tmp_path)
    frames = tables.load_table(run.folder("frames", "a") / "frames.parquet", tables.FRAMES)
    for path, digest in zip(frames["path"], frames["sha256"], strict=True):
        assert tables.sha256_of(tmp_path / "data" / path) == digest


def test_nothing_in_the_step_but_the_table_names_a_participant(tmp_path: Path) -> None:
    run = prepared(tmp_path)
    others = [path for path in run.folder("frames", "a").iterdir() if path.suffix != ".parquet"]
    assert others
    assert all("042-x" not in path.read_text(encoding="utf-8") for path in others)


def test_published_split_tests_its_participants(tmp_path: Path) -> None:
    run = prepared(tmp_path, published="unbc-five-folds", fold=3)
    perform(SPLIT, run)
    split = tables.load_table(run.folder("split", "a") / "split.parquet", tables.SPLIT)
    assert split.loc[split["part"] == "test", "participant"].tolist() == ["047-z"]


def test_second_process_at_a_step_says_so_and_changes_nothing(tmp_path: Path) -> None:
    run = prepared(tmp_path)
    before = {path: path.read_bytes() for path in run.folder("frames", "a").iterdir()}
    layouts.write_unbc(tmp_path / "data", {"042-x/t": [1]})
    with (
        holding(run.states / f"{FRAMES.file_name}.step.lock", patience_s=0.0),
        pytest.raises(StepBusyError, match=r"another process is at work on frames/database=a .*nothing was changed"),
    ):
        perform(FRAMES, run)
    assert {path: path.read_bytes() for path in run.folder("frames", "a").iterdir()} == before
    assert not perform(FRAMES, run).up_to_date


def _one_of_two(root: Path, start: float, answers: "multiprocessing.Queue[str]") -> None:
    time.sleep(max(0.0, start - time.time()))
    try:
        answers.put("up to date" if perform(FRAMES, RunFolder(root)).up_to_date else "done")
    except StepBusyError:
        answers.put("busy")


def test_two_processes_at_once_leave_one_whole_result(tmp_path: Path) -> None:
    run = prepared(tmp_path)
    expected = (run.folder("frames", "a") / "frames.parquet").read_bytes()
    run.manifest(FRAMES).unlink()
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    start = time.time() + 0.3
    processes = [context.Process(target=_one_of_two, args=(run.root, start, answers)) for _ in range(2)]
    for process in processes:
        process.start()
    said = sorted(answers.get(timeout=60) for _ in processes)
    for process in processes:
        process.join()
    assert said in (["busy", "done"], ["done", "up to date"])
    tables.check_outputs(run.folder("frames", "a"), tables.load_manifest(run.folder("frames", "a")))
    assert (run.folder("frames", "a") / "frames.parquet").read_bytes() == expected
