"""Audits before a study is believed: is the data what its owner published, can a result be a leak, who agreed to what.

A folder is recognised and counted; of a study also its parts are compared: pictures that two people share, people in
two databases, classes per part, helper models that have seen a database, consent. Nothing is written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from painlens import consent, splits, tables
from painlens.databases import READERS, read_frames
from painlens.databases.pictures import FrameSource
from painlens.databases.published import resolve_split
from painlens.doctor.duplicates import duplicate_findings
from painlens.doctor.findings import Count, DatabaseAudit, Examination, Finding
from painlens.doctor.pictures import Looks, look
from painlens.doctor.provenance import provenance
from painlens.doctor.tree import published_counts, recognise
from painlens.faces import DETECTORS
from painlens.faces.detectors import has_mesh
from painlens.forgotten import load_forgotten, without_forgotten
from painlens.progress import Progress
from painlens.study import FEWEST_TESTED, Database, Study
from painlens.tables import DataError
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import EMOTION, databases_of

__all__ = ["Count", "DatabaseAudit", "Depth", "Examination", "Finding", "examine_folder", "examine_study"]

_FEW = 5  # frames of a class in a part below which its numbers mean little
_CLASS_SHARE = 0.15  # difference of a class's detection rate that is told
_SHORT_ID = 4
_FOLDER = "folder"  # name of the one database of a folder


@dataclass(frozen=True)
class Depth:
    """How thorough an examination is.

    Attributes
    ----------
    pictures
        Pictures of each database that are opened, evenly spaced; 0: none, None: all.
    faces
        Frames of each database on which the detectors are tried where no run has found the faces yet; 0: none.
    workers
        Number of processes.
    """

    pictures: int | None = None
    faces: int = 120
    workers: int = 1


@dataclass(frozen=True)
class _Material:
    """Tables of one database: from a run where it has them, else read now."""

    database: Database
    root: Path
    frames: pd.DataFrame
    faces: pd.DataFrame | None
    split: pd.DataFrame | None
    problem: str = ""

    @property
    def rotates(self) -> bool:
        """Whether everybody tests in one fold and trains in the others."""
        return self.split is not None and bool(splits.folds_of(self.split))

    @property
    def kept(self) -> pd.DataFrame:
        """Frames that take part, with their part ('' without a split)."""
        kept = self.frames[self.frames["kept"].fillna(value=False).astype(bool)].reset_index(drop=True)
        parts = {} if self.split is None else dict(zip(self.split["participant"], self.split["part"], strict=True))
        return kept.assign(part=[str(parts.get(who, "")) for who in kept["participant"]])


def examine_folder(root: Path, *, depth: Depth, progress: Callable[[str], Progress]) -> Examination:
    """Audit of one owner's folder.

    Parameters
    ----------
    progress
        Name of a database -> its progress.

    Raises
    ------
    DataError
        No reader knows the layout of the folder.
    """
    reader = recognise(root, progress=progress("recognise"))
    database = Database.model_validate({"reader": reader, "root": root})
    problem = ""
    try:
        frames = read_frames(database, name=_FOLDER, root=root, progress=progress(_FOLDER))
    except DataError as error:  # a folder has no study that says what its classes are
        frames, problem = _unlabelled(root, reader), str(error)
    material = {_FOLDER: _Material(database, root, frames, None, None, problem)}
    audits, findings = _examine(material, depth=depth, detectors=("haar",), progress=progress)
    return Examination(root.name, tuple(audits), tuple(findings))


def examine_study(
    study: Study, run: RunFolder | None, *, depth: Depth, progress: Callable[[str], Progress]
) -> Examination:
    """Audit of all databases of a study, with the tables of its run where there are any.

    Raises
    ------
    DataError
        A database cannot be read.
    """
    material: dict[str, _Material] = {}
    findings: list[Finding] = []
    for name, database in databases_of(study).items():
        root = database.root or (run.rendered_root(name) if run is not None else None)
        if root is None or (database.synthetic is not None and not root.exists()):
            findings.append(
                Finding("note", "tree", name, "is rendered when the study runs; there is nothing to read yet")
            )
            continue
        if run is not None and (gone := load_forgotten(run.root, name)) is not None and gone.whole:
            findings.append(Finding("note", "tree", name, "was forgotten in this run"))
            continue
        material[name] = _material(study, run, name, root, progress(name))
    asked: list[str] = [study.faces.detector]
    if has_mesh() and "blazeface" not in asked:
        asked.append("blazeface")
    detectors = tuple(asked)
    audits, found = _examine(material, depth=depth, detectors=detectors, progress=progress)
    return Examination(study.study, tuple(audits), (*found, *findings, *provenance(study)))


# The tables ----------------------------------------------------------------------------------------------------------


def _material(study: Study, run: RunFolder | None, name: str, root: Path, progress: Progress) -> _Material:
    database = databases_of(study)[name]
    frames = _of_run(run, "frames", name, tables.FRAMES)
    if frames is None:
        frames = read_frames(database, name=name, root=root, progress=progress)
        frames = without_forgotten(frames, run.root, name) if run is not None else frames
    faces, split = _of_run(run, "faces", name, tables.FACES), _of_run(run, "split", name, tables.SPLIT)
    problem = ""
    if split is None:
        seen = faces if faces is not None else frames[frames["kept"].astype(bool)].assign(found=True)
        try:
            settings = resolve_split(database.split, database, name=name, frames=frames, faces=seen)
            folds = study.replication.cross_fitting if name != EMOTION else 0
            if folds:
                split = splits.rotate_participants(seen, settings, folds=folds, database=name)
            else:
                split = splits.split_participants(seen, settings, database=name)
        except DataError as error:
            problem = str(error)
    return _Material(database, root, frames, faces, split, problem)


def _unlabelled(root: Path, reader: str) -> pd.DataFrame:
    """Frames of a folder whose classes nobody named; all without a defect are kept, under one class."""
    frames = READERS[reader].scan(root)
    unknown = {"database": _FOLDER, "label": "unlabelled", "consent_display": "unknown", "consent_publish": "unknown"}
    return tables.conform(frames.assign(**unknown, kept=frames["reason"] == ""), tables.FRAMES)


def _of_run(run: RunFolder | None, stage: str, name: str, schema: tables.Schema) -> pd.DataFrame | None:
    path = run.folder(stage, name) / f"{schema.name}.parquet" if run is not None else None
    return tables.load_table(path, schema) if path is not None and path.exists() else None


# The audits ----------------------------------------------------------------------------------------------------------


def _examine(
    material: dict[str, _Material], *, depth: Depth, detectors: tuple[str, ...], progress: Callable[[str], Progress]
) -> tuple[list[DatabaseAudit], list[Finding]]:
    audits, findings, looked, looks = [], [], [], []
    for name, own in material.items():
        chosen = own.kept if depth.pictures is None else _spread(own.kept, depth.pictures)
        if len(chosen):
            seen = look(chosen, own.root, workers=depth.workers, progress=progress(name))
            looked.append(chosen.assign(database=name))
            looks.append(seen)
            findings += _unreadable(name, chosen, seen)
        faces, about_faces = _faces(name, own, detectors, depth.faces)
        audits.append(_audit(name, own, faces, looks[-1] if len(chosen) else None))
        findings += [*_about_tree(name, own, audits[-1]), *about_faces, *_about_parts(name, own, audits[-1])]
    findings += _overlap(material)
    if looked:
        findings += duplicate_findings(pd.concat(looked, ignore_index=True), _together(looks))
    return audits, findings


def _audit(name: str, own: _Material, faces: tuple[dict[str, Any], ...], looks: Looks | None) -> DatabaseAudit:
    kept, frames = own.kept, own.frames
    left_out = frames.loc[~frames["kept"].fillna(value=False).astype(bool), "reason"].astype(str)
    told = pd.Series(consent.without_paths(left_out), dtype="str").value_counts()
    return DatabaseAudit(
        name=name,
        reader=own.database.reader,
        frames=len(frames),
        kept=len(kept),
        participants=int(kept["participant"].nunique()),
        counts=published_counts(frames, own.database),
        labels=_counted(kept["label"]),
        reasons={str(reason): int(count) for reason, count in told.items()},
        parts={part: _counted(kept.loc[kept["part"] == part, "label"]) for part in _parts(own.split)},
        people={} if own.split is None else _counted(own.split["part"]),
        faces=faces,
        consent={
            str(row["purpose"]): {word: int(row[f"participants {word}"]) for word in ("true", "unknown", "false")}
            for row in consent.summary(kept.assign(database=name)).to_dict("records")
        },
        looked_at=len(looks.reasons) if looks else 0,
        unreadable=sum(reason != "" for reason in looks.reasons) if looks else 0,
    )


def _about_tree(name: str, own: _Material, audit: DatabaseAudit) -> list[Finding]:
    found = []
    for count in audit.counts:
        if count.found != count.published:
            text = f"{count.found} {count.what} found, {count.published} are published: is this the whole database?"
            found.append(Finding("warning", "counts", name, text))
    if own.problem:
        found.append(Finding("warning", "split", name, own.problem))
    publish = audit.consent.get("publish", {})
    if own.database.synthetic is None and not publish.get("true"):
        text = "no participant is known to agree to publication: the report will show no face (consent.publish)"
        found.append(Finding("note", "consent", name, text))
    return found


def _about_parts(name: str, own: _Material, audit: DatabaseAudit) -> list[Finding]:
    """Participants in two parts, classes that a part hardly has."""
    found = []
    if own.split is not None:
        several = own.split.groupby("participant")["part"].nunique()
        if (several > 1).any():
            people = tuple(several.index[several > 1][:5])
            found.append(Finding("leak", "split", name, f"{len(people)} participants are in several parts", people))
        tested = int((own.split["part"] == "test").sum())
        if name != EMOTION and tested < FEWEST_TESTED:
            text = (
                f"{tested} participants test: with fewer than {FEWEST_TESTED} an interval over people is uncertain; "
                "test more, or let all rotate through the test part (replication.cross_fitting)"
            )
            found.append(Finding("warning", "split", name, text))
    classes = set(audit.labels)
    for part, counts in audit.parts.items():
        if part == "validation" and not counts:
            continue
        thin = sorted(label for label in classes if counts.get(label, 0) < _FEW)
        if thin:
            shown = ", ".join(f"{label}: {counts.get(label, 0)}" for label in thin)
            text = f"part {part} has fewer than {_FEW} frames of {shown}; its numbers will say little"
            found.append(Finding("warning", "balance", name, text))
    if "part" in own.frames:
        told = own.frames[own.frames["kept"].astype(bool) & own.frames["part"].notna()]
        several = told.groupby("participant")["part"].nunique()
        if (several > 1).any():
            text = f"{int((several > 1).sum())} participants are in several of the owner's parts; split by participant"
            found.append(Finding("warning", "split", name, text))
    return found


def _unreadable(name: str, chosen: pd.DataFrame, looks: Looks) -> list[Finding]:
    bad = [(str(frame), reason) for frame, reason in zip(chosen["frame_id"], looks.reasons, strict=True) if reason]
    if not bad:
        return []
    text = f"{len(bad)} of {len(chosen)} opened pictures cannot be decoded; the faces step refuses them with a reason"
    return [Finding("warning", "files", name, text, tuple(f"{frame}: {reason}" for frame, reason in bad[:5]))]


def _faces(
    name: str, own: _Material, detectors: tuple[str, ...], sample: int
) -> tuple[tuple[dict[str, Any], ...], list[Finding]]:
    """Rates of detection by class: of the run, or of a sample that is tried now."""
    if own.faces is not None:
        version = str(own.faces["detector"].iloc[0]) if len(own.faces) else ""
        tried = own.faces[["label", "participant", "found"]].assign(detector=version)
    elif sample and len(own.kept):
        tried = _tried(own, detectors, sample)
    else:
        return (), []
    rows, findings = [], []
    for detector, table in tried.groupby("detector", sort=False):
        rates = table.groupby("label")["found"].agg(["size", "sum"])
        rows += [
            {"detector": str(detector), "label": str(label), "frames": int(row["size"]), "found": int(row["sum"])}
            for label, row in rates.iterrows()
        ]
        share = (rates["sum"] / rates["size"])[rates["size"] >= _FEW]
        if len(share) > 1 and share.max() - share.min() > _CLASS_SHARE:
            worst, best = share.idxmin(), share.idxmax()
            text = (
                f"{detector} finds {share.min():.0%} of the faces of '{worst}' and {share.max():.0%} of '{best}': a "
                "detector that loses one class more biases the comparison; try faces.detector: blazeface"
            )
            findings.append(Finding("warning", "faces", name, text))
    return tuple(rows), findings


def _tried(own: _Material, detectors: tuple[str, ...], sample: int) -> pd.DataFrame:
    """The detectors on some frames, evenly spaced."""
    chosen = _spread(own.kept, sample)
    source, rows = FrameSource(own.root), []
    built = {name: DETECTORS[name]() for name in detectors}
    for frame in chosen.to_dict("records"):
        number = None if pd.isna(frame["frame_index"]) else int(frame["frame_index"])
        try:
            image = source.frame(str(frame["path"]), number)
        except DataError:
            continue  # told by the audit of files
        for name, detector in built.items():
            found = len(detector.boxes(image)) > 0
            rows.append(
                {"detector": name, "label": frame["label"], "participant": frame["participant"], "found": found}
            )
    source.close()
    return pd.DataFrame(rows, columns=["detector", "label", "participant", "found"])


def _overlap(material: dict[str, _Material]) -> list[Finding]:
    """People of one id in several databases; rendered people have ids of their own."""
    found: list[Finding] = []
    names = [name for name, own in material.items() if own.database.synthetic is None]
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            a, b = material[one].kept, material[other].kept
            shared = sorted(set(a["participant"].astype(str)) & set(b["participant"].astype(str)) - {""})
            if not shared:
                continue
            plain = [who for who in shared if len(who) >= _SHORT_ID and not who.isdigit()]
            crossing = plain if material[one].rotates and material[other].rotates else _crossing(a, b, plain)
            if crossing and EMOTION not in (one, other):
                text = f"{len(crossing)} people are tested in one of {one} and {other} and learnt from in the other"
                found.append(Finding("leak", "people", "", text, tuple(crossing[:5])))
            else:
                text = f"{len(shared)} ids are in {one} and in {other}; are these the same people?"
                found.append(Finding("warning", "people", "", text, tuple(shared[:5])))
    note = "people under different ids are not looked for: no face embedding is at hand"
    return [*found, Finding("note", "people", "", note)] if material else found


def _crossing(a: pd.DataFrame, b: pd.DataFrame, people: list[str]) -> list[str]:
    """People who are in the test part of one database and in another part of the other."""
    parts = [dict(zip(table["participant"].astype(str), table["part"], strict=True)) for table in (a, b)]
    pairs = {who: {parts[0][who], parts[1][who]} for who in people}
    return [who for who, own in pairs.items() if "test" in own and own & {"train", "validation"}]


def _parts(split: pd.DataFrame | None) -> list[str]:
    """Parts that somebody is in, in their usual order."""
    used = set() if split is None else set(split["part"])
    return [part for part in splits.PARTS if part in used]


def _spread(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many rows, evenly spaced."""
    if len(table) <= most:
        return table
    return (
        table.iloc[np.linspace(0, len(table) - 1, most).astype(int)].reset_index(drop=True) if most else table.iloc[:0]
    )


def _together(looks: list[Looks]) -> Looks:
    return Looks(
        [reason for one in looks for reason in one.reasons],
        [digest for one in looks for digest in one.digests],
        np.concatenate([one.hashes for one in looks]),
        np.concatenate([one.thumbnails for one in looks]),
    )


def _counted(values: pd.Series) -> dict[str, int]:
    return {str(value): int(count) for value, count in values.dropna().value_counts().sort_index().items()}
