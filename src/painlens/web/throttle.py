"""How often an address may fail to sign in."""

import threading
from collections import OrderedDict

TRIES, WINDOW_S = 5, 60.0  # failed tries of one address in a minute
REMEMBERED = 4096  # addresses


class Throttle:
    """Counts failed tries per address; the oldest addresses are forgotten first."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, address: str, now: float) -> float:
        """Seconds until the address may try again; 0 if it may now."""
        with self._lock:
            recent = [t for t in self._failures.get(address, []) if 0 <= now - t < WINDOW_S]
            return WINDOW_S - (now - recent[-TRIES]) if len(recent) >= TRIES else 0.0

    def failed(self, address: str, now: float) -> None:
        """Remember a failed try."""
        with self._lock:
            times = self._failures.pop(address, [])
            self._failures[address] = [*times[-TRIES + 1 :], now]
            while len(self._failures) > REMEMBERED:
                self._failures.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget the failures of an address."""
        with self._lock:
            self._failures.pop(address, None)
