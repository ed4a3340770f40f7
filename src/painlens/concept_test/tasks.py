"""Which SVMs are trained: one task per concept and kind of halves, the same for all networks and layers."""

import zlib
from dataclasses import dataclass

import numpy as np

from painlens.concept_test.decodability import Decoding, decode, random_concept_floor
from painlens.concept_test.folds import ParticipantHalves, Untestable, image_halves, participant_halves
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
    fold
        int64 (face,): with cross-fitting the fold of participants whose networks gave the features; None: one network
        gave all. Every fold then has SVMs of its own, whose decisions are pooled.
    """

    concept: str
    folds: str
    rows: np.ndarray
    present: np.ndarray
    people: People
    first_half: np.ndarray
    redrawn: int
    fold: np.ndarray | None = None


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
        fold = None if material.fold is None else material.fold[rows]
        for folds in settings.folds:
            if folds == "participants" and problem.confounded:
                continue
            try:
                drawn = _halves(folds, present, people, fold, settings, generator_of(seed, concept, folds))
            except Untestable as error:
                refused.setdefault(concept, f"concept '{concept}': {error}")
                continue
            tasks.append(Task(concept, folds, rows, present, people, drawn.first_half, drawn.redrawn, fold))
    return tasks, refused


def _halves(  # noqa: PLR0913 - whose halves, and how they are drawn
    folds: str, present: np.ndarray, people: People, fold: np.ndarray | None, settings: ConceptTest,
    rng: np.random.Generator,
) -> ParticipantHalves:  # fmt: skip
    """Halves of the faces or of the participants; with cross-fitting of those of each fold."""
    if fold is None:
        return _halves_of(folds, present, people.number, settings, rng)
    first, redrawn = None, 0
    for name in np.unique(fold):
        own = np.flatnonzero(fold == name)
        if present[own].sum() < 2 or (~present[own]).sum() < 2:
            raise Untestable(
                f"the SVMs of fold {name} of the participants need two faces with and two without the concept, got "
                f"{int(present[own].sum())} and {int((~present[own]).sum())}; take fewer folds "
                "(replication.cross_fitting)"
            )
        number = np.unique(people.number[own], return_inverse=True)[1].astype(np.int64)
        try:
            found = _halves_of(folds, present[own], number, settings, rng)
        except Untestable as error:
            raise Untestable(f"fold {name} of the participants: {error}, or take fewer folds") from None
        first = np.zeros((len(found.first_half), len(present)), bool) if first is None else first
        first[:, own] = found.first_half
        redrawn += found.redrawn
    assert first is not None  # there are faces, so there is a fold
    return ParticipantHalves(first, redrawn)


def _halves_of(
    folds: str, present: np.ndarray, number: np.ndarray, settings: ConceptTest, rng: np.random.Generator
) -> ParticipantHalves:
    if folds == "participants":
        return participant_halves(present, number, repeats=settings.participant_repeats, rng=rng)
    return ParticipantHalves(
        image_halves(present, repeats=settings.repeats, stratified=settings.stratified, rng=rng), 0
    )


def generator_of(seed: int, concept: str, purpose: str) -> np.random.Generator:
    """A generator of its own for each concept and purpose, so that concepts do not change each other's numbers."""
    return np.random.default_rng([seed, zlib.crc32(f"{concept}/{purpose}".encode())])


def decode_task(gram: np.ndarray, task: Task, settings: ConceptTest) -> Decoding:
    """Train and judge the task's SVMs on the inner products (without intercept) of its own faces."""
    gram, geometry = _prepared(gram, task.first_half, settings, task.fold)
    arrays = gram, task.present, task.people.number, task.first_half
    return decode(*arrays, cost=settings.cost, geometry=geometry, engine=settings.solver)


def floor_of_task(gram: np.ndarray, task: Task, settings: ConceptTest, seed: int) -> np.ndarray:
    """Pooled F1 of random concepts, over halves of participants only."""
    if task.folds != "participants":
        return np.empty(0)
    raw = gram
    gram, _ = _prepared(raw, task.first_half[:1], settings, task.fold)
    return random_concept_floor(
        gram, task.present, task.people.number, task.first_half,
        cost=settings.cost, permutations=settings.floor_permutations, rng=generator_of(seed, task.concept, "floor"),
        prepare=lambda halves: _prepared(raw, halves, settings, task.fold)[1], engine=settings.solver,
    )  # fmt: skip


def _prepared(
    gram: np.ndarray, first_half: np.ndarray, settings: ConceptTest, fold: np.ndarray | None
) -> tuple[np.ndarray, FoldGeometry | None]:
    """The inner products as the study wants them: rows normalised, centred and scaled in each fold, with intercept.

    With cross-fitting faces of different folds are orthogonal, in the intercept too: the dual problem then falls apart
    into one SVM per fold, exactly as if they were trained one after the other.
    """
    if settings.rows == "unit":
        gram = unit_rows(gram)
    centre, scale = settings.centring == "fold", settings.scaling == "norm"
    if not centre and not scale:
        gram = with_intercept(gram)
        return gram if fold is None else gram * (fold[:, None] == fold), None
    return gram, in_fold(gram, first_half, centre=centre, scale=scale)
