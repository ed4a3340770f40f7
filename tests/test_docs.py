"""The documentation says what the code does: reference pages, README commands, links, names of the steps."""

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
import yaml

import painlens
from painlens import tables
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


def calls_in(text: str) -> list[tuple[str, bool]]:
    """Calls of the command line in a page, and whether one stands in a block of its own and so must be whole."""
    call = r"(painlens (?:[^\n]*\\\n)*[^\n]*)$"
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    blocks = re.findall(f"^ {{4,}}{call}", text, re.MULTILINE)
    blocks += [found for body in fenced for found in re.findall(f"^{call}", body, re.MULTILINE)]
    whole = [re.split(r"\s(?:>|\||&&|;|#)\s", block.replace("\\\n", " "))[0] for block in blocks]
    inline = re.findall(r"`(painlens [^`\n]+)`", text)
    return [*((one, True) for one in whole), *((one, False) for one in inline)]


def refusal_of(call: str) -> str:
    """Why the real parser does not take a call; empty where it does."""
    command: Any = typer.main.get_command(app)
    arguments = shlex.split(call)[1:]
    if "..." in arguments:
        return ""
    try:
        while hasattr(command, "commands") and arguments:
            _, command, arguments = command.resolve_command(command.context_class(command), arguments)
        command.make_context(command.name, list(arguments))
    except SystemExit:
        return ""
    except Exception as error:  # the parser's own classes are not public
        kind = type(error).__name__
        return kind if kind != "UsageError" else f"{kind}: {getattr(error, 'message', error)}"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_calls_in_the_docs_are_taken_by_the_parser(page: Path) -> None:
    wrong = []
    for call, whole in calls_in(page.read_text(encoding="utf-8")):
        why = refusal_of(call)
        if why and (whole or why != "MissingParameter"):  # within a sentence a command may stand without its run
            wrong.append((call, why))
    assert not wrong


def test_the_parser_finds_a_wrong_call() -> None:
    assert refusal_of("painlens bundle runs/demo --output x.zip") == ""
    assert refusal_of("painlens bundle") == "MissingParameter"
    assert refusal_of("painlens bundle runs/demo --outptu x.zip") == "NoSuchOption"
    assert refusal_of("painlens bundel runs/demo")
    assert refusal_of("painlens estimate a.yaml --cores none") == "BadParameter"


def test_every_command_option_and_column_says_what_it_is() -> None:
    group: Any = typer.main.get_command(app)
    nested = [c for command in group.commands.values() for c in getattr(command, "commands", {}).values()]
    for command in [*group.commands.values(), *nested]:
        assert command.help, command.name
        unsaid = [p.name for p in command.params if not getattr(p, "help", None)]
        assert not unsaid, f"{command.name}: {unsaid}"
    for schema in tables.SCHEMAS.values():
        assert schema.row
        assert all(column.meaning for column in schema.columns.values()), schema.name


def test_the_site_is_built_with_every_page_and_asks_nobody(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    listed = yaml.safe_dump(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs")
        assert str(name) in listed, f"{name} stands in no menu of mkdocs.yml"
        assert (tmp_path / "site" / name.with_suffix(".html")).exists()
    for page in (tmp_path / "site").rglob("*.html"):
        loaded = re.findall(
            r"<(?:script|link|img)[^>]*(?:src|href)=\"(https?:[^\"]*)\"", page.read_text(encoding="utf-8")
        )
        assert not loaded, page
