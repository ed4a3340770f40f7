"""Facial regions and sums of relevance in them."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from painlens.regions import (
    MIRRORED,
    REGIONS,
    mirror_landmarks,
    region_areas,
    region_map,
    region_shares,
    template_landmarks,
)

SIZE = 64


def jittered(seed: int, spread: float = 2.0, size: int = SIZE) -> NDArray[np.float64]:
    """Landmarks of a face that is shifted, turned, scaled and distorted at random."""
    rng = np.random.default_rng(seed)
    angle, scale = rng.uniform(-0.5, 0.5), rng.uniform(0.6, 1.2)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = (size - 1) / 2
    points = (template_landmarks(size, 0.2) - middle) @ turn.T + middle + rng.uniform(-6, 6, 2)
    return points + rng.normal(0, spread, (68, 2))


def region_at(regions: NDArray[np.uint8], point: NDArray[np.float64]) -> str:
    x, y = np.round(point).astype(int)
    return REGIONS[regions[y, x]]


@pytest.mark.parametrize(
    ("points", "name"),
    [
        (range(36, 48), "eyes"), ((18, 19, 20, 23, 24, 25), "brows"), ((28, 29, 30, 33), "nose"),
        (range(48, 68), "mouth"), ((6, 8, 10), "chin"),
    ],
)  # fmt: skip
def test_points_lie_in_their_region(points: range | tuple[int, ...], name: str) -> None:
    landmarks = template_landmarks(224, 0.2)
    regions = region_map(landmarks, 224)
    inward = np.array([0.0, -4.0]) if name == "chin" else np.zeros(2)
    assert {region_at(regions, landmarks[i] + inward) for i in points} == {name}


def test_skin_between_the_points_is_named() -> None:
    landmarks = template_landmarks(224, 0.2)
    regions = region_map(landmarks, 224)
    brow, eye = landmarks[19], landmarks[36:42].mean(axis=0)
    assert region_at(regions, brow - (0, 25)) == "forehead"
    assert region_at(regions, eye + (0, 35)) == "cheeks"
    assert region_at(regions, np.array([3.0, 3.0])) == "outside"
    assert region_at(regions, (landmarks[21] + landmarks[22]) / 2) == "brows"


def test_closed_eyes_keep_most_of_their_region() -> None:
    landmarks = template_landmarks(224, 0.2)
    shut = landmarks.copy()
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        shut[upper] = shut[lower]
    area = [np.sum(region_map(points, 224) == REGIONS.index("eyes")) for points in (landmarks, shut)]
    assert area[1] > 0.8 * area[0]


@pytest.mark.parametrize("size", [32, 64, 224])
def test_every_region_has_pixels(size: int) -> None:
    assert (region_areas(region_map(template_landmarks(size, 0.2), size)[None]) > 0.005).all()


def test_shares_of_the_area_do_not_depend_on_the_size() -> None:
    areas = [region_areas(region_map(template_landmarks(size, 0.2), size)[None])[0] for size in (64, 256)]
    np.testing.assert_allclose(areas[0], areas[1], atol=0.01)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_mirrored_landmarks_give_mirrored_regions(seed: int) -> None:
    landmarks = jittered(seed)
    np.testing.assert_array_equal(
        region_map(mirror_landmarks(landmarks, SIZE), SIZE), region_map(landmarks, SIZE)[:, ::-1]
    )


def test_whole_coordinates_are_mirrored_too() -> None:
    landmarks = np.round(jittered(1, spread=0))
    np.testing.assert_array_equal(
        region_map(mirror_landmarks(landmarks, SIZE), SIZE), region_map(landmarks, SIZE)[:, ::-1]
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(-8, 8), st.integers(-8, 8))
def test_shifted_landmarks_give_shifted_regions(seed: int, right: int, down: int) -> None:
    landmarks = jittered(seed)
    shifted = region_map(landmarks + (right, down), SIZE)
    here, there = region_map(landmarks, SIZE)[12:-12, 12:-12], shifted[12 + down :, 12 + right :][:40, :40]
    np.testing.assert_array_equal(here, there)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40))
def test_unknown_points_never_fail(seed: int, count: int) -> None:
    landmarks = jittered(seed)
    landmarks[np.random.default_rng(seed).permutation(68)[:count]] = np.nan
    assert region_map(landmarks, SIZE).max() < len(REGIONS)


def test_66_points_change_no_region_but_the_mouth() -> None:
    landmarks = template_landmarks(SIZE, 0.2)
    without = landmarks.copy()
    without[[60, 64]] = np.nan
    np.testing.assert_array_equal(region_map(without, SIZE), region_map(landmarks, SIZE))


def test_without_any_eye_all_is_outside() -> None:
    landmarks = template_landmarks(SIZE, 0.2)
    landmarks[36:42] = np.nan
    assert not region_map(landmarks, SIZE).any()
    assert not region_map(np.full((68, 2), np.nan), SIZE).any()


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(68, 2\), got \(66, 2\)"):
        region_map(np.zeros((66, 2)), SIZE)


def test_mirroring_twice_changes_nothing() -> None:
    assert [MIRRORED[i] for i in MIRRORED] == list(range(68))
    landmarks = jittered(3)
    np.testing.assert_allclose(mirror_landmarks(mirror_landmarks(landmarks, SIZE), SIZE), landmarks)


@pytest.mark.parametrize("margin", [0.0, 0.2, 0.5])
def test_template_is_symmetric_and_shrinks_with_the_margin(margin: float) -> None:
    points = template_landmarks(100, margin)
    np.testing.assert_allclose(mirror_landmarks(points, 100), points)
    np.testing.assert_allclose(np.ptp(points, axis=0), np.ptp(template_landmarks(100, 0.0), axis=0) / (1 + margin))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 5))
def test_shares_sum_to_the_whole(seed: int, faces: int) -> None:
    rng = np.random.default_rng(seed)
    relevance = rng.normal(size=(faces, 9, 7))
    regions = rng.integers(0, len(REGIONS), (faces, 9, 7), np.uint8)
    shares = region_shares(relevance, regions)
    np.testing.assert_allclose(shares.sum(axis=1), relevance.sum(axis=(1, 2)), atol=1e-12)


def test_shares_are_sums_over_masks() -> None:
    rng = np.random.default_rng(0)
    relevance, regions = rng.normal(size=(4, 8, 8)), rng.integers(0, len(REGIONS), (4, 8, 8), np.uint8)
    expected = [
        [face[where == i].sum() for i in range(len(REGIONS))] for face, where in zip(relevance, regions, strict=True)
    ]
    np.testing.assert_allclose(region_shares(relevance, regions), expected)


def test_areas_sum_to_one() -> None:
    regions = np.stack([region_map(jittered(seed), SIZE) for seed in range(3)])
    np.testing.assert_allclose(region_areas(regions).sum(axis=1), 1)


def test_maps_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must both be \(face, height, width\), got \(1, 4, 4\) and \(1, 5, 5\)"):
        region_shares(np.zeros((1, 4, 4)), np.zeros((1, 5, 5), np.uint8))


def test_a_map_takes_about_a_millisecond() -> None:
    landmarks = template_landmarks(64, 0.2)
    region_map(landmarks, 64)
    start = time.process_time()
    for _ in range(20):
        region_map(landmarks, 64)
    assert (time.process_time() - start) / 20 < 0.005  # four times what it needs: the machine may be busy
