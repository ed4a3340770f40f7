"""Whether a network's score changes along a concept: gradient of the score times a direction in the features.

Decodability asks whether a direction exists; the gradient asks whether the answer moves along it, to first order. Three
directions, all at the layer that is decoded:

* **stratified**: mean features with the concept minus without it, within label x database cells. On planted databases
  it recovered the differences of the counterfactual twins (correlation .99).
* **svm-cav**: the normal of a linear SVM, as in TCAV (Kim et al. 2018). It can lean on distractors.
* **pattern-cav**: mean features with minus without, cells left aside (Pahde et al. 2022).

The unit is that of the log-odds: the change over the concept's own step along the direction. TCAV is the share of the
target class's faces whose derivative is positive; it ignores sizes and did not tell planted from null databases, so it
stands here with the range of random directions beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64

from painlens.concept_test.cells import Cell, names_of, restrict, usable_cells
from painlens.concept_test.folds import Untestable
from painlens.concept_test.gram import with_intercept
from painlens.concept_test.material import Material, Network, People, people_of, rows_of
from painlens.concept_test.measured import Measured, weighted_means
from painlens.concept_test.problems import problem_of
from painlens.concept_test.svm import fit_all_faces
from painlens.concept_test.tasks import generator_of
from painlens.study import ConceptTest
from painlens.tables import DIRECTIONS, DataError, conform, empty

PREFIX = "gradient:"
KINDS = ("stratified", "svm-cav", "pattern-cav")
RANDOM_SHARE = 0.5  # of the faces that a random concept's SVM sees: it needs a fraction of the time of all of them


@dataclass(frozen=True)
class _Concept:
    """The faces on which a concept's directions are measured.

    Attributes
    ----------
    rows
        Faces of the material in usable cells; `cells` count within them.
    stratified, pattern
        float64 (face,): weights of the faces' features whose sum is the direction.
    """

    name: str
    rows: np.ndarray
    present: np.ndarray
    target: np.ndarray
    cells: tuple[Cell, ...]
    people: People
    stratified: np.ndarray
    pattern: np.ndarray


class Directions:
    """Collects the derivatives of one network after the other.

    Parameters
    ----------
    material
        Faces and concepts.
    target
        Class whose log-odds the gradients are of; TCAV is taken on its faces.
    seed
        Decides the random concepts.
    """

    def __init__(self, material: Material, *, settings: ConceptTest, target: str, seed: int) -> None:
        self._material, self._settings, self._seed = material, settings, seed
        self._concepts: list[_Concept] = []
        self.refused: dict[str, str] = {}
        for name in material.present:
            try:
                self._concepts.append(_concept_of(material, name, target))
            except Untestable as error:
                self.refused[name] = str(error)
        self._networks: list[Network] = []
        self._values: dict[tuple[str, str], list[np.ndarray]] = {}
        self._rows: list[dict[str, object]] = []

    def add(
        self,
        network: Network,
        gradients: Float[np.ndarray, "face feature"],
        features: Float[np.ndarray, "face feature"],
        gram: Float64[np.ndarray, "face face"],
    ) -> None:
        """Measure one network.

        Parameters
        ----------
        gradients, features, gram
            As `cross_products` takes them; inner products of the features.
        """
        self.add_products(network, cross_products(network, gradients, features), gram)

    def add_products(
        self, network: Network, cross: Float64[np.ndarray, "face face"], gram: Float64[np.ndarray, "face face"]
    ) -> None:
        """Measure one network by the inner products of gradients with features, and of features with features."""
        self._networks.append(network)
        for concept in self._concepts:
            own = np.ix_(concept.rows, concept.rows)
            self._measure(network, concept, cross[own], gram[own])

    def measured(self) -> tuple[Measured, ...]:
        """Derivatives of all networks along the three directions, ready for the claims."""
        found = []
        for concept in self._concepts if self._networks else []:
            for kind in KINDS:
                values = np.array(self._values[concept.name, kind])
                cells = names_of(concept.cells) + ("; direction held fixed" if kind == "svm-cav" else "")
                names, faces = tuple(self._networks), len(concept.rows)
                found.append(Measured.split(PREFIX + kind, concept.name, names, values, concept.people, cells, faces))
        return tuple(found)

    def table(self) -> pd.DataFrame:
        """DIRECTIONS rows of the networks that were trained on all participants."""
        return conform(pd.DataFrame(self._rows), DIRECTIONS) if self._rows else empty(DIRECTIONS)

    def _measure(self, network: Network, concept: _Concept, cross: np.ndarray, gram: np.ndarray) -> None:
        """Derivatives of one network along the directions of one concept."""
        weights = concept.people.weightings(self._material.draws)
        everybody = Cell("", "", np.arange(len(concept.rows)), concept.present)
        svm = fit_all_faces(with_intercept(gram), concept.present[None], cost=self._settings.cost)[0]
        length = svm @ gram @ svm
        step = svm @ gram @ concept.stratified / length if length > 0 else 0.0
        along = {
            "stratified": (_along_means(cross, concept.cells, concept.people, weights), concept.stratified),
            "svm-cav": (step * weighted_means((cross @ svm)[None], concept.people.number, weights)[0], svm),
            "pattern-cav": (_along_means(cross, (everybody,), concept.people, weights), concept.pattern),
        }
        whole = network[1].startswith("seed=")
        random = self._random_tcav(concept, cross, gram) if whole else np.empty(0)
        for kind, (values, direction) in along.items():
            self._values.setdefault((concept.name, kind), []).append(values)
            if whole:
                low, high = np.quantile(random, [0.025, 0.975]) if len(random) else (np.nan, np.nan)
                self._rows.append({
                    "concept": concept.name, "model": network[0], "replicate": network[1], "direction": kind,
                    "derivative": values[0], "tcav": _tcav(cross @ direction, concept.target),
                    "random_tcav_low": low, "random_tcav_high": high, "random_directions": len(random),
                    "faces": len(concept.rows), "target_faces": int(concept.target.sum()),
                })  # fmt: skip

    def _random_tcav(self, concept: _Concept, cross: np.ndarray, gram: np.ndarray) -> Float64[np.ndarray, " draw"]:
        """TCAV along the normals of SVMs that were trained on random concepts of the same prevalence."""
        rng = generator_of(self._seed, concept.name, "random directions")
        found = []
        for _ in range(self._settings.random_directions):
            some = rng.permutation(len(concept.rows))[: max(int(RANDOM_SHARE * len(concept.rows)), 4)]
            present = rng.permutation(concept.present[some])
            if present.all() or not present.any():
                continue
            normal = fit_all_faces(with_intercept(gram[np.ix_(some, some)]), present[None], cost=self._settings.cost)[0]
            found.append(_tcav(cross[:, some] @ normal, concept.target))
        return np.array(found)


def cross_products(
    network: Network, gradients: Float[np.ndarray, "face feature"], features: Float[np.ndarray, "face feature"]
) -> Float64[np.ndarray, "face face"]:
    """Inner products of every face's gradient (row) with every face's features (column).

    Parameters
    ----------
    gradients, features
        Of the material's faces in their order; gradients of the log-odds of the target class.

    Raises
    ------
    DataError
        Gradients and features have different shapes, or a gradient is not finite.
    """
    if gradients.shape != features.shape:
        raise DataError(f"gradients {gradients.shape} must have the shape of the features {features.shape}")
    if not np.isfinite(gradients).all():
        raise DataError(f"gradients of {'/'.join(network)} are not finite; its training has diverged: train again")
    return (gradients @ features.T).astype(np.float64)


def _concept_of(material: Material, name: str, target: str) -> _Concept:
    """Faces, cells and directions of one concept."""
    problem = problem_of(material, name)
    if problem.refusal or problem.confounded:
        raise Untestable(problem.refusal or problem.confounded)
    rows, present = rows_of(material, name)
    faces = material.faces.iloc[rows].reset_index(drop=True)
    used, cells = restrict(usable_cells(faces, present, concept=name, smallest=material.smallest_cell))
    present, faces = present[used], faces.iloc[used]
    stratified = np.zeros(len(used))
    for cell in cells:
        stratified[cell.rows] += _contrast(cell.present) / len(cells)
    is_target = (faces["label"] == target).to_numpy(dtype=bool)
    people = people_of(faces)
    return _Concept(name, rows[used], present, is_target, cells, people, stratified, _contrast(present))


def _contrast(present: np.ndarray) -> np.ndarray:
    """Weights whose sum over features is their mean with the concept minus their mean without it."""
    return np.where(present, 1 / max(present.sum(), 1), -1 / max((~present).sum(), 1))


def _along_means(
    cross: np.ndarray, cells: Sequence[Cell], people: People, weights: np.ndarray
) -> Float64[np.ndarray, " weighting"]:
    """Mean gradient times the mean over cells of the difference of means, both for each weighting of the participants.

    Both sides of the product are sums over participants, so that one small matrix of sums serves all weightings.
    """
    owner = np.eye(len(people.database))[people.number]
    by_person = owner.T @ cross  # sums of gradients of each participant, times each face's features
    total = np.zeros(len(weights))
    for cell in cells:
        for kind, sign in ((cell.present, 1.0), (~cell.present, -1.0)):
            chosen = owner[cell.rows[kind]]
            sums = by_person[:, cell.rows[kind]] @ chosen
            count = weights @ chosen.sum(axis=0)
            both = np.einsum("wp,pq,wq->w", weights, sums, weights, optimize=True)
            total += sign * np.divide(both, count, out=np.full(len(weights), np.nan), where=count > 0)
    return total / len(cells) / (weights @ owner.sum(axis=0))


def _tcav(derivative: np.ndarray, target: np.ndarray) -> float:
    """Share of the target class's faces with a positive derivative; NaN without such a face."""
    return float((derivative[target] > 0).mean()) if target.any() else float("nan")
