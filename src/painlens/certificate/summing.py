"""The certificate's rates summed over many cells, as text for docs/measurements.md: counted whenever the docs are made.

Only cells at the usual 95 % that are not corrected for several tests. Rates of many cells are weighted by studies.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from painlens.certificate.cells import Cell, Certificate, coverage, power, rejection_rate
from painlens.certificate.matching import ABOUT_DATABASES, HEADLINES, LEAST_COVERED, MOST_FALSE, PAPERS_MEASURE
from painlens.certificate.tabulating import Row, to_markdown, verdicts_right

FEW = 10  # test participants of the smaller database, below which cells stand apart
SIZES = ("paper", "demo", "ten", "forty", "eighty")
STRENGTHS = (
    ("demo", 0.0, "the demo's planting"), ("strong", 0.0, ".88 / .06"),
    ("strong", 1.0, ".88 / .06, confounded with action units"), ("medium", 0.0, ".60 / .25"),
    ("medium", 1.0, ".60 / .25, confounded with action units"), ("weak", 0.0, ".45 / .27"),
)  # fmt: skip
PLANTED = (("eyes-closed", "a"), ("teeth-visible", "b"))
AUROC = HEADLINES[0]
SHORT = {AUROC: "association (AUROC)", "regression:adjusted": "adjusted regression", "cause": "causal effect"}


class _Made:
    """The cells of made studies that are summed: 95 %, uncorrected, judged at all, by claim."""

    def __init__(self, record: Certificate) -> None:
        self.designs, self.origin = record.designs, record.origins["features"]
        self._by_claim: dict[str, list[Cell]] = {}
        for cell in record.cells:
            if (cell.level, cell.adjusted, cell.confidence) == ("features", False, 0.95) and cell.judged:
                self._by_claim.setdefault(cell.claim, []).append(cell)

    def usual(self, claim: str = ABOUT_DATABASES) -> list[Cell]:
        """Cells of a claim."""
        return self._by_claim.get(claim, [])


def features_summed(record: Certificate) -> str:
    """What the level of made features says, in tables."""
    if "features" not in record.origins:
        return "\nThe record holds no made studies yet: `painlens certify --level features` makes them.\n\n"
    made = _Made(record)
    parts = (_counted, _headlines, _limits, _powers, _claims, _unequal, _networks)
    return "\n" + "\n".join(text for part in parts if (text := part(made))) + "\n"


def images_summed(record: Certificate) -> str:
    """What the level of images says about the headline measure and the paper's test."""
    if "images" not in record.origins:
        return (
            "\nThe record holds no study of this level yet: `painlens certify --level images` makes them, "
            "ten to seventeen minutes each.\n\n"
        )
    origin = record.origins["images"]
    shown = ((AUROC, ABOUT_DATABASES), (PAPERS_MEASURE, "paper"))
    head = f"{origin.studies} studies, {origin.date}, `{origin.command}`: {'; '.join(origin.notes)}."
    return f"\n{head}\n\n{to_markdown(verdicts_right(record, 'images', measures=shown))}\n"


def _standard(made: _Made, cell: Cell) -> bool:
    """Whether a cell's networks took equal steps, three seeds and four splits."""
    own = made.designs[cell.design]
    return own.settings.get("training") == "equal steps" and (own.seeds, own.half_splits) == (3, 4)


def _fewest(made: _Made, cell: Cell) -> int:
    own = made.designs[cell.design]
    return min(own.test_a, own.test_b)


def _counted(made: _Made) -> str:
    origin = made.origin
    studies = [max(c.studies for c in made.usual() if c.design == name) for name in {c.design for c in made.usual()}]
    many = f"{min(studies)}" if min(studies) == max(studies) else f"{min(studies)} to {max(studies)}"
    wanted = "" if min(studies) >= 1000 else "; 1,000 are wanted, the command goes on where it stopped"
    error = 1.96 * np.sqrt(0.05 * 0.95 / min(studies))
    return (
        f"Counted on {origin.studies:,} studies ({origin.date}), **{many} per design{wanted}**. A rate of .05 is known "
        f"to about ± {_dot(error)} per cell. Claim about the databases, 95 % intervals, uncorrected, three seeds and "
        "four splits into halves, networks trained for equal steps:\n"
    )


def _headlines(made: _Made) -> str:
    rows: list[Row] = [("measure", f"false differences, null cells with ≥ {FEW} test participants: all, worst",
                        "with fewer", "coverage of planted cells: all, worst")]  # fmt: skip
    for measure in HEADLINES:
        own = [c for c in made.usual() if c.measure == measure and _standard(made, c)]
        null = [c for c in own if c.kind == "null"]
        many, few = ([c for c in null if (_fewest(made, c) >= FEW) == enough] for enough in (True, False))
        planted = [c for c in own if c.kind == "planted" and c.covered is not None]
        rows.append((
            SHORT[measure], f"{_dot(_rate(many))} of {len(many)} cells, {_worst(many)}",
            f"{_dot(_rate(few))} of {len(few)}, {_worst(few)}",
            f"{_dot(_covered(planted))} of {len(planted)}, {_dot(min(coverage(c).value for c in planted))}"  # pyright: ignore[reportOptionalMemberAccess]
            if planted else "–",
        ))  # fmt: skip
    return to_markdown(rows)


