"""Which SVMs are trained: one task per concept and kind of halves, the same for all networks and layers."""

import zlib
from dataclasses import dataclass

import numpy as np

from painlens.concept_test.decodability import Decoding, decode, random_concept_floor
from painlens.concept_test.folds import Untestable, image_halves, participant_halves
from painlens.concept_test.gram import FoldGeometry, in_fold, unit_rows, with_intercept
from painlens.concept_test.material import Material, People, people_of, rows_of
from painlens.concept_test.problems import problem_of
from painlens.study import ConceptTest


@dataclass(frozen=True)
class Task:
    """One concept and one kind of halves, the same for all networks.

    Attributes
    ----------
    rows, present
        Faces of the material that are labelled for the concept, and whether it is present.
    first_half
        bool (repeat, face).
    redrawn
        Halves that were refused for too few faces with the concept; 0 for halves of faces.
    """

    concept: str
    folds: str
    rows: np.ndarray
    present: np.ndarray
    people: People
    first_half: np.ndarray
    redrawn: int


def tasks_of(material: Material, settings: ConceptTest, seed: int) -> tuple[list[Task], dict[str, str]]:
    """Halves of every concept, and why there are none; they depend on the seed and the concept's name only."""
    tasks: list[Task] = []
    refused: dict[str, str] = {}
    for concept in material.present:
        problem = problem_of(material, concept)
        rows, present = rows_of(material, concept)
        if problem.refusal or problem.confounded:
            refused[concept] = problem.refusal or problem.confounded
        if problem.refusal or present.sum() < 2 or (~present).sum() < 2:
            refused.setdefault(
                concept,
                f"concept '{concept}' needs two faces with and two without it, got {int(present.sum())} and "
                f"{int((~present).sum())}",
            )
            continue
        people = people_of(material.faces.iloc[rows])
        for folds in settings.folds:
            rng = generator_of(seed, concept, folds)
            if folds == "images":
                halves = image_halves(present, repeats=settings.repeats, stratified=settings.stratified, rng=rng)
                tasks.append(Task(concept, folds, rows, present, people, halves, 0))
            elif not problem.confounded:
                try:
                    drawn = participant_halves(present, people.number, repeats=settings.participant_repeats, rng=rng)
                except Untestable as error:
                    refused[concept] = f"concept '{concept}': {error}"
                    continue
                tasks.append(Task(concept, folds, rows, present, people, drawn.first_half, drawn.redrawn))
    return tasks, refused


def generator_of(seed: int, concept: str, purpose: str) -> np.random.Generator:
    """A generator of its own for each concept and purpose, so that concepts do not change each other's numbers."""
    return np.random.default_rng([seed, zlib.crc32(f"{concept}/{purpose}".encode())])


def decode_task(gram: np.ndarray, task: Task, settings: ConceptTest) -> Decoding:
    """Train and judge the task's SVMs on the inner products (without intercept) of its own faces."""
    gram, geometry = _prepared(gram, task.first_half, settings)
    arrays = gram, task.present, task.people.number, task.first_half
    return decode(*arrays, cost=settings.cost, geometry=geometry, engine=settings.solver)


def floor_of_task(gram: np.ndarray, task: Task, settings: ConceptTest, seed: int) -> np.ndarray:
    """Pooled F1 of random concepts, over halves of participants only."""
    if task.folds != "participants":
        return np.empty(0)
    raw = gram
    gram, _ = _prepared(raw, task.first_half[:1], settings)
    return random_concept_floor(
        gram, task.present, task.people.number, task.first_half,
        cost=settings.cost, permutations=settings.floor_permutations, rng=generator_of(seed, task.concept, "floor"),
        prepare=lambda halves: _prepared(raw, halves, settings)[1], engine=settings.solver,
    )  # fmt: skip


def _prepared(
    gram: np.ndarray, first_half: np.ndarray, settings: ConceptTest
) -> tuple[np.ndarray, FoldGeometry | None]:
    """The inner products as the study wants them: rows normalised, centred and scaled in each fold, with intercept."""
    if settings.rows == "unit":
        gram = unit_rows(gram)
    centre, scale = settings.centring == "fold", settings.scaling == "norm"
    if not centre and not scale:
        return with_intercept(gram), None
    return gram, in_fold(gram, first_half, centre=centre, scale=scale)
