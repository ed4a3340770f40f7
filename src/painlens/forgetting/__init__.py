"""A person or a database leaves a run: every derived pixel, feature and prediction, and the networks that saw them.

What concerns others stays where that is exact: frames, crops and parts of the other participants, and networks that
never saw the person. Everything computed after the networks is removed whole, since averages and tables hold a share
of everybody. The person is not read again from the owner's folder, which itself is never touched.

Removed files are gone from the run; that a disk's old blocks are overwritten is for the disk to promise.
"""

import difflib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from painlens import tables
from painlens.faces.store import keep_rows
from painlens.forgetting.people_files import (
    ANSWERS,
    NOTEBOOK,
    count_ties,
    kept_answers,
    named_in_tables,
    stores_of,
    untie,
    withdraw_answers,
)
from painlens.forgetting.sealing import KEPT_STAGES, jobs_up_to_date, seal
from painlens.forgetting_rendered import forget_rendered
from painlens.forgotten import FOLDER, remember_to_forget, without_forgotten
from painlens.study import Consent, Study, dump_study
from painlens.tables import DataError
from painlens.traces import traces
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import EMOTION, Job, databases_of, jobs_of

# Folders beside the steps' own that hold copies of what is removed.
_COPIES = ("logs", ".workflow", ".snakemake", "labels", "datasheets", "exports")


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


@dataclass(frozen=True)
class Left:
    """What is left of a name after forgetting."""

    answers: int
    """Files of the annotation database that name the person."""
    places: tuple[str, ...]
    """Other files of the run that still name the person: there should be none."""
    kept: tuple[str, ...] = ()
    """What annotation stores keep without counting it, concept by concept, and tables outside the run, in words."""


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


def forget(run: RunFolder, plan: Plan) -> Left:
    """Carry out a plan; a call that was killed can be repeated.

    Order: first the note that keeps the person from coming back, then from the report up to the frames, so that the
    tables which name the person are the last to change.
    """
    study = run.study()
    sealed = jobs_up_to_date(run, study) - set(plan.recompute)
    for name in plan.databases:
        people = [plan.participant] if plan.participant else []
        remember_to_forget(run.root, name, participants=people, whole=not plan.participant)
    gone = {name: _frames_of(run, name, plan.participant) for name in plan.databases}
    untie(run.root, gone)
    told = [
        one for path in stores_of(run.root, study) for one in withdraw_answers(path, plan.databases, plan.participant)
    ]
    told += named_in_tables(study, gone)
    for job in reversed(plan.recompute):
        shutil.rmtree(run.folder(job.stage, job.database, job.replicate), ignore_errors=True)
    for name in plan.databases:
        if plan.participant:
            _forget_rows(run, name, plan.participant)
    _without_names(run, study, plan)
    for name in _COPIES:
        shutil.rmtree(run.root / name, ignore_errors=True)
    if plan.participant:
        seal(run, run.study(), sealed)
    return left_of(run, plan, kept=tuple(told))


def left_of(run: RunFolder, plan: Plan, *, kept: tuple[str, ...] = ()) -> Left:
    """What still names the forgotten person in a run; for a database nothing is looked for beyond its folders."""
    if not plan.participant:
        places = [run.folder(stage, name) for stage in KEPT_STAGES[:4] for name in plan.databases]
        there = tuple(str(place.relative_to(run.root)) for place in places if place.exists())
        return Left(0, there, kept)
    found = traces(run.root, [plan.participant])
    answers = [path for path in found if path.name.startswith(ANSWERS)]
    places = [path.relative_to(run.root).as_posix() for path in found if path not in answers]
    return Left(len(answers), tuple(places), kept)


# What is planned -----------------------------------------------------------------------------------------------------


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
    ties = count_ties(run.root, {name: _frames_of(run, name, participant) for name in names})
    if ties:
        yield Change(NOTEBOOK, f"{ties} ties of hypotheses to the faces are removed; the words stay")


