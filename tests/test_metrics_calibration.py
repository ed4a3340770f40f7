"""Calibration against formulas and scikit-learn, and the measures by sex and age."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from painlens.metrics import calibration, evaluate, subgroups
from painlens.metrics.calibration import BINS
from painlens.tables import CALIBRATION, CALIBRATION_CURVE, PREDICTIONS, SUBGROUPS, conform

TWO = ("no-pain", "pain")


def answers(probability: np.ndarray, target: np.ndarray, person: np.ndarray, replicate: str = "seed=0") -> pd.DataFrame:
    """PREDICTIONS with these probabilities of pain."""
    table = pd.DataFrame({
        "model": "a", "replicate": replicate, "database": "d", "frame_id": [f"f{i}" for i in range(len(person))],
        "participant": [f"p{who}" for who in person], "label": np.where(target, *reversed(TWO)),
        "predicted": np.where(probability > 0.5, *reversed(TWO)), "logit:no-pain": 0.0,
        "logit:pain": logit(probability),
    })  # fmt: skip
    return conform(table, PREDICTIONS)


def drawn(seed: int, faces: int = 4000, people: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities, labels that follow them, and people."""
    rng = np.random.default_rng(seed)
    probability = rng.uniform(0.01, 0.99, faces)
    return probability, rng.random(faces) < probability, rng.integers(0, people, faces)


def measured(*tables: pd.DataFrame, classes: tuple[str, ...] = TWO) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(0)
    return calibration(pd.concat(tables), classes=classes, target="pain", confidence=0.95, draws=100, rng=rng)


def value(table: pd.DataFrame, measure: str, replicate: str = "mean", column: str = "value") -> float:
    rows = table[(table["measure"] == measure) & (table["replicate"] == replicate)]
    assert len(rows) == 1
    return float(rows[column].iloc[0])


@settings(max_examples=20)
@given(st.integers(0, 2**16))
def test_brier_score_and_curve_are_those_of_scikit_learn(seed: int) -> None:
    probability, target, person = drawn(seed, faces=200)
    table, curve = measured(answers(probability, target, person))
    assert value(table, "brier") == pytest.approx(brier_score_loss(target, expit(logit(probability))))
    share, mean = calibration_curve(target, probability, n_bins=BINS)
    np.testing.assert_allclose(curve["share"], share)
    np.testing.assert_allclose(curve["probability"], mean)
    weights = (curve["faces"] / curve["faces"].sum()).to_numpy(float)
    assert value(table, "ece") == pytest.approx(float(weights @ np.abs(share - mean)))


def test_right_probabilities_have_the_error_of_their_reference_and_wrong_ones_more() -> None:
    probability, target, person = drawn(1)
    right, _ = measured(answers(probability, target, person))
    assert value(right, "ece") == pytest.approx(value(right, "ece", column="reference"), abs=0.012)
    bold = expit(3 * logit(probability))
    wrong, _ = measured(answers(bold, target, person))
    assert value(wrong, "ece") > 5 * value(wrong, "ece", column="reference")
    assert value(wrong, "ece", column="low") > value(wrong, "ece", column="reference")


def test_a_certain_and_right_model_is_perfect() -> None:
    target = np.arange(40) % 2 == 0
    probability = np.where(target, 1 - 1e-12, 1e-12)
    table, curve = measured(answers(probability, target, np.arange(40) % 4))
    assert value(table, "ece") == pytest.approx(0.0, abs=1e-9)
    assert value(table, "brier") == pytest.approx(0.0, abs=1e-9)
    assert value(table, "brier", column="reference") == pytest.approx(0.25)
    assert curve["bin"].tolist() == [0, BINS - 1]


def test_intervals_hold_the_truth_of_new_people_as_often_as_they_say() -> None:
    held = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        person = np.repeat(np.arange(12), 30)
        shift = rng.normal(0, 0.7, 12)[person]  # people differ
        probability = rng.uniform(0.05, 0.95, len(person))
        target = rng.random(len(person)) < expit(logit(probability) + shift)
        table, _ = measured(answers(probability, target, person))
        truth = 0.1902  # of two million such people
        held += value(table, "brier", column="low") <= truth <= value(table, "brier", column="high")
    assert held >= 52  # 57 expected


def test_the_mean_is_that_of_the_seeds_and_halves_are_left_out() -> None:
    first, second = drawn(2, faces=300), drawn(3, faces=300)
    both = [answers(*first), answers(second[0], first[1], first[2], "seed=1")]
    table, curve = measured(*both, answers(second[0], first[1], first[2], "half=0a"))
    assert set(table["replicate"]) == {"seed=0", "seed=1", "mean"}
    mean = (value(table, "ece", "seed=0") + value(table, "ece", "seed=1")) / 2
    assert value(table, "ece") == pytest.approx(mean)
    assert curve["faces"].sum() == pytest.approx(300)
    pd.testing.assert_frame_equal(table, conform(table, CALIBRATION))
    pd.testing.assert_frame_equal(curve, conform(curve, CALIBRATION_CURVE))


def test_the_order_of_rows_does_not_matter() -> None:
    table = answers(*drawn(4, faces=200))
    for one, other in zip(measured(table), measured(table.sample(frac=1, random_state=0)), strict=True):
        left, right = (own.drop(columns=["reference"], errors="ignore") for own in (one, other))
        pd.testing.assert_frame_equal(left, right)


def test_one_person_has_no_interval() -> None:
    probability, target, person = drawn(5, faces=50)
    table, curve = measured(answers(probability, target, 0 * person))
    assert np.isnan(value(table, "ece", column="low"))
    assert curve["low"].isna().all()


def people(sex: list[str | None], age: list[float]) -> pd.DataFrame:
    known = pd.DataFrame({"database": "d", "participant": [f"p{i}" for i in range(len(sex))], "sex": sex, "age": age})
    return pd.concat([known, known], ignore_index=True)  # as many rows as faces


def grouped(table: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return subgroups(table, known, classes=TWO, target="pain", confidence=0.95, draws=50, rng=rng)


def test_groups_have_the_measures_of_their_people() -> None:
    table = answers(*drawn(6, faces=240, people=6))
    known = people(["f", "m", "f", None, "m", "f"], [20, 29.5, 30, 64, 49, float("nan")])
    found = grouped(table, known)
    assert set(found["group"]) == {"f", "m", "under 30", "30 to 49", "50 and over"}
    women = table[table["participant"].isin(["p0", "p2", "p5"])]
    rng = np.random.default_rng(1)
    expected = evaluate(women, classes=TWO, target="pain", confidence=0.95, draws=10, rng=rng)
    for measure in ("accuracy", "auroc"):
        one = found[(found["group"] == "f") & (found["measure"] == measure)].iloc[0]
        other = expected[(expected["measure"] == measure) & (expected["model"] == "a")].iloc[0]
        assert one["value"] == other["value"] and one["participants"] == 3 and one["faces"] == len(women)
    pd.testing.assert_frame_equal(found, conform(found, SUBGROUPS))


def test_databases_that_know_nothing_or_one_group_have_no_rows() -> None:
    table = answers(*drawn(7, faces=60, people=3))
    assert grouped(table, people(["f", "f", "f"], [20, 21, 22])).empty
    assert grouped(table, people([None, None, None], [float("nan")] * 3).drop(columns=["sex", "age"])).empty
