"""The manifest reader, and what `read_frames` adds for every reader: consent, exclusion, errors that name the rule."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import layouts
from painlens.databases import read_frames
from painlens.study import Database
from painlens.tables import DataError

SEQUENCE = "042-ll042/ll042t1aaaff"


def read(reader: str, root: Path, **settings: Any) -> pd.DataFrame:
    database = Database.model_validate({"reader": reader, "root": root, **settings})
    return read_frames(database, name="mine", root=root)


# Manifest ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["manifest.csv", "manifest.tsv", "manifest.parquet"])
def test_manifest_formats(name: str, tmp_path: Path) -> None:
    rows = [
        {"path": "x/a.png", "subject": "s1", "label": "pain", "sex": "W", "age": 30, "mood": "None"},
        {"path": "x/b.png", "subject": "s2", "label": "no-pain", "sex": "male", "age": 31, "mood": "NA"},
    ]
    layouts.write_manifest(tmp_path, rows, name=name)
    frames = read("manifest", tmp_path)
    assert frames["frame_id"].tolist() == ["x/a.png", "x/b.png"]
    assert frames["sex"].tolist() == ["f", "m"]
    assert frames["mood"].tolist() == ["None", "NA"]
    assert frames["kept"].all()


def test_manifest_frames_of_a_video_by_number_and_by_time(tmp_path: Path) -> None:
    layouts.save_clip(tmp_path / "v.mp4", frames=10, fps=5)
    rows = [
        {"path": "v.mp4", "participant": "s1", "label": "pain", "frame_index": 3, "time_s": None},
        {"path": "v.mp4", "participant": "s1", "label": "pain", "frame_index": None, "time_s": 1.5},
    ]
    layouts.write_manifest(tmp_path, rows)
    frames = read("manifest", tmp_path)
    assert frames["frame_id"].tolist() == ["v.mp4#3", "v.mp4#7"]


def test_manifest_label_rule_on_any_column(tmp_path: Path) -> None:
    rows = [{"path": f"{n}.png", "subject": "s", "expression": word} for n, word in enumerate(["smiling", "neutral"])]
    layouts.write_manifest(tmp_path, rows)
    frames = read("manifest", tmp_path, label={"joy": "expression == smiling"})
    assert frames["label"].tolist() == ["joy", pd.NA]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"path": "../a.png"}, "path leaves root"),
        ({"path": "/etc/passwd"}, "path leaves root"),
        ({"subject": None}, "participant is missing"),
        ({"label": None}, "label is missing"),
        ({"path": None}, "path is missing"),
        ({"frame_index": "last"}, "frame_index is 'last', not a number"),
    ],
)
def test_manifest_defects_are_reasons(row: dict[str, object], reason: str, tmp_path: Path) -> None:
    good: dict[str, object] = {"path": "a.png", "subject": "s1", "label": "pain", "frame_index": 0}
    layouts.write_manifest(tmp_path, [good, good | {"path": "b.png"} | row])
    assert read("manifest", tmp_path)["reason"].tolist() == ["", reason]


def test_manifest_without_needed_column_is_an_error(tmp_path: Path) -> None:
    layouts.write_manifest(tmp_path, [{"path": "a.png", "label": "pain"}])
    with pytest.raises(DataError, match="must have the column participant or subject"):
        read("manifest", tmp_path)


def test_manifest_without_label_and_rule_is_an_error(tmp_path: Path) -> None:
    layouts.write_manifest(tmp_path, [{"path": "a.png", "subject": "s"}])
    with pytest.raises(DataError, match="no column 'label' and the study no label rule"):
        read("manifest", tmp_path)


@pytest.mark.parametrize("text", ["", "path,subject,label\n"])
def test_manifest_without_rows_is_an_error(text: str, tmp_path: Path) -> None:
    layouts.write_text(tmp_path / "manifest.csv", text)
    with pytest.raises(DataError, match="is empty|has no rows"):
        read("manifest", tmp_path)


def test_manifest_that_is_not_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_bytes(b"\x00\x81\x8d")
    with pytest.raises(DataError, match="not a readable text table"):
        read("manifest", tmp_path)


# What read_frames adds --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("publish", "owner", "flags"),
    [
        ("none", None, ["unknown", "unknown"]),
        ("all", None, ["true", "true"]),
        (("s1",), None, ["true", "false"]),
        ("none", ["true", "false"], ["true", "false"]),
        ("all", ["unknown", "no"], ["true", "false"]),
        (("s1", "s2"), [None, "0"], ["true", "false"]),
    ],
)
def test_consent_to_publish(publish: object, owner: list[object] | None, flags: list[str], tmp_path: Path) -> None:
    rows = [{"path": f"{s}.png", "subject": s, "label": "pain"} for s in ("s1", "s2")]
    if owner is not None:
        rows = [row | {"consent": value} for row, value in zip(rows, owner, strict=True)]
    layouts.write_manifest(tmp_path, rows)
    frames = read("manifest", tmp_path, consent={"publish": publish})
    assert frames["consent_publish"].tolist() == flags


def test_consent_to_display_is_unknown_by_default(tmp_path: Path) -> None:
    layouts.write_manifest(tmp_path, [{"path": "a.png", "subject": "s1", "label": "pain"}])
    assert read("manifest", tmp_path)["consent_display"].tolist() == ["unknown"]


def test_consent_list_with_an_unknown_participant_is_an_error(tmp_path: Path) -> None:
    layouts.write_manifest(tmp_path, [{"path": "a.png", "subject": "s1", "label": "pain"}])
    with pytest.raises(DataError, match=r"mine.consent.publish names s9, not in the database; participants are s1"):
        read("manifest", tmp_path, consent={"publish": ["s9"]})


def test_no_usable_frame_is_an_error_that_counts_reasons(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {SEQUENCE: [None, None]})
    with pytest.raises(DataError, match="none of the 2 frames .* 2 x PSPI file is empty"):
        read("unbc", tmp_path)


def test_label_rule_that_matches_nothing_is_an_error(tmp_path: Path) -> None:
    layouts.write_biovid(tmp_path, ["071309_w_21"], frames=3)
    with pytest.raises(DataError, match=r"no frame has the label 'pain' \(class_name == pa4\); .*BL1, PA4"):
        read("biovid", tmp_path, label={"pain": "class_name == pa4", "no-pain": "class_name == BL1"})


def test_excluded_participants_have_a_reason(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {"a/s": [0, 1], "b/s": [0, 1]})
    frames = read("unbc", tmp_path, frames={"exclude": ["b"]})
    assert frames["reason"].tolist() == ["", "", *["participant excluded by the study"] * 2]


def test_excluding_an_unknown_participant_is_an_error(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {"a/s": [0, 1]})
    with pytest.raises(DataError, match="frames.exclude names z, not in the database"):
        read("unbc", tmp_path, frames={"exclude": ["z"]})


def test_excluding_non_reactive_needs_a_list(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {"a/s": [0, 1]})
    with pytest.raises(DataError, match="no list of non-reactive"):
        read("unbc", tmp_path, frames={"exclude": "non-reactive"})
