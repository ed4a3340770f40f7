"""Which cells of the certificate speak about a study, and what they say.

No cell is exactly like a study of somebody else. The nearest size is taken, the rates are those of the *worst* concept
there, and how far the size is from the study's own is said.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from painlens.certificate.cells import Cell, Certificate, Design, Level, Rate, coverage, power, rejection_rate

NAMES = {
    "auroc": "association (AUROC)",
    "regression": "regression",
    "regression:adjusted": "adjusted regression",
    "relevance:max": "relevance in the region",
    "cause": "causal effect (twins)",
    "decodability:participants": "decodability",
    "decodability:images": "decodability, faces in halves",
}
CLAIMS = {
    "databases": "databases",
    "people": "other test people",
    "fine-tunings": "other fine-tunings",
    "paper": "the paper's t test",
    "nadeau-bengio": "Nadeau and Bengio",
}
HEADLINES = ("auroc", "regression:adjusted", "cause")  # measures that a report's verdicts rest on
ABOUT_DATABASES, PAPER = "databases", "paper"
PAPERS_MEASURE = "decodability:images"
MOST_FALSE, LEAST_COVERED = 0.07, 0.93  # a cell beyond these limits fails; nominal are .05 and .95
NOMINAL = 0.05  # of false differences, and of intervals that miss the truth
EQUAL_STEPS = "equal steps"  # made studies whose databases are trained alike, whatever their size
UNEQUAL = 1.5  # ratio of the optimisation steps of two databases from which on it is worth a word
LIKE = math.log(1.5)  # sizes within this factor are called alike


@dataclass(frozen=True)
class Size:
    """What a study can be compared by before its result is known. A is the earlier database of the pair."""

    train_a: int
    train_b: int
    test_a: int
    test_b: int
    seeds: int
    half_splits: int

    @property
    def exchanged(self) -> "Size":
        """The same study with its databases in the other order."""
        return Size(self.train_b, self.train_a, self.test_b, self.test_a, self.seeds, self.half_splits)


@dataclass(frozen=True)
class Line:
    """Rates of one design and measure: those of the worst concept.

    Attributes
    ----------
    false
        Differences called between databases drawn alike; None for other databases.
    found
        Planted directions found; None where nothing was planted.
    covered
        Intervals that held the truth; None where that was not counted.
    """

    design: str
    description: str
    measure: str
    claim: str
    studies: int
    false: Rate | None
    found: Rate | None
    covered: Rate | None


@dataclass(frozen=True)
class Match:
    """What the certificate says about studies of the nearest size at one level.

    Attributes
    ----------
    factor
        By how much, at most, one of the numbers of participants differs from the study's; 1: equal.
    lines
        Designs without a planted difference first.
    """

    level: Level
    size: Size
    factor: float
    lines: tuple[Line, ...]

    @property
    def alike(self) -> bool:
        """Whether the nearest size is near."""
        return math.log(self.factor) <= LIKE


def size_of(design: Design) -> Size:
    """The size of a design."""
    return Size(design.train_a, design.train_b, design.test_a, design.test_b, design.seeds, design.half_splits)


def distance(a: Size, b: Size) -> float:
    """How unlike two sizes are: logarithms of ratios; people weigh twice as much as seeds and splits."""
    people = ("train_a", "train_b", "test_a", "test_b")
    gaps = [2 * abs(math.log(max(getattr(a, n), 0.5) / max(getattr(b, n), 0.5))) for n in people]
    gaps += [abs(math.log((getattr(a, n) + 0.5) / (getattr(b, n) + 0.5))) for n in ("seeds", "half_splits")]
    return sum(gaps)


def match(
    certificate: Certificate,
    size: Size,
    *,
    level: Level,
    measures: Sequence[str] = HEADLINES,
    training: str = EQUAL_STEPS,
) -> Match | None:
    """The nearest size at a level and the rates of all designs of that size; None if the level has no cell.

    Parameters
    ----------
    training
        Made studies in which the databases' networks were trained for ``equal steps``, ``8 epochs`` or ``32 epochs``.
    """
    names = {cell.design for cell in certificate.cells if cell.level == level}
    designs = {
        name: design
        for name, design in certificate.designs.items()
        if name in names and design.settings.get("training", training) == training
    }
    if not designs:
        return None
    nearest = min(
        (size_of(design) for design in designs.values()),
        key=lambda own: min(distance(own, size), distance(own, size.exchanged)),
    )
    chosen = [name for name, design in designs.items() if size_of(design) == nearest]
    chosen.sort(key=lambda name: (designs[name].bias, designs[name].cue, designs[name].confounding))
    wanted = [(measure, ABOUT_DATABASES) for measure in measures] + [(PAPERS_MEASURE, PAPER)]
    lines = [
        line
        for name in chosen
        for measure, claim in wanted
        if (line := line_of(certificate, name, measure=measure, claim=claim, level=level)) is not None
    ]
    turned = nearest if distance(nearest, size) <= distance(nearest, size.exchanged) else nearest.exchanged
    return Match(level, nearest, _factor(turned, size), tuple(lines))


def trainings(certificate: Certificate) -> set[str]:
    """How made studies were trained: for equal steps, or for so many epochs."""
    return {
        str(design.settings["training"]) for design in certificate.designs.values() if "training" in design.settings
    }


def line_of(certificate: Certificate, design: str, *, measure: str, claim: str, level: Level) -> Line | None:
    """The rates of one design, measure and claim at 95 %; None if there is no such cell."""
    cells = [
        cell
        for cell in certificate.cells
        if (cell.level, cell.design, cell.measure, cell.claim) == (level, design, measure, claim)
        and not cell.adjusted
        and cell.confidence == 0.95
        and cell.judged
    ]
    if not cells:
        return None
    alike = [cell for cell in cells if cell.kind == "null"]
    planted = [cell for cell in cells if cell.expected != "none"]
    covered = [found for cell in cells if (found := coverage(cell)) is not None]
    return Line(
        design=design,
        description=certificate.designs[design].description,
        measure=measure,
        claim=claim,
        studies=max(cell.studies for cell in cells),
        false=max((rejection_rate(cell) for cell in alike), key=lambda r: r.value, default=None),
        found=min((power(cell) for cell in planted), key=lambda r: r.value, default=None),
        covered=min(covered, key=lambda r: r.value, default=None),
    )


def failures(lines: Iterable[Line]) -> list[str]:
    """Reasons not to trust a verdict about the databases, one per line that is beyond the limits.

    Beyond the limits and, by the exact interval of the rate, beyond the nominal level too: the worst of many cells of
    a hundred studies passes a limit by chance.
    """
    found = []
    for line in lines:
        if line.claim != ABOUT_DATABASES:
            continue
        if line.false is not None and line.false.value > MOST_FALSE and line.false.low > NOMINAL:
            found.append(
                f"{NAMES.get(line.measure, line.measure)}, {line.description}: {line.false.count} of {line.false.of} "
                f"studies called a difference between databases drawn alike, more than {100 * MOST_FALSE:g}\xa0%"
            )
        elif line.covered is not None and line.covered.value < LEAST_COVERED and line.covered.high < 1 - NOMINAL:
            found.append(
                f"{NAMES.get(line.measure, line.measure)}, {line.description}: {line.covered.count} of "
                f"{line.covered.of} intervals held the truth, fewer than {100 * LEAST_COVERED:g}\xa0%"
            )
    return found


@dataclass(frozen=True)
class Permission:
    """Whether studies of a size may speak about databases.

    Attributes
    ----------
    allowed
        No cell near this size is beyond the limits. True also where no cell is near: then nothing is known.
    reasons
        Which cells fail, in words.
    near
        Whether the certificate holds studies of about this size at all.
    """

    allowed: bool
    reasons: tuple[str, ...]
    near: bool


def verdict_allowed(
    certificate: Certificate, size: Size, *, measure: str = HEADLINES[0], training: str = EQUAL_STEPS
) -> Permission:
    """Whether the certificate lets studies of a size make a verdict about databases with a measure.

    Only made features decide, where there are enough studies.

    Parameters
    ----------
    training
        Whether the networks of both databases take ``equal steps``, or ``8 epochs`` or ``32 epochs``, which are unequal
        steps where the databases are of unequal size.
    """
    found = match(certificate, size, level="features", measures=(measure,), training=training)
    if found is None or not found.alike:
        return Permission(allowed=True, reasons=(), near=False)
    reasons = tuple(failures(found.lines))
    return Permission(allowed=not reasons, reasons=reasons, near=True)


def same_kind(certificate: Certificate, cell: Cell) -> Cell | None:
    """The cell at the other level that is most like one: same concept, measure and claim, same kind, nearest design."""
    own = certificate.designs[cell.design]
    others = [
        other
        for other in certificate.cells
        if other.level != cell.level
        and (other.kind, other.concept, other.measure, other.claim, other.adjusted, other.confidence, other.expected)
        == (cell.kind, cell.concept, cell.measure, cell.claim, cell.adjusted, cell.confidence, cell.expected)
    ]
    return min(others, key=lambda other: unlikeness(own, certificate.designs[other.design]), default=None)


def unlikeness(a: Design, b: Design) -> float:
    """How unlike two designs are: their sizes, what was planted, and with what it comes along."""
    planted = 4 * abs(a.bias - b.bias) + 4 * abs(a.cue - b.cue) + 2 * abs(a.confounding - b.confounding)
    return distance(size_of(a), size_of(b)) + planted


def _factor(a: Size, b: Size) -> float:
    """Largest ratio of participants."""
    pairs = [(getattr(a, n), getattr(b, n)) for n in ("train_a", "train_b", "test_a", "test_b")]
    return max(max(x, 1) / max(y, 1) if x > y else max(y, 1) / max(x, 1) for x, y in pairs)
