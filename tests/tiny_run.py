"""A tiny run whose steps are played by tests/workflow_double/painlens, for the tests of the workflow."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import painlens
from painlens.study import Study, parse_study
from painlens.tables import begin
from painlens.workflow import engine, stages
from painlens.workflow.run_folder import RunFolder, inputs_of, prepare_run
from painlens.workflow.stages import Job, jobs_of, parameters_of, sources_of

DOUBLE = Path(__file__).with_name("workflow_double")
SMALL = {"participants": 6}
TINY = {
    "study": "tiny",
    "databases": {
        "a": {"reader": "unbc", "synthetic": SMALL},
        "b": {"reader": "manifest", "root": "/nowhere"},
    },
    "replication": {"seeds": 1, "half_splits": 0},
    "trust": {"randomised_labels": 0},
}


def tiny_study(**changes: object) -> Study:
    """Two databases, one of them rendered, one network each: 18 jobs."""
    return parse_study(TINY | changes)


def plain_package(folder: Path) -> Path:
    """A copy of the package in which every stage runs one small file, so that tests may edit sources."""
    package, real = folder / "painlens", Path(painlens.__file__).parent
    for part in ("study", "tables", "workflow"):
        shutil.copytree(real / part, package / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__init__.py", "progress.py", "consent.py"):
        shutil.copy(real / name, package / name)
    comparable = package / "databases" / "comparable.py"  # the one part beyond these that `painlens run` itself uses
    comparable.parent.mkdir()
    (comparable.parent / "__init__.py").touch()
    comparable.write_text("def assert_comparable(databases, *, target): ...\n", encoding="utf-8")
    for modules in stages.SOURCES.values():
        for module in modules:
            source = package / (module if Path(module).suffix else f"{module}.py")
            if not source.exists() and not (package / module).is_dir():
                source.parent.mkdir(parents=True, exist_ok=True)
                source.write_text(f"# {module}\n", encoding="utf-8")
    return package


@dataclass
class TinyRun:
    """A run folder, the package that it uses, and the double's notebook."""

    run: RunFolder
    package: Path
    double: Path
    study: Study

    def lay_down(self, study: Study | None = None) -> None:
        """Tell the double what every job is made of, as the real steps would compute it."""
        self.study = study or self.study
        self.run = prepare_run(self.study, self.run.root)
        identity = self.double / "identity"
        identity.mkdir(parents=True, exist_ok=True)
        for job in jobs_of(self.study):
            place = (job.stage, self.study, job.database, job.replicate)
            begun = begin(job.stage, parameters=parameters_of(*place), inputs={}, modules=sources_of(job.stage))
            inputs = inputs_of(job.stage, self.study, self.run, job.database, job.replicate)
            given = {
                "parameters": begun.parameters,
                "code": begun.code,
                "inputs": {name: os.path.relpath(path, self.run.root) for name, path in inputs.items()},
                "folder": os.path.relpath(self.run.manifest(job).parent, self.run.root),
            }
            (identity / f"{job.file_name}.json").write_text(json.dumps(given), encoding="utf-8")

    def start(self, study: Study | None = None, *, cores: int = 4, keep_going: bool = False) -> int:
        """Bring the run up to date in this process, as `painlens run` does."""
        self.lay_down(study)
        return engine.run_workflow(self.run, cores=cores, commands=DOUBLE, keep_going=keep_going)

    def process(self) -> subprocess.Popen[bytes]:
        """`painlens run` as a process of its own, which can be killed."""
        self.lay_down()
        call = (
            "import sys; from pathlib import Path; from painlens.workflow.engine import run_workflow; "
            "from painlens.workflow.run_folder import RunFolder; "
            f"sys.exit(run_workflow(RunFolder(Path({str(self.run.root)!r})), cores=4, commands=Path({str(DOUBLE)!r})))"
        )
        return subprocess.Popen([sys.executable, "-c", call], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)

    def snakemake(self, *options: str) -> str:
        """A plain call of Snakemake, without the engine; returns what it printed."""
        search = os.pathsep.join([str(DOUBLE), str(Path(sys.executable).parent), os.environ["PATH"]])
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(self.package / "workflow" / "Snakefile")]
        command += ["--directory", str(self.run.root), "--cores", "4", "--nocolor", *options]
        done = subprocess.run(
            command, env=os.environ | {"PATH": search}, capture_output=True, text=True, check=False, timeout=60
        )
        return done.stdout + done.stderr

    def calls(self) -> dict[str, list[str]]:
        """What the double did since the last look: computing and unchanged jobs."""
        notebook = self.double / "calls.txt"
        text = notebook.read_text(encoding="utf-8") if notebook.exists() else ""
        notebook.unlink(missing_ok=True)
        found: dict[str, list[str]] = {"computing": [], "unchanged": []}
        for line in text.splitlines():
            word, job = line.split()
            found[word].append(job)
        return found

    def in_the_middle(self, job: Job, code: str) -> None:
        """Code that the double runs in the middle of a job."""
        self.double.mkdir(parents=True, exist_ok=True)
        (self.double / f"{job.file_name}.py").write_text(code, encoding="utf-8")

    def mend(self, job: Job) -> None:
        """Take that code away."""
        (self.double / f"{job.file_name}.py").unlink()


def existing_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> TinyRun:
    """The run, package and notebook that lie in a folder."""
    package = folder / "package" / "painlens"
    monkeypatch.setattr(stages, "PACKAGE", package)
    monkeypatch.setattr(engine, "SNAKEFILE", package / "workflow" / "Snakefile")
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.setenv("DOUBLE", str(folder / "double"))
    study = tiny_study()
    return TinyRun(prepare_run(study, folder / "run"), package, folder / "double", study)


def tiny_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> TinyRun:
    """A run folder in which nothing was done."""
    plain_package(folder / "package")
    return existing_run(folder, monkeypatch)
