"""The web application of one run."""

import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from painlens.annotations.store import StoreError
from painlens.web.index import RunError
from painlens.web.pages import STATIC, Link, refuse
from painlens.web.protection import Protection
from painlens.web.run import Run
from painlens.web.settings import Settings

THREADS = 8
LOG = logging.getLogger("painlens.web")


def build_app(run_folder: Path, *, settings: Settings, clock: Callable[[], float] = time.time) -> Starlette:
    """The application; ``app.state`` has `run`, `settings`, `links` and `clock` (seconds since 1970, UTC).

    Raises
    ------
    RunError
        The folder holds no run with test faces.
    """
    from painlens.web import features

    run = Run.open(run_folder, separate_process=settings.separate_process)
    routes: list[BaseRoute] = [Mount("/static", StaticFiles(directory=STATIC), name="static")]
    links: list[Link] = []
    for feature in features.FEATURES:
        routes += check_guarded(feature.routes)
        links += getattr(feature, "links", [])
    app = Starlette(
        lifespan=_few_threads,
        routes=routes,
        middleware=[Middleware(Protection, settings=settings)],
        exception_handlers={
            HTTPException: _http_error,
            StoreError: _store_error,
            sqlite3.Error: _store_error,
            RunError: _run_error,
            500: _server_error,
        },
    )
    app.state.run, app.state.settings, app.state.links = run, settings, links
    app.state.clock = _never_back(clock)
    return app


@asynccontextmanager
async def _few_threads(_: Starlette) -> AsyncIterator[None]:
    """Pages and pictures are made by few threads: more are no faster, and each takes memory."""
    to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield


def _never_back(clock: Callable[[], float]) -> Callable[[], float]:
    """The clock, but never earlier than it once was: a clock that is set back must not lengthen a session."""
    latest = 0.0

    def now() -> float:
        nonlocal latest
        latest = max(latest, clock())
        return latest

    return now


def check_guarded(routes: list[Route]) -> list[Route]:
    """The routes, each of which says who may use it."""
    for route in routes:
        if not hasattr(route.endpoint, "roles"):
            raise TypeError(f"route {route.path} is neither guarded by require(...) nor marked public")
    return routes


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refuse(request, error.status_code, str(error.detail), error.headers)


def _store_error(request: Request, error: Exception) -> Response:
    """The database of people and labels cannot be used: the cause is for the log, the page says what to expect."""
    LOG.error("%s: %s", request.app.state.run.database_file, error)
    if "disk is full" in str(error):
        return refuse(request, 507, "The server's disk is full. Nothing that was acknowledged is lost.")
    return refuse(request, 503, "The study's database cannot be used at the moment; the server's log says why.")


def _run_error(request: Request, error: Exception) -> Response:
    """A file of the run is missing or broken."""
    LOG.error("%s", error)
    return refuse(request, 500, "A file of this run is missing or broken; the server's log says which.")


def _server_error(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the server logs the error itself
    return refuse(request, 500, "Something went wrong here; the server's log says what. Nothing was lost.")
