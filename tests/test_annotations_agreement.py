"""Agreement: against scikit-learn, statsmodels and published examples; clustered intervals obey their laws."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa

from annotation_cases import items_of, new_store, new_task, say
from painlens.annotations.agreement import ANSWERS, Agreement, agreement, coefficients, describe, task_agreement

tables = st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=3, max_size=3)


def compare(rows: list[tuple[str, str, str]], *, draws: int = 400, seed: int = 0) -> Agreement:
    """Agreement of two people."""
    rng = np.random.default_rng(seed)
    return agreement(rows, people=("anna", "ben"), confidence=0.95, draws=draws, rng=rng)


def rows_of(table: list[list[int]]) -> list[tuple[str, str, str]]:
    """Faces of a confusion table; each shows another participant."""
    cells = itertools.product(range(3), range(3))
    faces = [(ANSWERS[a], ANSWERS[b]) for a, b in cells for _ in range(table[a][b])]
    return [(f"p{n}", a, b) for n, (a, b) in enumerate(faces)]


# Gwet (2002), "Kappa statistic is not satisfactory for assessing the extent of agreement between raters": 118 both
# yes, 5 and 2 mixed, none both no; and the three-category example of Gwet's handbook (2014), 100 subjects.
PUBLISHED = [
    ([[118, 5], [2, 0]], {"raw": 0.944, "kappa": -0.0234, "ac1": 0.9408, "positive": 2 * 118 / (2 * 118 + 7)}),
    ([[13, 0, 0], [0, 20, 7], [0, 4, 56]], {"raw": 0.89, "kappa": 0.7964094, "ac1": 0.8493305}),
]


@pytest.mark.parametrize(("table", "expected"), PUBLISHED)
def test_published_examples(table: list[list[int]], expected: dict[str, float]) -> None:
    found = coefficients(np.array(table, float))
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(value, abs=5e-5), name


@pytest.mark.peers
@settings(max_examples=60, deadline=None)
@given(tables)
def test_kappa_is_that_of_scikit_learn_and_statsmodels(table: list[list[int]]) -> None:
    rows = rows_of(table)
    ours = float(coefficients(np.array(table, float))["kappa"])
    used = {a for _, a, b in rows for a in (a, b)}
    if len(used) < 2:
        assert math.isnan(ours)  # everybody always says the same: agreement by chance is certain
        return
    theirs = cohen_kappa_score([a for _, a, _ in rows], [b for _, _, b in rows], labels=list(ANSWERS))
    assert ours == pytest.approx(float(theirs), abs=1e-10)
    other: Any = cohens_kappa(np.array(table, float), return_results=False)
    assert ours == pytest.approx(float(other), abs=1e-10)


@settings(max_examples=60, deadline=None)
@given(tables)
def test_exchanging_the_raters_changes_nothing(table: list[list[int]]) -> None:
    one, other = coefficients(np.array(table, float)), coefficients(np.array(table, float).T)
    for name in one:
        assert float(one[name]) == pytest.approx(float(other[name]), abs=1e-12, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=4, max_size=4))
def test_ac1_of_two_answers_is_gwets_formula(cells: list[int]) -> None:
    a, b, c, d = cells
    n = sum(cells)
    found = coefficients(np.array([[a, b], [c, d]], float))
    if not n:
        assert all(math.isnan(float(value)) for value in found.values())
        return
    share = ((a + b) / n + (a + c) / n) / 2
    chance = 2 * share * (1 - share)
    assert float(found["ac1"]) == pytest.approx(((a + d) / n - chance) / (1 - chance), abs=1e-10)
    assert -1 - 1e-9 <= float(found["ac1"]) <= 1 + 1e-9


def test_perfect_agreement_is_one_and_claims_no_interval() -> None:
    found = compare(rows_of([[20, 0, 0], [0, 20, 0], [0, 0, 0]]))
    for name in ("raw", "kappa", "ac1", "positive"):
        estimate = found.decided[name]
        assert estimate.value == pytest.approx(1)
        assert math.isnan(estimate.low)
        assert math.isnan(estimate.high)


def test_unsure_is_left_out_of_the_first_and_counted_in_the_second_set() -> None:
    found = compare(rows_of([[10, 1, 4], [2, 10, 0], [0, 3, 5]]))
    assert found.faces == 35
    assert found.decided["raw"].value == pytest.approx(20 / 23)
    assert found.all_answers["raw"].value == pytest.approx(25 / 35)
    assert "positive" not in found.all_answers
    assert found.prevalence == pytest.approx((11 + 12) / 46)


def test_more_faces_of_the_same_people_make_no_interval_narrower() -> None:
    """The law of clustered intervals: what is repeated within a participant is no new evidence."""
    rng = np.random.default_rng(3)
    rows = [
        (f"p{p}", ANSWERS[int(rng.random() < 0.4)], ANSWERS[int(rng.random() < 0.4)])
        for p in range(12)
        for _ in range(5)
    ]
    once, thrice = compare(rows), compare(rows * 3)
    for name in once.decided:
        assert thrice.decided[name].value == pytest.approx(once.decided[name].value)
        assert (thrice.decided[name].low, thrice.decided[name].high) == pytest.approx(
            (once.decided[name].low, once.decided[name].high)
        )


@pytest.mark.peers
def test_with_one_face_per_participant_the_interval_is_that_of_statsmodels() -> None:
    table = [[60, 15, 0], [20, 105, 0], [0, 0, 0]]
    found = compare(rows_of(table), draws=6000).decided["kappa"]
    theirs: Any = cohens_kappa(np.array([[60, 15], [20, 105]]))
    assert (found.high - found.low) / (theirs.kappa_upp - theirs.kappa_low) == pytest.approx(1, abs=0.08)
    assert found.low == pytest.approx(theirs.kappa_low, abs=0.02)


def test_faces_that_differ_between_people_widen_the_interval() -> None:
    """Two kinds of participants: on some the raters always agree, on the others never."""
    words = ("no", "yes")
    clustered = [(f"p{p}", words[n % 2], words[(n + p) % 2]) for p in range(0, 10) for n in range(0, 10)]
    spread = [(f"face{n}", a, b) for n, (_, a, b) in enumerate(clustered)]
    wide, narrow = compare(clustered).decided["raw"], compare(spread).decided["raw"]
    assert wide.value == narrow.value == 0.5
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_one_participant_gives_no_interval() -> None:
    found = compare([("p", "yes", "yes"), ("p", "no", "yes")]).decided["raw"]
    assert found.value == 0.5
    assert math.isnan(found.low)


def test_no_common_face_gives_no_number() -> None:
    found = compare([])
    assert (found.faces, found.participants) == (0, 0)
    assert math.isnan(found.decided["kappa"].value)


def test_an_undefined_coefficient_says_so() -> None:
    found = compare(rows_of([[0, 0, 0], [0, 30, 0], [0, 0, 0]]))
    assert math.isnan(found.decided["positive"].value)
    assert found.decided["raw"].value == 1
    assert found.decided["kappa"].undefined == 1


def test_a_task_is_judged_by_blind_answers_and_hidden_repeats(tmp_path: Path) -> None:
    connection = new_store(tmp_path)
    task = new_task(connection, 20, repeats=0.2)
    items, again = items_of(connection, task), items_of(connection, task, "repeat")
    originals = dict(connection.execute("SELECT item_id, repeats FROM item WHERE kind = 'repeat'").fetchall())
    anna = {item: "yes" if n < 10 else "no" for n, item in enumerate(items)}
    ben = anna | {items[0]: "no", items[1]: "no", items[15]: "unsure"}
    say(connection, task, "anna", anna | {one: anna[originals[one]] for one in again})
    say(connection, task, "ben", ben | dict.fromkeys(again, "no"))
    before, selves = task_agreement(connection, task.task_id, confidence=0.95, draws=200, seed=1)
    assert before[0].counts.tolist() == [[8, 2, 0], [0, 9, 1], [0, 0, 0]]
    assert before[0].participants == 4  # p0 ... p3; a participant of two databases would count twice
    assert [one.first for one in selves] == ["anna", "ben"]
    assert selves[0].decided["raw"].value == 1
    decided = [ben[originals[one]] for one in again if ben[originals[one]] != "unsure"]
    assert selves[1].decided["raw"].value == np.mean([value == "no" for value in decided])
    say(connection, task, "cleo", {items[0]: "yes", items[1]: "no"}, part="adjudicate")
    say(connection, task, "ben", {items[0]: "yes"})
    after, _ = task_agreement(connection, task.task_id, confidence=0.95, draws=200, seed=1)
    assert after[0].counts.tolist() == before[0].counts.tolist()
    text = "\n".join(describe(after, selves))
    assert "anna and ben: 20 faces of 4 participants" in text
    assert "ben with themself on repeats" in text
    connection.close()


def test_three_annotators_are_compared_pair_by_pair(tmp_path: Path) -> None:
    connection = new_store(tmp_path)
    task = new_task(connection, 6, annotators=3)
    for person in ("anna", "ben", "cleo"):
        say(connection, task, person, dict.fromkeys(items_of(connection, task), "yes"))
    pairs, _ = task_agreement(connection, task.task_id, confidence=0.95, draws=100, seed=1)
    assert [(one.first, one.second) for one in pairs] == [("anna", "ben"), ("anna", "cleo"), ("ben", "cleo")]
    connection.close()