def _answers(run: RunFolder, study: Study, participant: str, names: Sequence[str]) -> Iterator[Change]:
    """Answers of annotators that will count no more."""
    for path in stores_of(run.root, study):
        root = run.root.resolve()
        place = path.resolve().relative_to(root).as_posix() if path.resolve().is_relative_to(root) else str(path)
        yield from (Change(place, one.removeprefix(f"{path.name} ")) for one in kept_answers(path, names, participant))


def _frames_of(run: RunFolder, name: str, participant: str) -> frozenset[str] | None:
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
    for name in _COPIES:
        if (run.root / name).exists():
            yield Change(name, "removed: it may name the person, and is made again")


# What is done --------------------------------------------------------------------------------------------------------


def _forget_rows(run: RunFolder, name: str, participant: str) -> None:
    """Take a person out of the tables and stores of one database that stay."""
    _keep_rows(run.folder("split", name) / "split.parquet", participant)
    faces = run.folder("faces", name)
    _keep_rows(faces / "suggestions.parquet", participant)
    _keep_faces(faces / "faces.parquet", faces / "faces.h5", participant)
    _keep_faces(faces / "twins.parquet", faces / "twins.h5", participant)
    frames = run.folder("frames", name) / "frames.parquet"
    if frames.exists():
        rest = without_forgotten(tables.load_table(frames, tables.FRAMES), run.root, name)
        tables.save_table(rest, frames, tables.FRAMES)
    for stage in KEPT_STAGES[:4]:  # notes about files, which may name the person's; they are made again
        for note in run.folder(stage, name).glob(".*"):
            note.unlink()
    if run.folder("synthesize", name).exists():
        forget_rendered(run.folder("synthesize", name), participant)


def _keep_rows(path: Path, participant: str) -> None:
    if path.exists():
        table = pd.read_parquet(path)
        _save(table[table["participant"] != participant].reset_index(drop=True), path)


def _keep_faces(path: Path, store: Path, participant: str) -> None:
    """Drop a person's rows of a table and of the store beside it; the others' rows keep their order."""
    if not path.exists():
        return
    table = pd.read_parquet(path)
    rest = table[table["participant"] != participant].reset_index(drop=True)
    if len(rest) == len(table):
        return
    rows = rest.loc[rest["row"].notna(), "row"].astype("int64")
    if store.exists():
        keep_rows(store, rows.to_numpy())
    numbers = pd.Series(range(len(rows)), index=rows.index)
    _save(rest.assign(row=numbers.reindex(rest.index).astype(table["row"].dtype)), path)


def _save(table: pd.DataFrame, path: Path) -> None:
    with tables.atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False)


def _without_names(run: RunFolder, study: Study, plan: Plan) -> None:
    """Take the person, or all people of a forgotten database, off the lists of the run's study file."""
    databases = dict(study.databases)
    for name in plan.databases:
        if name in databases:
            section = databases[name]
            databases[name] = section.model_copy(
                update={
                    "consent": _consent_without(section.consent, plan.participant),
                    "split": section.split.model_copy(
                        update={
                            part: _listed_without(getattr(section.split, part), plan.participant)
                            for part in ("test", "validation")
                        }
                    ),
                    "frames": section.frames.model_copy(
                        update={"exclude": _listed_without(section.frames.exclude, plan.participant)}
                    ),
                }
            )
    tables.save_text(dump_study(study.model_copy(update={"databases": databases})), run.study_file)


def _consent_without(consent: Consent, participant: str) -> Consent:
    return consent.model_copy(
        update={name: _listed_without(getattr(consent, name), participant) for name in ("display", "publish")}
    )


def _listed_without(listed: Any, participant: str) -> Any:
    """A list without a person; a list of a forgotten database becomes empty; what is no list stays."""
    if not isinstance(listed, tuple):
        return listed
    return tuple(name for name in listed if participant and name != participant)


__all__ = ["ANSWERS", "FOLDER", "Change", "Left", "Plan", "forget", "left_of", "plan_forgetting"]
