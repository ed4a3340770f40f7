"""The certificate: how often the procedure was right on databases with known truth, as a list of cells.

A cell counts studies that were made alike, from databases drawn anew each time: in how many a measure under a claim
called the two databases different, and in how many its interval held the truth. The record travels with the package,
so that every report can say how often its procedure errs.
"""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator
from scipy import stats

from painlens.study import Section
from painlens.tables import DataError, load_json, save_text

Level = Literal["features", "images"]
Count = Annotated[int, Field(ge=0)]
LEVELS: tuple[Level, ...] = ("features", "images")
SHIPPED = Path(__file__).with_name("certificate.json")


class Design(Section):
    """What the studies of a cell have in common. A is the earlier database of the pair, B the later one."""

    train_a: int = Field(ge=1, description="training participants of A")
    train_b: int = Field(ge=1)
    test_a: int = Field(ge=1, description="test participants of A")
    test_b: int = Field(ge=1)
    seeds: int = Field(ge=1, description="networks per database on all of its training participants")
    half_splits: int = Field(ge=0, description="splits of the training participants into complementary halves")
    bias: float = Field(
        ge=0, description="strongest planted difference: rate of a concept under pain minus without pain, A against B"
    )
    cue: float = Field(default=0.0, ge=0, description="strongest such difference within one database")
    confounding: float = Field(default=0.0, ge=0, le=1, description="1: the concept comes with other action units")
    description: str = Field(default="", description="in one sentence, for people")
    settings: dict[str, str | float] = Field(default_factory=dict, description="whatever else the level varies")


class Cell(Section):
    """One count: so many studies of one design, one measure, one claim, one level of confidence.

    `rejections` of a concept that was not planted are false differences. `refused` studies made no such claim and say
    why in their own tables; they count neither as right nor as wrong. What does not depend on the level of confidence
    (`mean`, `spread`, `standard_error`, `components`) stands in the uncorrected cell at 95 % alone.
    """

    level: Level
    kind: Literal["null", "planted"] = Field(description="null: the two databases of every study were drawn alike")
    design: str = Field(min_length=1, description="name of the design")
    concept: str = ""
    expected: Literal["a", "b", "none"] = Field(
        description="where the concept was planted to matter more; none: nowhere, or in both alike"
    )
    measure: str = Field(min_length=1)
    claim: str = Field(description="networks, people, fine-tunings, databases; paper: its uncorrected paired t test")
    adjusted: bool = Field(
        default=False,
        description="p after Holm over the declared measures and the concepts, as in the verdicts of a report; of a "
        "measure that is not declared over the concepts",
    )
    confidence: float = Field(gt=0.5, lt=1)
    studies: int = Field(ge=1)
    refused: Count = Field(default=0, description="studies without an interval of this claim")
    rejections: Count = Field(description="studies that called the databases different at this confidence")
    right: Count = Field(default=0, description="rejections in the expected direction")
    covered: int | None = Field(default=None, ge=0, description="intervals that held the truth; None: not counted")
    truth: float | None = Field(
        default=None, description="A minus B: 0 by design, or the mean over the studies of the cell; None: unknown"
    )
    mean: float | None = Field(default=None, description="mean of the difference over the studies")
    spread: float | None = Field(default=None, ge=0, description="standard deviation of the difference over studies")
    standard_error: float | None = Field(
        default=None, ge=0, description="what the studies estimated for it (root mean square)"
    )
    components: dict[str, float] = Field(default_factory=dict, description="variances by their source, for planning")

    @model_validator(mode="after")
    def _counts(self) -> "Cell":
        limits = {
            "refused": self.studies,
            "rejections": self.judged,
            "right": self.rejections,
            "covered": self.judged,
        }
        for name, limit in limits.items():
            value = getattr(self, name)
            if value is not None and value > limit:
                raise ValueError(f"'{name}' must be at most {limit}, got {value}")
        if self.right and self.expected == "none":
            raise ValueError("a difference cannot be right where none was planted: 'right' must be 0")
        return self

    @property
    def judged(self) -> int:
        """Studies that made the claim."""
        return self.studies - self.refused

    @property
    def key(self) -> tuple[str, str, str, str, str, bool, float]:
        """What tells one cell from another."""
        return (self.level, self.design, self.concept, self.measure, self.claim, self.adjusted, self.confidence)


class Origin(Section):
    """Where the cells of one level come from."""

    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    version: str = Field(description="of painlens")
    command: str
    studies: int = Field(ge=1)
    notes: tuple[str, ...] = ()


class Certificate(Section):
    """The whole record. `date`, `version` and `command` are of the last collection."""

    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    version: str
    command: str
    origins: dict[Level, Origin]
    designs: dict[str, Design]
    cells: tuple[Cell, ...]

    @model_validator(mode="after")
    def _whole(self) -> "Certificate":
        seen: set[object] = set()
        for cell in self.cells:
            if cell.design not in self.designs:
                raise ValueError(f"a cell names the design '{cell.design}', which is not described")
            if cell.level not in self.origins:
                raise ValueError(f"there are cells at the level of {cell.level}, but not where they come from")
            if cell.key in seen:
                raise ValueError(f"two cells count the same: {cell.key}")
            seen.add(cell.key)
        return self


