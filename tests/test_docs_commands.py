"""Every command of the README, the tutorial and the how-tos is run, page by page, on small rendered studies.

The studies, databases and runs that the pages name (`studies/paper.yaml`, `/data/UNBC`, `runs/demo` ...) are small ones
here. Whole runs of new studies get ``--dry-run``: `test_whole_study*.py` perform them.
"""

import re
import shlex
import shutil
import subprocess
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from annotation_cases import items_of, say
from painlens import tables
from painlens.annotations import store
from painlens.annotations.tasks import list_tasks
from painlens.cli import app
from painlens.workflow import engine, in_process
from painlens.workflow.engine import run_workflow
from painlens.workflow.run_folder import RunFolder
from test_docs import ROOT, calls_in, refusal_of
from web_browser import served
from whole_here import run_here

PAGES = [ROOT / "README.md", ROOT / "docs" / "tutorial.md", *sorted((ROOT / "docs" / "how-to").glob("*.md"))]
RUN_ELSEWHERE = {"own-models.md": "test_api.py", "add-a-database.md": "test_databases_docs.py"}
MINUTES = ("painlens demo",)  # eight of them: `make demo` runs it
DRAWN = {"participants": 6, "sequences": 2, "size": 64, "twins": 2}
STUDY: dict[str, Any] = {
    "study": "demo",
    "databases": {
        "clinical": {
            "reader": "unbc",
            "synthetic": DRAWN | {"seed": 1, "seconds": 3, "fps": 3},
            "split": {"test": 3, "validation": 0},
            "consent": {"publish": "all"},
        },
        "experimental": {
            "reader": "biovid",
            "synthetic": DRAWN | {"seed": 2, "fps": 1},
            "frames": {"rule": "at-time", "seconds": 4},
            "split": {"test": 3, "validation": 0},
            "consent": {"publish": "all"},
        },
    },
    "pretraining": {},
    "faces": {"size": 32, "detector": "none"},
    "backbone": {"name": "compact", "head": 8},
    "training": {"epochs": 1},
    "concepts": {"eyes-closed": {"definition": "both eyes are closed", "region": "eyes"}},
    "concept_test": {
        "repeats": 5, "participant_repeats": 5, "floor_permutations": 0, "smallest_cell": 1, "bootstrap": 10,
        "random_directions": 0,
    },
    "trust": {"faces": 8, "depths": 2, "randomised_labels": 0},
    "replication": {"seeds": 1, "half_splits": 0},
}  # fmt: skip
OWNERS = {"clinical": "UNBC", "experimental": "BioVid"}
# What a page names, and what stands for it here.
STANDS_FOR = {
    r"/(shared|data|backup)/": r"\1/",
    r"\bRUN\b": "runs/demo",
    r"\bSTUDY\b": "runs/demo",
    r"\bDATABASE\b": "clinical",
    r"=happy": "=no-pain",  # the small study has these classes
    r"--host 0\.0\.0\.0": "--host 127.0.0.1",
}


