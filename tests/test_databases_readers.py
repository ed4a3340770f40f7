"""What each reader makes of its owner's labels: classes, people, parts, action units, frame numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import layouts
from layouts import others
from painlens.databases import read_frames
from painlens.databases.imagefolder import PARTS
from painlens.databases.pictures import load_frame
from painlens.databases.unbc import triplets
from painlens.study import Database
from painlens.tables import DataError


def read(layout: str, root: Path, /, **settings: Any) -> pd.DataFrame:
    reader = layout.split("/", maxsplit=1)[0]
    wanted = {"reader": reader, "root": root, **layouts.TREES[layout].settings, **settings}
    return read_frames(Database.model_validate(wanted), name="mine", root=root)


def built(layout: str, root: Path, /, **settings: Any) -> pd.DataFrame:
    layouts.TREES[layout].build(root)
    return read(layout, root, **settings)


def column(frames: pd.DataFrame, name: str) -> dict[str, Any]:
    return dict(zip(frames["frame_id"], frames[name], strict=True))


@pytest.mark.parametrize(
    ("sequence", "parts"),
    [
        ("ll042t1aaaff", ("1", "aa", "aff")),
        ("ll042t1aeunaff", ("1", "ae", "unaff")),
        ("mg066t2afaff", ("2", "af", "aff")),
        ("session two", (None, None, None)),
        ("LL042t1aaaff", (None, None, None)),
    ],
)
def test_unbc_name_of_a_sequence(sequence: str, parts: tuple[str | None, ...], tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {f"042-ll042/{sequence}": [0, 1]})
    row = read("unbc", tmp_path).iloc[0]
    assert tuple(None if pd.isna(row[name]) else row[name] for name in ("test", "motion", "limb")) == parts


def test_unbc_people_of_equal_initials_are_two(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {"043-jh043/s": [0, 1], "123-jh123/s": [0, 1]})
    assert read("unbc", tmp_path)["participant"].nunique() == 2


def test_unbc_triplets_are_counted(tmp_path: Path) -> None:
    tree = layouts.TREES["unbc"]
    tree.build(tmp_path)
    for trap in ("missing PSPI file", "missing FACS file", "missing picture"):
        tree.traps[trap](tmp_path)
    assert triplets(read("unbc", tmp_path)) == {
        "pictures": 24,
        "without PSPI": 1,
        "without FACS": 1,
        "with both": 22,
        "labels without picture": 1,
    }


def test_unbc_ratings_of_the_sequence_are_carried(tmp_path: Path) -> None:
    assert (built("unbc", tmp_path)["vas"] == 3.5).all()


def test_affectnet_eight_expressions(tmp_path: Path) -> None:
    frames = built("affectnet/eight", tmp_path)
    assert frames["label"].tolist() == [
        "neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt",
    ]  # fmt: skip
    assert set(frames["part"]) == {"train", "validation"}
    assert frames["arousal"].tolist() == [-0.25] * 8
    assert frames["owner_landmarks"].iloc[0].startswith("0;1;2;")


def test_resorted_affectnet_with_numbers_for_classes(tmp_path: Path) -> None:
    for part in ("train", "val"):
        for code in (0, 1):
            layouts.save_picture(tmp_path / part / str(code) / f"{part}{code}.jpg", layouts.picture(code))
    label = {"neutral": "class_name == 0", "happy": "class_name == 1"}
    frames = read("imagefolder", tmp_path, layout={"participant": "each-file"}, label=label)
    assert frames["label"].tolist() == ["neutral", "happy"] * 2
    assert frames["part"].tolist() == [PARTS["train"]] * 2 + [PARTS["val"]] * 2
    assert (frames["participant"] == frames["path"]).all()


@pytest.mark.parametrize("layout", [{}, {"participant": "(["}, {"participant": "p1"}])
def test_folder_of_classes_is_refused_without_people(layout: dict[str, str], tmp_path: Path) -> None:
    layouts.TREES["imagefolder"].build(tmp_path)
    with pytest.raises(DataError, match=r"each-file|no regular expression|must have a group"):
        read("imagefolder", tmp_path, layout=layout)


def test_metadata_without_people_is_refused_or_told_by_the_path(tmp_path: Path) -> None:
    layouts.save_picture(tmp_path / "p7_1.png", layouts.picture(1))
    layouts.write_text(tmp_path / "metadata.csv", "file_name,label\np7_1.png,pain\n")
    with pytest.raises(DataError, match="metadata.csv has no column 'participant' and does not say"):
        read("huggingface", tmp_path)
    frames = read("huggingface", tmp_path, layout={"participant": r"(p\d)_"})
    assert frames["participant"].tolist() == ["p7"]


@pytest.mark.parametrize("line", ["[1]", "{", '"text"', "nan"])
def test_line_that_is_no_object_is_told_by_its_number(line: str, tmp_path: Path) -> None:
    layouts.write_text(tmp_path / "metadata.jsonl", '{"file_name": "a.png", "participant": "p"}\n' + line + "\n")
    with pytest.raises(DataError, match=r"metadata.jsonl, line 2"):
        read("huggingface", tmp_path)


def test_samples_with_several_pictures_each(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        layouts.save_picture(tmp_path / "frames" / "p1" / "a" / f"img{number}.jpg", layouts.picture(number))
    layouts.write_text(tmp_path / "samples.csv", "subject_name,class_name,sample_name\np1,Pain,a\n")
    layout = {"path": "frames/{subject_name}/{sample_name}/*.jpg"}
    frames = read("samples", tmp_path, layout=layout, frames={})
    assert frames["frame_index"].tolist() == [1, 2, 10]
    assert frames["label"].tolist() == ["pain"] * 3


def test_samples_at_the_wrong_place_tell_where_they_were_looked_for(tmp_path: Path) -> None:
    layouts.TREES["samples"].build(tmp_path)
    with pytest.raises(DataError, match=r"expected for example video/p1/p1_no-pain.mp4, found films, samples.csv"):
        read("samples", tmp_path, layout={})


def test_mintpain_numbers_levels_and_people(tmp_path: Path) -> None:
    frames = built("mintpain", tmp_path)
    assert frames["participant"].unique().tolist() == ["Sub01", "Sub12"]
    assert frames["frame_index"].tolist() == [1, 2, 10] * 4
    assert frames.groupby("level")["label"].unique().map(list).to_dict() == {0: ["no-pain"], 4: ["pain"]}


def test_xite_has_no_classes_without_a_rule(tmp_path: Path) -> None:
    layouts.TREES["xite"].build(tmp_path)
    with pytest.raises(DataError, match="has no column 'label' and the study no label rule"):
        read("xite", tmp_path, classes=None)
    assert read("xite", tmp_path)["label"].value_counts().to_dict() == {"weak": 4, "strong": 4}


@pytest.mark.parametrize(("layout", "task"), [("bp4d", "T6"), ("bp4dplus", "T8")])
def test_bp4d_units_join_over_paddings_and_nine_is_missing(layout: str, task: str, tmp_path: Path) -> None:
    frames = built(layout, tmp_path)
    assert frames["au04"].tolist() == [0, 1, 0] * 4
    assert [name for name in frames if str(name).startswith("au")] == ["au04"]
    assert frames["sex"].unique().tolist() == ["f", "m"]
    assert (frames["label"] == "pain").tolist() == (frames["task"] == task).tolist()


def test_disfa_counts_from_one_in_the_labels_and_from_zero_in_the_video(tmp_path: Path) -> None:
    frames = built("disfa", tmp_path)
    assert frames["frame_index"].tolist() == list(range(6)) * 2
    assert frames["au04"].tolist() == [1, 2, 0, 1, 2, 0] * 2
    assert load_frame(tmp_path, frames["path"].iloc[5], 5).shape == (48, 64, 3)


def test_ckplus_first_is_neutral_last_is_the_peak(tmp_path: Path) -> None:
    frames = built("ckplus", tmp_path)
    classes = column(frames, "label")
    assert [classes[f"S005/001/{n:08d}"] for n in (1, 3)] == ["neutral", "disgust"]
    assert classes["S010/001/00000003"] == "surprise"
    assert column(frames, "au09")["S005/001/00000003"] == 3
    assert pd.isna(column(frames, "au04")["S005/001/00000003"])
    assert column(frames, "action_units")["S005/001/00000003"] == "4+9"


def test_ckplus_last_frames_of_each_sequence_as_the_peak(tmp_path: Path) -> None:
    label = {"disgust": "sequence_class == disgust", "surprise": "sequence_class == surprise"}
    frames = built("ckplus", tmp_path, label=label, frames={"rule": "last-k", "count": 2})
    kept = frames.loc[frames["kept"], "frame_id"].tolist()
    assert kept == ["S005/001/00000002", "S005/001/00000003", "S010/001/00000002", "S010/001/00000003"]


def test_rafdb_codes_and_parts(tmp_path: Path) -> None:
    frames = built("rafdb", tmp_path)
    expected = ["surprise", "fear", "disgust", "happy", "sad", "anger", "neutral", "happy"]
    assert frames["label"].tolist() == expected
    assert frames["part"].tolist() == ["train"] * 7 + ["test"]


def test_fer2013_pixels_codes_and_parts(tmp_path: Path) -> None:
    frames = built("fer2013", tmp_path)
    assert frames["label"].tolist() == ["anger", "disgust", "fear", "happy"]
    assert frames["part"].tolist() == ["train", "train", "validation", "test"]
    image = load_frame(tmp_path, "fer2013.csv", int(frames["frame_index"].iloc[2]))
    expected = np.random.default_rng(2).integers(0, 256, 48 * 48).reshape(48, 48)
    np.testing.assert_array_equal(image[:, :, 0], expected)


def write_votes(root: Path, votes: list[str]) -> None:
    rows = [f"Training,fer{number:07d}.png,{line}" for number, line in enumerate(votes)]
    layouts.write_text(root / "fer2013new.csv", "\n".join([others.FER_PLUS_HEADER, *rows]) + "\n")


def test_votes_of_fer_plus_decide(tmp_path: Path) -> None:
    layouts.TREES["fer2013"].build(tmp_path)
    write_votes(tmp_path, ["8,2,0,0,0,0,0,0,0,0", "0,0,0,0,5,5,0,0,0,0", "0,0,0,0,0,0,0,0,1,9", "0,0,0,0,0,0,0,0,0,0"])
    frames = read("fer2013", tmp_path)
    assert frames["class_name"].fillna("-").tolist() == ["neutral", "-", "no-face", "-"]
    assert frames["reason"].tolist() == [
        "",
        "the votes of FER+ are tied",
        "no rule matches (class_name = no-face)",
        "FER+ has no votes",
    ]
    assert frames["p_neutral"].iloc[0] == pytest.approx(0.8)
    assert frames["fer2013_class"].iloc[0] == "anger"


def test_votes_for_another_number_of_rows_are_refused(tmp_path: Path) -> None:
    layouts.TREES["fer2013"].build(tmp_path)
    write_votes(tmp_path, ["8,2,0,0,0,0,0,0,0,0"])
    with pytest.raises(DataError, match="has 1 rows and the table of pixels 4"):
        read("fer2013", tmp_path)


def test_kdef_sessions_are_of_one_person_and_views_can_be_chosen(tmp_path: Path) -> None:
    frames = built("kdef", tmp_path)
    assert sorted(frames["participant"].unique()) == ["F01", "M35"]
    label = {"anger": "class_name == anger and view == S", "neutral": "class_name == neutral and view == S"}
    straight = read("kdef", tmp_path, label=label)
    assert straight.loc[straight["kept"], "frame_id"].tolist() == ["AF01ANS", "AM35NES", "BF01ANS"]


def test_databases_of_different_readers_share_classes(tmp_path: Path) -> None:
    classes = {}
    for reader in ("rafdb", "kdef", "ckplus", "fer2013"):
        classes[reader] = set(built(reader, tmp_path / reader, classes="emotions")["label"].dropna())
    known = {"neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt"}
    assert all(found <= known and len(found) >= 3 for found in classes.values())
