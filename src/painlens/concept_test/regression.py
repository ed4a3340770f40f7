"""How much of a network's score goes with each concept, the other concepts and the cells held constant.

Ordinary least squares of the standardised score on all concepts and one constant per label x database cell; the
`adjusted` version also holds the intensities of facial action units constant, which is as near to *use* of the concept
as data without interventions come.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int

from painlens.concept_test.folds import Untestable
from painlens.concept_test.material import FACE, Material, people_of, without_offsets
from painlens.concept_test.measured import Measured
from painlens.tables import DataError

# Action units that *are* the concept, or come with it by its very definition (Facial Action Coding System; Ekman,
# Friesen, Hager 2002). Held constant they would leave nothing of it. 20: bared teeth stretch the lips.
DEFINING_UNITS: dict[str, tuple[str, ...]] = {
    "eyes-closed": ("au43", "au45"),
    "teeth-visible": ("au20", "au25", "au26", "au27"),
    "smile": ("au12",),
}


@dataclass(frozen=True)
class Design:
    """Columns of the regression for the faces that are labelled for every concept.

    Attributes
    ----------
    rows
        int64 (row,): faces of the material that take part.
    matrix
        float64 (row, column): concepts first, then action units, then one column per cell.
    concepts
        Names of the first columns.
    text
        What was held constant.
    """

    rows: Int[np.ndarray, " row"]
    matrix: Float64[np.ndarray, "row column"]
    concepts: tuple[str, ...]
    text: str


def measure_regression(material: Material, concept: str) -> Measured:
    """Coefficient of the concept: standard deviations of the score that the concept adds, cells held constant.

    Raises
    ------
    Untestable
        The coefficient is not identified: the concept is constant or follows from the other columns.
    """
    return _measure(material, concept, adjusted=False)


def measure_adjusted_regression(material: Material, concept: str) -> Measured | None:
    """The same with facial action units held constant too; None where there are none.

    Units that define a concept of the study are left out (`DEFINING_UNITS`).
    """
    return None if material.action_units is None else _measure(material, concept, adjusted=True)


def coefficients_without(
    design: Float64[np.ndarray, "row column"],
    score: Float64[np.ndarray, "network row"],
    participant: Int[np.ndarray, " row"],
    column: int,
    weights: Float64[np.ndarray, "weighting participant"] | None = None,
) -> Float64[np.ndarray, "network weighting"]:
    """Coefficient of one column in the regression of each standardised score, for each weighting of the participants.

    Without `weights`: with everybody, without participant 0, 1 ... Products are summed per participant once, so that a
    weighting costs one small system of equations. NaN where the coefficient is not identified.
    """
    n_people = int(participant.max()) + 1
    products, moments = _sums_by_participant(design, score, participant, n_people)
    if weights is None:
        weights = np.vstack([np.ones(n_people), 1.0 - np.eye(n_people)])
    return _coefficient(np.tensordot(weights, products, axes=1), np.tensordot(weights, moments, axes=1), column).T


def _sums_by_participant(
    design: np.ndarray, score: np.ndarray, participant: np.ndarray, n_people: int
) -> tuple[np.ndarray, np.ndarray]:
    """Products X'X and X'y of each participant; the last rows of the second hold sums for the standard deviation."""
    n_columns = design.shape[1]
    products = np.zeros((n_people, n_columns, n_columns))
    moments = np.zeros((n_people, n_columns + 3, len(score)))  # X'y, sum of y, sum of y squared, number of rows
    for person in range(n_people):
        rows = participant == person
        x, y = design[rows], score[:, rows].T
        products[person] = x.T @ x
        moments[person] = np.vstack([x.T @ y, y.sum(axis=0), (y**2).sum(axis=0), np.full(len(score), rows.sum())])
    return products, moments


def _coefficient(
    gram: Float64[np.ndarray, "weighting column column"],
    against: Float64[np.ndarray, "weighting moment network"],
    column: int,
) -> Float64[np.ndarray, "weighting network"]:
    """Solve the normal equations of all weightings; the minimum-norm solution is right where it is identified."""
    scale = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))
    scale = np.where(scale == 0, 1.0, scale)
    scaled = gram / (scale[:, :, None] * scale[:, None, :])
    inverse = np.linalg.pinv(scaled, rcond=1e-9, hermitian=True)
    found = np.einsum("wij,wj->wi", inverse, scaled[:, :, column])  # a unit vector where the coefficient is identified
    unit = np.zeros(gram.shape[1])
    unit[column] = 1.0
    identified = np.isclose(found, unit, atol=1e-6).all(axis=1, keepdims=True)
    total, squares, count = against[:, -3], against[:, -2], np.maximum(against[:, -1], 1.0)
    deviation = np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0.0))
    beta = np.einsum("wi,win->wn", inverse[:, column] / scale, against[:, :-3]) / scale[:, [column]]
    usable = identified & (deviation > 0)
    return np.divide(beta, deviation, out=np.full(beta.shape, np.nan), where=usable)


def _measure(material: Material, concept: str, *, adjusted: bool) -> Measured:
    """Build the design, fit, and check that the coefficient is identified."""
    if not np.isfinite(material.present[concept]).any():
        raise Untestable(f"concept '{concept}' has no labelled face")
    design = _design(material, adjusted=adjusted)
    name = "regression:adjusted" if adjusted else "regression"
    column = design.concepts.index(concept)
    people = people_of(material.faces.iloc[design.rows])
    fold = None if material.fold is None else material.fold[design.rows]
    score = without_offsets(material.score[:, design.rows], fold)  # the constants absorb them; keeps squares precise
    weights = people.weightings(material.draws)
    values = coefficients_without(design.matrix, score, people.number, column, weights)
    if not np.isfinite(values[:, 0]).all():
        raise Untestable(
            f"the {name} coefficient of concept '{concept}' is not identified: the concept is constant on the "
            f"{len(design.rows)} faces labelled for every concept, or it follows from {design.text}"
        )
    return Measured.split(name, concept, material.networks, values, people, design.text, len(design.rows))


def _design(material: Material, *, adjusted: bool) -> Design:
    """Concepts, action units where wanted, and one constant per label x database cell."""
    concepts = tuple(name for name, value in material.present.items() if np.isfinite(value).any())
    values = np.column_stack([material.present[name] for name in concepts])
    known = np.isfinite(values).all(axis=1)
    units = np.empty((len(material.faces), 0))
    held: list[str] = []
    if adjusted:
        units, held = _action_units(material, concepts)
        known &= np.isfinite(units).all(axis=1)
    rows = np.flatnonzero(known)
    if not len(rows):
        raise Untestable("no face is labelled for every concept of the study" + (" with action units" if held else ""))
    cells = (material.faces["label"].astype(str) + " x " + material.faces["database"].astype(str)).iloc[rows]
    names = sorted(set(cells))
    strata = cells if material.fold is None else cells + material.fold[rows].astype(str)  # a constant for each network
    number, constant = pd.factorize(strata, sort=True)
    dummies = np.eye(len(constant))[number]
    constants = [f"concepts {', '.join(concepts)}", *([f"action units {', '.join(held)}"] if held else [])]
    names += [] if material.fold is None else ["each fold of participants apart"]
    text = f"{'; '.join(names)}; with {' and '.join(constants)}"
    return Design(rows, np.hstack([values[rows], units[rows], dummies]), concepts, text)


def _action_units(material: Material, concepts: Sequence[str]) -> tuple[Float64[np.ndarray, "face unit"], list[str]]:
    """Intensities for the material's faces, without the units that define a concept of the study."""
    assert material.action_units is not None
    table = material.action_units
    own = {unit for concept in concepts for unit in DEFINING_UNITS.get(concept, ())}
    names = [name for name in table.columns if name not in FACE and name.startswith("au") and name not in own]
    if not names or not set(FACE) <= set(table.columns):
        raise DataError(f"action units need the columns {FACE} and au04, au06 ...; got {list(table.columns)}")
    if table.duplicated(FACE).any():
        raise DataError("action units have two rows for one face; they must have one row per database and frame_id")
    wide = material.faces[FACE].merge(table[[*FACE, *names]], on=FACE, how="left")
    return wide[names].to_numpy(dtype=float), names
