"""How far a network's score goes along with a concept: AUROC within label x database cells.

Of some 25 measures that were compared on planted and null databases this one separated them best. It needs only
answers and concept labels. It is an **association**: on real faces a concept comes together with other facial actions,
and a network that ignores the eyes scores above .5 for closed eyes if they close when the face is in pain.
"""

import numpy as np
from jaxtyping import Float64

from painlens.concept_test.cells import Cell, names_of, restrict, usable_cells
from painlens.concept_test.material import Material, People, people_of, rows_of
from painlens.concept_test.measured import Measured
from painlens.concept_test.statistics import weighted_auroc


def stratified_auroc(
    score: Float64[np.ndarray, "network face"],
    cells: tuple[Cell, ...],
    people: People,
    weights: Float64[np.ndarray, "weighting participant"],
) -> Float64[np.ndarray, "network weighting"]:
    """AUROC of the score for the concept within each cell, unweighted mean over the cells.

    The cells count alike, whatever their size, so that the value does not follow the prevalence of the concept in one
    database. .5 is no association; above .5 faces with the concept get larger scores.
    """
    total = np.zeros((len(score), len(weights)))
    for cell in cells:
        total += weighted_auroc(score[:, cell.rows], cell.present, people.number[cell.rows], weights)
    return total / len(cells)


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
    used, cells = restrict(cells)
    people = people_of(faces.iloc[used])
    weights = people.weightings(material.draws)
    values = stratified_auroc(material.score[:, rows[used]], cells, people, weights)
    return Measured.split("auroc", concept, material.networks, values, people, names_of(cells), len(used))
