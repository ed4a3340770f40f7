"""A person is taken out of what stays in a run: tables, stores of faces, and the lists of its study file."""

from pathlib import Path
from typing import Any

import pandas as pd

from painlens import tables
from painlens.faces.store import keep_rows
from painlens.forgetting.planning import Plan
from painlens.forgetting.rendered import forget_rendered
from painlens.forgetting.sealing import KEPT_STAGES
from painlens.forgotten import without_forgotten
from painlens.study import Consent, Study, dump_study
from painlens.workflow.run_folder import RunFolder


def forget_rows(run: RunFolder, name: str, participant: str) -> None:
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


def strike_off(run: RunFolder, study: Study, plan: Plan) -> None:
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
