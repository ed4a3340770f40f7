"""A bundle is checked: its bytes, its digests, the chain of its manifests, and every number that can be computed again.

Digests find a changed file. Who changes a number and all digests with it is found by the recomputation, unless the
change is in what networks and people said in the first place and breaks no identity between the tables; against that
stands the digest of the whole file, where it was published.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import yaml

from painlens import tables
from painlens.bundle.archive import LISTING, unpack_archive
from painlens.bundle.contents import (
    FORMAT,
    RATINGS,
    SENTENCES,
    broken_links,
    bundled_jobs,
    members_of,
    sentences_of,
)
from painlens.bundle.laws import broken_laws
from painlens.bundle.mismatches import Mismatch, compare_tables
from painlens.bundle.recomputing import recompute
from painlens.concept_test.threads import one_blas_thread
from painlens.progress import Progress, silent
from painlens.study import Study, StudyError, load_study
from painlens.tables import DataError
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import sources_of

LARGEST_TABLE = 2 << 30  # bytes in memory of one table, so that a crafted file does not fill it
LARGEST_TEXT = 64 << 20


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes
    ----------
    sha256
        Of the file that was checked.
    mismatches
        Every difference; none means that the bundle says what follows from its contents.
    tables, cells
        Tables and cells that were computed again.
    rounded
        Cells that agree to rounding only: another machine computed them.
    other_code
        Steps that were made by other code than the installed one; a note, no mismatch.
    only_hashed
        Tables that rest on pixels or networks and were compared with their digests only.
    """

    study: str
    sha256: str
    mismatches: tuple[Mismatch, ...]
    tables: int
    cells: int
    rounded: int
    other_code: tuple[str, ...]
    only_hashed: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing contradicts anything."""
        return not self.mismatches


@one_blas_thread()  # as the steps compute
def verify_bundle(path: Path, *, sha256: str = "", exact: bool = False, progress: Progress = silent) -> Verification:
    """Check a bundle against itself, and against a published digest.

    Parameters
    ----------
    sha256
        The digest that was published with the results, in hexadecimal digits; empty: none is known.
    exact
        Numbers must agree to the last bit; otherwise rounding is allowed (`painlens.bundle.mismatches.ROUNDING`).

    Raises
    ------
    DataError
        The file is no bundle, or damaged, so that there is nothing to recompute.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}; `painlens bundle RUN --output {path.name}` writes one")
    digest = tables.sha256_of(path)
    found: list[Mismatch] = []
    if sha256 and digest != sha256.strip().lower():
        found.append(Mismatch(path.name, "", "sha256", digest, f"{sha256.strip().lower()} (published)"))
    with tempfile.TemporaryDirectory(prefix="painlens-verify-") as name:
        root = Path(name)
        try:
            names = unpack_archive(path, root)
            study = _study_of(root)
            found += _digests(root, names)
            _check_names(path, root, study, names)
            found += _chain(root, study)
            computed = _computed(root, study, exact=exact, progress=progress)
            other_code = _other_code(root, study)
        except DataError as error:
            raise DataError(str(error).replace(f"{root}/", "")) from None
    found += computed.mismatches
    others = tuple(name for name in names if name.endswith(".parquet") and name not in computed.files)
    return Verification(
        study.study, digest, tuple(found), len(computed.files), computed.cells, computed.rounded, other_code, others
    )


@dataclass
class _Computed:
    """What the recomputation found."""

    mismatches: list[Mismatch] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    cells: int = 0
    rounded: int = 0


def _computed(root: Path, study: Study, *, exact: bool, progress: Progress) -> _Computed:
    """Every table that can be computed again, the sentences, and the identities between the others.

    Contents that were edited may contradict each other so much that nothing can be computed: that is a mismatch too.
    """
    found = _Computed()
    try:
        for one in recompute(root, study, progress=progress):
            compared = compare_tables(one.file, _table(root / one.file), one.table, key=one.key, exact=exact)
            found.mismatches += compared.mismatches
            found.files.add(one.file)
            found.cells, found.rounded = found.cells + compared.numbers, found.rounded + compared.rounded
        found.mismatches += _sentences(root, study)
        found.mismatches += broken_laws(root, study)
    except (ValueError, LookupError, TypeError, ArithmeticError) as error:
        what = str(error).replace(f"{root}/", "")
        found.mismatches.append(Mismatch("", "", "", "contents that fit together", f"{type(error).__name__}: {what}"))
    return found


def _study_of(root: Path) -> Study:
    """The study in a bundle; YAML that grows when it is read is refused."""
    path = root / "study.yaml"
    if not path.exists():
        raise DataError(f"the bundle has no {path.name}; it was not written by painlens")
    _check_sizes(root)
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(path.read_text(encoding="utf-8"))):
            raise DataError("the bundle's study.yaml refers to parts of itself, which painlens never writes")
        return load_study(path)
    except (StudyError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"the study in the bundle cannot be read: {str(error).replace(f'{root}/', '')}") from None


