"""What it means for a run that somebody leaves it: which rows, answers, networks and results go."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from painlens import tables
from painlens.forgetting.people_files import NOTEBOOK, count_ties, kept_answers, stores_of
from painlens.forgetting.sealing import KEPT_STAGES
from painlens.study import Study
from painlens.tables import DataError
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import EMOTION, Job, databases_of, jobs_of

COPIES = ("logs", ".workflow", ".snakemake", "labels", "datasheets", "exports")
"""Folders beside the steps' own that hold copies of what is removed."""


@dataclass(frozen=True)
class Change:
    """What happens to one place of a run."""

    place: str
    """Relative to the run."""
    what: str


@dataclass(frozen=True)
class Plan:
    """What forgetting somebody means for a run.

    Attributes
    ----------
    participant
        The person; '' where a whole database is forgotten.
    databases
        Those that the person is in, or the one that is forgotten.
    changes
        In the order in which they happen.
    recompute
        Jobs whose results are gone.
    """

    participant: str
    databases: tuple[str, ...]
    changes: tuple[Change, ...]
    recompute: tuple[Job, ...]


def plan_forgetting(run: RunFolder, *, participant: str = "", database: str = "") -> Plan:
    """What would be removed from a run; nothing is touched.

    Parameters
    ----------
    participant
        Id of a person, in all databases of the run or in `database` alone.
    database
        Name of a database; without `participant` it is forgotten as a whole.

    Raises
    ------
    DataError
        Nobody of this id, or no such database, is in the run.
    """
    study = run.study()
    known = databases_of(study)
    if not participant and not database:
        raise DataError("say whom to forget: a participant or a database")
    if database and database not in known:
        raise DataError(f"the run has no database '{database}'; it has {', '.join(known)}")
    names = (database,) if database else tuple(known)
    if participant:
        names = _databases_with(run, participant, names)
    jobs = _jobs_gone(run, study, participant, names)
    changes = [*_changed_rows(run, participant, names), *_untied(run, participant, names)]
    changes += [*_answers(run, study, participant, names), *_removed(run, jobs), *_copies(run)]
    return Plan(participant, names, tuple(changes), tuple(jobs))


def _databases_with(run: RunFolder, participant: str, names: Sequence[str]) -> tuple[str, ...]:
    """The databases of which a frame or a rendered frame belongs to the participant."""
    people = {name: _people_of(run, name) for name in names}
    found = tuple(name for name in names if participant in people[name])
    if not found:
        everybody = sorted({person for own in people.values() for person in own})
        near = difflib.get_close_matches(participant, everybody, n=3) or everybody[:3]
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise DataError(f"no participant '{participant}' in {', '.join(names)} of this run{hint}")
    return found


def _people_of(run: RunFolder, name: str) -> set[str]:
    files = [run.folder("frames", name) / "frames.parquet", run.rendered_truth(name) / "frames.parquet"]
    tables_ = [pd.read_parquet(file, columns=["participant"]) for file in files if file.exists()]
    return {str(person) for table in tables_ for person in table["participant"].dropna().unique()}


def _jobs_gone(run: RunFolder, study: Study, participant: str, names: Sequence[str]) -> list[Job]:
    """Jobs whose results hold something of the person, or rest on a network that saw them; those that have run."""
    gone: set[Job] = set()
    for job in jobs_of(study):
        after = job.stage not in KEPT_STAGES
        own = not participant and job.database in names
        pretrained = EMOTION in names and _saw_emotions(run, participant) and job.stage in ("pretrain", "train")
        trained = job.stage == "train" and job.database in names and _saw(run, job, participant)
        checked = job.stage == "adopt" and study.models[job.database].predictions is not None  # on everybody's faces
        if after or own or pretrained or trained or checked:
            gone.add(job)
    return [job for job in jobs_of(study) if job in gone and _exists(run, job)]


def _exists(run: RunFolder, job: Job) -> bool:
    return run.folder(job.stage, job.database, job.replicate).exists()


def _saw_emotions(run: RunFolder, participant: str) -> bool:
    return not participant or _part_of(run, EMOTION, participant) in ("train", "validation")


def _saw(run: RunFolder, job: Job, participant: str) -> bool:
    """Whether a network was trained or its training watched with faces of the person."""
    if not participant:
        return True
    replicate, _, fold = job.replicate.partition("-fold=")
    part = _part_of(run, job.database, participant, f"fold={fold}" if fold else "part")
    if part != "train" or not replicate.startswith("half="):
        return part in ("train", "validation")
    half, side = replicate[:-1], replicate[-1]
    split = tables.load_table(run.folder("split", job.database) / "split.parquet", tables.SPLIT)
    own = split.loc[split["participant"] == participant]
    return half not in own or str(own[half].iloc[0]) == side


def _part_of(run: RunFolder, name: str, participant: str, column: str = "part") -> str:
    file = run.folder("split", name) / "split.parquet"
    if not file.exists():
        return ""
    split = tables.load_table(file, tables.SPLIT)
    own = split.loc[split["participant"] == participant, column]
    return str(own.iloc[0]) if len(own) else ""


def _changed_rows(run: RunFolder, participant: str, names: Sequence[str]) -> Iterator[Change]:
    if not participant:
        return
    for name in names:
        if run.rendered_root(name).exists():
            yield Change(f"databases/{name}", "files of the rendered person are removed")
        for stage, file in (("frames", "frames"), ("faces", "faces"), ("faces", "suggestions"), ("split", "split")):
            path = run.folder(stage, name) / f"{file}.parquet"
            if path.exists():
                rows = pd.read_parquet(path, columns=["participant"])["participant"]
                count = int((rows == participant).sum())
                more = "; their crops, regions and landmarks in faces.h5" if file == "faces" else ""
                yield Change(path.relative_to(run.root).as_posix(), f"{count} of {len(rows)} rows are removed{more}")


def _untied(run: RunFolder, participant: str, names: Sequence[str]) -> Iterator[Change]:
    """Hypotheses that lose faces on which they rest."""
    ties = count_ties(run.root, {name: frames_of(run, name, participant) for name in names})
    if ties:
        yield Change(NOTEBOOK, f"{ties} ties of hypotheses to the faces are removed; the words stay")


def _answers(run: RunFolder, study: Study, participant: str, names: Sequence[str]) -> Iterator[Change]:
    """Answers of annotators that will count no more."""
    for path in stores_of(run.root, study):
        root = run.root.resolve()
        place = path.resolve().relative_to(root).as_posix() if path.resolve().is_relative_to(root) else str(path)
        yield from (Change(place, one.removeprefix(f"{path.name} ")) for one in kept_answers(path, names, participant))


def frames_of(run: RunFolder, name: str, participant: str) -> frozenset[str] | None:
    """Names of a person's frames; None: all of the database."""
    if not participant:
        return None
    file = run.folder("frames", name) / "frames.parquet"
    if not file.exists():
        return frozenset()
    frames = pd.read_parquet(file, columns=["frame_id", "participant"])
    return frozenset(frames.loc[frames["participant"] == participant, "frame_id"].astype(str))


def _removed(run: RunFolder, jobs: Iterable[Job]) -> Iterator[Change]:
    for job in reversed(list(jobs)):
        folder = run.folder(job.stage, job.database, job.replicate)
        files = [path for path in folder.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files) / 2**20
        yield Change(folder.relative_to(run.root).as_posix(), f"removed: {len(files)} files, {size:.1f} MiB")


def _copies(run: RunFolder) -> Iterator[Change]:
    for name in COPIES:
        if (run.root / name).exists():
            yield Change(name, "removed: it may name the person, and is made again")
