"""How often this procedure errs, counted on databases whose truth is known."""

from dataclasses import dataclass
from itertools import combinations

from painlens.certificate.cells import LEVELS, Certificate, Rate
from painlens.certificate.matching import (
    ABOUT_DATABASES,
    EQUAL_STEPS,
    LEAST_COVERED,
    MOST_FALSE,
    NAMES,
    NOMINAL,
    PAPER,
    PAPERS_MEASURE,
    UNEQUAL,
    Line,
    Match,
    Size,
    match,
    trainings,
    verdict_allowed,
)
from painlens.concept_test.expectation import HEADLINE
from painlens.report import numbers
from painlens.report.blocks import Block, Folded, Section, TableBlock, Text
from painlens.report.inputs import ReportInputs
from painlens.report.tables import Cell, Column, Table, real, whole, words
from painlens.splits import sizes_of

TITLE = "How often this procedure errs"
_LEVELS = {
    "features": "small networks on made features",
    "images": "whole studies on rendered faces, from faces to verdict",
}


def certificate(inputs: ReportInputs) -> Section:
    """Rates of the certificate's cells that are nearest to this study, or that there are none."""
    record = inputs.certificate
    if inputs.study.models:
        return Section(
            "certificate",
            TITLE,
            (
                Text(
                    (
                        "The certificate counts studies that train their own networks. It says nothing about given "
                        "checkpoints, of which there is no claim about databases either.",
                    )
                ),
            ),
        )
    if record is None:
        text = (
            "This installation carries no certificate: nobody has counted how often the procedure is wrong at any size "
            "of study. The command painlens certify makes one."
        )
        return Section("certificate", TITLE, (Text((text,), kind="caution"),))
    limits = {"usual": 0.95, "nominal": NOMINAL, "false": MOST_FALSE, "covered": LEAST_COVERED}
    what = _WHAT.format(**{name: numbers.percent(share) for name, share in limits.items()})
    blocks: list[Block] = [Text((what,))]
    for size, pair in _sizes(inputs).items():
        for level in LEVELS:
            blocks += _level(record, match(record, size, level=level), size, pair, level)
        blocks += _unequal(inputs, record, size, pair)
    blocks += [Text((reason,), kind="caution") for reason in doubts(inputs)]
    blocks.append(Text((_origin(record),), kind="note"))
    return Section("certificate", TITLE, tuple(blocks))


def doubts(inputs: ReportInputs, model_a: str = "", model_b: str = "") -> tuple[str, ...]:
    """Why studies of this size make no verdict: cells of the headline measure beyond the limits.

    Only the level of made features decides, where there are enough studies, and only sizes near this one's.
    """
    if inputs.certificate is None:
        return ()
    found: dict[str, None] = {}
    for size, pair in _sizes(inputs).items():
        if model_a and pair != (model_a, model_b):
            continue
        reasons = verdict_allowed(inputs.certificate, size, measure=HEADLINE).reasons
        for reason in reasons:
            found[f"At this size of study the certificate fails: {reason}.{_trained(inputs, pair)}"] = None
    return tuple(found)


def _trained(inputs: ReportInputs, pair: tuple[str, str]) -> str:
    """How the study's own networks compare with those that were counted, where they were not trained alike."""
    steps = _steps(inputs, pair)
    if steps is None or steps.ratio < UNEQUAL:
        return ""
    return (
        f" The counted networks took equal steps in both databases; of this study the networks of {steps.more} took "
        f"{steps.ratio:.1f} times the optimisation steps of those of {steps.fewer}, which the certificate does not "
        "judge."
    )


@dataclass(frozen=True)
class _Steps:
    """Optimisation steps of the seeds' networks of two databases, the mean of each."""

    fewer: str
    more: str
    few: float
    many: float

    @property
    def ratio(self) -> float:
        """How many times the steps the networks of one database took."""
        return self.many / self.few


