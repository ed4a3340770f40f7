"""Tables whose cells are the pictures themselves: ``fer2013.csv`` with 48 x 48 grey values in one cell per row."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from painlens.tables import DataError

SIDE = 48


def is_pixel_table(path: str) -> bool:
    """Whether a path names a table of pixels."""
    return Path(path).suffix.lower() == ".csv"


class PixelTable:
    """Pictures of a table by the number of the row, from 0; one row is read for each picture."""

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise DataError(f"table of pixels not found: {file}")
        self._file = file
        self._starts = _starts_of_lines(file, file.stat().st_mtime_ns)

    def frame(self, index: int) -> NDArray[np.uint8]:
        """Picture of a row, uint8 RGB (48, 48, 3).

        Raises
        ------
        DataError
            There is no such row, or it does not hold 48 x 48 whole numbers from 0 to 255.
        """
        if not 0 <= index < len(self._starts) - 1:
            raise DataError(f"table has {max(len(self._starts) - 1, 0)} rows, wanted row {index}: {self._file}")
        with self._file.open("rb") as stream:
            stream.seek(self._starts[index + 1])
            line = stream.readline().decode("ascii", errors="replace")
        return pixels_of(line.split(",")[1] if "," in line else "", f"row {index} of {self._file}")

    def close(self) -> None:
        """Nothing stays open."""


def pixels_of(cell: str, where: str) -> NDArray[np.uint8]:
    """The picture in a cell: whole numbers with blanks between."""
    try:
        values = np.array(cell.strip().strip('"').split(), dtype=np.int64)
    except (ValueError, OverflowError):
        raise DataError(f"{where} holds something else than whole numbers for pixels") from None
    if values.size != SIDE * SIDE or values.min() < 0 or values.max() > 255:
        raise DataError(f"{where} must hold {SIDE} x {SIDE} values from 0 to 255, got {values.size}")
    return np.repeat(values.astype(np.uint8).reshape(SIDE, SIDE, 1), 3, axis=2)


@lru_cache(maxsize=4)
def _starts_of_lines(file: Path, changed_ns: int) -> tuple[int, ...]:  # noqa: ARG001 - a changed file is read again
    """Where each line of a file that is not empty begins, header first."""
    starts, place = [], 0
    with file.open("rb") as stream:
        for line in stream:
            if line.strip():
                starts.append(place)
            place += len(line)
    return tuple(starts)