class Rate(Section):
    """A share of studies with its exact interval (Clopper and Pearson 1934)."""

    count: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share itself; NaN of no studies."""
        return self.count / self.of if self.of else float("nan")


def rate(count: int, of: int, *, confidence: float = 0.95) -> Rate:
    """A share of studies with its Clopper-Pearson interval; without studies it is 0 to 1.

    Examples
    --------
    >>> [round(end, 3) for end in (rate(0, 10).low, rate(0, 10).high)]
    [0.0, 0.308]
    """
    if not 0 <= count <= of:
        raise ValueError(f"a count must be between 0 and the {of} studies, got {count}")
    if of == 0:
        return Rate(count=0, of=0, low=0.0, high=1.0)
    found = stats.binomtest(count, of).proportion_ci(confidence, method="exact")
    return Rate(count=count, of=of, low=float(found.low), high=float(found.high))


def rejection_rate(cell: Cell) -> Rate:
    """How often the studies that made the claim called the databases different."""
    return rate(cell.rejections, cell.judged)


def power(cell: Cell) -> Rate:
    """How often they found the planted direction."""
    return rate(cell.right, cell.judged)


def coverage(cell: Cell) -> Rate | None:
    """How often their intervals held the truth; None where that was not counted."""
    return None if cell.covered is None else rate(cell.covered, cell.judged)


def read_certificate(path: Path = SHIPPED) -> Certificate | None:
    """The record that comes with painlens, or another one; None if there is no such file.

    Raises
    ------
    DataError
        The file is no certificate of this version.
    """
    return _read(path, path.stat().st_mtime_ns) if path.exists() else None


@lru_cache(maxsize=4)
def _read(path: Path, _changed: int) -> Certificate:
    try:
        return Certificate.model_validate(load_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"{path} is no certificate of this version of painlens: {where}: {first['msg']}; "
            "make it again with `painlens certify`"
        ) from None


def write_certificate(certificate: Certificate, path: Path) -> None:
    """Write a record, a design and a cell per line, so that a change of one cell is a change of one line."""
    head = certificate.model_dump(mode="json", exclude={"designs", "cells"})
    designs = [f"{_line(name)}: {_line(one.model_dump(mode='json'))}" for name, one in certificate.designs.items()]
    cells = [_line(_compact(cell)) for cell in certificate.cells]
    parts = [json.dumps(head, indent=1, ensure_ascii=False, allow_nan=False).removesuffix("\n}")]
    parts += [
        ' "designs": {\n  ' + ",\n  ".join(designs) + "\n }",
        ' "cells": [\n  ' + ",\n  ".join(cells) + "\n ]\n}\n",
    ]
    text = ",\n".join(parts)
    # The file itself, not a link to it: the record lies in the package, and docs/ shows it.
    save_text(text, path.resolve())
    path.chmod(0o644)  # counts, no faces: whoever uses an installed painlens reads it


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _compact(cell: Cell) -> dict[str, object]:
    """A cell without what has its default; numbers in four significant digits, fewer than its studies support."""
    kept = cell.model_dump(mode="json", exclude_defaults=True)
    kept |= {"covered": cell.covered, "truth": None if cell.truth is None else _rounded(cell.truth)}
    for name in ("mean", "spread", "standard_error"):
        if name in kept:
            kept[name] = _rounded(kept[name])
    if "components" in kept:
        kept["components"] = {name: _rounded(value) for name, value in cell.components.items()}
    return kept


def _rounded(value: float) -> float:
    """A mean of some hundred studies is uncertain in its second digit or third; one more is kept, and one to spare."""
    return float(f"{value:.4g}")


def replace_level(
    earlier: Certificate | None,
    level: Level,
    *,
    origin: Origin,
    designs: Mapping[str, Design],
    cells: Iterable[Cell],
) -> Certificate:
    """A record in which one level is new and the other one stays."""
    kept = [cell for cell in earlier.cells if cell.level != level] if earlier else []
    names = {cell.design for cell in kept}
    old = {name: design for name, design in earlier.designs.items() if name in names} if earlier else {}
    for name in old.keys() & designs.keys():
        if old[name] != designs[name]:
            raise ValueError(f"the design '{name}' means something else at the other level; call it differently")
    every = [*kept, *cells]
    origins = (dict(earlier.origins) if earlier else {}) | {level: origin}
    return Certificate(
        date=origin.date,
        version=origin.version,
        command=origin.command,
        origins={name: origins[name] for name in LEVELS if name in origins},
        designs=dict(sorted((old | dict(designs)).items())),
        cells=tuple(sorted(every, key=lambda cell: cell.key)),
    )
