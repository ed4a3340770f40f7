"""What each stage depends on: complete, in order, and the same in all places where it is written."""

import ast
import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import painlens
from compared_models import made_comparison
from painlens.study import Study, dump_study, load_study, parse_study
from painlens.workflow.run_folder import RunFolder, inputs_of, prepare_run, shipped_study
from painlens.workflow.stages import (
    EMOTION,
    SOURCES,
    Job,
    databases_of,
    job_of,
    jobs_of,
    needs,
    parameters_of,
    people_files,
    sources_of,
)
from painlens.workflow.steps import STEPS
from tiny_run import tiny_study

PACKAGE = Path(painlens.__file__).parent
DEMO = load_study(shipped_study("demo"))
PAPER = load_study(shipped_study("paper"))
STUDIES = {"demo": DEMO, "paper": PAPER, "tiny": tiny_study(), "compare": made_comparison()}
# They carry data, settings and words; they compute nothing that a result is made of.
CARRIERS = {"study", "tables", "progress", "workflow/context", "workflow/stages", "workflow/run_folder"}


def test_stages_are_the_steps_of_the_packages_docstring() -> None:
    lines = (painlens.__doc__ or "").splitlines()
    steps = [line.split()[0] for line in lines if line.startswith("    ")]
    assert list(SOURCES) == steps


def test_every_source_exists() -> None:
    missing = [f"{stage}: {path}" for stage in SOURCES for path in sources_of(stage) if not path.exists()]
    assert not missing


@pytest.mark.parametrize("name", STUDIES)
def test_every_job_comes_after_what_it_needs(name: str) -> None:
    jobs = jobs_of(STUDIES[name])
    for position, job in enumerate(jobs):
        assert set(needs(job, STUDIES[name])) <= set(jobs[:position]), job.name


@pytest.mark.parametrize("name", STUDIES)
def test_report_needs_every_other_job(name: str) -> None:
    jobs = jobs_of(STUDIES[name])
    assert set(needs(Job("report"), STUDIES[name])) == set(jobs) - {Job("report")}


@pytest.mark.parametrize("name", STUDIES)
def test_no_two_jobs_share_a_folder(name: str) -> None:
    run = RunFolder(Path("run"))
    folders = [run.manifest(job).parent for job in jobs_of(STUDIES[name])]
    assert len(set(folders)) == len(folders)


def test_owners_databases_are_not_rendered() -> None:
    assert not [job for job in jobs_of(PAPER) if job.stage == "synthesize"]
    assert needs(Job("frames", "clinical"), PAPER) == []


def test_emotion_network_needs_no_faces_without_an_emotion_database() -> None:
    study = tiny_study()
    assert needs(Job("pretrain"), study) == []
    assert EMOTION not in databases_of(study)


@given(st.sampled_from(jobs_of(DEMO)))
def test_file_name_names_one_job(job: Job) -> None:
    assert job_of(job.file_name) == job


class TestParameters:
    @pytest.mark.parametrize("job", jobs_of(DEMO), ids=lambda job: job.file_name)
    def test_are_plain_json(self, job: Job) -> None:
        own = parameters_of(job.stage, DEMO, job.database, job.replicate)
        assert json.loads(json.dumps(own)) == own

    @pytest.mark.parametrize(
        ("change", "stages"),
        [
            ({"title": "other"}, {"report"}),
            ({"differences": {"normalisation": "sum-abs"}}, {"differences", "report"}),
            ({"training": {"epochs": 3}}, {"train", "report"}),
            ({"faces": {"margin": 0.1}}, {"faces", "report"}),
            ({"concept_test": {"repeats": 7}}, {"concepts", "report"}),
            ({"backbone": {"name": "compact"}}, {"pretrain", "train", "report"}),
            ({"attribution": {"target": "pain", "composite": "paper"}}, set()),
        ],
    )
    def test_change_with_the_settings_of_their_own_stage_only(
        self, change: dict[str, object], stages: set[str]
    ) -> None:
        before, after = tiny_study(), tiny_study(**change)
        assert _changed(before, after) == stages

    def test_training_does_not_depend_on_another_databases_class_weights(self) -> None:
        before, after = tiny_study(), tiny_study(training={"class_balance": {"a": {"beta": 0.9}}})
        assert parameters_of("train", before, "b", "seed=0") == parameters_of("train", after, "b", "seed=0")
        assert parameters_of("train", before, "a", "seed=0") != parameters_of("train", after, "a", "seed=0")

    def test_more_seeds_leave_existing_networks_alone(self) -> None:
        before, after = tiny_study(), tiny_study(replication={"seeds": 3, "half_splits": 0})
        assert parameters_of("train", before, "a", "seed=0") == parameters_of("train", after, "a", "seed=0")
        assert parameters_of("split", before, "a") == parameters_of("split", after, "a")

    def test_permuted_labels_concern_their_own_network_and_the_checks_only(self) -> None:
        before, after = (tiny_study(trust={"randomised_labels": share}) for share in (0.5, 1.0))
        assert parameters_of("train", before, "a", "shuffled=0") != parameters_of("train", after, "a", "shuffled=0")
        assert parameters_of("train", before, "a", "seed=0") == parameters_of("train", after, "a", "seed=0")
        network = Job("train", "a", "shuffled=0")
        assert network in jobs_of(before)
        assert [job.stage for job in jobs_of(before) if network in needs(job, before)] == ["differences", "report"]
        assert network not in jobs_of(tiny_study(trust={"randomised_labels": 0}))

    def test_label_files_count_by_content_not_by_place(self) -> None:
        here, there = (_with_labels(Path(place)) for place in ("/here/labels.csv", "/there/labels.csv"))
        assert parameters_of("concepts", here) == parameters_of("concepts", there)
        assert people_files(Job("concepts"), here) == {"labels:smile": Path("/here/labels.csv")}


