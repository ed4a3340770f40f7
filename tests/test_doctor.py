"""Audits: trees are recognised, leaks are found and nothing else is called one, screen and JSON say the same."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml
from numpy.typing import NDArray
from typer.testing import CliRunner

import layouts
from painlens.cli import app
from painlens.doctor import Depth, examine_folder, examine_study
from painlens.doctor.duplicates import alike_pairs
from painlens.doctor.findings import Examination, Finding
from painlens.doctor.pictures import difference_hash, look
from painlens.doctor.provenance import HELPERS, provenance
from painlens.doctor.show import as_json
from painlens.doctor.tree import GENERAL, recognise
from painlens.progress import silent
from painlens.study import Study, parse_study
from painlens.tables import DataError

DEPTH = Depth(faces=0)


def texture(seed: int, size: int = 64) -> NDArray[np.uint8]:
    """A smooth random picture, different for every seed."""
    noise = np.random.default_rng(seed).random((8, 8, 3), dtype=np.float32)
    return (cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC).clip(0, 1) * 255).astype(np.uint8)


def database(root: Path, people: int = 8, *, first: int = 0, prefix: str = "person") -> pd.DataFrame:
    """A manifest database: two pictures per person, one of each class."""
    rows = []
    for person in range(people):
        for number, label in enumerate(("pain", "no-pain")):
            path = f"{prefix}{person}-{number}.png"
            layouts.save_picture(root / path, texture(first + 2 * person + number))
            rows.append({"path": path, "subject": f"{prefix}{person}", "label": label})
    table = pd.DataFrame(rows)
    table.to_csv(root / "manifest.csv", index=False)
    return table


def study_of(*roots: Path, **changes: Any) -> Study:
    """A study of manifest databases in which the first two people are tested and the third validates."""
    databases = {}
    for number, root in enumerate(roots):
        people = pd.read_csv(root / "manifest.csv")["subject"].unique()
        split = {"test": people[:2].tolist(), "validation": people[2:3].tolist()}
        databases[f"db{number}"] = {"reader": "manifest", "root": str(root), "split": split}
    return parse_study({"study": "audited", "databases": databases, "faces": {"detector": "none"}, **changes})


def examined(study: Study) -> Examination:
    return examine_study(study, None, depth=DEPTH, progress=lambda _: silent)


def leaks(examination: Examination) -> list[str]:
    return [finding.check for finding in examination.findings if finding.gravity == "leak"]


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Two databases of different people."""
    roots = tmp_path / "one", tmp_path / "two"
    database(roots[0])
    database(roots[1], first=1000, prefix="other")
    return roots


# Leaks ------------------------------------------------------------------------------------------------------------


def test_clean_databases_have_no_leak_and_no_shared_picture(two: tuple[Path, Path]) -> None:
    examination = examined(study_of(*two))
    assert examination.leaks == 0
    assert "duplicates" not in {finding.check for finding in examination.findings}


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_picture_on_both_sides_of_training_and_test_is_a_leak(two: tuple[Path, Path], suffix: str) -> None:
    table = pd.read_csv(two[0] / "manifest.csv")
    copied = f"copy{suffix}"  # the same file under another name, or the picture in another format
    if suffix == ".png":
        (two[0] / copied).write_bytes((two[0] / "person0-0.png").read_bytes())
    else:
        layouts.save_picture(two[0] / copied, np.asarray(cv2.resize(texture(0), (96, 96)), np.uint8))
    added = pd.DataFrame([{"path": copied, "subject": "person7", "label": "pain"}])
    pd.concat([table, added]).to_csv(two[0] / "manifest.csv", index=False)
    examination = examined(study_of(*two))
    assert leaks(examination) == ["duplicates"]
    (finding,) = [one for one in examination.findings if one.gravity == "leak"]
    assert "db0 person0-0.png (test) = db0 copy" in finding.details[0]
    assert ("the same file" in finding.message) == (suffix == ".png")


def test_picture_tested_in_one_database_and_learnt_in_the_other_is_a_leak(two: tuple[Path, Path]) -> None:
    (two[1] / "other6-0.png").write_bytes((two[0] / "person0-0.png").read_bytes())
    assert leaks(examined(study_of(*two))) == ["duplicates"]


