"""Time courses of rendered people: planted rates, confounding, pain, the frames that the paper keeps."""

import functools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from painlens.study import ConceptRate, Synthetic
from painlens.synthetic import planting
from painlens.synthetic.actions import EYES_CLOSED, TEETH_VISIBLE, other_intensity, pspi
from painlens.synthetic.courses import Course, clinical_courses, clip_frames, frame_at, heat_courses, kept_frames
from painlens.synthetic.streams import Streams

TINY: dict[str, Any] = {"seed": 5, "participants": 3, "sequences": 2, "seconds": 2.5, "fps": 4, "size": 64, "twins": 2}


PLANTED = {
    EYES_CLOSED: ConceptRate(pain=0.88, no_pain=0.0),
    TEETH_VISIBLE: ConceptRate(pain=0.25, no_pain=0.45),
}


@functools.cache
def clinical(confounding: float, people: int = 25, seed: int = 1) -> list[Course]:
    rates = planting.rates_of(Synthetic(bias=PLANTED), eyes_closed_is_pain=True)
    return [
        course
        for person in range(people)
        for course in clinical_courses(
            Streams(seed, "c").at(person), rates, sequences=6, frames=24, fps=4, confounding=confounding
        )
    ]


@functools.cache
def heat(confounding: float, *, reactive: bool = True, people: int = 67) -> list[Course]:
    bias = {EYES_CLOSED: ConceptRate(pain=0.2, no_pain=0.2), TEETH_VISIBLE: ConceptRate(pain=0.88, no_pain=0.06)}
    rates = planting.rates_of(Synthetic(bias=bias), eyes_closed_is_pain=False)
    return [
        course
        for person in range(people)
        for course in heat_courses(
            Streams(1, "h").at(person), rates, clips=8, fps=1, confounding=confounding, reactive=reactive
        )
    ]


def of_kept(courses: list[Course]) -> pd.DataFrame:
    """Label, concepts and intensity of the other actions of the frames that the paper keeps."""
    parts = []
    for course in courses:
        kept = kept_frames(pspi(course.coded))
        columns = {concept: flags[kept] for concept, flags in course.shown.items()}
        parts.append(
            pd.DataFrame({"pain": course.pain, "other": other_intensity(course.actions)})[kept].assign(**columns)
        )
    return pd.concat(parts, ignore_index=True)


def at_peak(courses: list[Course]) -> pd.DataFrame:
    """The same for the frame at 4 s of each clip."""
    look = frame_at(4.0, 1.0)
    return pd.DataFrame(
        [
            {
                "pain": c.pain[look],
                "other": other_intensity(c.actions)[look],
                **{name: flags[look] for name, flags in c.shown.items()},
            }
            for c in courses
        ]
    )


def assert_rate(shown: pd.Series, rate: float, people: int) -> None:
    # Three standard errors of frames and of people, whose habits differ.
    error = np.sqrt(rate * (1 - rate) * (1 / len(shown) + 1 / (people * (planting.HABIT + 1))))
    assert abs(float(shown.mean()) - rate) <= 3 * error + 1e-9


@pytest.mark.parametrize("confounding", [0.0, 0.5, 1.0])
def test_clinical_rates_hold_in_the_kept_frames(confounding: float) -> None:
    table = of_kept(clinical(confounding))
    for concept, rate in PLANTED.items():
        assert_rate(table.loc[table["pain"], concept].astype(float), rate.pain, 25)
        assert_rate(table.loc[~table["pain"], concept].astype(float), rate.no_pain, 25)


@pytest.mark.parametrize("confounding", [0.0, 0.5, 1.0])
def test_heat_rates_hold_at_the_peak(confounding: float) -> None:
    table = at_peak(heat(confounding))
    for pain, concept, rate in (
        (True, TEETH_VISIBLE, 0.88), (False, TEETH_VISIBLE, 0.06), (True, EYES_CLOSED, 0.2),
        (False, EYES_CLOSED, 0.2), (True, "smile", 0.3), (False, "smile", 0.3),
    ):  # fmt: skip
        assert_rate(table.loc[table["pain"] == pain, concept].astype(float), rate, 67)


