"""Augmentation against Keras' documented transform, image by image, with scipy."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import ndimage

from painlens.study import Augmentation
from painlens.training import Draws, augment, draw, sampling_matrices
from painlens.training.augmentation import is_identity

torch.set_num_threads(1)
SIZE = 21
PAPER = Augmentation()
NOTHING = Augmentation(rotation_deg=0, shift=0, shear_deg=0, zoom=0, flip=False)


def images_of(n: int, size: int = SIZE) -> np.ndarray:
    """Smooth random pictures, (n, channel, row, column) in 0..255."""
    noise = np.random.default_rng(3).uniform(0, 255, (n, 3, size, size))
    return ndimage.gaussian_filter(noise, (0, 0, 1.0, 1.0)).astype(np.float32)


def keras(image: np.ndarray, random: np.random.RandomState, ranges: Augmentation) -> np.ndarray:
    """One image (row, column, channel) as ImageDataGenerator of keras-preprocessing 1.1.2 changes it.

    Written from its documented behaviour: get_random_transform, then apply_affine_transform, then the flip.
    """
    height, width, _ = image.shape
    theta = np.deg2rad(random.uniform(-ranges.rotation_deg, ranges.rotation_deg))
    tx = random.uniform(-ranges.shift, ranges.shift) * height
    ty = random.uniform(-ranges.shift, ranges.shift) * width
    shear = np.deg2rad(random.uniform(-ranges.shear_deg, ranges.shear_deg))
    zx, zy = random.uniform(1 - ranges.zoom, 1 + ranges.zoom, 2)
    horizontal = random.random_sample() < 0.5
    random.random_sample()  # vertical
    matrix = np.array([[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]])
    matrix = matrix @ np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    matrix = matrix @ np.array([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
    matrix = matrix @ np.diag([zx, zy, 1.0])
    o_x, o_y = height / 2 + 0.5, width / 2 + 0.5
    matrix = (
        np.array([[1, 0, o_x], [0, 1, o_y], [0, 0, 1]]) @ matrix @ np.array([[1, 0, -o_x], [0, 1, -o_y], [0, 0, 1]])
    )
    linear, offset = matrix[:2, :2], tuple(matrix[:2, 2])
    channels = [
        ndimage.affine_transform(image[..., c], linear, offset, order=1, mode="nearest", cval=0.0)  # pyright: ignore[reportArgumentType] - offsets may be a sequence
        for c in range(image.shape[2])
    ]
    out = np.stack(channels, axis=-1)
    return out[:, ::-1] if ranges.flip and horizontal else out


def fixed(**values: float) -> Draws:
    """One face's parameters: identity but for the given ones."""
    neutral = {"angle_deg": 0, "shift_rows": 0, "shift_columns": 0, "shear_deg": 0, "zoom_rows": 1, "zoom_columns": 1}
    arrays = {name: np.array([float(values.get(name, value))]) for name, value in neutral.items()}
    return Draws(**arrays, flip=np.array([bool(values.get("flip", False))]))


def apply(images: np.ndarray, draws: Draws) -> np.ndarray:
    return augment(torch.from_numpy(images), sampling_matrices(draws, size=images.shape[-1])).numpy()


@pytest.mark.parametrize("flip", [True, False])
def test_a_batch_is_what_keras_does_image_by_image(flip: bool) -> None:
    ranges = Augmentation(rotation_deg=25, shift=0.1, shear_deg=10, zoom=0.1, flip=flip)
    images = images_of(12)
    # one bit generator gives the same uniform numbers through the new interface and through Keras' old one
    got = apply(images, draw(np.random.Generator(np.random.MT19937(7)), 12, settings=ranges, size=SIZE))
    random = np.random.RandomState(np.random.MT19937(7))  # noqa: NPY002
    expected = np.stack([keras(image.transpose(1, 2, 0), random, ranges).transpose(2, 0, 1) for image in images])
    np.testing.assert_allclose(got, expected, rtol=0, atol=0.01)  # float32 positions, grey levels 0..255


def test_identity_parameters_leave_images_unchanged() -> None:
    images = images_of(2)
    draws = draw(np.random.default_rng(0), 2, settings=NOTHING, size=SIZE)
    np.testing.assert_allclose(apply(images, draws), images, rtol=0, atol=0.002)
    assert is_identity(NOTHING)
    assert not is_identity(PAPER)


def test_flipping_twice_is_the_identity() -> None:
    images = images_of(1)
    once = apply(images, fixed(flip=True))
    np.testing.assert_allclose(once, images[..., ::-1], rtol=0, atol=0.002)
    np.testing.assert_allclose(apply(once, fixed(flip=True)), images, rtol=0, atol=0.004)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"shift_rows": 2.0}, lambda image: image[:, :, [*range(2, SIZE), SIZE - 1, SIZE - 1]]),
        ({"shift_columns": -1.0}, lambda image: image[:, :, :, [0, *range(SIZE - 1)]]),
    ],
)
def test_shifts_move_whole_pixels_and_repeat_the_edge(
    parameters: dict[str, float], expected: Callable[[np.ndarray], np.ndarray]
) -> None:
    images = images_of(1)
    np.testing.assert_allclose(apply(images, fixed(**parameters)), expected(images), rtol=0, atol=0.002)


def test_zoom_below_one_enlarges() -> None:
    image = np.zeros((1, 3, SIZE, SIZE), np.float32)
    image[:, :, 8:14, 8:14] = 255.0
    larger = apply(image, fixed(zoom_rows=0.5, zoom_columns=0.5))
    assert larger.sum() == pytest.approx(4 * image.sum(), rel=0.1)


def test_draws_lie_in_their_ranges_and_fill_them() -> None:
    draws = draw(np.random.default_rng(1), 4000, settings=PAPER, size=64)
    for values, low, high in (
        (draws.angle_deg, -25, 25),
        (draws.shift_rows, -6.4, 6.4),
        (draws.shift_columns, -6.4, 6.4),
        (draws.shear_deg, -10, 10),
        (draws.zoom_rows, 0.9, 1.1),
        (draws.zoom_columns, 0.9, 1.1),
    ):
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < values.max() <= high
    assert 0.47 < draws.flip.mean() < 0.53
    assert abs(np.corrcoef(draws.zoom_rows, draws.zoom_columns)[0, 1]) < 0.05


def test_changing_one_range_leaves_the_other_draws_as_they_were() -> None:
    wide = draw(np.random.default_rng(2), 5, settings=PAPER, size=64)
    narrow = draw(np.random.default_rng(2), 5, settings=PAPER.model_copy(update={"rotation_deg": 0.0}), size=64)
    np.testing.assert_array_equal(wide.zoom_columns, narrow.zoom_columns)
    np.testing.assert_array_equal(wide.flip, narrow.flip)


def test_a_batch_equals_its_images_one_by_one() -> None:
    images = images_of(4)
    matrices = sampling_matrices(draw(np.random.default_rng(4), 4, settings=PAPER, size=SIZE), size=SIZE)
    together = augment(torch.from_numpy(images), matrices)
    alone = torch.cat([augment(torch.from_numpy(images[i : i + 1]), matrices[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(together, alone)
