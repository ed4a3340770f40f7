"""A tiny rendered study from `painlens run` to its report, through the command line as a user would."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from painlens import tables
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import jobs_of
from whole_here import run_here

SHOWN = {"pain": 0.8, "no_pain": 0.1}
STUDY = {
    "study": "tiny",
    "databases": {
        "clinical": {
            "reader": "unbc",
            "synthetic": {"seed": 1, "participants": 9, "sequences": 2, "seconds": 4, "fps": 2, "size": 96, "twins": 4},
            "frames": {"rule": "collapse-runs"},
            "consent": {"publish": "all"},
            "split": {"test": 3, "validation": 1},
        },
        "experimental": {
            "reader": "biovid",
            "synthetic": {
                "seed": 2, "participants": 12, "non_reactive": 2, "sequences": 3, "fps": 1, "size": 96, "twins": 4,
                "bias": {"teeth-visible": SHOWN},
            },
            "frames": {"rule": "at-time", "seconds": 4, "exclude": "non-reactive"},
            "consent": {"publish": "all"},
            "split": {"test": 3, "validation": 1},
        },
    },
    "pretraining": {
        "database": {
            "reader": "affectnet",
            "synthetic": {"seed": 3, "images": 48, "size": 96},
            "split": {"test": 0, "validation": 8},
        },
        "training": {"epochs": 1},
    },
    "faces": {"size": 48},
    "backbone": {"name": "compact", "head": 16},
    "training": {"epochs": 1},
    "concepts": {
        "eyes-closed": {"definition": "both eyes are closed", "region": "eyes"},
        "teeth-visible": {"definition": "teeth are visible", "region": "mouth"},
    },
    "concept_test": {"repeats": 10, "participant_repeats": 5, "floor_permutations": 2, "smallest_cell": 1},
    "replication": {"seeds": 1, "half_splits": 1},
    "trust": {"faces": 8, "depths": 2, "randomised_labels": 0},
}  # fmt: skip


def painlens(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Call the command line in a process of its own."""
    command = [sys.executable, "-m", "painlens", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The finished run of the tiny study."""
    folder = tmp_path_factory.mktemp("tiny")
    study = folder / "tiny.yaml"
    study.write_text(yaml.safe_dump(STUDY))
    done = painlens("run", str(study), "--run", str(folder / "run"), "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    return RunFolder(folder / "run")


def test_every_step_leaves_a_manifest_that_matches_its_files(run: RunFolder) -> None:
    for job in jobs_of(run.study()):
        folder = run.folder(job.stage, job.database, job.replicate)
        tables.check_outputs(folder, tables.load_manifest(folder))


def test_a_finished_run_has_nothing_to_do(run: RunFolder) -> None:
    before = run.manifest(jobs_of(run.study())[-1]).stat().st_mtime_ns
    done = painlens("run", str(run.root))
    assert done.returncode == 0
    assert "up to date" in done.stderr
    assert run.manifest(jobs_of(run.study())[-1]).stat().st_mtime_ns == before


def test_frames_are_kept_refused_or_left_out_with_a_reason(run: RunFolder) -> None:
    for database in run.study().databases:
        frames = tables.load_table(run.folder("frames", database) / "frames.parquet", tables.FRAMES)
        faces = tables.load_table(run.folder("faces", database) / "faces.parquet", tables.FACES)
        assert (frames["kept"] == (frames["reason"] == "")).all()
        assert set(faces["frame_id"]) == set(frames.loc[frames["kept"], "frame_id"])
        assert (faces["found"] == (faces["reason"] == "")).all()


def test_no_participant_is_in_two_parts(run: RunFolder) -> None:
    for database in run.study().databases:
        split = tables.load_table(run.folder("split", database) / "split.parquet", tables.SPLIT)
        assert split["participant"].is_unique


def test_halves_are_complementary_and_cover_the_training_people(run: RunFolder) -> None:
    split = tables.load_table(run.folder("split", "clinical") / "split.parquet", tables.SPLIT)
    training = split[split["part"] == "train"]
    assert set(training["half=0"]) == {"a", "b"}
    assert split.loc[split["part"] != "train", "half=0"].isna().all()


def test_every_network_answers_every_test_face(run: RunFolder) -> None:
    answers = tables.load_table(run.folder("predict", "clinical") / "predictions.parquet", tables.PREDICTIONS)
    per_network = answers.groupby("replicate")["frame_id"].count()
    assert set(per_network.index) == set(run.study().replicates)
    assert per_network.nunique() == 1


def test_every_concept_has_a_verdict_or_a_reason(run: RunFolder) -> None:
    verdicts = tables.load_table(run.folder("concepts") / "verdicts.parquet", tables.VERDICTS)
    headline = verdicts[(verdicts["measure"] == "auroc") & (verdicts["claim"] == "databases")]
    assert set(headline["concept"]) == set(run.study().concepts)
    assert (headline["verdict"].isin(["a", "b", "undecided"]) | (headline["reason"] != "")).all()


def test_the_report_makes_no_request(run: RunFolder) -> None:
    page = run.report.read_text(encoding="utf-8")
    assert "Content-Security-Policy" in page
    assert not re.findall(r"""(?:src|href|srcset|url)\s*[=(]\s*["']?(?:https?:)?//""", page)
    assert 'src="http' not in page


def test_equal_studies_give_equal_tables(run: RunFolder, tmp_path: Path) -> None:
    """Also without the engine: the steps one after the other in this process."""
    for stage in ("synthesize", "frames"):
        done = painlens(stage, str(run.root), "--database", "clinical")
        assert "up to date" in done.stdout, done.stderr
    shutil.copytree(run.root / "databases", tmp_path / "again" / "databases")  # `test_synthetic.py` renders twice
    again = run_here(yaml.safe_load(run.study_file.read_text()), tmp_path / "again")
    for stage in ("evaluate", "concepts"):
        first, second = (tables.load_manifest(one.folder(stage)) for one in (run, again))
        assert first.outputs == second.outputs


def test_before_and_after_fine_tuning_are_compared_without_touching_the_run(run: RunFolder, tmp_path: Path) -> None:
    files = {path: path.stat().st_mtime_ns for path in run.root.rglob("*") if path.is_file()}
    names = {stage: run.folder(stage, "clinical") for stage in ("frames", "faces", "split")}
    explained = ("--before-after", "clinical", "--explain", "before=anger", "--run", str(tmp_path / "compared"))
    planned = painlens("compare", str(run.root), *explained, "--dry-run")
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert "attribute" in planned.stdout
    assert "faces" not in planned.stdout  # they would be taken over
    assert not (tmp_path / "compared").exists()
    done = painlens("compare", str(run.root), *explained)
    assert done.returncode == 0, done.stdout + done.stderr
    again = painlens("compare", str(run.root), *explained, "--dry-run")
    assert "up to date" in again.stdout, again.stdout + again.stderr
    assert {path: path.stat().st_mtime_ns for path in run.root.rglob("*") if path.is_file()} == files
    compared = RunFolder(tmp_path / "compared")
    for stage, folder in names.items():
        own = compared.folder(stage, "clinical")
        assert tables.load_manifest(own).outputs == tables.load_manifest(folder).outputs  # taken over, not made again
        assert all(path.stat().st_nlink == 1 for path in own.rglob("*") if path.is_file())
    assert "before" in compared.report.read_text(encoding="utf-8")


def test_an_unknown_database_is_refused(run: RunFolder) -> None:
    done = painlens("frames", str(run.root), "--database", "clinicle")
    assert done.returncode == 3
    assert "has no database 'clinicle'; it has clinical, experimental, emotion" in done.stderr


def test_a_missed_expectation_exits_with_4(run: RunFolder, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run.root, copy)
    expectation = 'expect.no_difference=["eyes-closed"]'
    # One half split and three test people leave the claim unjudged or wide: a planted direction cannot be found.
    done = painlens("run", str(copy), "--set", "expect.favours={eyes-closed: experimental}", "--set", expectation)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "not found" in done.stdout or "cannot be judged" in done.stdout


def test_a_typo_in_a_study_exits_with_2(tmp_path: Path) -> None:
    path = tmp_path / "typo.yaml"
    path.write_text(yaml.safe_dump({**STUDY, "trainign": {}}))
    done = painlens("run", str(path))
    assert done.returncode == 2
    assert "did you mean 'training'?" in done.stderr
