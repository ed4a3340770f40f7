"""Fixtures of tests that look at a run through HTTP: each has a copy of one run, and a researcher who is signed in."""

import shutil
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from painlens.web.index_file import index_of
from painlens.workflow.run_folder import RunFolder
from web_client import app_of, signed_in
from web_run import made_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = made_run(tmp_path_factory.mktemp("web") / "run", faces=24, people=6, withheld=("clinical-p001",))
    index_of(RunFolder(root), separate_process=False)  # every copy brings it along
    return root


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "run"))


@pytest.fixture
def app(folder: Path) -> Starlette:
    return app_of(folder)


@pytest.fixture
def client(app: Starlette) -> TestClient:
    return signed_in(app, "researcher", "rosa")
