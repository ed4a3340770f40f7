"""The measures of the concept test for a made study, without tables on the way.

The numbers come from the same functions as in a real study (`stratified_auroc`, `coefficients_without`,
`means_without`, `decode` ...); only the assembly of tables is left out, which would take most of the time. A test
compares every measure with what the concept test makes of the same study's tables.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float64, Int

from painlens.certificate.designs import CONCEPTS, MadeDesign
from painlens.certificate.made_study import SMALLEST_CELL, MadeStudy, face_table
from painlens.concept_test.association import stratified_auroc
from painlens.concept_test.cells import names_of, restrict, usable_cells
from painlens.concept_test.folds import Untestable
from painlens.concept_test.material import People, people_of
from painlens.concept_test.measured import Measured, means_without
from painlens.concept_test.regression import coefficients_without

HEADLINES = ("auroc", "regression:adjusted", "cause")


def measure_study(study: MadeStudy) -> tuple[list[Measured], dict[tuple[str, str], str]]:
    """Association, regression, adjusted regression and causal effect of every concept, all networks.

    Returns
    -------
    tuple
        The measures, and (measure, concept) -> reason of those that the faces do not allow.
    """
    found, refused = [], {}
    score = study.score
    for number, concept in enumerate(CONCEPTS):
        try:
            found.append(_association(study, score, number))
        except Untestable as error:
            refused["auroc", concept] = str(error)
        for name in ("regression", "regression:adjusted"):
            one = _regression(study, score, number, name)
            if np.isfinite(one.values[:, 0]).all():
                found.append(one)
            else:
                refused[name, concept] = "the coefficient is not identified"
        found.append(_cause(study, number))
    return found, refused


def _association(study: MadeStudy, score: Float64[np.ndarray, "network face"], concept: int) -> Measured:
    """As `painlens.concept_test.association.measure_auroc`."""
    name = CONCEPTS[concept]
    cells = usable_cells(face_table(study.design), study.present[:, concept], concept=name, smallest=SMALLEST_CELL)
    used, cells = restrict(cells)
    people = _people_among(study.design, used)
    values = stratified_auroc(np.ascontiguousarray(score[:, used]), cells, people, people.leave_one_out)
    return Measured("auroc", name, tuple(study.networks), values, people.database, names_of(cells), len(used))


def _regression(study: MadeStudy, score: Float64[np.ndarray, "network face"], concept: int, measure: str) -> Measured:
    """As `painlens.concept_test.regression.measure_regression` and `measure_adjusted_regression`."""
    units = [study.units] if measure == "regression:adjusted" else []
    matrix = np.hstack([study.present.astype(float), *units, _cell_constants(study.design)])
    people = _people(study.design)
    values = coefficients_without(matrix, score - score.mean(axis=1, keepdims=True), people.number, concept)
    return Measured(
        measure, CONCEPTS[concept], tuple(study.networks), values, people.database, "all cells", len(matrix)
    )


def _cause(study: MadeStudy, concept: int) -> Measured:
    """As `painlens.concept_test.causes.measure_cause`."""
    twins, people = study.twins(concept), _people(study.design)
    effect = twins.probability[:, 1] - twins.probability[:, 0]
    number = people.number[twins.row]
    database = np.array(people.database)[number]
    means = [
        means_without(effect[:, database == name], number[database == name], len(people.database))
        for name in sorted(set(people.database))
    ]
    return Measured(
        "cause", CONCEPTS[concept], tuple(study.networks), np.mean(means, axis=0), people.database, "twins", len(number)
    )


@lru_cache(maxsize=8)
def _people(design: MadeDesign) -> People:
    return people_of(face_table(design))


def _people_among(design: MadeDesign, rows: Int[np.ndarray, " row"]) -> People:
    """Participants with a face among the rows, numbered anew; faces are sorted by participant."""
    people = _people(design)
    who, number = np.unique(people.number[rows], return_inverse=True)
    return People(number.astype(np.int64), tuple(people.database[person] for person in who))


@lru_cache(maxsize=8)
def _cell_constants(design: MadeDesign) -> Float64[np.ndarray, "face cell"]:
    """One column per label x database."""
    faces = face_table(design)
    names = (faces["label"] + " x " + faces["database"]).to_numpy(dtype=str)
    return (names[:, None] == np.unique(names)).astype(float)


def networks_among(measured: Measured, *, seeds: int, halves: int) -> Measured:
    """The same measure as if fewer networks had been trained: the first seeds and the first halves."""
    keep = [
        row
        for row, (_, replicate) in enumerate(measured.networks)
        if int(replicate.split("=")[1].rstrip("ab")) < (seeds if replicate.startswith("seed=") else halves)
    ]
    networks = tuple(measured.networks[row] for row in keep)
    return Measured(
        measured.measure, measured.concept, networks, measured.values[keep], measured.database, measured.cells,
        measured.faces,
    )  # fmt: skip
