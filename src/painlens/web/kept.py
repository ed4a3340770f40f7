"""What was computed lately and may be asked for again."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Kept:
    """Results that were asked for lately, up to some bytes or entries; the oldest go first."""

    def __init__(self, limit: int, size_of: Callable[[Any], int] = lambda _: 1) -> None:
        self._kept: OrderedDict[Hashable, object] = OrderedDict()
        self._limit, self._size_of, self._size = limit, size_of, 0
        self._lock = threading.Lock()

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The value of a key, computed if it is not there."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]  # type: ignore[return-value]
        value = compute()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = value
                self._size += self._size_of(value)
                while self._size > self._limit and len(self._kept) > 1:
                    self._size -= self._size_of(self._kept.popitem(last=False)[1])
        return value
