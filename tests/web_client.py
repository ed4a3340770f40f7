"""Clients of the web application, signed in as somebody."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from painlens.web import people
from painlens.web.app import build_app
from painlens.web.settings import Settings

ORIGIN = "http://testserver"
PAGE = {"accept": "text/html"}


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def app_of(run: Path, clock: Clock | None = None) -> Starlette:
    """The application of a run, for the host ``testserver``."""
    return build_app(run, settings=Settings(hosts=("testserver",)), clock=clock or Clock())


def anonymous(app: Starlette) -> TestClient:
    """Somebody without a session; posts come from the server's own pages."""
    return TestClient(app, base_url=ORIGIN, headers={"origin": ORIGIN}, follow_redirects=False)


def token_of(app: Starlette, role: str, name: str = "") -> str:
    """A token for a person of a role."""
    with app.state.run.connect() as connection:
        return people.invite(connection, name or f"some {role}", role, now=app.state.clock())[1]


def signed_in(app: Starlette, role: str, name: str = "") -> TestClient:
    """Somebody who has signed in."""
    client = anonymous(app)
    answer = client.post("/sign-in", data={"token": token_of(app, role, name)})
    assert answer.status_code == 303, answer.text
    return client


def routes_of(app: Starlette) -> list[Route]:
    """All routes but the static files."""
    return [route for route in app.routes if isinstance(route, Route)]


def log_of(app: Starlette) -> list[tuple[str, str]]:
    """Action and detail of the audit log, oldest first."""
    with app.state.run.connect() as connection:
        return [tuple(row) for row in connection.execute("SELECT action, detail FROM audit ORDER BY audit_id")]
