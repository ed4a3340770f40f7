"""Pixels of images and of frames of videos."""

import os
import resource
import struct
import zlib
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


def bomb(path: Path, side: int) -> None:
    """A PNG of a few bytes whose header promises `side` x `side` pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [header, b"IDAT" + zlib.compress(b"\0" * 100), b"IEND"]
    packed = b"".join(struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + packed)


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_bomb_is_refused_by_its_header(side: int, tmp_path: Path) -> None:
    bomb(tmp_path / "a.png", side)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=r"too large: .*a\.png.*megapixels|cannot be decoded"):
        load_frame(tmp_path, "a.png")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB; the pixels would take 300,000


def test_picture_of_a_large_camera_is_read(tmp_path: Path) -> None:
    Image.new("L", (8000, 7900)).save(tmp_path / "a.png")
    assert load_frame(tmp_path, "a.png").shape == (7900, 8000, 3)


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".bmp"])
def test_picture_under_another_suffix_is_read_for_what_it_is(suffix: str, tmp_path: Path) -> None:
    layouts.save_picture(tmp_path / "a.png", layouts.picture(4))
    (tmp_path / "a.png").rename(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(load_frame(tmp_path, f"a{suffix}"), layouts.picture(4))


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04" + b"\0" * 60, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"GIF89a"]
)
def test_files_that_are_no_picture_start_no_other_program(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.png.* is no picture of the kinds PNG, JPEG"):
        load_frame(tmp_path, "a.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP"])
def test_picture_cut_anywhere_is_an_error(kind: str, tmp_path: Path) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8))
    image.save(tmp_path / "whole", kind)
    whole = (tmp_path / "whole").read_bytes()
    for share in (0.1, 0.5, 0.9):
        (tmp_path / "a.png").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(DataError, match="cannot be decoded"):
            load_frame(tmp_path, "a.png")


def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(DataError, match="image not found"):
        load_frame(tmp_path, "a.png")


@pytest.mark.parametrize("path", ["loop.png", "a\0b.png"])
def test_paths_that_lead_nowhere_are_errors(path: str, tmp_path: Path) -> None:
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    with pytest.raises(DataError, match=r"no usable path|not found"):
        load_frame(tmp_path, path)


def test_pixels_of_a_table(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(0, 256, (3, 48, 48))
    lines = ["emotion,pixels,Usage", *(f"0,{' '.join(map(str, row.ravel()))},Training" for row in rows)]
    (tmp_path / "fer2013.csv").write_text("\r\n".join(lines))
    for number in (2, 0, 1):
        found = load_frame(tmp_path, "fer2013.csv", number)
        np.testing.assert_array_equal(found, np.repeat(rows[number][:, :, None], 3, axis=2))
    with pytest.raises(DataError, match="table has 3 rows, wanted row 3"):
        load_frame(tmp_path, "fer2013.csv", 3)


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
