"""Pixels of images and of frames of videos."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import layouts
from painlens.databases.pictures import Clip, FrameSource, load_frame
from painlens.tables import DataError


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".TIF"])
def test_image_is_rgb_bytes(suffix: str, tmp_path: Path) -> None:
    layouts.save_picture(tmp_path / f"a{suffix}", layouts.picture(4))
    image = load_frame(tmp_path, f"a{suffix}")
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, layouts.picture(4))


def test_jpeg_is_close(tmp_path: Path) -> None:
    layouts.save_picture(tmp_path / "a.jpg", np.full((20, 20, 3), (200, 100, 50), np.uint8))
    assert np.abs(load_frame(tmp_path, "a.jpg").astype(int) - (200, 100, 50)).max() < 8


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "LA", "I;16", "CMYK"])
def test_every_mode_becomes_rgb(mode: str, tmp_path: Path) -> None:
    file = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.new(mode, (7, 5)).save(file)
    assert load_frame(tmp_path, file.name).shape == (5, 7, 3)


def test_sixteen_bits_keep_their_brightness(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 128 * 256, np.uint16)).save(tmp_path / "a.png")
    assert load_frame(tmp_path, "a.png")[0, 0].tolist() == [128, 128, 128]


def test_photograph_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    Image.new("RGB", (10, 4)).save(tmp_path / "a.jpg", exif=exif)
    assert load_frame(tmp_path, "a.jpg").shape == (10, 4, 3)


@pytest.mark.parametrize("content", [b"", b"not a picture"])
def test_unreadable_image_names_the_file(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(DataError, match=r"image cannot be decoded: .*bad.png"):
        load_frame(tmp_path, "bad.png")


def test_truncated_image_is_an_error(tmp_path: Path) -> None:
    layouts.save_picture(tmp_path / "a.jpg", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot be decoded"):
        load_frame(tmp_path, "a.jpg")


def test_missing_image_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"image not found: .*a.png"):
        load_frame(tmp_path, "a.png")


@pytest.mark.parametrize("path", ["../a.png", "x/../../a.png", "/etc/hostname"])
def test_path_may_not_leave_the_root(path: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="path must stay inside"):
        load_frame(tmp_path / "root", path)


def test_link_may_not_leave_the_root(tmp_path: Path) -> None:
    layouts.save_picture(tmp_path / "secret" / "a.png", layouts.picture())
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(DataError, match="path must stay inside"):
        load_frame(tmp_path / "root", "link/a.png")


def test_dots_inside_the_root_are_allowed(tmp_path: Path) -> None:
    layouts.save_picture(tmp_path / "a.png", layouts.picture(1))
    (tmp_path / "x").mkdir()
    assert load_frame(tmp_path, "x/../a.png").shape == (layouts.HEIGHT, layouts.WIDTH, 3)


@pytest.mark.parametrize("index", [0, 1, 9, 13, 14, 29])
def test_frame_of_a_video_is_the_one_with_its_number(index: int, tmp_path: Path) -> None:
    layouts.save_clip(tmp_path / "v.mp4", frames=30, fps=25)
    assert abs(load_frame(tmp_path, "v.mp4", index).mean() - 8 * index) < 4


def test_frames_in_any_order_are_the_same(tmp_path: Path) -> None:
    layouts.save_clip(tmp_path / "v.mp4", frames=30, fps=29.97)
    order = [25, 3, 4, 20, 0, 29, 12]
    with Clip(tmp_path / "v.mp4") as clip:
        means = [clip.frame(index).mean() for index in order]
    np.testing.assert_allclose(means, [8 * index for index in order], atol=4)


@pytest.mark.parametrize("code", ["MJPG", "XVID"])
def test_seeking_is_exact_in_other_containers(code: str, tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter.fourcc(*code), 15, (64, 48))
    for number in range(31):
        writer.write(np.full((48, 64, 3), 8 * number, np.uint8))
    writer.release()
    assert abs(load_frame(tmp_path, "v.avi", 27).mean() - 216) < 4


def test_facts_of_a_clip(tmp_path: Path) -> None:
    layouts.save_clip(tmp_path / "v.mp4", frames=30, fps=25)
    with Clip(tmp_path / "v.mp4") as clip:
        facts = clip.facts()
        first = clip.frame(0).mean()
    assert (facts.fps, facts.frames, facts.seconds) == (25, 30, 1.2)
    assert first < 3


def test_frame_behind_the_end_is_an_error(tmp_path: Path) -> None:
    layouts.save_clip(tmp_path / "v.mp4", frames=5, fps=25)
    with pytest.raises(DataError, match=r"video ends at frame 5, wanted 50: .*v.mp4"):
        load_frame(tmp_path, "v.mp4", 50)


def test_broken_and_missing_videos_are_errors(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"x")
    with pytest.raises(DataError, match="video cannot be opened"):
        load_frame(tmp_path, "v.mp4", 0)
    with pytest.raises(DataError, match="video not found"):
        load_frame(tmp_path, "w.mp4", 0)


def test_video_without_a_number_is_an_error(tmp_path: Path) -> None:
    layouts.save_clip(tmp_path / "v.mp4", frames=5, fps=25)
    with pytest.raises(DataError, match="number of the frame is needed"):
        load_frame(tmp_path, "v.mp4")


def test_source_gives_the_same_frames_as_single_loads(tmp_path: Path) -> None:
    layouts.save_clip(tmp_path / "v.mp4", frames=20, fps=25)
    layouts.save_clip(tmp_path / "w.mp4", frames=20, fps=10)
    layouts.save_picture(tmp_path / "a.png", layouts.picture(3))
    source = FrameSource(tmp_path)
    for path, index in (("v.mp4", 2), ("v.mp4", 17), ("w.mp4", 4), ("a.png", None), ("v.mp4", 1)):
        np.testing.assert_array_equal(source.frame(path, index), load_frame(tmp_path, path, index))
    source.close()
