"""Geometry of crops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from painlens.faces.crop import Square, choose_box, crop_square, square_of

SQUARES = st.builds(Square, x=st.integers(-50, 80), y=st.integers(-50, 80), side=st.integers(1, 150))
SIZES = st.integers(1, 96)


@settings(max_examples=50, deadline=None)
@given(SQUARES, SIZES, st.lists(st.tuples(st.floats(-200, 200), st.floats(-200, 200)), min_size=1, max_size=8))
def test_points_go_to_the_crop_and_back(square: Square, size: int, points: list[tuple[float, float]]) -> None:
    original = np.array(points)
    np.testing.assert_allclose(square.to_frame(square.to_crop(original, size), size), original, atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(SQUARES, SIZES)
def test_corners_of_the_square_are_corners_of_the_crop(square: Square, size: int) -> None:
    corners = np.array([(-0.5, -0.5), (size - 0.5, size - 0.5)])
    expected = np.array([(square.x, square.y), (square.x + square.side, square.y + square.side)]) - 0.5
    np.testing.assert_allclose(square.to_frame(corners, size), expected, atol=1e-9)


HALF_A_PIXEL = 0.5 + 1e-9  # rounding of the sums in double precision


@settings(max_examples=50, deadline=None)
@given(st.floats(-100, 500), st.floats(-100, 500), st.floats(1, 400), st.floats(1, 400), st.floats(0, 1))
def test_square_is_centred_and_as_large_as_the_longer_side(
    x: float, y: float, width: float, height: float, margin: float
) -> None:
    square = square_of(np.array([x, y, width, height]), margin)
    assert abs(square.side - max(width, height) * (1 + margin)) <= 0.5
    assert abs(square.x + square.side / 2 - (x + width / 2)) <= HALF_A_PIXEL
    assert abs(square.y + square.side / 2 - (y + height / 2)) <= HALF_A_PIXEL


@settings(max_examples=50, deadline=None)
@given(SQUARES, SIZES)
def test_crop_has_its_size_and_no_new_values(square: Square, size: int) -> None:
    image = np.random.default_rng(0).integers(60, 200, (40, 30, 3), np.uint8)
    crop = crop_square(image, square, size)
    assert crop.shape == (size, size, 3)
    assert image.min() <= crop.min()
    assert crop.max() <= image.max()


def test_crop_at_its_own_size_is_the_frame() -> None:
    image = np.random.default_rng(1).integers(0, 255, (50, 60, 3), np.uint8)
    np.testing.assert_array_equal(crop_square(image, Square(10, 5, 32), 32), image[5:37, 10:42])


def test_edge_is_repeated_outside_the_frame() -> None:
    image = np.random.default_rng(2).integers(0, 255, (20, 20, 3), np.uint8)
    crop = crop_square(image, Square(-5, 15, 10), 10)
    np.testing.assert_array_equal(crop[:5, :5], np.repeat(image[15:, :1], 5, axis=1))
    np.testing.assert_array_equal(crop[5:, 5:], np.repeat(image[-1:, :5], 5, axis=0))


def test_shrinking_by_a_whole_factor_averages() -> None:
    image = np.random.default_rng(3).integers(0, 255, (8, 8, 3), np.uint8)
    expected = image.reshape(4, 2, 4, 2, 3).mean(axis=(1, 3))
    assert np.abs(crop_square(image, Square(0, 0, 8), 4) - expected).max() <= 0.5


def test_mirrored_frame_gives_the_mirrored_crop() -> None:
    image = np.random.default_rng(4).integers(0, 255, (40, 40, 3), np.uint8)
    crop = crop_square(image, Square(4, 7, 20), 50)
    mirrored = crop_square(np.ascontiguousarray(image[:, ::-1]), Square(16, 7, 20), 50)
    assert np.abs(mirrored[:, ::-1].astype(int) - crop).max() <= 1


@pytest.mark.parametrize("size", [16, 32, 64, 100])
def test_a_spot_of_the_frame_is_where_its_point_is_in_the_crop(size: int) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[30:34, 20:24] = 255  # centre 21.5, 31.5
    square = Square(5, 12, 40)
    weights = crop_square(image, square, size)[..., 0].astype(float)
    rows, columns = np.indices(weights.shape)
    centre = np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum()
    np.testing.assert_allclose(centre, square.to_crop(np.array([21.5, 31.5]), size), atol=0.1)


def test_no_box_gives_none() -> None:
    assert choose_box(np.empty((0, 4))) is None


def test_largest_box_is_chosen() -> None:
    boxes = np.array([[0, 0, 10, 10], [5, 5, 30, 30], [50, 50, 20, 20]], dtype=float)
    chosen = choose_box(boxes)
    assert chosen is not None
    assert chosen.tolist() == [5, 5, 30, 30]


@pytest.mark.parametrize(("owner", "expected"), [((45, 45, 30, 30), 50), ((200, 200, 10, 10), 5)])
def test_box_of_the_labelled_person_is_chosen(owner: tuple[float, float, float, float], expected: float) -> None:
    boxes = np.array([[5, 5, 30, 30], [50, 50, 20, 20]], dtype=float)
    chosen = choose_box(boxes, owner)
    assert chosen is not None
    assert chosen[0] == expected
