"""Products of small matrices on one thread: their last digits must not depend on how many cores a step was given."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from threadpoolctl import ThreadpoolController


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run a block, or a decorated function, with BLAS on one thread.

    BLAS adds up in another order with another number of threads; a sealed table could then be computed again only on
    as many cores as it was made on.
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    """The BLAS libraries of this process; looking for them takes milliseconds."""
    return ThreadpoolController()
