"""How the server is reached."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What the application must know of its address and its machine.

    Attributes
    ----------
    hosts
        Names that the Host header may carry, without port; anything else is refused (DNS rebinding).
    secure
        Browsers reach the server over TLS, its own or a proxy's: cookies are marked so.
    separate_process
        Prepare the run's arrays in a child process, so that the memory which that takes is given back.
    """

    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
    secure: bool = False
    separate_process: bool = False