def test_picture_shared_within_training_is_a_warning(two: tuple[Path, Path]) -> None:
    (two[0] / "person6-0.png").write_bytes((two[0] / "person7-0.png").read_bytes())
    examination = examined(study_of(*two))
    assert examination.leaks == 0
    (finding,) = [one for one in examination.findings if one.check == "duplicates"]
    assert finding.gravity == "warning"
    assert "one person under two ids" in finding.message


def test_frames_of_one_person_may_look_alike(two: tuple[Path, Path]) -> None:
    (two[0] / "person0-1.png").write_bytes((two[0] / "person0-0.png").read_bytes())
    assert "duplicates" not in {finding.check for finding in examined(study_of(*two)).findings}


def test_same_person_tested_here_and_learnt_from_there_is_a_leak(tmp_path: Path) -> None:
    roots = tmp_path / "one", tmp_path / "two"
    database(roots[0])
    table = database(roots[1], first=1000)
    table.iloc[::-1].to_csv(roots[1] / "manifest.csv", index=False)  # the last people are tested here
    examination = examined(study_of(*roots))
    assert leaks(examination) == ["people"]


def test_short_ids_in_two_databases_are_only_asked_about(tmp_path: Path) -> None:
    roots = tmp_path / "one", tmp_path / "two"
    database(roots[0], prefix="s")
    database(roots[1], first=1000, prefix="s")
    examination = examined(study_of(*roots))
    assert examination.leaks == 0
    assert any("are these the same people?" in finding.message for finding in examination.findings)


def test_flat_pictures_are_not_called_alike(tmp_path: Path) -> None:
    for number in range(4):
        layouts.save_picture(tmp_path / f"{number}.png", np.full((32, 32, 3), 60 * number + 9, np.uint8))
    frames = pd.DataFrame({"path": [f"{n}.png" for n in range(4)], "frame_index": [None] * 4})
    assert alike_pairs(look(frames, tmp_path), np.arange(4)) == []


@pytest.mark.parametrize("change", ["scaled", "brighter", "noisy", "encoded"])
def test_changed_copies_are_found_and_other_pictures_are_not(change: str, tmp_path: Path) -> None:
    image = texture(5, 120)
    noise = np.random.default_rng(1).normal(0, 4, image.shape)
    changed = {
        "scaled": cv2.resize(image, (75, 75), interpolation=cv2.INTER_AREA),
        "brighter": (image * 0.8 + 30).astype(np.uint8),
        "noisy": (image + noise).clip(0, 255).astype(np.uint8),
        "encoded": image,
    }[change]
    layouts.save_picture(tmp_path / "0.png", image)
    layouts.save_picture(tmp_path / "1.jpg", changed)
    for number in range(2, 12):
        layouts.save_picture(tmp_path / f"{number}.png", texture(number + 50, 120))
    names = ["0.png", "1.jpg", *(f"{n}.png" for n in range(2, 12))]
    frames = pd.DataFrame({"path": names, "frame_index": [None] * 12})
    pairs = alike_pairs(look(frames, tmp_path), np.arange(12))
    assert [(pair.first, pair.second) for pair in pairs] == [(0, 1)]


def test_hash_of_a_mirrored_picture_is_another() -> None:
    image = texture(3)
    assert bin(difference_hash(image) ^ difference_hash(np.ascontiguousarray(image[:, ::-1]))).count("1") > 10


# Trees ------------------------------------------------------------------------------------------------------------


def test_owners_layouts_are_recognised(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path / "unbc", {"042-ll042/ll042t1aaaff": [0, 1, 0]})
    layouts.write_biovid(tmp_path / "biovid", ["071309_w_21"])
    layouts.write_affectnet(tmp_path / "affectnet", [layouts.affectnet_row("1/a.png", 0)], [])
    database(tmp_path / "manifest", people=2)
    for name in ("unbc", "biovid", "affectnet", "manifest"):
        assert recognise(tmp_path / name) == name


