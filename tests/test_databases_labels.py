"""Label conditions, and whether the classes of several databases go together."""

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from painlens.databases.comparable import assert_comparable
from painlens.databases.labels import apply_labels, parse_condition
from painlens.study import Database
from painlens.tables import DataError

FRAMES = pd.DataFrame(
    {
        "pspi": [0.0, 2.0, None],
        "class_name": ["BL1", "PA4", None],
        "words": ["1", "two", ""],
        "shut": [True, False, True],
    }
)


def labels(*conditions: str) -> list[object]:
    found, _ = apply_labels(FRAMES, {f"c{i}": text for i, text in enumerate(conditions)}, database="x")
    return found.fillna("-").tolist()


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("pspi > 0", ["-", "c0", "-"]),
        ("pspi>=0", ["c0", "c0", "-"]),
        ("pspi < 2", ["c0", "-", "-"]),
        ("pspi <= 2.0", ["c0", "c0", "-"]),
        ("pspi == 2e0", ["-", "c0", "-"]),
        ("pspi != 2", ["c0", "-", "-"]),
        ("pspi in 0, 1", ["c0", "-", "-"]),
        ("class_name == PA4", ["-", "c0", "-"]),
        ("class_name == 'PA4'", ["-", "c0", "-"]),
        ("class_name in PA3, PA4", ["-", "c0", "-"]),
        ("class_name != PA4", ["c0", "-", "-"]),
        ("words == 1", ["c0", "-", "-"]),
        ("shut == true", ["c0", "-", "c0"]),
    ],
)
def test_condition(condition: str, expected: list[str]) -> None:
    assert labels(condition) == expected


def test_first_matching_class_wins() -> None:
    assert labels("pspi > 1", "pspi >= 0") == ["c1", "c0", "-"]


@pytest.mark.parametrize("text", ["", "pspi", "pspi >", "pspi = 0", "pspi => 0", "pspi == = 0", "> 0", "pspi ~ 3"])
def test_text_that_is_no_condition_is_an_error(text: str) -> None:
    with pytest.raises(DataError, match="must be '<column> <operator> <value>'"):
        parse_condition(text)


def test_ordering_of_words_is_an_error() -> None:
    with pytest.raises(DataError, match="compares numbers, got 'PA3'"):
        parse_condition("class_name > PA3")


def test_unknown_column_names_the_columns() -> None:
    with pytest.raises(DataError, match="column 'psp' not found; columns are pspi, class_name"):
        labels("psp > 0")


def test_reasons_say_what_was_wrong_with_the_value() -> None:
    _, reasons = apply_labels(FRAMES, {"pain": "pspi > 3"}, database="x")
    assert reasons.tolist() == ["no rule matches (pspi = 0.0)", "no rule matches (pspi = 2.0)", "pspi is missing"]


def test_word_in_a_column_of_numbers_is_a_reason() -> None:
    _, reasons = apply_labels(FRAMES, {"pain": "words > 0"}, database="x")
    assert reasons.tolist() == ["", "words is 'two', not a number", "words is '', not a number"]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 16)), min_size=1, max_size=30), st.integers(0, 16))
def test_a_frame_has_a_label_or_a_reason(scores: list[int | None], threshold: int) -> None:
    frames = pd.DataFrame({"pspi": pd.Series(scores, dtype="float64")})
    found, reasons = apply_labels(frames, {"pain": f"pspi > {threshold}"}, database="x")
    assert (found.isna() == (reasons != "")).all()


# --- classes of several databases -----------------------------------------------------------------------------------


def sections(**changes: dict[str, Any]) -> dict[str, Database]:
    """Sections of databases whose owners' folders are never opened."""
    return {name: Database.model_validate({"root": "/nowhere"} | own) for name, own in changes.items()}


@pytest.mark.parametrize(
    ("classes", "target"),
    [("pain", "pain"), ("pain", "no-pain"), ("pain-levels", "strong"), ("pain-levels", "none")],
)
def test_equal_rules_go_together(classes: str, target: str) -> None:
    both = sections(a={"reader": "unbc", "classes": classes}, b={"reader": "biovid", "classes": classes})
    assert_comparable(both, target=target)


def test_rules_with_other_classes_are_refused_with_the_classes_of_each() -> None:
    both = sections(a={"reader": "unbc", "classes": "pain-levels"}, b={"reader": "unbc"})
    with pytest.raises(DataError, match="'b' has pain, no-pain"):
        assert_comparable(both, target="strong")
    seven = sections(a={"reader": "affectnet"}, b={"reader": "kdef"})
    with pytest.raises(DataError, match="same classes, got a: neutral.*contempt; b: "):
        assert_comparable(seven, target="fear")


def test_a_target_that_no_rule_gives_is_refused() -> None:
    both = sections(a={"reader": "affectnet"}, b={"reader": "affectnet"})
    with pytest.raises(DataError, match=r"attribution.target must be a class of every database, got 'pain'"):
        assert_comparable(both, target="pain")


def test_classes_in_an_owners_table_are_not_known_beforehand() -> None:
    assert_comparable(sections(a={"reader": "manifest"}, b={"reader": "unbc"}), target="pain")