def _check_sizes(root: Path) -> None:
    """No table takes more memory than a table can need, before it is read."""
    for path in sorted(root.rglob("*")):
        if path.suffix in (".json", ".yaml", ".csv") and path.stat().st_size > LARGEST_TEXT:
            raise DataError(f"the bundle's {path.name} has {path.stat().st_size >> 20} MiB; a text file has a few")
        if path.suffix == ".parquet":
            try:
                told = pq.read_metadata(path)
                size = max(
                    sum(told.row_group(n).total_byte_size for n in range(told.num_row_groups)),
                    told.num_rows * told.num_columns * 8,
                )
            except (OSError, ValueError) as error:
                raise DataError(f"{path.relative_to(root)} in the bundle is no Parquet table: {error}") from None
            if size > LARGEST_TABLE:
                raise DataError(f"{path.relative_to(root)} in the bundle claims {size >> 20} MiB; it was not opened")


def _digests(root: Path, names: tuple[str, ...]) -> list[Mismatch]:
    """Files that differ from the listing, or stand in one of the two only."""
    listing = tables.load_json(root / LISTING)
    files = listing.get("files") if isinstance(listing, dict) else None
    if not isinstance(files, dict) or listing.get("format") != FORMAT:
        raise DataError(
            f"{LISTING} in the bundle is no listing of format {FORMAT}; it was edited or is of a later version"
        )
    found = [
        Mismatch(LISTING, name, "", "no such file", "a file") for name in sorted(set(names) - {LISTING} - set(files))
    ]
    found += [Mismatch(LISTING, name, "", "a file", "no such file") for name in sorted(set(files) - set(names))]
    for name in sorted(set(names) & set(files)):
        digest = tables.sha256_of(root / name)
        if digest != files[name]:
            found.append(Mismatch(LISTING, name, "sha256", str(files[name]), digest))
    return found


def _check_names(path: Path, root: Path, study: Study, names: tuple[str, ...]) -> None:
    """The files are those that the manifests ask for: nothing less, nothing besides."""
    run = RunFolder(root)
    expected = {LISTING, SENTENCES}
    try:
        expected |= {name for name in members_of(run, study, bundled_jobs(run, study)) if name != RATINGS}
    except DataError as error:
        raise DataError(f"{path} is not complete: {str(error).replace(f'{root}/', '')}") from None
    missing, besides = sorted(expected - set(names)), sorted(set(names) - expected - {RATINGS})
    if study.concept_test.ratings is not None and RATINGS not in names:
        missing.append(RATINGS)
    if missing:
        raise DataError(f"{path} lacks {missing[0]} ({len(missing)} files in all), which its manifests list")
    if besides:
        raise DataError(f"{path} holds {besides[0]}, which has no place in a bundle of this study")


def _chain(root: Path, study: Study) -> list[Mismatch]:
    """Manifests against the files, the study, and each other."""
    run, found = RunFolder(root), []
    jobs = bundled_jobs(run, study)
    for job in jobs:
        folder = run.manifest(job).parent
        manifest, place = tables.load_manifest(folder), folder.relative_to(root).as_posix()
        if manifest.stage != job.stage:
            found.append(Mismatch(f"{place}/manifest.json", "", "stage", manifest.stage, job.stage))
        for name, digest in manifest.outputs.items():
            if (folder / name).exists() and tables.sha256_of(folder / name) != digest:
                found.append(
                    Mismatch(f"{place}/manifest.json", name, "sha256", digest, tables.sha256_of(folder / name))
                )  # fmt: skip
        ratings = root / RATINGS
        if (
            "ratings" in manifest.inputs
            and ratings.exists()
            and tables.sha256_of(ratings) != manifest.inputs["ratings"]
        ):
            found.append(
                Mismatch(
                    f"{place}/manifest.json", "ratings", "sha256", manifest.inputs["ratings"], tables.sha256_of(ratings)
                )
            )  # noqa: E501
    for link in broken_links(run, study, jobs):
        place = run.manifest(link.job).relative_to(root).as_posix()
        found.append(Mismatch(place, link.job.name, link.what, link.stored, link.expected))
    return found


def _sentences(root: Path, study: Study) -> list[Mismatch]:
    stored, expected = tables.load_json(root / SENTENCES), sentences_of(RunFolder(root), study)
    if stored == expected:
        return []
    if not isinstance(stored, list) or len(stored) != len(expected):
        return [Mismatch(SENTENCES, "", "", "other statements", f"{len(expected)} statements")]
    found = []
    for here, there in zip(stored, expected, strict=True):
        told = here if isinstance(here, dict) else {}
        row = f"{there['concept']}, {there['model_a']}, {there['model_b']}"
        found += [
            Mismatch(SENTENCES, row, name, str(told.get(name)), str(value))
            for name, value in there.items()
            if told.get(name) != value
        ]
        found += [Mismatch(SENTENCES, row, name, str(told[name]), "nothing") for name in told.keys() - there.keys()]
    return found


def _other_code(root: Path, study: Study) -> tuple[str, ...]:
    """Stages whose code was not the installed one."""
    run, other = RunFolder(root), {}
    for job in bundled_jobs(run, study):
        installed = tables.begin(job.stage, parameters={}, inputs={}, modules=sources_of(job.stage)).code
        other[job.stage] = tables.load_manifest(run.manifest(job).parent).code != installed
    return tuple(stage for stage, differs in other.items() if differs)


def _table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path.name} in the bundle is no Parquet table: {error}") from None


def as_dict(found: Verification) -> dict[str, Any]:
    """For JSON."""
    return vars(found) | {"passed": found.passed, "mismatches": [vars(one) for one in found.mismatches]}
