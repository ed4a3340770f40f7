"""Audits before a study is believed: is the data what its owner published, can a result be a leak, who agreed to what.

A folder is recognised and counted; of a study also its parts are compared: pictures that two people share, people in
two databases, classes per part, helper models that have seen a database, consent. Nothing is written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from painlens.databases import READERS, read_frames
from painlens.databases.pictures import is_clip
from painlens.doctor.audits import about_parts, about_tree, audit_of, unreadable
from painlens.doctor.coding import about_coding
from painlens.doctor.detection import detection_rates
from painlens.doctor.duplicates import duplicate_findings
from painlens.doctor.findings import Count, DatabaseAudit, Examination, Finding
from painlens.doctor.material import FOLDER, Material, material_of, spread, unlabelled
from painlens.doctor.people import shared_people
from painlens.doctor.pictures import Looks, look
from painlens.doctor.provenance import provenance
from painlens.doctor.tree import recognise
from painlens.faces.detectors import has_mesh
from painlens.forgotten import load_forgotten
from painlens.progress import Progress
from painlens.study import Database, Study
from painlens.tables import DataError
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import databases_of

__all__ = ["Count", "DatabaseAudit", "Depth", "Examination", "Finding", "examine_folder", "examine_study"]


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
    scanned = READERS[reader].scan(root)
    whole = [is_clip(str(path)) for path in scanned.loc[scanned["frame_index"].isna(), "path"]]
    # Every frame of 8,700 clips would be a million pictures that look alike: of a clip the first stands for it.
    rule = {"frames": {"rule": "at-time", "seconds": 0.0}} if any(whole) else {}
    database = Database.model_validate({"reader": reader, "root": root, **rule})
    problem = ""
    try:
        frames = read_frames(database, name=FOLDER, root=root, progress=progress(FOLDER))
    except DataError as error:  # a folder has no study that says what its classes are
        frames, problem = unlabelled(root, reader), str(error)
    material = {FOLDER: Material(database, root, frames, None, None, problem)}
    audits, findings = _examine(material, depth=depth, detectors=("haar",), progress=progress)
    if rule:
        text = "of every clip the first frame was looked at; a study chooses its own (frames.rule)"
        findings.append(Finding("note", "frames", FOLDER, text))
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
    material: dict[str, Material] = {}
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
        material[name] = material_of(study, run, name, root, progress(name))
    asked: list[str] = [study.faces.detector]
    if has_mesh() and "blazeface" not in asked:
        asked.append("blazeface")
    detectors = tuple(asked)
    audits, found = _examine(material, depth=depth, detectors=detectors, progress=progress)
    return Examination(study.study, tuple(audits), (*found, *findings, *provenance(study)))


def _examine(
    material: dict[str, Material], *, depth: Depth, detectors: tuple[str, ...], progress: Callable[[str], Progress]
) -> tuple[list[DatabaseAudit], list[Finding]]:
    audits, findings, looked, looks = [], [], [], []
    for name, own in material.items():
        chosen = own.kept if depth.pictures is None else spread(own.kept, depth.pictures)
        if len(chosen):
            seen = look(chosen, own.root, workers=depth.workers, progress=progress(name))
            looked.append(chosen.assign(database=name))
            looks.append(seen)
            findings += unreadable(name, chosen, seen)
        faces, about_faces = detection_rates(name, own, detectors, depth.faces)
        audits.append(audit_of(name, own, faces, looks[-1] if len(chosen) else None))
        findings += [*about_tree(name, own, audits[-1]), *about_coding(name, own), *about_faces]
        findings += about_parts(name, own, audits[-1])
    findings += shared_people(material)
    if looked:
        findings += duplicate_findings(pd.concat(looked, ignore_index=True), _together(looks))
    return audits, findings


def _together(looks: list[Looks]) -> Looks:
    return Looks(
        [reason for one in looks for reason in one.reasons],
        [digest for one in looks for digest in one.digests],
        np.concatenate([one.hashes for one in looks]),
        np.concatenate([one.thumbnails for one in looks]),
    )