@pytest.mark.parametrize("layout", [name for name in layouts.TREES if name.split("/")[0] not in GENERAL])
def test_layouts_with_every_trap_are_recognised(layout: str, tmp_path: Path) -> None:
    tree = layouts.TREES[layout]
    tree.build(tmp_path)
    for spring in tree.traps.values():
        spring(tmp_path)
    assert recognise(tmp_path) == layout.split("/")[0]


def test_of_whole_clips_one_frame_each_is_looked_at(tmp_path: Path) -> None:
    layouts.write_biovid(tmp_path, ("071309_w_21", "071614_m_20"))
    examination = examine_folder(tmp_path, depth=Depth(faces=0), progress=lambda _: silent)
    (audit,) = examination.databases
    assert (audit.frames, audit.kept, audit.looked_at) == (4, 4, 4)
    assert "of every clip the first frame" in [one.message for one in examination.findings if one.check == "frames"][0]


def test_unknown_folder_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    layouts.write_text(tmp_path / "notes.txt", "nothing")
    with pytest.raises(DataError, match="has no layout that painlens knows"):
        recognise(tmp_path)


def test_counts_are_compared_with_the_published_ones(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {"042-ll042/ll042t1aaaff": [0, 1, 0]})
    examination = examine_folder(tmp_path, depth=DEPTH, progress=lambda _: silent)
    (audit,) = examination.databases
    counts = {count.what: (count.found, count.published) for count in audit.counts}
    assert counts["participants"] == (1, 25)
    assert counts["frames"] == (3, 48398)
    assert any("is this the whole database?" in finding.message for finding in examination.findings)
    assert audit.labels == {"no-pain": 2, "pain": 1}


def test_scores_that_action_units_do_not_give_and_missing_label_files_are_told(tmp_path: Path) -> None:
    def coding() -> list[Finding]:
        examination = examine_folder(tmp_path, depth=Depth(pictures=0, faces=0), progress=lambda _: silent)
        return [one for one in examination.findings if one.check == "coding"]

    layouts.TREES["unbc"].build(tmp_path)
    assert coding() == []
    units = sorted((tmp_path / "Frame_Labels" / "FACS").rglob("*_facs.txt"))
    units[3].write_text("   4.0000000e+00   5.0000000e+00   0.0   0.0\n  43.0000000e+00   1.0000000e+00   0.0   0.0\n")
    score = float(Path(str(units[3]).replace("FACS", "PSPI")).read_text())
    units[0].unlink()
    sorted((tmp_path / "AAM_landmarks").rglob("*_aam.txt"))[1].unlink()
    warning, note = coding()
    assert (warning.gravity, note.gravity) == ("warning", "note")
    assert warning.message == "1 of 24 coded frames have another PSPI than their action units give"
    assert warning.details[0].endswith(f"PSPI {score:g}, action units give 6")
    assert note.message == "of 25 pictures 1 have no file of action units; 1 have no file of landmarks"


def test_copy_of_crops_has_no_landmarks_to_miss(tmp_path: Path) -> None:
    layouts.TREES["unbc"].build(tmp_path)
    layouts.TREES["unbc"].moves["aligned crops"](tmp_path)
    examination = examine_folder(tmp_path, depth=Depth(pictures=0, faces=0), progress=lambda _: silent)
    assert "coding" not in [one.check for one in examination.findings]


def test_unreadable_files_are_named(two: tuple[Path, Path]) -> None:
    (two[0] / "person3-0.png").write_bytes(b"no picture")
    examination = examined(study_of(*two))
    (finding,) = [one for one in examination.findings if one.check == "files"]
    assert "1 of 16 opened pictures cannot be decoded" in finding.message
    assert finding.details[0].startswith("person3-0.png: image cannot be decoded")
    assert examination.databases[0].unreadable == 1


def test_parts_and_classes_are_counted(two: tuple[Path, Path]) -> None:
    audit = examined(study_of(*two)).databases[0]
    assert audit.people == {"test": 2, "train": 5, "validation": 1}
    assert list(audit.parts) == ["train", "validation", "test"]
    assert audit.parts["train"] == {"no-pain": 5, "pain": 5}
    assert audit.consent["publish"] == {"true": 0, "unknown": 8, "false": 0}