@pytest.mark.parametrize("courses", [clinical, heat])
def test_confounding_ties_a_concept_to_the_other_actions(courses: Any) -> None:
    frames = of_kept if courses is clinical else at_peak
    correlations = []
    for confounding in (0.0, 0.5, 1.0):
        table = frames(courses(confounding))
        pain = table[table["pain"]]
        correlations.append(float(np.corrcoef(pain[TEETH_VISIBLE].astype(float), pain["other"])[0, 1]))
    assert abs(correlations[0]) < 0.12
    assert correlations[0] + 0.1 < correlations[1] < correlations[2] - 0.1


def test_about_seven_tenths_of_the_kept_clinical_frames_show_pain() -> None:
    assert 0.65 < of_kept(clinical(0.5))["pain"].mean() < 0.75


def test_closed_eyes_are_pain_by_definition() -> None:
    for course in clinical(0.0, people=6):
        assert course.pain[course.shown[EYES_CLOSED]].all()
        np.testing.assert_array_equal(course.pain, pspi(course.coded) > 0)


def test_a_frame_of_calm_with_closed_eyes_occurs() -> None:
    courses = clinical(0.0)
    alone = [course.shown[EYES_CLOSED] & (pspi(course.coded) == 1) for course in courses]
    assert np.concatenate(alone).any()


def test_people_without_reaction_show_the_same_in_both_classes() -> None:
    table = at_peak(heat(0.5, reactive=False, people=30))
    means = table.groupby("pain")["other"].mean()
    assert abs(means[True] - means[False]) < 0.25
    assert table.loc[table["pain"], TEETH_VISIBLE].mean() < 0.15


def test_heat_hurts_most_around_four_seconds() -> None:
    painful = [course for course in heat(0.5, people=20) if course.pain[0]]
    mean = np.mean([other_intensity(course.actions) for course in painful], axis=0)
    assert mean[4] >= 0.95 * mean.max()
    assert mean[4] > 4 * mean[0]


def test_pain_actions_tell_pain_in_most_but_not_all_frames() -> None:
    table = at_peak(heat(0.5))
    levels = np.unique(table["other"])
    best = max(float(((table["other"] > level) == table["pain"]).mean()) for level in levels)
    assert 0.82 < best < 0.985


@given(
    rate=st.sampled_from([0.0, 0.3, 1.0]),
    confounding=st.floats(0, 1),
    seed=st.integers(0, 10_000),
    counted=st.lists(st.booleans(), min_size=1, max_size=40),
)
def test_planting_shows_the_wanted_share_of_the_counted_frames(
    rate: float, confounding: float, seed: int, counted: list[bool]
) -> None:
    rng, flags = np.random.default_rng(seed), np.array(counted)
    stretch = planting.stretches(rng, np.zeros(len(flags), int), 4)
    shown = planting.plant(
        rng, rate=rate, confounding=confounding, intensity=rng.random(len(flags)), stretch=stretch, counted=flags
    )
    assert abs(shown[flags].sum() - rate * flags.sum()) < 1


def test_full_confounding_shows_the_concept_exactly_at_the_strongest_actions() -> None:
    intensity = np.array([0.1, 3.0, 0.2, 5.0, 2.0])
    shown = planting.plant(
        np.random.default_rng(0), rate=0.4, confounding=1.0, intensity=intensity,
        stretch=np.arange(5), counted=np.ones(5, bool),
    )  # fmt: skip
    assert shown.tolist() == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("runs", "kept"),
    [
        ([0] * 5, [0, 1, 2, 3, 4]),
        ([0] * 6, [0]),
        ([0] * 7 + [2] * 3, [0, 7, 8, 9]),
        ([0] * 6 + [1] + [0] * 6, [0, 6, 7]),
        ([0] * 4 + [1] + [2] * 6 + [1], [0, 1, 2, 3, 4, 5, 11]),
    ],
)
def test_long_runs_keep_their_first_frame(runs: list[int], kept: list[int]) -> None:
    assert kept_frames(np.array(runs)).nonzero()[0].tolist() == kept


@pytest.mark.parametrize("fps", [1.0, 2.0, 5.0, 25.0])
def test_a_clip_has_a_frame_at_four_seconds(fps: float) -> None:
    assert frame_at(4.0, fps) < clip_frames(fps)
    assert frame_at(4.0, fps) / fps == 4.0
