"""Fixtures of tests that annotate in a real browser: a run for each file, its server, one browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from annotation_server import Prepared, Served, prepared_run
from browser import chromium


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A run whose tasks the tests make."""
    return prepared_run(tmp_path_factory.mktemp("browser") / "run", faces=24)


@pytest.fixture(scope="module")
def server(run: Prepared) -> Iterator[Served]:
    """The run's server."""
    served = Served(run.root).start()
    yield served
    served.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    with chromium() as browser:
        yield browser
