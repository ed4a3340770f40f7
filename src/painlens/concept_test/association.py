"""How far a network's score goes along with a concept: AUROC within label x database cells.

Of some 25 measures that were compared on planted and null databases this one separated them best. It needs only
answers and concept labels. It is an **association**: on real faces a concept comes together with other facial actions,
and a network that ignores the eyes scores above .5 for closed eyes if they close when the face is in pain.
"""

import numpy as np
from jaxtyping import Float64, Int

from painlens.concept_test.cells import Cell, names_of, paired_cells, restrict, usable_cells
from painlens.concept_test.material import Material, People, people_of, rows_of
from painlens.concept_test.measured import Measured
from painlens.concept_test.statistics import weighted_auroc


def stratified_auroc(
    score: Float64[np.ndarray, "network face"],
    cells: tuple[Cell, ...],
    people: People,
    weights: Float64[np.ndarray, "weighting participant"],
    fold: Int[np.ndarray, " face"] | None = None,
) -> Float64[np.ndarray, "network weighting"]:
    """AUROC of the score for the concept within each cell, unweighted mean over the cells.

    The cells count alike, whatever their size, so that the value does not follow the prevalence of the concept in one
    database. .5 is no association; above .5 faces with the concept get larger scores.

    Parameters
    ----------
    fold
        With cross-fitting: only pairs of faces of one fold are compared, since other folds have other networks, whose
        scores have no common scale; the pairs of all folds of a cell count alike.
    """
    total = np.zeros((len(score), len(weights)))
    for cell in cells:
        number, own = people.number[cell.rows], score[:, cell.rows]
        if fold is None:
            total += weighted_auroc(own, cell.present, number, weights)
        else:
            total += _within_folds(own, cell.present, number, weights, fold[cell.rows])
    return total / len(cells)


def _within_folds(
    score: np.ndarray, present: np.ndarray, person: np.ndarray, weights: np.ndarray, fold: np.ndarray
) -> np.ndarray:
    """Share of the pairs within folds that are in order, (network, weighting); NaN where no pair has weight."""
    ordered, pairs = np.zeros((len(score), len(weights))), np.zeros(len(weights))
    for name in np.unique(fold):
        own = fold == name
        sides = (weights[:, person[own & kind]].sum(axis=1) for kind in (present, ~present))
        weight = np.prod(list(sides), axis=0)
        auroc = weighted_auroc(score[:, own], present[own], person[own], weights)
        ordered += np.where(weight > 0, np.nan_to_num(auroc) * weight, 0.0)
        pairs += weight
    return np.divide(ordered, pairs, out=np.full(ordered.shape, np.nan), where=pairs > 0)


def measure_auroc(material: Material, concept: str) -> Measured:
    """The stratified AUROC of every network, with and without each participant of the cells.

    Raises
    ------
    Untestable
        No label x database cell has enough faces.
    """
    rows, present = rows_of(material, concept)
    faces = material.faces.iloc[rows].reset_index(drop=True)
    cells = usable_cells(faces, present, concept=concept, smallest=material.smallest_cell)
    if material.fold is not None:
        cells = paired_cells(cells, material.fold[rows], concept=concept)
    used, cells = restrict(cells)
    people = people_of(faces.iloc[used])
    weights = people.weightings(material.draws)
    fold = None if material.fold is None else material.fold[rows[used]]
    values = stratified_auroc(np.ascontiguousarray(material.score[:, rows[used]]), cells, people, weights, fold)
    names = names_of(cells) + ("" if fold is None else "; pairs within folds")
    return Measured.split("auroc", concept, material.networks, values, people, names, len(used))
