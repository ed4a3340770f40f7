"""One frame of an image file, of a video or of a table of pixels, as it is shown upright."""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from painlens.databases.clips import Clip, ClipFacts
from painlens.databases.folders import VIDEOS
from painlens.databases.pixel_tables import PixelTable, is_pixel_table
from painlens.tables import DataError

# A larger picture is a mistake or an attack: the sensors of cameras end near 60 megapixels, and each costs 3 bytes.
LARGEST_MEGAPIXELS = 64
# What pictures of faces come in. Formats that run other programs (EPS) or other decoders are not tried.
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")

__all__ = ["Clip", "ClipFacts", "FrameSource", "inside", "is_clip", "load_frame", "load_image"]


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
    try:
        file = (base / path).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a link to itself; a null byte
        raise DataError(f"'{path}' is no usable path: {error}") from None
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
        Image, video or table of pixels, relative to `root`.
    frame_index
        Number of the frame in the video or row of the table, from 0; ignored for images.

    Raises
    ------
    DataError
        The path leaves `root`, or the file or the frame is missing or cannot be decoded.
    """
    source = FrameSource(root)
    try:
        return source.frame(path, frame_index)
    finally:
        source.close()


def load_image(file: Path) -> NDArray[np.uint8]:
    """Pixels of an image file, uint8 RGB (height, width, 3), turned upright where the file says so.

    Raises
    ------
    DataError
        The file is missing, damaged, no picture, or has more than `LARGEST_MEGAPIXELS`.
    """
    if not file.is_file():
        raise DataError(f"image not found: {file}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd metadata; a broken picture is an error, not a warning
            with Image.open(file, formats=_FORMATS) as image:
                check_size(file, *image.size)
                upright = ImageOps.exif_transpose(image)
                if upright.mode.startswith("I"):  # 16 bits of grey
                    upright = Image.fromarray((np.asarray(upright).clip(0, 65535) // 256).astype(np.uint8))
                return np.array(upright.convert("RGB"))
    except (DataError, MemoryError):
        raise
    except Image.UnidentifiedImageError:
        raise DataError(
            f"image cannot be decoded: {file}: it is no picture of the kinds {', '.join(_FORMATS)}"
        ) from None
    except Exception as error:  # decoders meet damaged files with errors of any kind
        raise DataError(f"image cannot be decoded: {file}: {error}") from None


def check_size(file: Path, width: int, height: int) -> None:
    """Raise a `DataError` for a picture that is too large to be opened; its header is enough to know."""
    if width * height > LARGEST_MEGAPIXELS * 1e6:
        raise DataError(
            f"image of {width} x {height} is too large: {file}: at most {LARGEST_MEGAPIXELS} megapixels are opened; "
            "scale it down"
        )


class FrameSource:
    """Frames of one database; the video of the last frame stays open, so that its next frames come cheap."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = ""
        self._open: Clip | PixelTable | None = None

    def frame(self, path: str, frame_index: int | None) -> NDArray[np.uint8]:
        """As `load_frame`."""
        many = is_pixel_table(path)
        if not many and not is_clip(path):
            return load_image(inside(self._root, path))
        if frame_index is None:
            raise DataError(f"{path} is a {'table' if many else 'video'}: the number of the frame is needed")
        if self._open is None or path != self._path:
            self.close()
            file = inside(self._root, path)
            self._open, self._path = PixelTable(file) if many else Clip(file), path
        return self._open.frame(frame_index)

    def close(self) -> None:
        """Close the open file, if any."""
        if self._open is not None:
            self._open.close()
            self._open = None
