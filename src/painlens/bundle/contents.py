"""What of a run goes into a bundle: every table and inner product with the manifests, no pixel and no weight.

Paths are those of the run, so that the same code reads a bundle as reads a run. Beside them stand the listing of all
digests and the report's sentences. Ids of participants and names of frames are in the tables.
"""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from painlens import concept_test, tables
from painlens.bundle.archive import LISTING, write_archive
from painlens.study import Study
from painlens.tables import DataError, Manifest
from painlens.workflow.run_folder import RunFolder, inputs_of
from painlens.workflow.stages import Job, jobs_of, parameters_of

FORMAT = 1
SENTENCES = "statements.json"
RATINGS = "people/ratings.csv"
NOTES = ("hypotheses.json", "withdrawn.json")
LIBRARIES = ("painlens", "numpy", "scipy", "scikit-learn", "numba", "pandas", "statsmodels")


@dataclass(frozen=True)
class Sealed:
    """A bundle that was written.

    Attributes
    ----------
    sha256
        Of the whole file: the number to publish.
    """

    path: Path
    sha256: str
    files: int
    size: int


def write_bundle(run: RunFolder, output: Path) -> Sealed:
    """Write the bundle of a finished run.

    Raises
    ------
    DataError
        A step has not run, its files were changed, or it was made from other results than those that lie here.
    """
    study = run.study()
    jobs = bundled_jobs(run, study)
    for job in jobs:
        _check_whole(run, job)
    stale = list(broken_links(run, study, jobs))
    if stale:
        raise DataError(f"{stale[0].sentence}; bring the run up to date first: painlens run {run.root}")
    members = members_of(run, study, jobs)
    if study.concepts and not any(name.endswith("/gram.npy") for name in members):
        raise DataError(
            f"{run.folder('concepts')} keeps no inner products: an earlier version of painlens wrote it; run "
            f"`painlens concepts {run.root}` and `painlens report {run.root}` again"
        )
    with tempfile.TemporaryDirectory() as name:
        sentences, listing = Path(name, SENTENCES), Path(name, LISTING)
        tables.save_json(sentences_of(run, study), sentences)
        members[SENTENCES] = sentences
        tables.save_json(_listing(study, members), listing)
        members[LISTING] = listing
        write_archive(output, members)
    return Sealed(output, tables.sha256_of(output), len(members), output.stat().st_size)


def bundled_jobs(run: RunFolder, study: Study) -> list[Job]:
    """Jobs whose results a bundle is about: all; the report only if it was made."""
    return [job for job in jobs_of(study) if job.stage != "report" or run.manifest(job).exists()]


def members_of(run: RunFolder, study: Study, jobs: list[Job]) -> dict[str, Path]:
    """Name in the bundle -> file of the run, as the manifests list them."""
    members = {"study.yaml": run.study_file}
    for job in jobs:
        place = run.manifest(job)
        names = [place.name, *filter(_is_bundled, tables.load_manifest(place.parent).outputs)]
        if job.stage == "report":
            names = [place.name]
        members |= {(place.parent / name).relative_to(run.root).as_posix(): place.parent / name for name in names}
    members |= {name: run.root / name for name in NOTES if (run.root / name).exists()}
    if study.concept_test.ratings is not None:
        members[RATINGS] = study.concept_test.ratings
    return members


def sentences_of(run: RunFolder, study: Study) -> list[dict[str, Any]]:
    """The report's statements about every concept and pair of models."""
    verdicts = tables.load_table(run.folder("concepts") / "verdicts.parquet", tables.VERDICTS)
    decodability = tables.load_table(run.folder("concepts") / "decodability.parquet", tables.DECODABILITY)
    found = concept_test.describe(verdicts, target=study.attribution.target, decodability=decodability)
    return [vars(statement) | {"notes": list(statement.notes)} for statement in found]


@dataclass(frozen=True)
class BrokenLink:
    """A step whose manifest does not follow from the study or from the earlier manifests beside it."""

    job: Job
    what: str
    stored: str
    expected: str

    @property
    def sentence(self) -> str:
        """For people."""
        return f"step {self.job.name} was made with another {self.what} than the one that lies here"


def broken_links(run: RunFolder, study: Study, jobs: list[Job]) -> Iterator[BrokenLink]:
    """Follow the chain of manifests: parameters from the study, digests of inputs from earlier outputs."""
    for job in jobs:
        manifest = tables.load_manifest(run.manifest(job).parent)
        place = (job.database, job.replicate)
        inputs = {n: p for n, p in inputs_of(job.stage, study, run, *place).items() if p.is_relative_to(run.root)}
        here = {name: path for name, path in inputs.items() if path.exists()}
        begun = tables.begin(
            job.stage, parameters=parameters_of(job.stage, study, *place), inputs=here, modules=()
        )  # fmt: skip
        for name, value in begun.parameters.items():
            if manifest.parameters.get(name) != value:
                yield BrokenLink(job, f"study ({name})", str(manifest.parameters.get(name)), str(value))
        for name, digest in begun.inputs.items():
            if manifest.inputs.get(name) != digest:
                yield BrokenLink(job, f"input ({name})", str(manifest.inputs.get(name)), digest)


def _is_bundled(name: str) -> bool:
    """Tables, and the inner products of the concept test."""
    return name.endswith(".parquet") or (name.startswith(f"{concept_test.PRODUCTS}/") and name.endswith(".npy"))


def _check_whole(run: RunFolder, job: Job) -> Manifest:
    """A step's manifest, its files compared with it."""
    place = run.manifest(job)
    if not place.exists():
        raise DataError(
            f"step {job.name} of {run.root} has not run, a bundle needs it: painlens run {run.root} (or only "
            f"{command_of(job, run)})"
        )
    manifest = tables.load_manifest(place.parent)
    tables.check_outputs(place.parent, manifest)
    return manifest


def command_of(job: Job, run: RunFolder) -> str:
    """The command that runs one step."""
    options = [
        f" --database {job.database}" if job.database else "",
        f" --replicate {job.replicate}" if job.replicate else "",
    ]  # noqa: E501
    return f"`painlens {job.stage} {run.root}{''.join(options)}`"


def _listing(study: Study, members: dict[str, Path]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "study": study.study,
        "versions": {name: metadata.version(name) for name in LIBRARIES},
        "files": {name: tables.sha256_of(path) for name, path in members.items()},
    }


def copy_members(members: dict[str, Path], folder: Path) -> None:
    """Lay the members out below a folder, as unpacking would."""
    for name, path in members.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