def _limits(made: _Made) -> str:
    """How many cells are beyond the limits, and whether chance alone would put them there."""
    own = [c for c in made.usual() if c.measure in HEADLINES and _standard(made, c)]
    null = [c for c in own if c.kind == "null" and _fewest(made, c) >= FEW]
    judged = [found for c in own if (found := coverage(c)) is not None]
    high = sum(rejection_rate(c).value > MOST_FALSE for c in null)
    surely_high = sum(rejection_rate(c).value > MOST_FALSE and rejection_rate(c).low > 0.05 for c in null)
    low = sum(found.value < LEAST_COVERED for found in judged)
    surely_low = sum(found.value < LEAST_COVERED and found.high < 0.95 for found in judged)
    rates = np.array([rejection_rate(c).value for c in null])
    binomial = np.sqrt(np.mean([r * (1 - r) / c.judged for r, c in zip([rates.mean()] * len(null), null, strict=True)]))
    return (
        f"Wanted: at most {_dot(MOST_FALSE, 2)} in each null cell with ≥ {FEW} test participants and .02 to .06 over "
        f"all; coverage at least {_dot(LEAST_COVERED, 2)}. {high} of {len(null)} cells are above {_dot(MOST_FALSE, 2)} "
        f"by their point value, {surely_high} of these beyond chance (their exact interval excludes .05); {low} of "
        f"{len(judged)} are below {_dot(LEAST_COVERED, 2)}, {surely_low} beyond chance. The spread between null cells "
        f"has SD {_dot(float(rates.std(ddof=1)))}; studies of one common rate would make {_dot(float(binomial))}.\n"
    )


def _powers(made: _Made) -> str:
    sizes = [name for name in SIZES if _designs(made, size=name)]
    titles = [_size_title(made, name) for name in sizes]
    rows: list[Row] = [("P(concept \\| pain) / P(concept \\| no pain)", *titles, "AUROC difference")]
    for strength, confounding, title in STRENGTHS:
        found = [_pair(made, set(_designs(made, size=s, strength=strength, confounding=confounding))) for s in sizes]
        means = _differences(made, set(_designs(made, strength=strength, confounding=confounding)))
        if any(found):
            rows.append((title, *(one or "–" for one in found), means))
    if len(rows) == 1:
        return ""
    return "Power, closed eyes / visible teeth, by size (training / test participants), AUROC:\n\n" + to_markdown(rows)


def _designs(made: _Made, **wanted: object) -> list[str]:
    """Planted designs of the standard networks with some settings."""
    found = []
    for name, own in made.designs.items():
        known = dict(own.settings) | {"confounding": own.confounding}
        cells = [c for c in made.usual() if c.design == name]
        if cells and cells[0].kind == "planted" and _standard(made, cells[0]):
            found += [name] if all(known.get(key) == value for key, value in wanted.items()) else []
    return found


def _size_title(made: _Made, size: str) -> str:
    own = next(one for one in made.designs.values() if one.settings.get("size") == size)
    a, b = f"{own.train_a} / {own.test_a}", f"{own.train_b} / {own.test_b}"
    return f"{a} twice" if a == b else f"{a}, {b}"


def _pair(made: _Made, designs: set[str]) -> str:
    """Power for both planted concepts."""
    found = []
    for concept, _ in PLANTED:
        cells = [c for c in made.usual() if c.design in designs and c.measure == AUROC and c.concept == concept]
        found += [_dot(_mean(cells, lambda c: power(c).value), 2)] if cells else []
    return " / ".join(found)


def _differences(made: _Made, designs: set[str]) -> str:
    """Mean difference of the AUROC for both planted concepts."""
    found = []
    for concept, _ in PLANTED:
        cells = [c for c in made.usual() if c.design in designs and c.measure == AUROC and c.concept == concept]
        found += [_signed(_mean(cells, lambda c: c.mean or 0.0))] if cells else []
    return " / ".join(found)


def _claims(made: _Made) -> str:
    claims = {"people": "other test people", "fine-tunings": "other fine-tunings", ABOUT_DATABASES: "databases"}
    rows: list[Row] = [("", *claims.values())]
    for measure in (*HEADLINES, "decodability:participants"):
        cells = [_null(made, claim, measure) for claim in claims]
        if any(cells):
            rows.append((SHORT.get(measure, "decodability, halves of participants"), *map(_range, cells)))
    paper, corrected = (_null(made, claim, PAPERS_MEASURE) for claim in ("paper", "nadeau-bengio"))
    text = "Databases drawn alike, called different by other claims and tests (rate, smallest to largest cell):\n\n"
    text += to_markdown(rows)
    if paper and corrected:
        text += (
            f"\nThe paper's paired t test with 20 repeats instead of 500 (its error grows with them): {_range(paper)}; "
            f"Nadeau and Bengio's correction of it: {_range(corrected)}.\n"
        )
    return text


def _null(made: _Made, claim: str, measure: str) -> list[Cell]:
    return [
        c for c in made.usual(claim) if c.kind == "null" and c.measure == measure and _standard(made, c)
    ]  # fmt: skip


