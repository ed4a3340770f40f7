"""The exact frame of a video, by number and by time, with at most one group of pictures decoded."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import layouts
from painlens.databases import clips
from painlens.databases.clips import Clip
from painlens.databases.pictures import load_frame
from painlens.tables import DataError

GROUP = 12  # pictures from one key frame to the next


def write_clip(
    path: Path,
    *,
    frames: int = 60,
    rate: Fraction = Fraction(25),
    stamps: list[int] | None = None,
    turned: int = 0,
    fast_start: bool = False,
    b_frames: int = 2,
) -> None:
    """An MPEG-4 clip with groups of 12 and frames that refer to later ones; frame k has the grey level 4 k."""
    options = {"movflags": "faststart"} if fast_start else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size = GROUP
        stream.codec_context.max_b_frames = b_frames
        stream.codec_context.time_base = Fraction(1, 1000) if stamps else 1 / rate
        if turned:
            stream.set_display_rotation(turned)
        for number in range(frames):
            image = np.full((48, 64, 3), 4 * number, np.uint8)
            image[:24, :32] = 255
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = stamps[number] if stamps else number
            frame.time_base = Fraction(1, 1000) if stamps else 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def grey(image: np.ndarray) -> float:
    """Level of the part that tells the number of the frame."""
    return float(image[30:, 40:].mean())


def read_in_order(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("b_frames", [0, 2])
def test_every_frame_in_random_order_is_that_of_plain_decoding(b_frames: int, tmp_path: Path) -> None:
    write_clip(tmp_path / "v.mp4", b_frames=b_frames)
    plain = read_in_order(tmp_path / "v.mp4")
    order = np.random.default_rng(0).permutation(60)
    with Clip(tmp_path / "v.mp4") as clip:
        for index in order:
            np.testing.assert_array_equal(clip.frame(int(index)), plain[index])


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("index", [0, 1, 11, 12, 13, 47, 48, 59])
def test_one_frame_costs_at_most_one_group_of_pictures(index: int, b_frames: int, tmp_path: Path) -> None:
    write_clip(tmp_path / "v.mp4", b_frames=b_frames)
    with Clip(tmp_path / "v.mp4") as clip:
        np.testing.assert_array_equal(clip.frame(index), read_in_order(tmp_path / "v.mp4")[index])
        assert clip.decoded <= GROUP


def test_ascending_frames_decode_each_once(tmp_path: Path) -> None:
    write_clip(tmp_path / "v.mp4")
    with Clip(tmp_path / "v.mp4") as clip:
        for index in range(60):
            clip.frame(index)
        assert clip.decoded <= 62


def test_the_same_frame_again_costs_nothing(tmp_path: Path) -> None:
    write_clip(tmp_path / "v.mp4")
    with Clip(tmp_path / "v.mp4") as clip:
        first, before = clip.frame(5), clip.decoded
        np.testing.assert_array_equal(clip.frame(5), first)
        assert clip.decoded == before


@pytest.mark.parametrize(
    ("rate", "seconds", "index"),
    [
        (Fraction(25), 2.0, 50),
        (Fraction(25), 1.9999, 49),
        (Fraction(30000, 1001), 1.0, 29),
        (Fraction(24000, 1001), 2.0, 47),
        (Fraction(25), 0.0, 0),
        (Fraction(25), 2.36, 59),
    ],
)
def test_frame_at_a_time(rate: Fraction, seconds: float, index: int, tmp_path: Path) -> None:
    write_clip(tmp_path / "v.mp4", rate=rate)
    with Clip(tmp_path / "v.mp4") as clip:
        assert clip.index_at(seconds) == index


@pytest.mark.parametrize("seconds", [2.41, 100.0, -0.1])
def test_no_frame_outside_the_clip(seconds: float, tmp_path: Path) -> None:
    write_clip(tmp_path / "v.mp4")
    with Clip(tmp_path / "v.mp4") as clip:
        assert clip.index_at(seconds) is None


def test_changing_frame_rate_goes_by_the_time_stamps(tmp_path: Path) -> None:
    stamps = [0, 40, 80, 500, 1000, 1040, 4000, 4040]
    write_clip(tmp_path / "v.mp4", frames=8, stamps=stamps, b_frames=0)
    with Clip(tmp_path / "v.mp4") as clip:
        np.testing.assert_allclose(clip.times, np.array(stamps) / 1000, atol=1e-3)
        assert [clip.index_at(seconds) for seconds in (0.1, 0.5, 3.99, 4.0)] == [2, 3, 5, 6]
        assert abs(grey(clip.frame(6)) - 24) < 4


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(20, 400), min_size=2, max_size=12), st.floats(0, 1))
def test_frame_at_a_time_is_the_last_that_appeared(gaps: list[int], share: float) -> None:
    import tempfile

    stamps = np.concatenate([[0], np.cumsum(gaps)]).tolist()
    with tempfile.TemporaryDirectory() as folder:
        write_clip(Path(folder) / "v.mkv", frames=len(stamps), stamps=stamps, b_frames=0)
        with Clip(Path(folder) / "v.mkv") as clip:
            seconds = share * clip.times[-1]
            index = clip.index_at(seconds)
            assert index is not None
            assert clip.times[index] <= seconds + 1e-3
            assert index == len(clip.times) - 1 or clip.times[index + 1] > seconds


def test_turned_video_is_shown_upright(tmp_path: Path) -> None:
    write_clip(tmp_path / "v.mp4", frames=2, turned=90)
    image = load_frame(tmp_path, "v.mp4", 0)
    assert image.shape == (64, 48, 3)
    # The white quarter was in the upper left; a quarter turn against the clock brings it to the lower left.
    assert image[40:, :20].mean() > 240
    assert image[:20, 30:].mean() < 20


def test_pixels_agree_with_opencv(tmp_path: Path) -> None:
    write_clip(tmp_path / "v.mp4", b_frames=0)
    capture = cv2.VideoCapture(str(tmp_path / "v.mp4"))
    with Clip(tmp_path / "v.mp4") as clip:
        for index in range(20):
            _, picture = capture.read()
            difference = clip.frame(index).astype(int) - picture[:, :, ::-1]
            assert np.abs(difference).mean() < 1.5
    capture.release()


def test_facts_come_from_the_container(tmp_path: Path) -> None:
    write_clip(tmp_path / "v.mp4", frames=30, rate=Fraction(30000, 1001))
    with Clip(tmp_path / "v.mp4") as clip:
        facts = clip.facts()
    assert (round(facts.fps, 3), facts.frames, facts.width, facts.height) == (29.97, 30, 64, 48)


def test_what_comes_before_the_damage_can_be_used(tmp_path: Path) -> None:
    write_clip(tmp_path / "v.mp4", fast_start=True, b_frames=0)
    whole = (tmp_path / "v.mp4").read_bytes()
    (tmp_path / "v.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    with Clip(tmp_path / "v.mp4") as clip:
        assert abs(grey(clip.frame(3)) - 12) < 4
        with pytest.raises(DataError, match=r"video ends at frame|cannot be decoded"):
            clip.frame(59)
        assert abs(grey(clip.frame(2)) - 8) < 4


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"#EXTM3U\n#EXTINF:1,\nother.mp4\n",
        b"ffconcat version 1.0\nfile other.mp4\n",
        b"RIFF\0\0\0\0AVI LIST",
        b"\0\0\0\x18ftypmp42" + b"\0" * 40,
    ],
)
def test_files_that_are_no_video_open_nothing_else(content: bytes, tmp_path: Path) -> None:
    write_clip(tmp_path / "other.mp4", frames=3)
    (tmp_path / "v.mp4").write_bytes(content)
    with pytest.raises(DataError, match=r"v.mp4"):
        load_frame(tmp_path, "v.mp4", 0)


def test_picture_under_the_name_of_a_video_is_refused(tmp_path: Path) -> None:
    layouts.save_picture(tmp_path / "a.png", layouts.picture())
    (tmp_path / "a.png").rename(tmp_path / "a.mp4")
    with pytest.raises(DataError, match="cannot be opened"):
        load_frame(tmp_path, "a.mp4", 0)


def test_giant_frames_are_refused_before_anything_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layouts.save_clip(tmp_path / "a.mp4", frames=2, fps=5)
    monkeypatch.setattr(clips, "LARGEST_MEGAPIXELS", 64 * 48 / 2e6)
    decoded = []
    monkeypatch.setattr(Clip, "frame", lambda *_: decoded.append(1))
    with pytest.raises(DataError, match=r"frames of 64 x 48 are too large: .*a\.mp4"):
        Clip(tmp_path / "a.mp4")
    assert decoded == []
