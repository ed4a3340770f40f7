"""Memory that a process frees and needs again a moment later."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # numbers of glibc's options, see mallopt(3)


def keep_freed_memory() -> bool:
    """Whether the C library now keeps large blocks that are freed, for the whole process; False without glibc.

    By default every tensor of some MiB is a mapping of its own, which the kernel fills with zeros page by page and
    takes back at once: on a virtual machine that takes several times as long as reading it once. Relevance needs six
    such blocks per layer where a forward pass needs two, so it loses most. The process then keeps the memory that it
    needed at its peak until it ends: for a process that runs one step and ends, not for a server.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library
        return False
    return bool(mallopt(_TRIM_THRESHOLD, -1)) and bool(mallopt(_MMAP_MAX, 0))
