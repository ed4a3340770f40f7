"""Published test parts and label rules by name; duplicates."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import layouts
from painlens.databases import READERS, biovid, read_frames, unbc
from painlens.databases.duplicates import average_hash
from painlens.databases.labels import parse_conditions
from painlens.databases.published import resolve_split
from painlens.databases.selection import first_of_runs
from painlens.study import Database, Split
from painlens.tables import DataError

# The 25 participants of the archive, as three public code bases list them.
UNBC = (
    "042-ll042", "043-jh043", "047-jl047", "048-aa048", "049-bm049", "052-dr052", "059-fn059", "064-ak064", "066-mg066",
    "080-bn080", "092-ch092", "095-tv095", "096-bg096", "097-gf097", "101-mg101", "103-jk103", "106-nm106", "107-hs107",
    "108-th108", "109-ib109", "115-jy115", "120-kz120", "121-vw121", "123-jh123", "124-dn124",
)  # fmt: skip


def resolve(reader: str, people: Sequence[str], frames: pd.DataFrame | None = None, **split: Any) -> Split:
    database = Database.model_validate({"reader": reader, "root": "/data", "split": split})
    faces = pd.DataFrame({"participant": people, "found": True})
    table = pd.DataFrame({"participant": people}) if frames is None else frames
    return resolve_split(database.split, database, name="mine", frames=table, faces=faces)


@pytest.mark.parametrize("name", ["unbc-five-folds", "unbc-other-five-folds"])
def test_published_folds_of_unbc_hold_everybody_once(name: str) -> None:
    tested: list[str] = []
    for fold in range(1, 6):
        test = resolve("unbc", UNBC, published=name, fold=fold).test
        assert isinstance(test, tuple)
        tested += test
    assert sorted(tested) == list(UNBC)


def test_holdout_of_unbc() -> None:
    assert resolve("unbc", UNBC, published="unbc-holdout").test == (
        "066-mg066",
        "080-bn080",
        "097-gf097",
        "108-th108",
        "121-vw121",
    )


def test_holdout_of_biovid_and_its_people_without_reaction() -> None:
    assert len(set(biovid.HOLDOUT)) == 26
    assert len(set(biovid.NON_REACTIVE)) == 20
    assert sorted(set(biovid.HOLDOUT) & set(biovid.NON_REACTIVE)) == [
        "082315_w_60",
        "083109_m_60",
        "083114_w_55",
        "100914_m_39",
        "101114_w_37",
    ]


def test_people_who_are_not_in_the_copy_are_left_out_of_a_fold() -> None:
    assert resolve("unbc", UNBC[:3], published="unbc-five-folds", fold=2).test == ("043-jh043",)


@pytest.mark.parametrize("number", range(1, 26))
def test_leave_one_out_tests_one_person(number: int) -> None:
    assert resolve("unbc", UNBC, published="leave-one-out", fold=number).test == (UNBC[number - 1],)


def test_leave_one_out_by_id() -> None:
    assert resolve("unbc", UNBC, published="leave-one-out", fold="124-dn124").test == ("124-dn124",)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"published": "leave-one-out", "fold": 26}, "must be 1 to 25 or the id"),
        ({"published": "leave-one-out", "fold": "x"}, "must be 1 to 25 or the id"),
        ({"published": "unbc-five-folds", "fold": 6}, "must be 1 to 5"),
        ({"published": "five"}, "this reader has leave-one-out, owner, unbc-five-folds"),
        ({"published": "owner"}, "the owner made no parts"),
    ],
)
def test_folds_that_do_not_exist(split: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        resolve("unbc", UNBC, **split)


def test_owners_parts() -> None:
    frames = pd.DataFrame({"participant": list("abcd"), "part": ["train", "train", "validation", "test"]})
    split = resolve("manifest", list("abcd"), frames, published="owner")
    assert (split.test, split.validation) == (("d",), ("c",))


def test_owners_validation_is_the_test_where_there_is_no_other() -> None:
    frames = pd.DataFrame({"participant": list("abc"), "part": ["train", "train", "validation"]})
    split = resolve("affectnet", list("abc"), frames, published="owner", validation=1)
    assert (split.test, split.validation) == (("c",), 1)


def test_person_in_two_of_the_owners_parts_is_a_leak() -> None:
    frames = pd.DataFrame({"participant": ["a", "a", "b"], "part": ["train", "test", "train"]})
    with pytest.raises(DataError, match="1 participants are in several of the owner's parts, e.g. a"):
        resolve("manifest", ["a", "b"], frames, published="owner")


# Rules by name ----------------------------------------------------------------------------------------------------

RULES = [(reader, name) for reader, module in READERS.items() for name in module.CLASSES]


@pytest.mark.parametrize(("reader", "name"), RULES)
def test_named_rules_are_conditions_on_different_values(reader: str, name: str) -> None:
    rules = READERS[reader].CLASSES[name]
    assert len(rules) >= 2
    assert len(set(rules.values())) == len(rules)
    assert all(parse_conditions(text) for text in rules.values())


@pytest.mark.parametrize(
    ("pspi", "level"), [(0, "none"), (1, "trace"), (2, "weak"), (3, "strong"), (7, "strong"), (16, "strong")]
)
def test_pspi_in_four_levels(pspi: int, level: str, tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {"a/s": [pspi, 0, 1, 2, 3]})
    database = Database.model_validate({"reader": "unbc", "root": tmp_path, "classes": "pain-levels"})
    assert read_frames(database, name="x", root=tmp_path)["label"].iloc[0] == level


def test_levels_of_the_stimulus_have_the_names_of_those_of_the_face() -> None:
    assert set(biovid.CLASSES["pain-levels"]) == set(unbc.CLASSES["pain-levels"])


def test_pain_beside_emotions(tmp_path: Path) -> None:
    layouts.TREES["bp4d"].build(tmp_path)
    database = Database.model_validate({"reader": "bp4d", "root": tmp_path, "classes": "pain-and-emotions"})
    assert set(read_frames(database, name="x", root=tmp_path)["label"]) == {"happy", "pain"}


def test_rule_that_a_reader_does_not_have(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {"a/s": [0, 1]})
    database = Database.model_validate({"reader": "unbc", "root": tmp_path, "classes": "emotions"})
    with pytest.raises(DataError, match="reader 'unbc' has no rule 'emotions'; it has pain, pain-levels"):
        read_frames(database, name="x", root=tmp_path)


# Selections -------------------------------------------------------------------------------------------------------


def kept(root: Path, reader: str = "unbc", **frames: Any) -> list[int]:
    database = Database.model_validate({"reader": reader, "root": root, "frames": frames})
    table = read_frames(database, name="x", root=root)
    return table.loc[table["kept"], "frame_index"].tolist()


def test_last_frames_of_each_sequence(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {"a/s": [0] * 5, "b/t": [1] * 3})
    assert kept(tmp_path, rule="last-k", count=2) == [4, 5, 2, 3]


def test_strongest_frames_of_each_sequence(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {"a/s": [0, 4, 2, 4, None], "b/t": [1, 0, 3]})
    assert kept(tmp_path, rule="peak", count=1) == [2, 3]
    assert kept(tmp_path, rule="peak", count=2) == [2, 4, 1, 3]


def test_peak_by_an_unknown_column(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {"a/s": [0, 1]})
    with pytest.raises(DataError, match="peak needs the column 'au99'"):
        kept(tmp_path, rule="peak", by="au99")


def test_cut_runs_keep_the_first_frames(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {"a/s": [0] * 7 + [1] * 2})
    assert kept(tmp_path, rule="cut-runs") == [1, 2, 3, 4, 5, 8, 9]
    assert kept(tmp_path, rule="collapse-runs") == [1, 8, 9]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2), max_size=40), st.integers(1, 6))
def test_cut_runs_keep_min_of_length_and_longest(pspi: list[int], longest: int) -> None:
    found = first_of_runs(pspi, longest=longest)
    start = 0
    while start < len(pspi):
        end = start
        while end < len(pspi) and pspi[end] == pspi[start]:
            end += 1
        assert found[start:end].tolist() == [place < longest for place in range(end - start)]
        start = end


# Duplicates -------------------------------------------------------------------------------------------------------

PICTURES = arrays.arrays(np.uint8, st.tuples(st.integers(8, 24), st.integers(8, 24), st.just(3)))


@settings(max_examples=30, deadline=None)
@given(PICTURES)
def test_hash_of_a_brighter_picture_is_the_same(image: np.ndarray) -> None:
    darker = (image // 4).astype(np.uint8)
    assert average_hash(darker * 2) == average_hash((darker * 2 + 1).astype(np.uint8)) or image.std() < 40


def test_hash_is_that_of_the_definition() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    bits = "".join("1" if value > grey.mean() else "0" for value in grey.ravel())
    assert average_hash(np.repeat(grey[:, :, None], 3, axis=2)) == int(bits, 2)


def test_duplicates_leave_the_validation_list_alone(tmp_path: Path) -> None:
    training = [layouts.affectnet_row(f"1/{n}.png", 0) for n in range(4)]
    layouts.write_affectnet(tmp_path, training, [layouts.affectnet_row("2/v.png", 1)])
    rng = np.random.default_rng(0)
    pictures = {name: rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for name in ("1/0", "1/1")}
    for name, same in {"1/0": "1/0", "1/1": "1/1", "1/2": "1/1", "1/3": "1/0", "2/v": "1/0"}.items():
        layouts.save_picture(tmp_path / "Manually_Annotated_Images" / f"{name}.png", pictures[same])
    database = Database.model_validate({"reader": "affectnet", "root": tmp_path, "frames": {"duplicates": "drop"}})
    frames = read_frames(database, name="x", root=tmp_path)
    reasons = dict(zip(frames["frame_id"], frames["reason"], strict=True))
    assert reasons == {
        "1/0.png": "looks like 2/v.png",
        "1/1.png": "",
        "1/2.png": "looks like 1/1.png",
        "1/3.png": "looks like 2/v.png",
        "2/v.png": "",
    }


def test_duplicates_are_kept_by_default_and_broken_pictures_are_left_to_the_faces(tmp_path: Path) -> None:
    layouts.write_affectnet(tmp_path, [layouts.affectnet_row(f"1/{n}.png", 0) for n in range(3)], [])
    (tmp_path / "Manually_Annotated_Images" / "1" / "2.png").write_bytes(b"broken")
    for duplicates, left in (("keep", 3), ("drop", 2)):
        database = Database.model_validate(
            {"reader": "affectnet", "root": tmp_path, "frames": {"duplicates": duplicates}}
        )
        assert read_frames(database, name="x", root=tmp_path)["kept"].sum() == left
