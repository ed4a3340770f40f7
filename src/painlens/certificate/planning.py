"""The smallest difference that a study can detect, before anybody is photographed.

Four sources make a difference between two databases uncertain. Their sizes are taken from the certificate's made
studies and scaled to the study at hand:

    V = sum over both databases of  tau^2 / n  +  sigma^2 / S  +  (beta^2 + omega^2 / (k pi (1 - pi))) / m

with n training participants, S seeds, m test participants with k annotated faces each, and prevalence pi of the
concept. Degrees of freedom follow Satterthwaite, so few halves make the interval wide although they do not change V.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import optimize, special

from painlens.certificate.cells import Cell, Certificate, Design
from painlens.concept_test.claims import DATABASES
from painlens.concept_test.variance import Part
from painlens.study import StudyError
from painlens.tables import DataError

PLANNED_MEASURES = ("auroc", "regression:adjusted", "cause")
NEEDED = ("seeds_a", "seeds_b", "halves_a", "halves_b", "people_a", "people_b")
# Where nothing or little is planted: there a study must be planned; strong differences are found anyway.
SMALL_BIAS = ("none", "weak")


@dataclass(frozen=True)
class Components:
    """Variance of one measure of one model by source, each for one unit.

    Attributes
    ----------
    training
        tau^2: of one training participant.
    seed
        sigma^2: of one fine-tuning.
    person, face
        beta^2 and omega^2: of one test participant with endless faces, and of one face of a concept that half of the
        faces have (four times that).
    """

    training: float
    seed: float
    person: float
    face: float


@dataclass(frozen=True)
class Plan:
    """Size of a study; pairs are database A and B.

    Attributes
    ----------
    train, test
        Participants.
    images
        Annotated test faces.
    prevalence
        Share of the faces that show the concept.
    """

    train: tuple[int, int]
    test: tuple[int, int]
    images: tuple[int, int]
    prevalence: float
    seeds: int
    halves: int


@dataclass(frozen=True)
class Outlook:
    """What a study of some size can see of one measure.

    Attributes
    ----------
    variances
        Source (training participants, seeds, test participants) -> its part of the variance.
    smallest
        Difference that is found with the wanted power.
    """

    measure: str
    standard_error: float
    df: float
    smallest: float
    power: float
    confidence: float
    variances: dict[str, float]


def plan_of(  # noqa: PLR0913 - the size of a study
    participants: tuple[int, int],
    *,
    images: int,
    prevalence: float,
    seeds: int,
    halves: int,
    test: int | None = None,
) -> Plan:
    """A study of so many participants per database, of which `test` (or 3 of 10) are tested and the others train.

    Raises
    ------
    StudyError
        Fewer than two participants of a database would be left for training, or fewer faces than test participants.
    """
    tested = tuple(max(2, round(0.3 * people)) if test is None else test for people in participants)
    train = tuple(people - own for people, own in zip(participants, tested, strict=True))
    if min(train) < 2:
        raise StudyError(
            f"{max(tested)} of {min(participants)} participants are tested and {min(train)} left for training: at "
            "least two must train, one in each half; lower --test"
        )
    if images < max(tested):
        raise StudyError(f"--images must be at least one face per test participant ({max(tested)}), got {images}")
    return Plan((train[0], train[1]), (tested[0], tested[1]), (images, images), prevalence, seeds, halves)


def components_of(certificate: Certificate, measure: str) -> Components:
    """Variance components of a measure, averaged over the made studies with little or no bias.

    Raises
    ------
    DataError
        The certificate holds no such studies.
    """
    cells = [cell for cell in certificate.cells if _is_source(cell, certificate.designs[cell.design], measure)]
    if not cells:
        raise DataError(
            f"the certificate holds no variance components of '{measure}'; make them with `painlens certify --level "
            "features`"
        )
    training, seed, people = [], [], []
    for cell in cells:
        design = certificate.designs[cell.design]
        faces = float(design.settings["images"]) * _spread_of(float(design.settings["prevalence"]))
        for side, n_train, n_test in (("a", design.train_a, design.test_a), ("b", design.train_b, design.test_b)):
            between = cell.components[f"seeds_{side}"]
            seed.append(between)
            training.append(max(cell.components[f"halves_{side}"] - between / 2, 0.0) * n_train)
            people.append((1 / faces, cell.components[f"people_{side}"] * n_test))
    person, face = _split_people(np.array(people))
    return Components(float(np.mean(training)), float(np.mean(seed)), person, face)


def outlook(
    components: Components, plan: Plan, *, measure: str, power: float = 0.8, confidence: float = 0.95
) -> Outlook:
    """Standard error, degrees of freedom and smallest detectable difference of a planned study.

    The smallest difference is the one at which the noncentral t distribution puts the wanted power beyond the
    interval's t quantile.

    Examples
    --------
    >>> one = Components(training=0.0, seed=0.02, person=0.0, face=0.0)
    >>> plan = Plan(train=(9, 9), test=(9, 9), images=(90, 90), prevalence=0.5, seeds=2, halves=4)
    >>> round(outlook(one, plan, measure="auroc").standard_error, 4)
    0.1414
    """
    parts = {"training participants": 0.0, "seeds": 0.0, "test participants": 0.0}
    spread = 0.0
    for train, test, images in zip(plan.train, plan.test, plan.images, strict=True):
        own, seeds, retrained = _retraining(components, train, plan.seeds, plan.halves)
        faces = images / test * _spread_of(plan.prevalence)
        people = (components.person + components.face / faces) / test
        parts["training participants"] += own
        parts["seeds"] += seeds
        parts["test participants"] += people
        spread += retrained.spread + people**2 / max(test - 1, 1)
    variance = sum(parts.values())
    df = variance**2 / spread if spread else np.inf
    error = float(np.sqrt(variance))
    shift = special.nctdtrinc(df, 1 - power, special.stdtrit(df, (1 + confidence) / 2))
    return Outlook(measure, error, float(df), float(shift) * error, power, confidence, parts)


def power_at(found: Outlook, difference: float) -> float:
    """Probability that a study of this outlook calls a true difference different."""
    limit = float(special.stdtrit(found.df, (1 + found.confidence) / 2))
    shift = abs(difference) / found.standard_error
    return float(1 - special.nctdtr(found.df, shift, limit) + special.nctdtr(found.df, shift, -limit))


def helps_most(
    components: Components, plan: Plan, *, measure: str, power: float = 0.8, confidence: float = 0.95
) -> list[tuple[str, float]]:
    """Smallest difference after each doubling of the study, best first."""
    doubled: dict[str, dict[str, Any]] = {
        "twice the training participants": {"train": _twice(plan.train)},
        "twice the test participants (and faces)": {"test": _twice(plan.test), "images": _twice(plan.images)},
        "twice the annotated faces of the same people": {"images": _twice(plan.images)},
        "twice the seeds": {"seeds": 2 * plan.seeds},
        "twice the halves": {"halves": 2 * plan.halves},
    }
    found = [
        (
            name,
            outlook(components, replace(plan, **change), measure=measure, power=power, confidence=confidence).smallest,
        )
        for name, change in doubled.items()
    ]
    return sorted(found, key=lambda entry: entry[1])


def planted_differences(certificate: Certificate, measure: str) -> list[tuple[str, float]]:
    """Strength of a planted bias -> difference of the measure that it makes (mean of both concepts), weakest first."""
    found: dict[str, list[float]] = {}
    for cell in certificate.cells:
        if cell.level == "features" and cell.expected != "none" and _counts(cell, measure) and cell.truth is not None:
            strength = str(certificate.designs[cell.design].settings["strength"])
            found.setdefault(strength, []).append(abs(cell.truth))
    return sorted(((name, float(np.mean(values))) for name, values in found.items()), key=lambda entry: entry[1])


def _twice(pair: Sequence[int]) -> tuple[int, int]:
    return 2 * pair[0], 2 * pair[1]


def _counts(cell: Cell, measure: str) -> bool:
    """The plain claim about databases."""
    return (cell.measure, cell.claim, cell.adjusted, cell.confidence) == (measure, DATABASES, False, 0.95)


def _is_source(cell: Cell, design: Design, measure: str) -> bool:
    """Whether a cell's components speak about a study with little bias, networks as usual."""
    usual = (
        cell.level == "features"
        and _counts(cell, measure)
        and design.settings.get("strength") in SMALL_BIAS
        and design.settings.get("training") == "equal steps"
        and design.confounding == 0.0
        and design.seeds >= 2
        and design.half_splits >= 2
    )
    return usual and set(NEEDED) <= set(cell.components)


def _spread_of(prevalence: float) -> float:
    """Variance of having the concept or not."""
    return prevalence * (1 - prevalence)


def _split_people(points: np.ndarray) -> tuple[float, float]:
    """beta^2 and omega^2 from rows (1 / (k pi (1 - pi)), variance of one test participant), neither negative."""
    design = np.column_stack([np.ones(len(points)), points[:, 0]])
    (person, face), _ = optimize.nnls(design, points[:, 1])
    return float(person), float(face)


def _retraining(components: Components, train: int, seeds: int, halves: int) -> tuple[float, float, Part]:
    """Parts of one database's training participants and seeds, and the expected estimate of their sum.

    As `painlens.concept_test.variance.retraining_part` in expectation.
    """
    own, one_seed = components.training / train, components.seed
    gap = own + one_seed / 2
    if seeds == 1:  # the estimate is then an upper limit, twice the halves' variance
        return 2 * own, one_seed, Part(2 * gap, (2 * gap) ** 2 / halves)
    factor = 1 / seeds - 1 / 2
    spread = gap**2 / halves + (factor * one_seed) ** 2 / (seeds - 1)
    return own, one_seed / seeds, Part(own + one_seed / seeds, spread)
