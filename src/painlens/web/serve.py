"""Starting the server: where it listens, who may reach it, and what a person is told."""

import ipaddress
import os
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from painlens.web import people
from painlens.web.app import build_app
from painlens.web.index import RunError
from painlens.web.run import Run
from painlens.web.settings import Settings

PORT = 8765
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class ServeError(ValueError):
    """Options that do not go together; the message says what to add."""


@dataclass(frozen=True)
class Options:
    """Options of ``painlens serve``.

    Attributes
    ----------
    names
        Further host names under which browsers reach the server.
    invite
        ``NAME:ROLE`` of people who get a new token.
    """

    run: str
    host: str = "127.0.0.1"
    port: int = PORT
    names: tuple[str, ...] = ()
    tls_cert: str = ""
    tls_key: str = ""
    behind_proxy: bool = False
    invite: tuple[str, ...] = ()


def check(options: Options) -> Settings:
    """The settings that follow from the options.

    Raises
    ------
    ServeError
        Another host than loopback without TLS or a proxy, or half of a certificate.
    """
    if bool(options.tls_cert) != bool(options.tls_key):
        raise ServeError("--tls-cert and --tls-key belong together; give both or none")
    for path in filter(None, (options.tls_cert, options.tls_key)):
        if not Path(path).is_file():
            raise ServeError(f"there is no file {path}")
    if options.behind_proxy and not options.names:
        raise ServeError("--behind-proxy needs --name: the host name that browsers use, e.g. --name lab.example.org")
    if not _is_loopback(options.host) and not (options.tls_cert or options.behind_proxy):
        raise ServeError(
            f"faces would travel unprotected: --host {options.host} needs --tls-cert and --tls-key, or --behind-proxy "
            "if a proxy adds TLS; without --host only this machine can reach the server"
        )
    wildcard = options.host in ("0.0.0.0", "::")
    if wildcard and not options.names:
        raise ServeError(f"--host {options.host} needs --name: the host name or address that browsers use")
    own = () if wildcard else (f"[{options.host}]" if ":" in options.host else options.host.lower(),)
    hosts = tuple(dict.fromkeys((*LOOPBACK, *own, *(name.lower() for name in options.names))))
    return Settings(hosts=hosts, secure=bool(options.tls_cert or options.behind_proxy), separate_process=True)


def invitations(run: Run, wanted: tuple[str, ...]) -> list[tuple[people.Person, str]]:
    """New tokens for people named ``NAME:ROLE``; where nobody is known yet, one for a researcher.

    Raises
    ------
    PeopleError
        An entry has another form, or the person has another role.
    """
    with run.connect() as connection:
        nobody = not people.list_people(connection, now=time.time())
        if nobody and not wanted:
            wanted = ("researcher:researcher",)
        made = []
        for entry in wanted:
            name, separator, role = entry.rpartition(":")
            if not separator:
                raise people.PeopleError(f"an invitation looks like NAME:ROLE, e.g. anna:annotator; got '{entry}'")
            made.append(people.invite(connection, name, role, now=time.time()))
    return made


def serve(options: Options) -> None:
    """Serve until Ctrl-C.

    Raises
    ------
    ServeError, RunError, PeopleError, DataError, OSError
        Wrong options, no run, a wrong invitation, an unusable database, a port in use.
    """
    settings = check(options)
    os.umask(0o077)  # whatever the server writes is its owner's only
    listener = _listen(options.host, options.port)
    app = build_app(Path(options.run), settings=settings)
    tokens = invitations(app.state.run, options.invite)
    scheme = "https" if options.tls_cert else "http"
    name = f"[{options.host}]" if ":" in options.host else options.host
    _announce(options, f"{scheme}://{name}:{listener.getsockname()[1]}", tokens)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=options.behind_proxy,
        forwarded_allow_ips="127.0.0.1",
        ssl_certfile=options.tls_cert or None,
        ssl_keyfile=options.tls_key or None,
        timeout_graceful_shutdown=3,
        limit_concurrency=200,
        ws="none",
    )
    uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket, so that the port is known and taken before anything else happens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)  # before the address is printed: whoever reads it may connect
    except OSError as error:
        listener.close()
        raise OSError(f"port {port} of {host} cannot be used: {error.strerror}; choose another with --port") from None
    return listener


def _announce(options: Options, address: str, tokens: list[tuple[people.Person, str]]) -> None:
    """Address and tokens, on stdout: they are this command's result."""
    shown = f"https://{options.names[0]}" if options.behind_proxy else address
    print(f"painlens serves {options.run} at {shown}")
    if options.behind_proxy:
        print(f"  (the proxy reaches it at {address})")
    for person, token in tokens:
        print(f"  {person.role:<11} {person.name:<16} token {token}")
    if tokens:
        print("  Tokens are shown this once and hold for 90 days; `painlens people` makes new ones and ends old ones.")
    print("Ctrl-C stops the server.", flush=True)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def explain(error: Exception) -> tuple[str, int]:
    """Sentence and exit code for what stopped the server."""
    if isinstance(error, ServeError | people.PeopleError):
        return str(error), 2
    return str(error), 3 if isinstance(error, RunError | ValueError) else 1


def main(options: Options) -> int:
    """Serve; the exit code."""
    try:
        serve(options)
    except (ValueError, OSError) as error:
        message, code = explain(error)
        print(f"painlens: {message}", file=sys.stderr)
        return code
    except KeyboardInterrupt:
        pass
    return 0
