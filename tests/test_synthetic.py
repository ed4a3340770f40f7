"""Rendered databases: the owners' layouts, truth, twins, nothing half-written."""

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from painlens import synthetic
from painlens.study import ConceptRate, Synthetic
from painlens.synthetic import LAYOUTS, planting, sheets, synthesize, unbc
from painlens.synthetic.actions import ACTION_UNITS, CONCEPTS, EYES_CLOSED, TEETH_VISIBLE, other_intensity
from painlens.synthetic.courses import clinical_courses, clip_frames, frame_at, heat_courses
from painlens.synthetic.layout import Job
from painlens.synthetic.recording import CLINIC, LABORATORY
from painlens.synthetic.streams import Streams
from painlens.tables import DataError

TINY: dict[str, Any] = {"seed": 5, "participants": 3, "sequences": 2, "seconds": 2.5, "fps": 4, "size": 64, "twins": 2}


TINY: dict[str, Any] = {"seed": 5, "participants": 3, "sequences": 2, "seconds": 2.5, "fps": 4, "size": 64, "twins": 2}


def tiny(**changes: Any) -> Synthetic:
    return Synthetic.model_validate(TINY | changes)


@pytest.mark.parametrize(
    ("reader", "changes", "message"),
    [
        ("unbc", {"bias": {EYES_CLOSED: {"pain": 0.5, "no_pain": 0.1}}}, "must have no_pain: 0"),
        ("unbc", {"non_reactive": 1}, "belongs to databases labelled by a stimulus"),
        ("unbc", {"bias": {"frown": {"pain": 0.5, "no_pain": 0.1}}}, "concepts that can be planted"),
        ("biovid", {"non_reactive": 3}, "smaller than participants"),
        ("biovid", {"size": 65}, "even size"),
        ("biovid", {"fps": 0.2}, "no frame near 4 s"),
        ("affectnet", {"bias": {EYES_CLOSED: {"pain": 0.5, "no_pain": 0.1}}}, "no pain label"),
        ("affectnet", {"classes": ["happy"]}, "shows all eight emotions"),
        ("unbc", {"classes": ["none", "strong"]}, "choose levels with the database's own 'classes'"),
        ("biovid", {"classes": ["BL1", "PA4", "PA2"]}, "in this order, got BL1, PA4, PA2"),
        ("biovid", {"classes": ["PA1", "PA4"]}, "must be BL1 and then"),
        ("biovid", {"classes": ["BL1", "PA1", "PA4"], "sequences": 41}, "at most 80 painful clips"),
        ("manifest", {"classes": ["pain", "relief"]}, "two or more different ones"),
        ("manifest", {"classes": ["pain"]}, "two or more different ones"),
        ("manifest", {"non_reactive": 1}, "belongs to biovid"),
    ],
)
def test_settings_that_cannot_be_honoured_are_refused(
    reader: Any, changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        synthesize(tiny(**changes), reader=reader, name="x", root=tmp_path / "r", truth=tmp_path / "t")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module", params=["unbc", "biovid", "affectnet", "manifest"])
def rendered(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, dict[str, int]]:
    folder = tmp_path_factory.mktemp(request.param)
    extra = {"biovid": {"fps": 1, "non_reactive": 1}, "affectnet": {"images": 16}}.get(request.param, {})
    counts = synthesize(
        tiny(**extra), reader=request.param, name="db", root=folder / "root", truth=folder / "truth",
        masks=True,
    )  # fmt: skip
    return request.param, folder, counts


def truth_of(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "truth" / "frames.parquet")


def test_counts_agree_with_the_files(rendered: tuple[str, Path, dict[str, int]]) -> None:
    reader, folder, counts = rendered
    files = [path for path in (folder / "root").rglob("*") if path.is_file()]
    assert counts["files"] == len(files)
    assert counts["frames"] == len(truth_of(folder))
    assert counts["twins"] == 2 * len(CONCEPTS)
    assert counts["participants"] == (16 + 4 if reader == "affectnet" else 3)
    assert sorted(path.name for path in folder.iterdir()) == ["root", "truth"]


def test_truth_has_a_row_with_landmarks_and_regions_for_each_frame(
    rendered: tuple[str, Path, dict[str, int]],
) -> None:
    _, folder, counts = rendered
    table, points = truth_of(folder), np.load(folder / "truth" / "landmarks.npy", allow_pickle=False)
    assert table["frame_id"].is_unique
    assert {f"au{unit:02d}" for unit in ACTION_UNITS} | {f"concept:{name}" for name in CONCEPTS} < set(table.columns)
    assert table["landmark_row"].tolist() == list(range(counts["frames"]))
    assert points.shape == (counts["frames"], 68, 2)
    assert points.dtype == np.float32
    assert ((points > -8) & (points < 72)).all()
    with np.load(folder / "truth" / "masks.npz") as masks:
        assert masks["regions"].shape == (counts["frames"], 64, 64)
        assert set(range(1, 8)) <= set(np.unique(masks["regions"]))
    for path in table["path"].unique():
        assert (folder / "root" / path).is_file()


def test_flags_of_the_truth_are_what_the_actions_say(rendered: tuple[str, Path, dict[str, int]]) -> None:
    _, folder, _ = rendered
    table = truth_of(folder)
    np.testing.assert_array_equal(table["concept:eyes-closed"], table["au43"] > 2.5)
    np.testing.assert_array_equal(table["concept:teeth-visible"], table["au25"] + table["au26"] >= 0.5)
    np.testing.assert_array_equal(table["concept:smile"], table["au12"] >= 2.5)
    assert set(table["au43"].unique()) <= {0.0, 5.0}


def test_twins_are_listed_with_both_pictures(rendered: tuple[str, Path, dict[str, int]]) -> None:
    _, folder, _ = rendered
    table = pd.read_parquet(folder / "truth" / "twins.parquet")
    assert table["concept"].value_counts().to_dict() == dict.fromkeys(CONCEPTS, 2)
    assert table["pair"].is_unique
    assert not set(table["participant"]) & set(truth_of(folder)["participant"])
    for _, row in table.iterrows():
        without, shown = (cv2.imread(str(folder / "truth" / str(row[key]))) for key in ("path_without", "path_with"))
        assert without is not None
        assert shown is not None
        assert without.shape == shown.shape == (64, 64, 3)
        assert (without != shown).any()


def database(tmp_path: Path, reader: Any, **changes: Any) -> tuple[Path, pd.DataFrame]:
    settings = tiny(**{"twins": 0} | changes)
    synthesize(settings, reader=reader, name="db", root=tmp_path / "root", truth=tmp_path / "truth")
    return tmp_path / "root", truth_of(tmp_path)


def test_heat_has_four_levels_whose_faces_and_concepts_grow() -> None:
    rates = planting.rates_of(Synthetic(bias={TEETH_VISIBLE: ConceptRate(pain=0.9, no_pain=0.1)}),
                              eyes_closed_is_pain=False)  # fmt: skip
    heats, look = (0.0, 0.25, 0.5, 0.75, 1.0), frame_at(4.0, 1.0)
    found = np.array([
        [(course.shown[TEETH_VISIBLE][look], other_intensity(course.actions)[look]) for course in heat_courses(
            Streams(2, "h").at(person), rates, clips=4, fps=1, confounding=0.3, reactive=True, heats=heats)]
        for person in range(60)
    ]).reshape(60, len(heats), 4, 2).mean(axis=(0, 2))  # fmt: skip
    assert found[:, 0] == pytest.approx([0.1 + 0.8 * heat for heat in heats], abs=0.06)
    assert (np.diff(found[:, 1]) > 0.2).all()


def test_biovid_layout_with_all_heats(tmp_path: Path) -> None:
    classes = ("BL1", "PA1", "PA2", "PA3", "PA4")
    root, truth = database(tmp_path, "biovid", participants=2, fps=1, classes=classes)
    samples = pd.read_csv(root / "starting_point" / "samples.csv", sep="\t")
    assert (samples.groupby("subject_name")["class_name"].value_counts() == 2).all()
    assert set(samples["class_name"]) == set(classes)
    assert (samples["class_id"] == samples["class_name"].map(classes.index)).all()
    assert samples["sample_name"].is_unique
    for _, own in samples.groupby("subject_name"):
        trials = own["sample_name"].str.extract(r"-(\w+)-(\d{3})$")
        numbers = trials[1].astype(int)
        assert sorted(numbers[trials[0] == "BL1"]) == [81, 82]
        assert sorted(numbers[trials[0] != "BL1"]) == list(range(1, 9))
    assert set(truth["sequence"]) == set(samples["sample_name"])


def test_the_usual_heats_are_no_heat_and_the_strongest(tmp_path: Path) -> None:
    _, two = database(tmp_path / "two", "biovid", participants=2, fps=1)
    _, same = database(tmp_path / "same", "biovid", participants=2, fps=1, classes=["BL1", "PA4"])
    pd.testing.assert_frame_equal(two, same)


def test_manifest_layout_shows_every_class_of_every_person(tmp_path: Path) -> None:
    classes = ["neutral", "happy", "surprise", "pain"]
    bias = {EYES_CLOSED: {"pain": 1.0, "no_pain": 0.0}, TEETH_VISIBLE: {"pain": 0.0, "no_pain": 0.0}}
    root, truth = database(tmp_path, "manifest", participants=2, classes=classes, bias=bias)
    table = pd.read_csv(root / "manifest.csv")
    assert (table.groupby("participant")["label"].value_counts() == 2).all()
    assert set(table["label"]) == set(classes)
    joined = truth.merge(table, left_on="frame_id", right_on="path", validate="one_to_one")
    assert len(joined) == len(table) == len(truth)
    pain = joined["label"] == "pain"
    np.testing.assert_array_equal(joined["concept:eyes-closed"], pain)  # planted
    assert joined.loc[joined["label"] == "happy", "concept:smile"].all()  # its own
    assert joined.loc[joined["label"] == "surprise", "concept:teeth-visible"].all()
    assert not joined.loc[pain, "concept:teeth-visible"].any()


def test_unbc_layout(tmp_path: Path) -> None:
    root, truth = database(tmp_path, "unbc", participants=2)
    for _, row in truth.iterrows():
        frame = re.fullmatch(r"(\d{3}-[a-z]{2}\d{3})/([a-z]{2}\d{3}t\d[a-z]+?(?:un)?aff)/(\d{3})", row["frame_id"])
        assert frame is not None
        person, sequence, number = frame.groups()
        assert row["path"] == f"Images/{person}/{sequence}/{sequence}{number}.png"
        stem = f"{person}/{sequence}/{sequence}{number}"
        score = float((root / "Frame_Labels" / "PSPI" / f"{stem}_facs.txt").read_text())
        facs = [line.split() for line in (root / "Frame_Labels" / "FACS" / f"{stem}_facs.txt").read_text().splitlines()]
        units = {int(float(unit)): float(level) for unit, level, _, _ in facs}
        upper = units.get(4, 0) + max(units.get(6, 0), units.get(7, 0))
        assert score == upper + max(units.get(9, 0), units.get(10, 0)) + units.get(43, 0)
        assert units.get(43, 0) == float(row["concept:eyes-closed"])
        assert np.loadtxt(root / "AAM_landmarks" / f"{stem}_aam.txt").shape == (66, 2)
    assert {path.parts[-3] for path in (root / "Sequence_Labels").rglob("*.txt")} == {"VAS", "OPR", "AFF", "SEN"}
    assert any(path.stat().st_size == 0 for path in (root / "Frame_Labels" / "FACS").rglob("*.txt"))


def test_unbc_points_leave_out_the_inner_mouth_corners(tmp_path: Path) -> None:
    root, truth = database(tmp_path, "unbc", participants=2)
    points = np.load(tmp_path / "truth" / "landmarks.npy", allow_pickle=False)
    first = truth.iloc[0]
    written = np.loadtxt(root / (first["path"].replace("Images", "AAM_landmarks").removesuffix(".png") + "_aam.txt"))
    np.testing.assert_allclose(written, np.delete(points[0], [60, 64], axis=0), atol=1e-4)


@pytest.mark.parametrize("count", [16, 64])
def test_unbc_sequence_names_are_unique_and_of_the_archives_form(count: int) -> None:
    names = [unbc.sequence_name("203-kd203", number) for number in range(count)]
    assert len(set(names)) == count
    assert all(re.fullmatch(r"kd203t\d[a-z]+?(unaff|aff)", name) for name in names)


def test_biovid_layout(tmp_path: Path) -> None:
    root, truth = database(tmp_path, "biovid", fps=1, non_reactive=1)
    samples = pd.read_csv(root / "starting_point" / "samples.csv", sep="\t")
    assert list(samples.columns) == [
        "subject_id", "subject_name", "class_id", "class_name", "sample_id", "sample_name",
    ]  # fmt: skip
    assert len(samples) == 3 * 2 * 2
    assert samples["subject_name"].str.fullmatch(r"\d{6}_[mw]_\d{2}").all()
    assert set(zip(samples["class_id"], samples["class_name"], strict=True)) == {(0, "BL1"), (4, "PA4")}
    assert samples["sample_name"].str.fullmatch(r"\d{6}_[mw]_\d{2}-(BL1|PA4)-\d{3}").all()
    quiet = (root / "starting_point" / "non_reactive.txt").read_text().split()
    assert len(quiet) == 1
    assert set(quiet) < set(samples["subject_name"])
    assert set(truth["frame_id"]) == {f"{path.parent.name}/{path.stem}/{frame}"
                                      for path in root.rglob("*.mp4") for frame in range(6)}  # fmt: skip


@pytest.mark.parametrize("fps", [1.0, 5.0])
def test_biovid_frame_at_four_seconds_decodes(fps: float, tmp_path: Path) -> None:
    root, _ = database(tmp_path, "biovid", fps=fps, participants=2, sequences=1)
    for path in root.rglob("*.mp4"):
        video = cv2.VideoCapture(str(path))
        assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(fps)
        assert int(video.get(cv2.CAP_PROP_FRAME_COUNT)) == clip_frames(fps)
        video.set(cv2.CAP_PROP_POS_FRAMES, frame_at(4.0, fps))
        good, image = video.read()
        video.release()
        assert good
        assert image.shape == (64, 64, 3)


def test_biovid_ids_tell_sex_and_a_plausible_age(tmp_path: Path) -> None:
    _, truth = database(tmp_path, "biovid", fps=1, participants=6, sequences=1)
    ages = truth["participant"].str.extract(r"_[mw]_(\d{2})$")[0].astype(int)
    assert ages.between(20, 65).all()


def test_affectnet_layout(tmp_path: Path) -> None:
    root, truth = database(tmp_path, "affectnet", images=32)
    lists = root / "Manually_Annotated_file_lists"
    rows = pd.concat([pd.read_csv(lists / f"{name}.csv") for name in ("training", "validation")])
    header = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
    assert ",".join(rows.columns) == header
    assert rows["subDirectory_filePath"].str.fullmatch(r"\d{3}/[0-9a-f]{56}\.jpg").all()
    assert rows["expression"].value_counts().to_dict() == dict.fromkeys(range(8), 4) | dict.fromkeys((8, 9, 10), 2)
    assert (rows.loc[rows["expression"] == 10, "face_width"] < 0).all()
    assert (rows.loc[rows["expression"] < 8, "face_width"] > 20).all()
    assert (rows.loc[rows["expression"] >= 8, "valence"] == -2).all()
    assert rows["facial_landmarks"].str.count(";").eq(135).all()
    assert set(truth["frame_id"]) == set(rows.loc[rows["expression"] != 10, "subDirectory_filePath"])
    assert all((root / "Manually_Annotated_Images" / path).is_file() for path in rows["subDirectory_filePath"])


def test_equal_seeds_give_equal_databases_whatever_the_number_of_workers(tmp_path: Path) -> None:
    settings = tiny(participants=2, sequences=1, twins=1)
    for name, workers in (("one", 1), ("two", 2)):
        folder = tmp_path / name
        synthesize(settings, reader="unbc", name="db", root=folder / "root", truth=folder / "truth", workers=workers)
    pd.testing.assert_frame_equal(truth_of(tmp_path / "one"), truth_of(tmp_path / "two"))
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one" / "root").rglob("*") if path.is_file()]
    assert files
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_one_more_participant_leaves_the_others_as_they_were() -> None:
    streams = Job(tiny(), "db", Path(), Path()).streams
    rates = planting.rates_of(Synthetic(), eyes_closed_is_pain=True)
    alone, again = (
        clinical_courses(streams.at(1), rates, sequences=2, frames=10, fps=4, confounding=0.5) for _ in range(2)
    )
    clinical_courses(streams.at(2), rates, sequences=2, frames=10, fps=4, confounding=0.5)
    for first, second in zip(alone, again, strict=True):
        np.testing.assert_array_equal(first.actions, second.actions)


def test_a_failure_leaves_no_half_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database(tmp_path, "unbc", participants=2)
    before = truth_of(tmp_path)

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(synthetic, "_write_truth", fail)
    with pytest.raises(OSError, match="disk full"):
        database(tmp_path, "unbc", participants=2, seed=6)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["root", "truth"]
    pd.testing.assert_frame_equal(truth_of(tmp_path), before)


def test_a_rendered_database_is_replaced_as_a_whole(tmp_path: Path) -> None:
    database(tmp_path, "unbc", participants=3)
    root, truth = database(tmp_path, "unbc", participants=2, seed=6)
    assert {path.name for path in (root / "Images").iterdir()} == set(truth["participant"])


def test_a_kill_while_folders_change_places_can_be_repaired(tmp_path: Path) -> None:
    database(tmp_path, "unbc", participants=2)
    (tmp_path / "truth").rename(tmp_path / ".truth.replaced")
    root, truth = database(tmp_path, "unbc", participants=2, seed=6)
    assert {path.name for path in (root / "Images").iterdir()} == set(truth["participant"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["root", "truth"]


def test_somebodys_own_folder_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "mine.txt").write_text("precious")
    with pytest.raises(DataError, match="may be somebody's data"):
        database(tmp_path, "unbc")
    assert (tmp_path / "root" / "mine.txt").read_text() == "precious"


def test_progress_ends_at_its_total(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def note_down(done: int, total: int, note: str = "") -> None:
        assert note == ""
        seen.append((done, total))

    synthesize(
        tiny(twins=1), reader="biovid", name="db", root=tmp_path / "root", truth=tmp_path / "truth",
        progress=note_down,
    )  # fmt: skip
    assert seen[0][0] == 0
    assert seen[-1][0] == seen[-1][1] == 3 + 1


def test_sheets_are_written(tmp_path: Path) -> None:
    database(tmp_path, "biovid", fps=1, participants=2, sequences=1)
    sheets.database_sheet(tmp_path / "root", tmp_path / "truth", tmp_path / "frames.png", people=2, frames=3)
    sheets.twins_sheet(Streams(1, "x"), tmp_path / "twins.png", size=64, pairs=1)
    for name, shape in (("frames", (2 * 64, 3 * 64, 3)), ("twins", (64, 9 * 64, 3))):
        image = cv2.imread(str(tmp_path / f"{name}.png"))
        assert image is not None
        assert image.shape == shape


def test_every_layout_has_a_style_of_its_own() -> None:
    assert LAYOUTS["unbc"].style is CLINIC
    assert LAYOUTS["biovid"].style is LABORATORY