def test_sample_opens_so_many_pictures(two: tuple[Path, Path]) -> None:
    depth = Depth(pictures=3, faces=2)
    examination = examine_study(study_of(*two), None, depth=depth, progress=lambda _: silent)
    assert [audit.looked_at for audit in examination.databases] == [3, 3]
    rows = [row for row in examination.databases[0].faces if row["detector"] == "none"]
    assert sum(row["found"] for row in rows) == sum(row["frames"] for row in rows) == 2


# Helper models ----------------------------------------------------------------------------------------------------


def owners(**changes: Any) -> Study:
    databases = {"a": {"reader": "unbc", "root": "/a"}, "b": {"reader": "biovid", "root": "/b"}}
    return parse_study({"study": "s", "databases": databases} | changes)


def test_measurements_of_a_model_that_saw_the_database_are_flagged() -> None:
    measured = {"a": {"reader": "unbc", "root": "/a", "measurements": {"tool": "py-feat", "path": "/au.csv"}}}
    study = owners(databases={**measured, "b": {"reader": "biovid", "root": "/b"}})
    flagged = [one for one in provenance(study) if one.gravity == "warning" and "Py-Feat" in one.message]
    assert [one.database for one in flagged] == ["a"]


def test_checkpoint_that_saw_the_database_is_a_leak() -> None:
    study = owners(pretraining={"checkpoint": "/e.safetensors", "trained_on": ["biovid", "affectnet"]})
    assert [(one.gravity, one.database) for one in provenance(study) if "checkpoint" in one.message] == [("leak", "b")]


def test_checkpoint_of_unknown_origin_is_asked_about() -> None:
    study = owners(pretraining={"checkpoint": "/e.safetensors"})
    assert any("nobody said what the emotion checkpoint was trained on" in one.message for one in provenance(study))


def test_pretraining_on_a_database_under_study_is_a_leak() -> None:
    study = owners(pretraining={"database": {"reader": "unbc", "root": "/a"}})
    assert any(one.gravity == "leak" and one.database == "a" for one in provenance(study))


def test_every_tool_of_a_study_file_has_a_provenance() -> None:
    from typing import get_args

    from painlens.study import Measurements

    assert set(get_args(Measurements.model_fields["tool"].annotation)) <= set(HELPERS)


# The command ------------------------------------------------------------------------------------------------------


def written(study: Study, folder: Path) -> Path:
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study.model_dump(mode="json")))
    return path


def test_command_exits_with_3_on_a_leak_and_0_without(
    two: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(study_of(*two), tmp_path)
    clean = CliRunner().invoke(app, ["doctor", str(path), "--faces", "0"])
    assert clean.exit_code == 0, clean.output
    (two[0] / "person6-0.png").write_bytes((two[0] / "person0-0.png").read_bytes())
    found = CliRunner().invoke(app, ["doctor", str(path), "--faces", "0"])
    assert found.exit_code == 3
    assert "1 leak" in found.output


def test_json_holds_what_the_screen_shows(two: tuple[Path, Path], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["doctor", str(two[0]), "--json", "--faces", "0"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["leaks"] == 0
    assert told["databases"][0]["reader"] == "manifest"
    assert json.loads(as_json(examined(study_of(*two))))["target"] == "audited"
    assert tmp_path.as_posix() not in done.output


def test_an_audited_folder_comes_with_its_entry_for_a_study_file(tmp_path: Path) -> None:
    root = tmp_path / "copy: 2 #ü"
    database(root)
    done = CliRunner().invoke(app, ["doctor", str(root), "--faces", "0"])
    entry = yaml.safe_load(done.output.partition("In a study file:\n")[2])
    study = parse_study(
        {"study": "mine", "databases": {"a": entry["databases"]["mine"], "b": {"synthetic": {}, "reader": "unbc"}}}
    )
    assert study.databases["a"].root == root.resolve()
    assert study.databases["a"].reader == "manifest"


def test_missing_target_is_one_sentence(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["doctor", str(tmp_path / "nothing")])
    assert done.exit_code == 3
    assert "give a study file, the folder of a run, or an owner's folder" in done.output
