"""Cells of label x database in which faces with and without a concept can be compared.

Within a cell the label and the database are constant, so a difference of scores between faces with and without the
concept is due neither to the label nor to the database. Stratifying by the label alone is not enough: where a concept
comes from one database only (closed eyes among no-pain faces, since PSPI counts closed eyes as pain), the stratum would
measure the network's offset between databases.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from painlens.concept_test.folds import Untestable


@dataclass(frozen=True)
class Cell:
    """Faces of one label and one database.

    Attributes
    ----------
    rows
        int64 (face,): rows of the faces in the table that was given.
    present
        bool (face,): the concept is on the face.
    """

    label: str
    database: str
    rows: Int[np.ndarray, " face"]
    present: Bool[np.ndarray, " face"]

    @property
    def name(self) -> str:
        """Such as ``pain x clinical``."""
        return f"{self.label} x {self.database}"


def usable_cells(
    faces: pd.DataFrame, present: Bool[np.ndarray, " face"], *, concept: str, smallest: int
) -> tuple[Cell, ...]:
    """Cells with enough faces with and without the concept, sorted by label and database.

    A cell counts if it has at least `smallest` faces with the concept and as many without, both from at least two
    participants (so that leaving one out leaves both kinds).

    Parameters
    ----------
    faces
        Columns label, database, participant.

    Raises
    ------
    Untestable
        No cell counts; the message lists all of them.
    """
    usable, refused = [], []
    participants = faces["participant"].to_numpy()
    labels, databases = faces["label"].astype(str).to_numpy(), faces["database"].astype(str).to_numpy()
    for label, database in sorted(set(zip(labels, databases, strict=True))):
        rows = np.flatnonzero((labels == label) & (databases == database))
        cell = Cell(label, database, rows, present[rows])
        counts = [int(cell.present.sum()), int((~cell.present).sum())]
        people = [len(set(participants[rows[kind]])) for kind in (cell.present, ~cell.present)]
        if min(counts) >= smallest and min(people) >= 2:
            usable.append(cell)
        else:
            refused.append(
                f"{cell.name}: {counts[0]} with (of {people[0]} participants), {counts[1]} without (of {people[1]})"
            )
    if not usable:
        raise Untestable(
            f"concept '{concept}' cannot be compared: a label x database cell needs {smallest} faces with and "
            f"{smallest} without it, both from two participants or more; got "
            f"{'; '.join(refused) or 'no labelled face'}. Label more test faces, or lower concept_test.smallest_cell"
        )
    return tuple(usable)


def paired_cells(cells: tuple[Cell, ...], fold: Int[np.ndarray, " face"], *, concept: str) -> tuple[Cell, ...]:
    """Cells without the faces that have no counterpart in their own fold: nothing can be compared with them.

    Parameters
    ----------
    fold
        Fold of each face of the table whose rows the cells count.

    Raises
    ------
    Untestable
        No fold of any cell has faces with and without the concept.
    """
    kept = []
    for cell in cells:
        own = fold[cell.rows]
        paired = np.isin(own, np.intersect1d(own[cell.present], own[~cell.present]))
        if paired.any():
            kept.append(Cell(cell.label, cell.database, cell.rows[paired], cell.present[paired]))
    if not kept:
        raise Untestable(
            f"concept '{concept}' cannot be compared: no fold of participants has faces with and without it under one "
            "label; take fewer folds (replication.cross_fitting) or label more faces of each participant"
        )
    return tuple(kept)


def restrict(cells: tuple[Cell, ...]) -> tuple[Int[np.ndarray, " face"], tuple[Cell, ...]]:
    """Rows of all faces in the cells, and the same cells counted within these rows.

    Participants without a face in a usable cell then take no part: they would lengthen the jackknife without a say.
    """
    used = np.sort(np.concatenate([cell.rows for cell in cells]))
    moved = (Cell(c.label, c.database, np.searchsorted(used, c.rows), c.present) for c in cells)
    return used, tuple(moved)


def names_of(cells: tuple[Cell, ...]) -> str:
    """The cells' names in one text."""
    return "; ".join(cell.name for cell in cells)
