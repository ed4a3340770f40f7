"""The certificate in tables, for the terminal and for the documentation."""

from collections.abc import Sequence

from painlens.certificate.cells import Cell, Certificate, Level, Rate, coverage, power, rejection_rate
from painlens.certificate.matching import (
    ABOUT_DATABASES,
    CLAIMS,
    HEADLINES,
    NAMES,
    PAPER,
    PAPERS_MEASURE,
    line_of,
    same_kind,
)

Row = tuple[str, ...]
SHOWN = (*((measure, ABOUT_DATABASES) for measure in HEADLINES), (PAPERS_MEASURE, PAPER))


def shown(rate: Rate | None) -> str:
    """A rate for people, such as ``3/10 = 30 % (7 to 65)``.

    >>> from painlens.certificate.cells import rate
    >>> shown(rate(3, 10))
    '3/10 = 30 % (7 to 65)'
    """
    if rate is None or not rate.of:
        return "–"
    digits = 1 if rate.of >= 200 else 0
    value, low, high = (f"{100 * share:.{digits}f}" for share in (rate.value, rate.low, rate.high))
    return f"{rate.count}/{rate.of} = {value} % ({low} to {high})"


def verdicts_right(certificate: Certificate, level: Level, *, measures: Sequence[tuple[str, str]] = SHOWN) -> list[Row]:
    """How often each verdict was right: design, concept, measure, claim, called different, right side, covered."""
    rows: list[Row] = [("design", "concept", "what was planted", "measure", "claim", "confidence", "called different",
                        "on the right side", "interval held the truth")]  # fmt: skip
    for cell in _in_order(certificate, level):
        if (cell.measure, cell.claim) not in measures or cell.adjusted:
            continue
        side = {"a": "more in A", "b": "more in B", "none": "nothing"}[cell.expected]
        rows.append((
            cell.design.removeprefix("images-"), cell.concept, side, NAMES.get(cell.measure, cell.measure),
            CLAIMS.get(cell.claim, cell.claim), f"{100 * cell.confidence:g} %", shown(rejection_rate(cell)),
            shown(power(cell)) if cell.expected != "none" else "–", shown(coverage(cell)),
        ))  # fmt: skip
    return rows


def rates_by_design(certificate: Certificate, level: Level) -> list[Row]:
    """A row per design and measure with the rates of the worst concept."""
    rows: list[Row] = [("design", "measure", "claim", "drawn alike, called different", "planted direction found",
                        "interval held the truth")]  # fmt: skip
    for design in dict.fromkeys(cell.design for cell in _in_order(certificate, level)):
        for measure, claim in SHOWN:
            line = line_of(certificate, design, measure=measure, claim=claim, level=level)
            if line is not None:
                rows.append((
                    design.removeprefix("images-"), NAMES.get(measure, measure), CLAIMS.get(claim, claim),
                    shown(line.false), shown(line.found), shown(line.covered),
                ))  # fmt: skip
    return rows


def designs_described(certificate: Certificate, level: Level) -> list[Row]:
    """The designs of a level and how many studies were made of each."""
    rows: list[Row] = [("design", "studies", "train A, B", "test A, B", "seeds", "splits", "what it is")]
    studies: dict[str, int] = {}
    for cell in _in_order(certificate, level):
        studies[cell.design] = max(cell.studies, studies.get(cell.design, 0))
    for name, count in studies.items():
        own = certificate.designs[name]
        rows.append((
            name.removeprefix("images-"), str(count), f"{own.train_a}, {own.train_b}", f"{own.test_a}, {own.test_b}",
            str(own.seeds), str(own.half_splits), own.description,
        ))  # fmt: skip
    return rows


def levels_compared(certificate: Certificate) -> list[Row]:
    """Every cell of images beside the most similar cell of made features; whether their intervals meet."""
    rows: list[Row] = [("images", "features", "concept", "measure", "claim", "called different: images", "features",
                        "do the intervals meet")]  # fmt: skip
    for cell in _in_order(certificate, "images"):
        other = same_kind(certificate, cell)
        if (cell.measure, cell.claim) not in SHOWN or cell.adjusted or cell.confidence != 0.95 or other is None:
            continue
        own, made = rejection_rate(cell), rejection_rate(other)
        meet = own.low <= made.high and made.low <= own.high
        rows.append((
            cell.design.removeprefix("images-"), other.design, cell.concept, NAMES.get(cell.measure, cell.measure),
            CLAIMS.get(cell.claim, cell.claim), shown(own), shown(made), "yes" if meet else "no",
        ))  # fmt: skip
    return rows


def to_markdown(rows: Sequence[Row]) -> str:
    """A table whose first row is its heading."""
    head, *body = rows
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *(f"| {' | '.join(row)} |" for row in body)]
    return "\n".join(lines) + "\n"


def _in_order(certificate: Certificate, level: Level) -> list[Cell]:
    """Cells of a level, unbiased designs first, headlines before other measures."""
    order = {pair: number for number, pair in enumerate(SHOWN)}
    designs = certificate.designs

    def key(cell: Cell) -> tuple[object, ...]:
        own = designs[cell.design]
        place = order.get((cell.measure, cell.claim), len(order))
        return (own.bias, own.cue, cell.design, place, cell.measure, cell.claim, cell.concept, cell.confidence)

    return sorted((cell for cell in certificate.cells if cell.level == level), key=key)
