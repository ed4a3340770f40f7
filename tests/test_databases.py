"""Readers: every frame is a row, and what is left out has a reason."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import layouts
from painlens.databases import READERS, read_frames
from painlens.databases.unbc import mismatches, pspi_of, read_action_units
from painlens.study import Database
from painlens.tables import FRAMES, DataError

SEQUENCE = "042-ll042/ll042t1aaaff"


def read(reader: str, root: Path, **settings: Any) -> pd.DataFrame:
    needed = {name: value for name, value in layouts.TREES[reader].settings.items() if name in ("layout", "classes")}
    needed |= {"label": dict(layouts.TREES[reader].settings.get("label", {}))}
    database = Database.model_validate({"reader": reader, "root": root, **needed, **settings})
    return read_frames(database, name="mine", root=root)


def reasons(frames: pd.DataFrame) -> dict[str, str]:
    return dict(zip(frames["frame_id"], frames["reason"], strict=True))


def write(reader: str, root: Path) -> None:
    """A small database that the reader can read."""
    layouts.TREES[reader].build(root)


# Every reader -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", READERS)
def test_reader_gives_the_frames_table(reader: str, tmp_path: Path) -> None:
    write(reader, tmp_path)
    frames = read(reader, tmp_path)
    assert list(frames.columns[:3]) == ["frame_id", "database", "participant"]
    assert set(FRAMES.columns) - {n for n, c in FRAMES.columns.items() if not c.required} <= set(frames.columns)


@pytest.mark.parametrize("reader", READERS)
def test_reader_is_deterministic(reader: str, tmp_path: Path) -> None:
    write(reader, tmp_path)
    pd.testing.assert_frame_equal(read(reader, tmp_path), read(reader, tmp_path))


@pytest.mark.parametrize("reader", READERS)
def test_exactly_the_kept_frames_have_no_reason(reader: str, tmp_path: Path) -> None:
    write(reader, tmp_path)
    frames = read(reader, tmp_path)
    assert (frames["kept"] == (frames["reason"] == "")).all()


@pytest.mark.parametrize("reader", READERS)
def test_missing_root_is_one_clear_error(reader: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not found.*correct 'root'"):
        read(reader, tmp_path / "nowhere")


@pytest.mark.parametrize("reader", READERS)
def test_empty_root_is_one_clear_error(reader: str, tmp_path: Path) -> None:
    (tmp_path / ".DS_Store").touch()
    with pytest.raises(DataError, match="is empty"):
        read(reader, tmp_path)


@pytest.mark.parametrize("reader", READERS)
def test_root_that_is_a_file_is_one_clear_error(reader: str, tmp_path: Path) -> None:
    (tmp_path / "archive.zip").touch()
    with pytest.raises(DataError, match="got a file"):
        read(reader, tmp_path / "archive.zip")


@pytest.mark.parametrize("reader", READERS)
def test_foreign_folder_names_what_is_expected_and_found(reader: str, tmp_path: Path) -> None:
    layouts.write_text(tmp_path / "holiday" / "x.txt", "x")
    with pytest.raises(DataError, match=r"must hold .*found holiday"):
        read(reader, tmp_path)


@pytest.mark.parametrize("reader", READERS)
def test_paths_of_kept_frames_exist_under_root(reader: str, tmp_path: Path) -> None:
    write(reader, tmp_path)
    frames = read(reader, tmp_path)
    assert all((tmp_path / path).is_file() for path in frames.loc[frames["kept"], "path"])


def test_reader_modules_tell_licence_consent_and_citation() -> None:
    for reader in READERS.values():
        text = str(reader.__doc__)
        assert all(word in text.lower() for word in ("licence", "consent", "citation"))


def test_importing_readers_loads_no_torch() -> None:
    code = "import sys, painlens.databases; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# UNBC-McMaster ----------------------------------------------------------------------------------------------------


def test_unbc_frame_ids_labels_and_numbers(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {SEQUENCE: [0, 2]}, first=8)
    frames = read("unbc", tmp_path)
    assert frames["frame_id"].tolist() == [f"{SEQUENCE}/008", f"{SEQUENCE}/009"]
    assert frames["frame_index"].tolist() == [8, 9]
    assert frames["label"].tolist() == ["no-pain", "pain"]
    assert frames["participant"].unique().tolist() == ["042-ll042"]


@pytest.mark.parametrize(
    ("images", "labels"), [("Images/Images", "Frame_Labels/Frame_Labels"), ("images", "."), ("aligned", "Frame_Labels")]
)
def test_unbc_variants_of_the_tree(images: str, labels: str, tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {SEQUENCE: [0, 2]}, images=images, labels=labels)
    assert read("unbc", tmp_path)["kept"].tolist() == [True, True]


def test_unbc_points_are_not_used_on_aligned_crops(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {SEQUENCE: [0, 2]}, images="aligned")
    assert "landmarks_path" not in read("unbc", tmp_path)


def test_unbc_empty_facs_file_is_a_coded_neutral_frame(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {SEQUENCE: [0, 2]})
    frames = read("unbc", tmp_path)
    assert frames["au04"].tolist() == [0.0, 2.0]
    assert frames["has_facs"].all()


def test_unbc_missing_facs_file_leaves_units_unknown(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {SEQUENCE: [0, 2]})
    next((tmp_path / "Frame_Labels" / "FACS").rglob("*001_facs.txt")).unlink()
    frames = read("unbc", tmp_path)
    assert frames["au04"].isna().tolist() == [True, False]
    assert frames["kept"].all()


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "PSPI file is empty"), ("three\n", "'three', not a number"), ("23\n", "outside 0..16"), ("nan\n", "'nan'")],
)
def test_unbc_unusable_pspi_is_a_reason(text: str, reason: str, tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {SEQUENCE: [0, 2]})
    next((tmp_path / "Frame_Labels" / "PSPI").rglob("*001_facs.txt")).write_text(text)
    assert reason in reasons(read("unbc", tmp_path))[f"{SEQUENCE}/001"]


def test_unbc_missing_pspi_file_is_a_reason(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {SEQUENCE: [0, 2]})
    next((tmp_path / "Frame_Labels" / "PSPI").rglob("*001_facs.txt")).unlink()
    assert reasons(read("unbc", tmp_path))[f"{SEQUENCE}/001"] == "PSPI file is missing"


def test_unbc_label_without_picture_is_a_row(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {SEQUENCE: [0, 2]})
    next((tmp_path / "Images").rglob("*001.png")).unlink()
    assert reasons(read("unbc", tmp_path))[f"{SEQUENCE}/001"] == "picture is missing"


def test_unbc_second_picture_of_a_frame_is_a_reason(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {SEQUENCE: [0, 2]})
    layouts.save_picture(tmp_path / "Images" / SEQUENCE / "ll042t1aaaff001.jpg", layouts.picture(1))
    assert sorted(read("unbc", tmp_path)["reason"]) == ["", "", "listed twice"]


def test_unbc_pictures_without_number_or_sequence_are_rows(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {SEQUENCE: [0, 2]})
    layouts.save_picture(tmp_path / "Images" / SEQUENCE / "portrait.png", layouts.picture(1))
    layouts.save_picture(tmp_path / "Images" / "042-ll042" / "card.png", layouts.picture(1))
    frames = read("unbc", tmp_path)
    assert "no frame number" in reasons(frames)[f"{SEQUENCE}/portrait"]
    assert "no sequence folder" in reasons(frames)["042-ll042/card.png"]


def test_unbc_missing_label_folder_is_one_clear_error(tmp_path: Path) -> None:
    layouts.save_picture(tmp_path / "Images" / SEQUENCE / "ll042t1aaaff001.png", layouts.picture(1))
    with pytest.raises(DataError, match=r"must hold the label folder .*found Images"):
        read("unbc", tmp_path)


def test_unbc_action_units_with_negative_exponents_and_blanks(tmp_path: Path) -> None:
    layouts.write_text(tmp_path / "f.txt", "   4.0000000e+00   5.0000000e-01   0   0\n\n  4.3e+01 1.0e+00 0 0\n")
    assert read_action_units(tmp_path / "f.txt") == {4: 0.5, 43: 1.0}


def test_unbc_pspi_from_units_counts_closed_eyes_once() -> None:
    units = pd.DataFrame({"au04": [1.0], "au06": [2.0], "au07": [3.0], "au09": [5.0], "au10": [4.0], "au43": [5.0]})
    assert pspi_of(units).tolist() == [10.0]


def test_unbc_mismatch_of_pspi_and_units_is_listed(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {SEQUENCE: [0, 2]})
    next((tmp_path / "Frame_Labels" / "PSPI").rglob("*002_facs.txt")).write_text("5.0e+00")
    assert mismatches(read("unbc", tmp_path))["from_units"].tolist() == [2.0]


# BioVid -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("samples", ["starting_point/samples.csv", "samples.csv", None])
@pytest.mark.parametrize("video", ["video", "Videos", "clips", "Raw/video"])
def test_biovid_variants_of_the_tree(samples: str | None, video: str, tmp_path: Path) -> None:
    layouts.write_biovid(tmp_path, ["071309_w_21"], samples=samples, video=video, frames=3)
    frames = read("biovid", tmp_path)
    assert frames["kept"].sum() == 6
    assert [frames[column].iloc[0] for column in ("sex", "age", "class_name")] == ["f", 21.0, "BL1"]


@pytest.mark.parametrize("sign", [";", ","])
def test_biovid_samples_with_other_separators(sign: str, tmp_path: Path) -> None:
    layouts.write_biovid(tmp_path, ["071309_w_21"], frames=3)
    file = tmp_path / "starting_point" / "samples.csv"
    file.write_text(file.read_text().replace("\t", sign))
    assert read("biovid", tmp_path)["kept"].sum() == 6


def test_biovid_frame_at_four_seconds(tmp_path: Path) -> None:
    layouts.write_biovid(tmp_path, ["071309_w_21"])
    frames = read("biovid", tmp_path, frames={"rule": "at-time", "seconds": 4.0})
    assert frames["frame_id"].tolist() == [
        "071309_w_21/071309_w_21-BL1-001/20",
        "071309_w_21/071309_w_21-PA4-002/20",
    ]
    assert frames["time_s"].tolist() == [4.0, 4.0]


def test_biovid_short_clip_is_a_reason(tmp_path: Path) -> None:
    layouts.write_biovid(tmp_path, ["071309_w_21"], frames=25)
    layouts.save_clip(tmp_path / "video/071309_w_21/071309_w_21-BL1-001.mp4", frames=10, fps=5)
    frames = read("biovid", tmp_path, frames={"rule": "at-time"})
    assert frames.loc[0, "reason"] == "the clip lasts 2.00 s, no frame at 4 s"
    assert frames.loc[0, "frame_id"] == "071309_w_21/071309_w_21-BL1-001"


def test_biovid_broken_clip_is_a_reason_without_the_machines_folders(tmp_path: Path) -> None:
    layouts.write_biovid(tmp_path, ["071309_w_21"], frames=25)
    (tmp_path / "video/071309_w_21/071309_w_21-BL1-001.mp4").write_bytes(b"broken")
    frames = read("biovid", tmp_path, frames={"rule": "at-time"})
    assert frames.loc[0, "reason"] == "video cannot be opened: video/071309_w_21/071309_w_21-BL1-001.mp4"


def test_biovid_missing_and_unlisted_clips_are_rows(tmp_path: Path) -> None:
    layouts.write_biovid(tmp_path, ["071309_w_21"], frames=3)
    clips = tmp_path / "video" / "071309_w_21"
    (clips / "071309_w_21-BL1-001.mp4").rename(clips / "071309_w_21-BL1-099.mp4")
    found = reasons(read("biovid", tmp_path))
    assert found["071309_w_21/071309_w_21-BL1-001"] == "video file is missing"
    assert found["071309_w_21/071309_w_21-BL1-099"] == "not listed in samples.csv"


def test_biovid_other_levels_have_the_reason_no_rule_matches(tmp_path: Path) -> None:
    layouts.write_biovid(tmp_path, ["071309_w_21"], classes=("BL1", "PA2", "PA4"), frames=3)
    assert reasons(read("biovid", tmp_path))["071309_w_21/071309_w_21-PA2-002"] == "no rule matches (class_name = PA2)"


def test_biovid_published_non_reactive_participants_are_excluded(tmp_path: Path) -> None:
    layouts.write_biovid(tmp_path, ["071309_w_21", "082315_w_60"], frames=3)
    frames = read("biovid", tmp_path, frames={"exclude": "non-reactive"})
    assert frames.groupby("participant")["kept"].any().to_dict() == {"071309_w_21": True, "082315_w_60": False}


def test_biovid_own_list_of_non_reactive_participants_replaces_the_published(tmp_path: Path) -> None:
    layouts.write_biovid(tmp_path, ["071309_w_21", "082315_w_60"], frames=3)
    layouts.write_text(tmp_path / "starting_point" / "non_reactive.txt", "071309_w_21\n\n")
    frames = read("biovid", tmp_path, frames={"exclude": "non-reactive"})
    assert frames.groupby("participant")["kept"].any().to_dict() == {"071309_w_21": False, "082315_w_60": True}


def test_biovid_own_list_with_an_unknown_id_is_an_error(tmp_path: Path) -> None:
    layouts.write_biovid(tmp_path, ["071309_w_21"], frames=3)
    layouts.write_text(tmp_path / "starting_point" / "non_reactive.txt", "999999_w_99\n")
    with pytest.raises(DataError, match=r"non_reactive.txt names 999999_w_99"):
        read("biovid", tmp_path)


def test_biovid_parts_beside_each_other_ask_for_one(tmp_path: Path) -> None:
    for part in ("PartA", "PartB"):
        layouts.write_biovid(tmp_path / part, ["071309_w_21"], frames=3)
    with pytest.raises(DataError, match="several copies of the layout: PartA, PartB; give one"):
        read("biovid", tmp_path)


def test_biovid_samples_without_needed_columns_is_an_error(tmp_path: Path) -> None:
    layouts.write_biovid(tmp_path, ["071309_w_21"], frames=3)
    layouts.write_text(tmp_path / "starting_point" / "samples.csv", "a\tb\n1\t2\n")
    with pytest.raises(DataError, match="must have the columns subject_name, class_name, sample_name, got a, b"):
        read("biovid", tmp_path)


# AffectNet --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [layouts.AFFECTNET_HEADER, "#" + layouts.AFFECTNET_HEADER, ""])
def test_affectnet_headers(header: str, tmp_path: Path) -> None:
    rows = [layouts.affectnet_row("1/a.png", 0)], [layouts.affectnet_row("2/b.png", 7)]
    layouts.write_affectnet(tmp_path, *rows, headers=(header, header))
    frames = read("affectnet", tmp_path)
    assert frames["frame_id"].tolist() == ["1/a.png", "2/b.png"]
    assert frames["label"].tolist() == ["neutral", "contempt"]
    assert frames["sequence"].tolist() == ["training", "validation"]


def test_affectnet_every_picture_is_its_own_participant(tmp_path: Path) -> None:
    layouts.write_affectnet(tmp_path, [layouts.affectnet_row(f"1/{n}.png", 0) for n in range(3)], [])
    frames = read("affectnet", tmp_path)
    assert (frames["participant"] == frames["frame_id"]).all()


def test_affectnet_left_out_rows_have_reasons(tmp_path: Path) -> None:
    rows = [
        layouts.affectnet_row("1/a.png", 1),
        layouts.affectnet_row("1/b.png", 8),
        layouts.affectnet_row("1/c.png", 10, box=(-1, -1, -1, -1)),
        layouts.affectnet_row("1/d.png", "happy"),
        layouts.affectnet_row("1/e.png", 2),
    ]
    layouts.write_affectnet(tmp_path, rows, [], images="Manually_Annotated/Manually_Annotated_Images")
    (tmp_path / "Manually_Annotated/Manually_Annotated_Images/1/e.png").unlink()
    assert read("affectnet", tmp_path)["reason"].tolist() == [
        "",
        "no rule matches (class_name = none)",
        "the owner's list gives no face (negative box)",
        "expression is 'happy', not a number from 0 to 10",
        "picture is missing",
    ]


def test_affectnet_missing_valence_box_and_landmarks_are_read(tmp_path: Path) -> None:
    layouts.write_affectnet(tmp_path, [layouts.affectnet_row("1/a.png", 1, valence="-2", box=(-5, 3, 20, 30))], [])
    row = read("affectnet", tmp_path).iloc[0]
    assert pd.isna(row["valence"])
    assert row[["box_x", "box_y", "box_w", "box_h"]].tolist() == [-5, 3, 20, 30]
    assert row["owner_landmarks"].count(";") == 135


def test_affectnet_missing_lists_are_one_clear_error(tmp_path: Path) -> None:
    layouts.save_picture(tmp_path / "Manually_Annotated_Images/1/a.png", layouts.picture(1))
    with pytest.raises(DataError, match="training.csv and validation.csv not found"):
        read("affectnet", tmp_path)


def test_affectnet_list_without_a_column_is_an_error(tmp_path: Path) -> None:
    layouts.save_picture(tmp_path / "Manually_Annotated_Images/1/a.png", layouts.picture(1))
    layouts.write_text(tmp_path / "training.csv", "subDirectory_filePath,expression\n1/a.png,0\n")
    with pytest.raises(DataError, match="must have the columns face_x"):
        read("affectnet", tmp_path)
