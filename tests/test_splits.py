"""Splits by participant, and complementary halves."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from painlens.splits import (
    assert_classes_in_halves,
    assert_covers,
    assert_participant_disjoint,
    complementary_halves,
    select,
    split_participants,
)
from painlens.study import Split
from painlens.tables import DataError

PEOPLE = st.lists(st.sampled_from(["", "p", "n", "pn", "ppn", "nn"]), min_size=4, max_size=24)


def faces_of(people: dict[str, str]) -> pd.DataFrame:
    """Faces of participants: one letter per face, p pain, n no pain, x no face found."""
    rows = [
        {
            "frame_id": f"{who}/{i}",
            "participant": who,
            "label": "pain" if kind == "p" else "no-pain",
            "found": kind != "x",
        }
        for who, kinds in people.items()
        for i, kind in enumerate(kinds)
    ]
    return pd.DataFrame(rows)


def both(count: int) -> pd.DataFrame:
    return faces_of({f"s{i:02d}": "pn" for i in range(count)})


def parts(faces: pd.DataFrame, **split: object) -> dict[str, str]:
    table = split_participants(faces, Split.model_validate(split), database="mine")
    return dict(zip(table["participant"], table["part"], strict=True))


# split_participants -----------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 30), st.integers(0, 8), st.integers(0, 8), st.integers(0, 5))
def test_numbers_are_drawn_and_everybody_has_one_part(people: int, test: int, validation: int, seed: int) -> None:
    if test + validation >= people:
        with pytest.raises(DataError, match="at least one must be left for training"):
            parts(both(people), test=test, validation=validation, seed=seed)
        return
    drawn = list(parts(both(people), test=test, validation=validation, seed=seed).values())
    assert [drawn.count(name) for name in ("test", "validation", "train")] == [
        test,
        validation,
        people - test - validation,
    ]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100))
def test_order_of_the_rows_does_not_matter(seed: int) -> None:
    faces = both(12)
    shuffled = faces.sample(frac=1, random_state=seed)
    assert parts(faces, test=3, validation=2) == parts(shuffled, test=3, validation=2)


def test_seed_changes_the_draw() -> None:
    assert len({str(parts(both(20), test=4, validation=2, seed=seed)) for seed in range(5)}) == 5


def test_lists_are_taken_as_they_are() -> None:
    drawn = parts(both(6), test=["s01", "s03"], validation=["s00"])
    assert {who for who, part in drawn.items() if part == "test"} == {"s01", "s03"}
    assert drawn["s00"] == "validation"


def test_numbers_are_drawn_beside_lists() -> None:
    for seed in range(20):
        drawn = parts(both(4), test=1, validation=["s02"], seed=seed)
        assert drawn["s02"] == "validation"
        assert list(drawn.values()).count("test") == 1


def test_faces_are_counted_and_refused_ones_are_not() -> None:
    table = split_participants(faces_of({"a": "pnx", "b": "pn", "c": "xx"}), Split(test=1, validation=0), database="d")
    assert dict(zip(table["participant"], table["faces"], strict=True)) == {"a": 2, "b": 2}
    assert table["database"].unique().tolist() == ["d"]


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"test": ["zz"]}, "split.test names 'zz', not in the database; participants are s00"),
        ({"test": ["s00"], "validation": ["s00"]}, "listed twice in the split: s00"),
        ({"test": ["s00", "s00"]}, "listed twice in the split: s00"),
        ({"test": ["s00", "s01", "s02"], "validation": ["s03"]}, "no participant is left for training"),
        ({"test": -1}, "-1 test participants are wanted"),
    ],
)
def test_unusable_lists_are_errors(split: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        parts(both(4), **({"validation": 0} | split))


def test_listed_participant_without_faces_is_an_error() -> None:
    with pytest.raises(DataError, match="no face was found of participant 'a' in split.test"):
        parts(faces_of({"a": "xx", "b": "pn"}), test=["a"], validation=0)


def test_class_missing_from_training_is_named() -> None:
    with pytest.raises(DataError, match="no training participant shows the class pain"):
        parts(faces_of({"a": "pn", "b": "n", "c": "n"}), test=["a"], validation=0)


# complementary_halves ---------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(PEOPLE, st.integers(0, 4), st.integers(0, 100))
def test_halves_are_complementary_and_of_equal_size(kinds: list[str], splits: int, seed: int) -> None:
    faces = faces_of({f"s{i}": kind or "pn" for i, kind in enumerate(kinds)})
    table = complementary_halves(faces, splits=splits, seed=seed)
    assert list(table) == ["participant", *(f"half={n}" for n in range(splits))]
    for number in range(splits):
        sides = table[f"half={number}"].tolist()
        assert set(sides) <= {"a", "b"}
        assert abs(sides.count("a") - sides.count("b")) <= 1


@settings(max_examples=30, deadline=None)
@given(PEOPLE, st.integers(0, 100))
def test_each_half_shows_each_class_where_two_participants_do(kinds: list[str], seed: int) -> None:
    people = {f"s{i}": kind or "n" for i, kind in enumerate(kinds)}
    sides = complementary_halves(faces_of(people), splits=1, seed=seed).set_index("participant")["half=0"]
    for letter in "pn":
        showing = [sides[who] for who, kind in people.items() if letter in kind]
        assert len(showing) < 2 or set(showing) == {"a", "b"}


def test_eight_classes_are_on_both_sides() -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"participant": f"s{i}", "label": f"c{k}", "found": True} for i in range(16) for k in rng.permutation(8)[:4]
    ]
    faces = pd.DataFrame(rows)
    sides = complementary_halves(faces, splits=1, seed=0).set_index("participant")["half=0"]
    for _, group in faces.groupby("label"):
        assert set(sides[group["participant"]]) == {"a", "b"}


def test_a_half_without_a_class_is_told_before_anything_is_trained() -> None:
    enough = both(6)
    assert_classes_in_halves(enough, complementary_halves(enough, splits=3, seed=0), database="clinical")
    rare = faces_of({"a": "pn", "b": "n", "c": "n", "d": "n"})  # one person alone shows p
    halves = complementary_halves(rare, splits=1, seed=0)
    side = "b" if halves.set_index("participant").loc["a", "half=0"] == "a" else "a"
    with pytest.raises(DataError, match=rf"'clinical': half=0{side} has no face of the class p.*half_splits to 0"):
        assert_classes_in_halves(rare, halves, database="clinical")


def test_halves_follow_from_the_seed_alone() -> None:
    faces = both(9)
    first = complementary_halves(faces, splits=3, seed=4)
    pd.testing.assert_frame_equal(first, complementary_halves(faces.sample(frac=1, random_state=1), splits=3, seed=4))
    assert not first.equals(complementary_halves(faces, splits=3, seed=5))


def test_more_splits_leave_the_first_ones_as_they_are() -> None:
    few, many = (complementary_halves(both(9), splits=n, seed=4) for n in (2, 5))
    pd.testing.assert_frame_equal(few, many[list(few)])


def test_every_participant_is_on_either_side_equally_often() -> None:
    table = complementary_halves(both(7), splits=400, seed=0).set_index("participant")
    share = (table == "a").mean(axis=1)
    assert ((share > 0.4) & (share < 0.6)).all()


def test_one_participant_has_no_halves() -> None:
    with pytest.raises(DataError, match="at least two training participants"):
        complementary_halves(faces_of({"a": "pn"}), splits=1, seed=0)


# select and assertions --------------------------------------------------------------------------------------------


def whole_split(faces: pd.DataFrame) -> pd.DataFrame:
    table = split_participants(faces, Split(test=3, validation=2), database="d")
    training = select(faces, table, "train")
    return table.merge(complementary_halves(training, splits=2, seed=0), on="participant", how="left")


def test_parts_together_are_all_found_faces() -> None:
    faces = faces_of({f"s{i}": "pnx" for i in range(10)})
    split = whole_split(faces)
    ids = [face for part in ("train", "validation", "test") for face in select(faces, split, part)["frame_id"]]
    assert sorted(ids) == sorted(faces.loc[faces["found"], "frame_id"])


@pytest.mark.parametrize("number", [0, 1])
def test_halves_together_are_the_training_faces(number: int) -> None:
    faces = both(10)
    split = whole_split(faces)
    sides = [set(select(faces, split, "train", f"half={number}{side}")["frame_id"]) for side in "ab"]
    assert sides[0].isdisjoint(sides[1])
    assert sides[0] | sides[1] == set(select(faces, split, "train", "seed=3")["frame_id"])


@pytest.mark.parametrize("part", ["validation", "test"])
def test_halves_share_validation_and_test(part: str) -> None:
    faces = both(10)
    split = whole_split(faces)
    pd.testing.assert_frame_equal(select(faces, split, part, "half=0a"), select(faces, split, part))


def test_selected_rows_keep_their_order() -> None:
    faces = both(10).sample(frac=1, random_state=0)
    chosen = select(faces, whole_split(faces), "train")["frame_id"].tolist()
    assert chosen == [face for face in faces["frame_id"] if face in set(chosen)]


def test_unknown_part_and_replicate_are_errors() -> None:
    faces = both(10)
    split = whole_split(faces)
    with pytest.raises(DataError, match="part must be one of train, validation, test, got 'training'"):
        select(faces, split, "training")
    with pytest.raises(DataError, match="'half=2a' is not in the split table; its half splits are half=0, half=1"):
        select(faces, split, "train", "half=2a")


def test_participant_in_two_parts_is_an_error() -> None:
    table = pd.DataFrame({"participant": ["a", "b", "a"], "part": ["train", "train", "test"]})
    with pytest.raises(DataError, match="one part of a split only; in several: a"):
        assert_participant_disjoint(table)


def test_uncovered_and_miscounted_participants_are_errors() -> None:
    faces = both(6)
    table = split_participants(faces, Split(test=1, validation=1), database="d")
    with pytest.raises(DataError, match="differing: s00"):
        assert_covers(table.iloc[1:], faces)
    with pytest.raises(DataError, match="other numbers of faces .* s05"):
        assert_covers(table, faces.iloc[:-1])
