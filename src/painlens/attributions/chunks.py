"""How many faces are explained at once, so that they fit into memory."""

from collections.abc import Callable

import torch

from painlens.tables import DataError

Notice = Callable[[str], None]
BUDGET = 2**30  # bytes of one chunk; more is no faster
_WORKING = (
    6  # tensors of the size of the largest that are in use beside what is kept: input, z, z+, share and two on the way
)


class Chunks:
    """Splits rows into chunks, and into smaller ones from the moment that memory runs out.

    Parameters
    ----------
    size
        Faces in a chunk to begin with.
    notice
        Told when chunks become smaller.
    """

    def __init__(self, size: int, notice: Notice) -> None:
        self._size, self._notice = max(1, size), notice

    @property
    def size(self) -> int:
        """Faces in a chunk."""
        return self._size

    def run(self, rows: slice, work: Callable[[slice], None]) -> None:
        """Do the work for rows, chunk by chunk.

        Raises
        ------
        DataError
            Not even one face fits into memory.
        """
        start = rows.start
        while start < rows.stop:
            chunk = slice(start, min(start + self._size, rows.stop))
            if self._fits(chunk, work):
                start = chunk.stop
            else:  # here, where the error and with it all that the failed attempt held are gone
                self._halve(chunk)

    @staticmethod
    def _fits(chunk: slice, work: Callable[[slice], None]) -> bool:
        """Do the work for a chunk; whether there was memory for it."""
        try:
            work(chunk)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return False
        return True

    def _halve(self, chunk: slice) -> None:
        tried = chunk.stop - chunk.start
        if tried == 1:
            raise DataError(
                "one face needs more memory than there is; free memory on the device, or use a smaller faces.size"
            )
        self._size = max(1, tried // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self._notice(f"out of memory with {tried} faces at once, going on with {self._size}; the maps stay the same")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out; on processors torch has no class of its own for it."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text


def faces_that_fit(kept: int, largest: int, budget: int = BUDGET) -> int:
    """Faces whose tapes fit into a budget, from the bytes that one face keeps and those of its largest tensor.

    >>> faces_that_fit(kept=10_000_000, largest=5_000_000, budget=400_000_000)
    10
    """
    return max(1, budget // max(1, kept + _WORKING * largest))
