"""Relevance of a finished run for ViRelAy: faces that may be shown, and a project for each database's network."""

from pathlib import Path

import numpy as np

from painlens import attributions
from painlens.consent import permitted, withdrawn_people
from painlens.progress import silent
from painlens.tables import DataError
from painlens.workflow.context import Context
from painlens.workflow.crops import test_faces
from painlens.workflow.run_folder import RunFolder


def export_to_virelay(run: RunFolder, folder: Path, *, replicate: str) -> list[Path]:
    """Project files of the networks of one seed; faces without consent to display are left out, and so are their maps.

    Raises
    ------
    DataError
        A step has not run, there are no maps of this replicate, or no face may be shown.
    """
    study = run.study()
    faces = test_faces(Context(run, study, folder, "", "", 1, silent))
    settings = {name: database.consent for name, database in study.databases.items()}
    gone = withdrawn_people(run.root)
    rows = np.flatnonzero(permitted(faces.table, "display", settings=settings, withdrawn=gone))
    if not len(rows):
        raise DataError("no test face may be shown: consent to display is missing; see databases.NAME.consent.display")
    stored = [
        attributions.load_relevance(run.folder("attribute", model) / replicate / "relevance.h5")
        for model in study.databases
    ]
    names = ["database", "frame_id"]
    if not stored[0].faces[names].astype(str).equals(faces.table[names].astype(str).reset_index(drop=True)):
        raise DataError("the maps are of other faces than the test faces of now; run 'attribute' again")
    return attributions.virelay_projects(folder, stored, rows, faces.crops[rows])
