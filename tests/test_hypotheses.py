"""Statements as events, freezing, ranked candidates."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from painlens import hypotheses
from painlens.hypotheses import Event, HypothesisError, Statement


def event(number: int, kind: str, name: str = "h1", **content: object) -> Event:
    return Event(number, f"2026-01-01T00:00:{number:02d}Z", name, "rosa", kind, dict(content))


def written(number: int, text: str, name: str = "h1") -> Event:
    return event(number, "write", name, **hypotheses.content_of(Statement(text)))


def frozen(number: int, statement: Statement, version: int, name: str = "h1") -> Event:
    return event(number, "freeze", name, sha256=hypotheses.digest_of(name, statement), version=version)


def test_the_newest_version_is_current_and_none_is_lost() -> None:
    (found,) = hypotheses.replay([written(1, "eyes"), written(2, "closed eyes")])
    assert found.current.statement == "closed eyes"
    assert [v.statement.statement for v in found.versions] == ["eyes", "closed eyes"]


def test_edits_after_freezing_show_and_do_not_change_what_is_tested() -> None:
    (found,) = hypotheses.replay([written(1, "eyes"), frozen(2, Statement("eyes"), 1), written(3, "mouth")])
    assert found.tested.statement == "eyes"
    assert found.current.statement == "mouth"
    assert [v.statement.statement for v in found.edited_after_freezing] == ["mouth"]


def test_the_first_freezing_counts() -> None:
    late = frozen(4, Statement("mouth"), 3)
    (found,) = hypotheses.replay([written(1, "eyes"), frozen(2, Statement("eyes"), 1), written(3, "mouth"), late])
    assert found.frozen is not None
    assert found.frozen.version == 1
    with pytest.raises(HypothesisError, match="was frozen on 2026-01-01T00:00:02Z"):
        hypotheses.freezing_of(found)


def test_events_are_ordered_by_number_and_not_by_clock() -> None:
    """A clock that goes backwards changes nothing."""
    late = Event(1, "2030-01-01T00:00:00Z", "h1", "rosa", "write", hypotheses.content_of(Statement("first")))
    early = Event(2, "2020-01-01T00:00:00Z", "h1", "rosa", "write", hypotheses.content_of(Statement("second")))
    (found,) = hypotheses.replay([early, late])
    assert found.current.statement == "second"


@given(st.permutations(range(5)))
def test_the_order_of_reading_does_not_matter(order: list[int]) -> None:
    events = [
        written(1, "eyes"), written(2, "mouth", "h2"), frozen(3, Statement("eyes"), 1),
        event(4, "status", status="supported"), event(5, "task", "h2", task="t1"),
    ]  # fmt: skip
    assert hypotheses.replay([events[i] for i in order]) == hypotheses.replay(events)


@given(st.text(min_size=1, max_size=30), st.text(max_size=20))
def test_digests_depend_on_every_word(statement: str, guideline: str) -> None:
    own = Statement(statement, guideline=guideline)
    assert hypotheses.digest_of("h", own) == hypotheses.digest_of("h", Statement(statement, guideline=guideline))
    assert hypotheses.digest_of("h", own) != hypotheses.digest_of("i", own)
    assert hypotheses.digest_of("h", own) != hypotheses.digest_of("h", Statement(statement, guideline=guideline + "."))


def test_digests_do_not_depend_on_the_order_of_the_faces() -> None:
    faces = (("clinical", "1"), ("clinical", "2"))
    one, other = Statement("eyes", faces=faces), Statement("eyes", faces=faces[::-1])
    assert hypotheses.digest_of("h", one) == hypotheses.digest_of("h", other)


def test_content_survives_its_event() -> None:
    statement = Statement("eyes", "eyes-closed", "Closed?", "Both lids.", (("clinical", "1"),), "region=eyes")
    assert hypotheses.statement_of(hypotheses.content_of(statement)) == statement


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (Statement("  "), "statement is empty"),
        (Statement("x" * 2001), "'statement' must have at most 2000 characters, got 2001"),
        (Statement("x", faces=tuple(("d", str(i)) for i in range(501))), "at most 500 faces"),
    ],
)
def test_statements_that_cannot_be_kept(statement: Statement, told: str) -> None:
    with pytest.raises(HypothesisError, match=told):
        hypotheses.checked(statement)


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([event(1, "status", status="open")], "not yet written"),
        ([written(1, "eyes"), event(2, "status", status="proved")], "must be one of open, supported"),
        ([written(1, "eyes"), event(2, "erase")], "an event must be one of"),
    ],
)
def test_events_that_mean_nothing(events: list[Event], told: str) -> None:
    with pytest.raises(HypothesisError, match=told):
        hypotheses.replay(events)


def test_the_export_names_what_was_frozen_and_what_came_later() -> None:
    notebook = hypotheses.replay([written(1, "eyes"), frozen(2, Statement("eyes"), 1), written(3, "mouth")])
    out = hypotheses.exported(notebook)
    (entry,) = out["hypotheses"]
    assert entry["tested"]["statement"] == "eyes"
    assert entry["frozen"]["sha256"] == hypotheses.digest_of("h1", Statement("eyes"))
    assert [edit["statement"] for edit in entry["later_edits"]] == ["mouth"]
    assert out["sha256"] != hypotheses.exported([])["sha256"]


def regions(**differences: tuple[float, float]) -> pd.DataFrame:
    """REGIONS rows: region -> difference and half width, for all faces of two models."""
    rows = [
        {
            "model_a": "a", "model_b": "b", "normalisation": "max", "database": "all", "label": "all", "region": region,
            "mean_a": 0.0, "mean_b": 0.0, "difference": d, "low": d - half, "high": d + half, "faces": 9,
            "participants": 3,
        }
        for region, (d, half) in differences.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_candidates_are_ranked_by_clearness_not_by_size() -> None:
    found = hypotheses.rank_candidates(regions(mouth=(-2.0, 0.5), eyes=(5.0, 5.0), nose=(0.1, 1.0)))
    assert [(c["region"], c["favours"]) for c in found] == [("mouth", "b"), ("eyes", "a"), ("nose", "a")]
    assert found[0]["strength"] == pytest.approx(4.0)


def test_the_ground_behind_the_face_is_no_candidate() -> None:
    assert hypotheses.rank_candidates(regions(outside=(9.0, 0.1))) == []


def test_parts_are_listed_only_where_they_say_something_else() -> None:
    whole = regions(eyes=(2.0, 1.0))
    same = regions(eyes=(2.1, 1.0)).assign(database="clinical")
    turned = regions(eyes=(-3.0, 1.0)).assign(label="pain")
    found = hypotheses.rank_candidates(pd.concat([whole, same, turned]))
    assert [(c["database"], c["label"]) for c in found] == [("all", "pain"), ("all", "all")]


def test_without_intervals_there_are_no_candidates() -> None:
    assert hypotheses.rank_candidates(regions(eyes=(1.0, float("nan")))) == []