class TestRunFolder:
    def test_preparing_twice_leaves_the_study_file_alone(self, tmp_path: Path) -> None:
        """All steps of a run prepare it at the same time: none may write then."""
        run = prepare_run(DEMO, tmp_path / "run")
        before = run.study_file.stat().st_mtime_ns
        prepare_run(load_study(run.study_file), run.root)
        assert run.study_file.stat().st_mtime_ns == before

    @pytest.mark.parametrize("name", STUDIES)
    def test_resolved_study_reads_back_as_itself(self, name: str, tmp_path: Path) -> None:
        run = prepare_run(STUDIES[name], tmp_path / "run")
        assert dump_study(run.study()) == dump_study(STUDIES[name])

    def test_folder_of_another_study_is_refused(self, tmp_path: Path) -> None:
        prepare_run(DEMO, tmp_path / "run")
        with pytest.raises(ValueError, match="holds the run of study 'demo', not of 'tiny'"):
            prepare_run(tiny_study(), tmp_path / "run")

    def test_changed_settings_replace_the_study_file(self, tmp_path: Path) -> None:
        prepare_run(tiny_study(), tmp_path / "run")
        run = prepare_run(tiny_study(title="other"), tmp_path / "run")
        assert run.study().title == "other"

    def test_unknown_shipped_study_names_the_valid_ones(self) -> None:
        with pytest.raises(ValueError, match="there are demo"):
            shipped_study("nothing")

    def test_inputs_are_manifests_under_the_names_of_their_jobs(self) -> None:
        run = RunFolder(Path("run"))
        inputs = inputs_of("train", DEMO, run, "clinical", "seed=0")
        assert inputs["split/database=clinical"] == Path("run/split/database=clinical/manifest.json")


class TestSourcesAreComplete:
    """An import that no stage declares would let a changed result pass for up to date."""

    @pytest.mark.parametrize("stage", SOURCES)
    def test_stage_declares_the_modules_that_it_uses(self, stage: str) -> None:
        declared = set(SOURCES[stage])
        used = _used_by(stage)
        tops = {module.split("/")[0] for module in declared if not module.startswith("workflow/")} | declared
        missing = sorted(module for module in _with_imports(used, declared) if module not in tops)
        assert not missing, f"add to SOURCES['{stage}']: {missing}"


def _changed(before: Study, after: Study) -> set[str]:
    jobs = jobs_of(before)
    return {
        job.stage
        for job in jobs
        if parameters_of(job.stage, before, job.database, job.replicate)
        != parameters_of(job.stage, after, job.database, job.replicate)
    }


def _with_labels(path: Path) -> Study:
    raw = tiny_study().model_dump(mode="json")
    raw["concepts"] = {"smile": {"definition": "mouth corners up", "region": "mouth", "labels": str(path)}}
    return parse_study(raw)


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _imports(file: Path) -> dict[str, str]:
    """Local name -> module of painlens, as written in SOURCES, that a file imports it from."""
    found: dict[str, str] = {}
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "painlens":
            parts = (node.module or "").split(".")[1:]
            for alias in node.names:
                path = [*parts, alias.name] if not parts or parts == ["workflow"] else parts
                found[alias.asname or alias.name] = "/".join(path[:2]) if path[0] == "workflow" else path[0]
    return found


def _used_by(stage: str) -> set[str]:
    """Modules that the function of a stage uses, with the functions of the workflow that it calls."""
    entry, function = STEPS[stage]
    used: set[str] = set()
    open_names = [(f"workflow/{entry}", function)]
    seen: set[tuple[str, str]] = set()
    while open_names:
        module, name = open_names.pop()
        if (module, name) in seen:
            continue
        seen.add((module, name))
        used.add(module)
        file = PACKAGE / f"{module}.py"
        imports = _imports(file)
        definitions = {n.name: n for n in _tree(file).body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        if name not in definitions:
            continue
        for node in ast.walk(definitions[name]):
            if isinstance(node, ast.Name) and node.id in definitions:
                open_names.append((module, node.id))
            elif isinstance(node, ast.Name) and node.id in imports:
                source = imports[node.id]
                if source.startswith("workflow/") and source not in CARRIERS:
                    open_names.append((source, node.id))
                else:
                    used.add(source)
    return used - CARRIERS


def _with_imports(used: set[str], declared: set[str]) -> set[str]:
    """Used modules and what these import; of a package that is declared by single files, only these files count."""
    found, open_modules = set(used), [module for module in used if not module.startswith("workflow/")]
    while open_modules:
        module = open_modules.pop()
        parts = [d for d in declared if d.startswith(f"{module}/")]
        place = PACKAGE / module
        files = [PACKAGE / f"{part}.py" for part in parts if module not in declared and not Path(part).suffix]
        if not files:
            files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
        new = {source for file in files for source in _imports(file).values()} - found - CARRIERS
        found |= new
        open_modules += new
    return found
