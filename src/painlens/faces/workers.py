"""Pieces of work done by several processes, answered in their order with flat memory."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice
from typing import TypeVar

import cv2

Piece = TypeVar("Piece")
Answer = TypeVar("Answer")


def in_order(work: Callable[[Piece], Answer], pieces: Iterable[Piece], *, workers: int) -> Iterator[Answer]:
    """Answers in the order of the pieces; at most two pieces per process are under way.

    Each process uses one thread of OpenCV, so that several do not fight for the cores. Processes are started anew
    (spawn): a fork of a process with threads may hang. A single piece is worked on here: it would be done before a
    process has started.
    """
    pieces = iter(pieces)
    first = list(islice(pieces, 2))
    pieces = chain(first, pieces)
    if workers <= 1 or len(first) < 2:
        yield from map(work, pieces)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
        waiting: deque[Future[Answer]] = deque()
        try:
            for piece in pieces:
                waiting.append(pool.submit(work, piece))
                if len(waiting) >= 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _one_thread() -> None:
    """Keep OpenCV from starting threads in every process."""
    cv2.setNumThreads(1)