@dataclass
class Place:
    """A folder with all that the pages name, and a person of the clinical test part."""

    root: Path
    participant: str
    finished: RunFolder

    def lay_down(self, name: str) -> None:
        """A finished run under the name that a page gives it."""
        run = RunFolder(shutil.copytree(self.finished.root, self.root / name))
        run.study_file.write_text(run.study_file.read_text().replace("study: demo", f"study: {run.root.name}"))

    def translated(self, call: str) -> str:
        """The call with what stands here for what the page names."""
        for name, here in STANDS_FOR.items():
            call = re.sub(name, here, call)
        call = re.sub(r"\bPARTICIPANT\b|042-ll042", self.participant, call)
        if "--sha256" in call:
            digest = sha256((self.root / "demo.bundle.zip").read_bytes()).hexdigest()
            call = re.sub(r"(--sha256) \w+", rf"\1 {digest}", call)
        if call.startswith("painlens run studies/") and "--dry-run" not in call:
            call += " --dry-run"
        return call

    def perform(self, call: str) -> None:
        """Run a call; it must end well."""
        words = shlex.split(self.translated(call))[1:]
        if words[:2] == ["run", "runs/emotions-happy"]:  # the page's `cp -a` before it
            shutil.copytree(self.root / "runs/emotions", self.root / words[1])
        if words[0] == "serve":
            self.serve(words[1:])
        else:
            result = CliRunner().invoke(app, words)
            assert result.exit_code == 0, f"{call}\n{result.output}{result.exception!r}"
        if words[:2] == ["annotations", "new"]:
            self.answer_everything()
        if words[:1] == ["forget"] and "--database" in words:  # the page goes on with a run that has it
            shutil.rmtree(self.root / words[1])
            self.lay_down(words[1])

    def serve(self, words: list[str]) -> None:
        """The server comes up with these options and tells its address."""
        if "--tls-cert" in words:
            make = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=lab"
            subprocess.run(shlex.split(make), check=True, capture_output=True)
        with served(Path(words[0]), options=words[1:]) as server:
            assert server.address.startswith("https" if "--tls-cert" in words else "http")

    def answer_everything(self) -> None:
        """Two people label all faces of the newest task, alike."""
        with closing(store.connect(self.root / "runs/demo" / store.FILE)) as connection:
            task = list_tasks(connection)[-1]
            answers = {item: "yes" if number % 2 else "no" for number, item in enumerate(items_of(connection, task))}
            for person in ("anna", "ben"):
                outcomes = say(connection, task, person, answers)
                assert len(outcomes) == len(answers) > 10


def owners_study(name: str) -> dict[str, Any]:
    """The small study on databases that lie in folders of their own."""
    databases = {
        key: {**{k: v for k, v in section.items() if k != "synthetic"}, "root": f"../data/{OWNERS[key]}"}
        for key, section in STUDY["databases"].items()
    }
    return STUDY | {"study": name, "databases": databases}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The finished run of the small study, never changed."""
    return run_here(STUDY, tmp_path_factory.mktemp("finished") / "run")


def workflow_here(run: RunFolder, *, dry_run: bool = False, **options: Any) -> int:
    """`engine.run_workflow` with its due steps in this process, so that Python and torch start once."""
    if dry_run:
        return run_workflow(run, dry_run=True, **options)
    in_process.run_here(run)
    return 0


@pytest.fixture
def place(finished: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """What the pages name, made anew for every page."""
    (tmp_path / "studies").mkdir()
    for name in ("demo", "paper", "null", "levels", "emotions"):
        (tmp_path / "studies" / f"{name}.yaml").write_text(yaml.safe_dump(owners_study(name)))
    for name, owner in OWNERS.items():
        shutil.copytree(finished.rendered_root(name), tmp_path / "data" / owner)
    (tmp_path / "backup").mkdir()
    (tmp_path / "my-slurm").mkdir()
    (tmp_path / "my-slurm" / "config.yaml").write_text("executor: local\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engine, "run_workflow", workflow_here)
    split = tables.load_table(finished.folder("split", "clinical") / "split.parquet", tables.SPLIT)
    place = Place(tmp_path, str(split.loc[split["part"] == "test", "participant"].iloc[0]), finished)
    for name in ("runs/demo", "runs/paper", "runs/emotions", "shared/runs/demo"):
        place.lay_down(name)
    return place


def commands_of(page: Path) -> list[str]:
    """Whole calls in a page: its blocks, and within sentences those that name all that they need."""
    calls = calls_in(page.read_text(encoding="utf-8"))
    found = [call for call, whole in calls if whole or (len(call.split()) > 2 and not refusal_of(call))]
    return [call for call in dict.fromkeys(found) if not call.startswith(MINUTES) and "..." not in call]


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in RUN_ELSEWHERE], ids=lambda p: p.stem)
def test_commands_of_a_page_run(page: Path, place: Place) -> None:
    for call in commands_of(page):
        place.perform(call)


def test_pages_that_others_run_are_run_by_them() -> None:
    for page, test in RUN_ELSEWHERE.items():
        assert page.removesuffix(".md") in (ROOT / "tests" / test).read_text(encoding="utf-8")
    assert sum(len(commands_of(page)) for page in PAGES) > 40
