"""The documentation says what the code does: reference pages, README commands, links, names of the steps."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import typer

import painlens
from painlens.cli import app
from painlens.workflow.stages import SOURCES

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


def generator() -> ModuleType:
    """The script that writes the reference pages."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["study.md", "tables.md", "commands.md"])
def test_reference_pages_follow_the_code(name: str) -> None:
    written = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert written == generator().PAGES[name](), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    missing = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_and_studies_in_the_docs_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    commands = set(typer.main.get_command(app).commands)  # pyright: ignore[reportAttributeAccessIssue] - click's group
    named = set(re.findall(r"(?:^    |`)painlens ([a-z]+)", text, re.MULTILINE))
    assert named <= commands
    studies = set(re.findall(r"studies/([\w-]+)\.yaml", text))
    assert all((ROOT / "studies" / f"{name}.yaml").exists() for name in studies)


def test_the_package_names_every_step_in_order() -> None:
    listed = re.findall(r"^    ([a-z]+) {2,}", painlens.__doc__ or "", re.MULTILINE)
    assert listed == list(SOURCES)


def test_the_makefile_has_the_targets_that_the_readme_names() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert {"demo", "test", "lint", "bench", "docs"} <= targets
    named = set(re.findall(r"`?make ([a-z-]+)`?", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert named <= targets