def _steps(inputs: ReportInputs, pair: tuple[str, str]) -> _Steps | None:
    """Counted from the histories of the trainings; None where they are not at hand."""
    batch, found = inputs.study.training.batch_size, {}
    for name in pair:
        own = [t for t in inputs.trainings if t.model == name and t.replicate.startswith("seed=")]
        steps = [len(t.history) * -(-sum(t.faces.values()) // batch) for t in own]
        if not steps or not min(steps):
            return None
        found[name] = sum(steps) / len(steps)
    fewer, more = sorted(found, key=lambda name: found[name])
    return _Steps(fewer, more, found[fewer], found[more])


_WHAT = (
    "The whole procedure was run many times on databases whose truth is known, drawn anew each time. A rate stands "
    "with its exact {usual} interval; of several concepts the worst is shown. The claim about databases should be "
    "wrong in {nominal} of the studies; where it is wrong in more than {false}, or its interval holds the truth in "
    "fewer than {covered}, and not by chance, the report gives no verdict."
)


def _sizes(inputs: ReportInputs) -> dict[Size, tuple[str, str]]:
    """Size -> pair of databases; the first pair of each size stands for all."""
    if inputs.study.models:
        return {}
    people = {name: sizes_of(inputs.split[inputs.split["database"] == name]) for name in inputs.databases}
    replication = inputs.study.replication
    found: dict[Size, tuple[str, str]] = {}
    for a, b in combinations(inputs.models, 2):
        (train_a, test_a), (train_b, test_b) = (
            [people[name][part][0] for part in ("train", "test")] for name in (a, b)
        )
        size = Size(train_a, train_b, test_a, test_b, replication.seeds, replication.half_splits)
        found.setdefault(size, (a, b))
    return found


def _level(record: Certificate, found: Match | None, size: Size, pair: tuple[str, str], level: str) -> list[Block]:
    if found is None:
        return [Text((f"There are no {_LEVELS[level]} in this certificate.",), kind="caution")]
    blocks: list[Block] = []
    if not found.alike:
        blocks.append(
            Text((
                f"No cell of the certificate has the size of this study ({_people(size)}). The nearest has "
                f"{_people(found.size)}: read its rates as an example, not as yours.",
            ), kind="caution")
        )  # fmt: skip
    where = " and ".join(pair)
    caption = f"{_LEVELS[level].capitalize()}: {_people(found.size)}"
    first = [line for line in found.lines if (line.measure, line.claim) == (HEADLINE, ABOUT_DATABASES)]
    rest = [line for line in found.lines if line not in first]
    name = f"certificate-{level}-{'-'.join(pair)}"
    own = f"Nearest to this study of {where}: {_people(size)}. " if found.factor != 1 else ""
    rows, more = (tuple(_row(record, line) for line in lines) for lines in (first or rest, rest if first else []))
    blocks.append(TableBlock(Table(name, caption, _COLUMNS, rows, headers=4, note=own + _READING)))
    if more:
        table = Table(f"{name}-others", f"{caption}: other measures", _COLUMNS, more, headers=4, note=_REPLICATION)
        blocks.append(Folded("Other measures than the headline", (TableBlock(table),)))
    return blocks


def _unequal(inputs: ReportInputs, record: Certificate, size: Size, pair: tuple[str, str]) -> list[Block]:
    """What it does to train one database for more steps than the other, where that was counted."""
    steps = _steps(inputs, pair)
    if steps is None or steps.ratio < UNEQUAL:
        return []
    said = []
    for training in sorted(trainings(record) - {EQUAL_STEPS}, key=lambda words: int(words.split()[0])):
        found = match(record, size, level="features", measures=(HEADLINE,), training=training)
        line = next((one for one in found.lines if one.claim == ABOUT_DATABASES and one.false), None) if found else None
        if line is not None and line.false is not None:
            said.append(f"after {training} {line.false.count} of {line.false.of}")
    text = (
        f"The networks of {steps.more} took {steps.ratio:.1f} times the optimisation steps of those of {steps.fewer} "
        f"({numbers.count(steps.many)} and {numbers.count(steps.few)})."
    )
    if said:
        text += (
            " Among made studies of databases drawn alike in unequal sizes that were trained for the same number of "
            f"epochs, so that the larger one took more steps, differences were called {', '.join(said)} times: "
            "training that is too short makes a difference out of the sizes alone."
        )
    text += (
        " See in the training curves that all networks have learned what they can, or give both databases the same "
        "number of steps (training.steps)."
    )
    return [Text((text,), kind="caution")]


_COLUMNS = (
    Column("databases"),
    Column("cue"),
    Column("confounded"),
    Column("measure"),
    Column("studies"),
    Column("false differences"),
    Column("planted found"),
    Column("truth held"),
)


def _row(record: Certificate, line: Line) -> tuple[Cell, ...]:
    design = record.designs[line.design]
    measure = f"the paper's t test, {NAMES[PAPERS_MEASURE]}" if line.claim == PAPER else NAMES[line.measure]
    return (
        words("planted" if design.bias else "drawn alike"),
        real(design.cue),
        words("yes" if design.confounding == 1 else "half" if design.confounding else "no"),
        words(measure),
        whole(line.studies),
        *(_rate(rate) for rate in (line.false, line.found, line.covered)),
    )


_READING = (
    "Cue: largest difference between the rates of a concept under pain and without, within a database. Confounded: the "
    "concept comes where other facial actions peak. False differences: studies that called databases different that "
    "were drawn alike. Planted found: on the right side. Truth held: by the 95\xa0% interval; the truth is 0, or the "
    "mean over all studies of the row where something was planted."
)
_REPLICATION = "The paper's t test is a replication, not inferential."


def _rate(rate: Rate | None) -> Cell:
    if rate is None or not rate.of:
        return Cell(numbers.MISSING)
    return real(rate.value, rate.low, rate.high, digits=3 if rate.of >= 200 else 2)


def _people(size: Size) -> str:
    return (
        f"{size.train_a} and {size.train_b} people train, {size.test_a} and {size.test_b} test, {size.seeds} seeds, "
        f"{size.half_splits} splits into halves"
    )


def _origin(record: Certificate) -> str:
    """Where the numbers come from."""
    parts = [
        f"{_LEVELS[level].capitalize()}: {numbers.count(origin.studies)} studies, {origin.date}, painlens "
        f"{origin.version} ({'; '.join((origin.command, *origin.notes))})."
        for level, origin in record.origins.items()
    ]
    return " ".join(parts)