def _unequal(made: _Made) -> str:
    """Databases of unequal size that are trained for the same number of epochs, beside equal steps."""
    trainings = sorted({str(d.settings.get("training")) for d in made.designs.values()}, key=_epochs)
    trainings = [name for name in trainings if name not in ("None", "equal steps")]
    rows: list[Row] = [("training / test participants", *trainings, "equal steps")]
    for size in ("paper", "demo"):
        if not any(_is(made, c, size, training) for c in made.usual() for training in trainings):
            continue
        values = []
        for training in (*trainings, "equal steps"):
            worst = [
                max((rejection_rate(c).value for c in made.usual()
                     if c.measure == m and c.kind == "null" and _is(made, c, size, training)), default=float("nan"))
                for m in HEADLINES
            ]  # fmt: skip
            values.append(", ".join(map(_dot, worst)))
        rows.append((_size_title(made, size), *values))
    if len(rows) == 1:
        return ""
    return (
        "**Where it fails.** Databases drawn alike with unequal numbers of training participants and a strong bias, "
        "both trained for the same number of epochs; false differences for AUROC, adjusted regression, causal effect; "
        f"worst concept:\n\n{to_markdown(rows)}\n"
        "The intervals cover the mean difference of such networks; what they differ in is how much they have learnt. "
        "Halves and seeds cannot see it, since all networks of a database share it.\n"
    )


def _is(made: _Made, cell: Cell, size: str, training: str) -> bool:
    """Whether a cell is of the strong bias, a size and a training, with the usual networks."""
    own = made.designs[cell.design]
    told = (own.settings.get("strength"), own.settings.get("size"), own.settings.get("training"), own.confounding)
    return told == ("strong", size, training, 0.0) and (own.seeds, own.half_splits) == (3, 4)


def _epochs(name: str) -> int:
    return int(name.split()[0]) if name.split()[0].isdigit() else 10**6


def _networks(made: _Made) -> str:
    """What more seeds and splits bring: the studies of the demo's size that were counted with fewer networks too."""
    base = {name.rsplit("-", 1)[0] for name in made.designs if name.endswith("-5x8")}
    found = {(d.seeds, d.half_splits) for n, d in made.designs.items() if n.rsplit("-", 1)[0] in base}
    rows: list[Row] = [("seeds × splits into halves", "networks per database", "false differences", "coverage",
                        "power .45 / .27", ".60 / .25", "the demo's planting")]  # fmt: skip
    for seeds, halves in sorted(found):
        own = [
            c for c in made.usual()
            if c.measure == AUROC and c.design.rsplit("-", 1)[0] in base
            and (made.designs[c.design].seeds, made.designs[c.design].half_splits) == (seeds, halves)
        ]  # fmt: skip
        powers = [
            _mean([c for c in own if c.expected != "none" and made.designs[c.design].settings["strength"] == s],
                  lambda c: power(c).value)
            for s in ("weak", "medium", "demo")
        ]  # fmt: skip
        rows.append((
            f"{seeds} × {halves}", str(seeds + 2 * halves), _dot(_rate([c for c in own if c.kind == "null"])),
            _dot(_covered([c for c in own if c.covered is not None])), *(_dot(value, 2) for value in powers),
        ))  # fmt: skip
    if len(rows) == 1:
        return ""
    return (
        "**Seeds and halves**, size of the demo, AUROC; means over the concepts, the same studies in all rows but "
        f"3 × 4:\n\n{to_markdown(rows)}\n"
        "One seed costs most (its interval is an upper limit), then one split (two degrees of freedom per database).\n"
    )


def _mean(cells: Iterable[Cell], value: Callable[[Cell], float]) -> float:
    """Mean over cells, weighted by their studies; NaN of none."""
    known = [(value(c), c.judged) for c in cells]
    values, studies = (np.array([one[k] for one in known]) for k in (0, 1))
    return float(np.average(values, weights=studies)) if known else float("nan")


def _rate(cells: Sequence[Cell]) -> float:
    return _mean(cells, lambda c: rejection_rate(c).value)


def _covered(cells: Sequence[Cell]) -> float:
    return _mean(cells, lambda c: (c.covered or 0) / c.judged)


def _worst(cells: Sequence[Cell]) -> str:
    """The largest rate with its counts."""
    if not cells:
        return "–"
    found = max((rejection_rate(c) for c in cells), key=lambda r: r.value)
    return f"{_dot(found.value)} ({found.count} of {found.of})"


def _range(cells: Sequence[Cell]) -> str:
    rates = [rejection_rate(c).value for c in cells]
    return f"{_dot(_rate(cells))} ({_dot(min(rates))} to {_dot(max(rates))})" if rates else "–"


def _dot(value: float, digits: int = 3) -> str:
    """Without the leading zero; a dash where there is nothing."""
    if not np.isfinite(value):
        return "–"
    text = f"{value:.{digits}f}"
    return text[1:] if text.startswith("0.") else text


def _signed(value: float) -> str:
    return ("-" if value < 0 else "+") + _dot(abs(value), 2)
