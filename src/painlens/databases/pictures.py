"""One frame of an image file or of a video, as it is shown upright."""

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from painlens.databases.folders import VIDEOS
from painlens.tables import DataError

# Closer frames are reached by decoding those between: faster than a seek, and always exact.
_FRAMES_BEFORE_SEEK = 12


@dataclass(frozen=True)
class ClipFacts:
    """What the container of a video says."""

    fps: float
    frames: int

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return self.frames / self.fps


def is_clip(path: str) -> bool:
    """Whether a path names a video."""
    return Path(path).suffix.lower() in VIDEOS


def inside(root: Path, path: str) -> Path:
    """The file of a relative path.

    Raises
    ------
    DataError
        The path is absolute or leaves the folder of the database, by ``..`` or through a link.
    """
    base = root.resolve()
    base = base if base.is_dir() else base.parent
    file = (base / path).resolve()
    if Path(path).is_absolute() or not file.is_relative_to(base):
        raise DataError(f"path must stay inside {base}, got '{path}'; give paths relative to the database's folder")
    return file


def load_frame(root: Path, path: str, frame_index: int | None = None) -> NDArray[np.uint8]:
    """One frame, uint8 RGB (height, width, 3).

    Parameters
    ----------
    root
        Folder of the database.
    path
        Image or video, relative to `root`.
    frame_index
        Number of the frame in the video, from 0; ignored for images.

    Raises
    ------
    DataError
        The path leaves `root`, or the file or the frame is missing or cannot be decoded.
    """
    file = inside(root, path)
    if not is_clip(path):
        return load_image(file)
    if frame_index is None:
        raise DataError(f"{path} is a video: the number of the frame is needed")
    with Clip(file) as clip:
        return clip.frame(frame_index)


def load_image(file: Path) -> NDArray[np.uint8]:
    """Pixels of an image file, uint8 RGB (height, width, 3), turned upright where the file says so."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd metadata; a broken picture is an error, not a warning
            with Image.open(file) as image:
                upright = ImageOps.exif_transpose(image)
                if upright.mode.startswith("I"):  # 16 bits of grey
                    upright = Image.fromarray((np.asarray(upright).clip(0, 65535) // 256).astype(np.uint8))
                return np.array(upright.convert("RGB"))
    except FileNotFoundError:
        raise DataError(f"image not found: {file}") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"image cannot be decoded: {file}: {error}") from None


class FrameSource:
    """Frames of one database; the video of the last frame stays open, so that its next frames come cheap."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = ""
        self._clip: Clip | None = None

    def frame(self, path: str, frame_index: int | None) -> NDArray[np.uint8]:
        """As `load_frame`."""
        if not is_clip(path) or frame_index is None:
            return load_frame(self._root, path, frame_index)
        if self._clip is None or path != self._path:
            self.close()
            self._clip, self._path = Clip(inside(self._root, path)), path
        return self._clip.frame(frame_index)

    def close(self) -> None:
        """Close the open video, if any."""
        if self._clip is not None:
            self._clip.close()
            self._clip = None


class Clip:
    """An open video from which frames are taken by number; cheap where the numbers ascend."""

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise DataError(f"video not found: {file}")
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # a broken file is reported by the error below
        self._file = file
        self._capture = cv2.VideoCapture(str(file))
        self._next = 0
        if not self._capture.isOpened():
            raise DataError(f"video cannot be opened: {file}; is it whole?")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def facts(self) -> ClipFacts:
        """Frame rate and number of frames, after decoding the first frame."""
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.frame(0)
        if not fps > 0:
            raise DataError(f"video gives no frame rate: {self._file}")
        if count <= 0:  # some containers do not say
            count = 1
            while self._capture.grab():
                count += 1
            self._rewind()
        return ClipFacts(fps, count)

    def frame(self, index: int) -> NDArray[np.uint8]:
        """Frame number `index` from 0, uint8 RGB (height, width, 3)."""
        if index < self._next:
            self._rewind()
        if index - self._next > _FRAMES_BEFORE_SEEK and not self._seek(index):
            self._rewind()
        while self._next < index:
            if not self._capture.grab():
                raise DataError(f"video ends at frame {self._next}, wanted {index}: {self._file}")
            self._next += 1
        decoded, picture = self._capture.read()
        if not decoded:
            raise DataError(f"frame {index} cannot be decoded: {self._file}")
        self._next += 1
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)

    def _seek(self, index: int) -> bool:
        """Jump to a frame; False where the time stamp shows that the container went elsewhere."""
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        if not fps > 0 or not self._capture.set(cv2.CAP_PROP_POS_FRAMES, index - 1) or not self._capture.grab():
            return False
        # The time stamp belongs to the frame that was just grabbed.
        arrived = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 * fps
        self._next = index
        return abs(arrived - (index - 1)) < 0.5

    def _rewind(self) -> None:
        self._capture.release()
        self._capture = cv2.VideoCapture(str(self._file))
        self._next = 0
