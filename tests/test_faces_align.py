"""Aligned crops: the eyes are level, and points find their way into the turned square and back."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from painlens.faces import load_faces, prepare_faces
from painlens.faces.crop import Square, crop_square, turned
from painlens.faces.landmarks import eye_line_deg
from painlens.study import Faces
from rendered_faces import rendered
from test_faces_networks import frames_of_rendered


@given(
    x=st.integers(-50, 50), y=st.integers(-50, 50), side=st.integers(8, 300), angle=st.floats(-180, 180),
    point=st.tuples(st.floats(-100, 400), st.floats(-100, 400)), size=st.integers(16, 256),
)  # fmt: skip
def test_points_return_from_a_turned_crop(
    x: int, y: int, side: int, angle: float, point: tuple[float, float], size: int
) -> None:
    square = Square(x, y, side, angle)
    there = square.to_crop(np.array(point), size)
    np.testing.assert_allclose(square.to_frame(there, size), point, atol=1e-6)


@given(st.floats(-60, 60), st.integers(20, 200), st.integers(16, 128))
def test_turning_keeps_the_centre_and_the_scale(angle: float, side: int, size: int) -> None:
    plain, bent = Square(3, 5, side), Square(3, 5, side, angle)
    centre = np.array([3, 5]) + side / 2 - 0.5
    np.testing.assert_allclose(bent.to_crop(centre, size), plain.to_crop(centre, size), atol=1e-9)
    ends = bent.to_crop(np.array([[0.0, 0.0], [10.0, 0.0]]), size)
    assert np.hypot(*(ends[1] - ends[0])) == pytest.approx(10 * size / side)


@pytest.mark.parametrize("angle", [-30.0, 7.0, 90.0])
def test_pixels_lie_where_points_say(angle: float) -> None:
    image = np.zeros((120, 140, 3), np.uint8)
    spot = np.array([80.0, 50.0])
    image[48:53, 78:83] = 255
    square = Square(40, 20, 80, angle)
    crop = crop_square(image, square, 64)
    rows, columns = np.nonzero(crop[..., 0] > 128)
    np.testing.assert_allclose([columns.mean(), rows.mean()], square.to_crop(spot, 64), atol=0.6)


def test_square_that_is_not_turned_is_cropped_as_before() -> None:
    image, _ = rendered(0)
    np.testing.assert_array_equal(
        crop_square(image, Square(10, 8, 120), 64), crop_square(image, turned(Square(10, 8, 120), 0.0), 64)
    )


@pytest.mark.parametrize("roll_deg", [-18.0, 12.0])
def test_eyes_of_an_aligned_crop_are_level(roll_deg: float, tmp_path: Path) -> None:
    image, points = rendered(0, roll_deg=roll_deg)
    frames = frames_of_rendered(tmp_path, [image])
    angles = {}
    for align in ("none", "eyes"):
        settings = Faces.model_validate({"detector": "blazeface", "size": 96, "align": align})
        faces = prepare_faces(frames, root=tmp_path, settings=settings, store=tmp_path / "f.h5").faces
        angles[align] = eye_line_deg(load_faces(tmp_path / "f.h5", [0]).landmarks[0].astype(float))
        known = eye_line_deg(points)
        assert faces["angle_deg"].iloc[0] == pytest.approx(known if align == "eyes" else 0.0, abs=4)
    assert abs(angles["eyes"]) < 0.5
    assert abs(angles["none"]) > 8


def test_a_template_cannot_align() -> None:
    with pytest.raises(ValueError, match="align: eyes needs landmarks of each face"):
        Faces(align="eyes", landmarks="template")


def test_aligned_crops_of_a_tilted_and_an_upright_head_look_alike(tmp_path: Path) -> None:
    frames = frames_of_rendered(tmp_path, [rendered(1)[0], rendered(1, roll_deg=25)[0]])
    distance = {}
    for align in ("none", "eyes"):
        settings = Faces.model_validate({"detector": "blazeface", "size": 64, "align": align})
        prepare_faces(frames, root=tmp_path, settings=settings, store=tmp_path / "f.h5")
        one, other = load_faces(tmp_path / "f.h5", [0, 1]).faces.astype(float)
        distance[align] = np.abs(one - other)[16:48, 16:48].mean()
    assert distance["eyes"] < 0.85 * distance["none"]
