"""How often this procedure errs, counted on databases whose truth is known."""

from itertools import combinations

from painlens.certificate.cells import LEVELS, Certificate, Rate
from painlens.certificate.matching import (
    ABOUT_DATABASES,
    EQUAL_STEPS,
    LEAST_COVERED,
    MOST_FALSE,
    NAMES,
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
from painlens.report.blocks import Block, Section, TableBlock, Text
from painlens.report.inputs import ReportInputs
from painlens.report.tables import Cell, Column, Table, real, whole, words

TITLE = "How often this procedure errs"
_LEVELS = {
    "features": "small networks on made features",
    "images": "whole studies on rendered faces, from faces to verdict",
}


def certificate(inputs: ReportInputs) -> Section:
    """Rates of the certificate's cells that are nearest to this study, or that there are none."""
    record = inputs.certificate
    if record is None:
        text = (
            "This installation carries no certificate: nobody has counted how often the procedure is wrong at any size "
            "of study. The command painlens certify makes one."
        )
        return Section("certificate", TITLE, (Text((text,), kind="caution"),))
    blocks: list[Block] = [Text((_WHAT.format(false=f"{100 * MOST_FALSE:g} %", covered=f"{100 * LEAST_COVERED:g} %"),))]
    for size, pair in _sizes(inputs).items():
        for level in LEVELS:
            blocks += _level(record, match(record, size, level=level), size, pair, level)
        if inputs.study.training.steps is None:
            blocks += _unequal(record, size, pair)
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
        found |= dict.fromkeys(verdict_allowed(inputs.certificate, size, measure=HEADLINE).reasons)
    return tuple(f"At this size of study the certificate fails: {reason}." for reason in found)


_WHAT = (
    "The whole procedure was run many times on databases whose truth is known, drawn anew each time. A rate stands "
    "with its exact 95 % interval; of several concepts the worst is shown. The claim about databases should be wrong "
    "in 5 % of the studies; where it is wrong in more than {false}, or its interval holds the truth in fewer than "
    "{covered}, and not by chance, the report gives no verdict."
)


def _sizes(inputs: ReportInputs) -> dict[Size, tuple[str, str]]:
    """Size -> pair of databases; the first pair of each size stands for all."""
    people = {
        part: inputs.split[inputs.split["part"] == part].groupby("database", observed=True).size().to_dict()
        for part in ("train", "test")
    }
    replication = inputs.study.replication
    found: dict[Size, tuple[str, str]] = {}
    for a, b in combinations(inputs.databases, 2):
        (train_a, test_a), (train_b, test_b) = (
            [int(people[part].get(name, 0)) for part in ("train", "test")] for name in (a, b)
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
    rows = tuple(_row(record, line) for line in found.lines)
    name = f"certificate-{level}-{'-'.join(pair)}"
    own = f"Nearest to this study of {where}: {_people(size)}. " if found.factor != 1 else ""
    return [*blocks, TableBlock(Table(name, caption, _COLUMNS, rows, headers=4, note=own + _READING))]


def _unequal(record: Certificate, size: Size, pair: tuple[str, str]) -> list[Block]:
    """What it does to train two databases of unequal size for the same number of epochs, where that was counted."""
    few, many = sorted((max(size.train_a, 1), max(size.train_b, 1)))
    if many < UNEQUAL * few:
        return []
    said = []
    for training in sorted(trainings(record) - {EQUAL_STEPS}, key=lambda words: int(words.split()[0])):
        found = match(record, size, level="features", measures=(HEADLINE,), training=training)
        line = next((one for one in found.lines if one.claim == ABOUT_DATABASES and one.false), None) if found else None
        if line is not None and line.false is not None:
            said.append(f"after {training} {line.false.count} of {line.false.of}")
    if not said:
        return []
    text = (
        f"{' and '.join(pair)} train on {few} and {many} people for the same number of epochs, so the networks of the "
        "larger database take more steps. Among made studies of databases drawn alike in such unequal sizes, "
        f"differences were called {', '.join(said)} times: training that is too short makes a difference out of the "
        "sizes alone. See in the training curves that all networks have learned what they can."
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
    "were drawn alike. Planted found: on the right side. Truth held: by the 95 % interval; the truth is 0, or the mean "
    "over all studies of the row where something was planted. The paper's t test is a replication, not inferential."
)


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
