"""Frames of a video by number and by time, exact, with at most one group of pictures decoded for each."""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from painlens.tables import DataError

# A clip of 25 frames per second whose rate is stored as 24.99999 must not lose the frame at 4 s.
_TOLERANCE_FRAMES = 1e-3
LARGEST_MEGAPIXELS = 64
# A playlist or a list of files under the name of a video would make the decoder open other files.
_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm,asf,mpeg,mpegts,mpegvideo,m4v,h264,hevc,ogg,flv",
}


@dataclass(frozen=True)
class ClipFacts:
    """What the container of a video says."""

    fps: float
    frames: int
    width: int = 0
    height: int = 0

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return self.frames / self.fps


class Clip:
    """An open video from which frames are taken by number; cheap where the numbers ascend.

    The time stamps of all frames are read from the container first, without decoding any. A frame is then reached
    from the last key frame before it: no frame of another group of pictures is decoded.

    Attributes
    ----------
    decoded : int
        Frames that were decoded so far.
    """

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise DataError(f"video not found: {file}")
        self._file = file
        self.decoded = 0
        try:
            self._container = av.open(str(file), options=_OPTIONS)
        except (FFmpegError, OSError, ValueError):
            raise DataError(f"video cannot be opened: {file}; is it whole?") from None
        if not self._container.streams.video:
            self._container.close()
            raise DataError(f"file holds no video: {file}")
        self._stream = self._container.streams.video[0]
        if self._stream.width * self._stream.height > LARGEST_MEGAPIXELS * 1e6:  # before anything is decoded
            self._container.close()
            raise DataError(f"frames of {self._stream.width} x {self._stream.height} are too large: {file}")
        # Decoding ahead in threads would touch frames that nobody asked for; whole frames are spread over processes.
        self._stream.thread_type = "NONE"
        self._stream.thread_count = 1
        self._stamps, self._keys = self._listed()
        self._frames = None
        self._at = -1  # number of the frame that was decoded last
        self._last: VideoFrame | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._frames = self._last = None
        self._container.close()

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds from the first frame at which each frame appears, ascending, shape (frame,)."""
        return (self._stamps - self._stamps[0]) * float(self._stream.time_base or 1)

    def facts(self) -> ClipFacts:
        """Frame rate, number of frames and size, after decoding the first frame."""
        first = self.frame(0)
        rate = self._stream.average_rate or self._stream.guessed_rate
        if not rate:
            raise DataError(f"video gives no frame rate: {self._file}")
        return ClipFacts(float(rate), len(self._stamps), first.shape[1], first.shape[0])

    def index_at(self, seconds: float) -> int | None:
        """Number of the frame that is on the screen at a time, or None behind the end of the clip."""
        times, rate = self.times, self._stream.average_rate or self._stream.guessed_rate
        length = 1 / float(rate) if rate else 0.0
        within = seconds + _TOLERANCE_FRAMES * length
        if seconds < 0 or within >= times[-1] + length * (1 + _TOLERANCE_FRAMES):
            return None
        return int(np.searchsorted(times, within, side="right")) - 1

    def frame(self, index: int) -> NDArray[np.uint8]:
        """Frame number `index` from 0, uint8 RGB (height, width, 3)."""
        if not 0 <= index < len(self._stamps):
            raise DataError(f"video ends at frame {len(self._stamps)}, wanted {index}: {self._file}")
        try:
            found = self._reach(index)
            if found is None:
                raise DataError(f"frame {index} cannot be decoded: {self._file}")
            if found.width * found.height > LARGEST_MEGAPIXELS * 1e6:
                raise DataError(f"frames of {found.width} x {found.height} are too large: {self._file}")
            turned = round(found.rotation / 90)  # degrees counter-clockwise that make the picture upright
            return np.ascontiguousarray(np.rot90(found.to_ndarray(format="rgb24"), turned), dtype=np.uint8)
        except (FFmpegError, OSError, ValueError, OverflowError) as error:
            if isinstance(error, DataError):
                raise
            self._frames = self._last = None
            raise DataError(f"frame {index} cannot be decoded: {self._file}: {error}") from None

    def _listed(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Time stamps of all frames and of the key frames, from the packets."""
        stamps: list[int] = []
        keys: list[int] = []
        try:
            for packet in self._container.demux(self._stream):
                stamp = packet.pts if packet.pts is not None else packet.dts
                if stamp is None or not packet.size or packet.is_discard:
                    continue
                stamps.append(stamp)
                if packet.is_keyframe:
                    keys.append(stamp)
        except (FFmpegError, OSError, ValueError):
            if not stamps:
                raise DataError(f"video cannot be read: {self._file}; is it whole?") from None
            # What comes before the damage can be used; later frames are refused by their number.
        if not stamps:
            raise DataError(f"video holds no frames: {self._file}")
        return np.unique(np.array(stamps, np.int64)), np.unique(np.array(keys or stamps[:1], np.int64))

    def _reach(self, index: int) -> VideoFrame | None:
        """The frame of a number, from where the decoder stands or from the key frame before it."""
        wanted = int(self._stamps[index])
        if index == self._at and self._last is not None:
            return self._last
        before = self._keys[self._keys <= wanted]
        key = int(before[-1]) if before.size else int(self._stamps[0])
        goes_on = self._frames is not None and self._at < index and self._stamps[self._at] >= key
        if not goes_on:
            self._seek(key)
        found = self._decode_to(wanted)
        if found is None or (found.pts is not None and found.pts > wanted):  # the container jumped too far
            self._seek(int(self._stamps[0]))
            found = self._decode_to(wanted)
        self._at, self._last = index, found
        return found

    def _seek(self, stamp: int) -> None:
        self._container.seek(stamp, stream=self._stream, backward=True)
        self._frames = self._container.decode(self._stream)
        self._at, self._last = -1, None

    def _decode_to(self, wanted: int) -> VideoFrame | None:
        """The first frame that appears at a time stamp or later."""
        if self._frames is None:
            return None
        for frame in self._frames:
            self.decoded += 1
            if frame.pts is None or frame.pts >= wanted:
                return frame
        return None
