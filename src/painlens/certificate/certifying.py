"""`painlens certify`: make the studies that are missing at both levels, count them, write the record."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from painlens.certificate.cells import (
    Cell,
    Certificate,
    Level,
    power,
    read_certificate,
    rejection_rate,
    write_certificate,
)
from painlens.certificate.collecting import USUAL, LevelRecord, Stamp, collect_features, collect_images
from painlens.certificate.designs import MadeDesign, counted_designs, grid
from painlens.certificate.features import PAPER, run_features
from painlens.certificate.image_cells import CELLS, Draw, draws_of
from painlens.certificate.images import Course, make_draws
from painlens.certificate.matching import CLAIMS, NAMES, PAPERS_MEASURE
from painlens.certificate.tabulating import shown
from painlens.concept_test.claims import DATABASES
from painlens.concept_test.expectation import HEADLINE
from painlens.progress import Progress, silent
from painlens.study import StudyError
from painlens.tables import DataError

RECORD = "certificate.json"
FEATURES_SEED = 2022
STUDIES = (1000, 10)  # per design, of made features and of images


@dataclass(frozen=True)
class Order:
    """What is asked for.

    Attributes
    ----------
    levels
        Features before images: the quick level first.
    cells
        Names of designs; empty: all.
    studies
        Per design: at the level of features, at the level of images.
    course
        Where and by what the studies are made. Its time limit holds for the level of images.
    output
        The record; the level that is not made anew stays in it.
    """

    levels: tuple[Level, ...]
    cells: tuple[str, ...]
    studies: tuple[int, int]
    course: Course
    output: Path


@dataclass(frozen=True)
class Certified:
    """The record, and the draws that failed with their exit codes."""

    certificate: Certificate
    failed: dict[Draw, int]


def certify(order: Order, stamp: Stamp, *, progress: Progress = silent) -> Certified:
    """Make what is missing, count everything that is there, write the record.

    Raises
    ------
    StudyError
        There is no such cell.
    DataError
        The folder holds studies of other settings, the earlier record cannot be read, or there is not one study.
    """
    designs, drawn = chosen(order.cells, order.levels)
    earlier = read_certificate(order.output)
    folder, say = order.course.folder, order.course.say
    failed: dict[Draw, int] = {}
    if "features" in order.levels and designs:
        say(f"features: {len(designs)} designs of {order.studies[0]} studies")
        run_features(
            folder / "features", designs, studies=order.studies[0], seed=FEATURES_SEED,
            processes=order.course.cores or os.cpu_count() or 1, progress=progress,
        )  # fmt: skip
    if "images" in order.levels and drawn:
        say(f"images: {len(drawn)} designs of {order.studies[1]} studies, from faces to verdict")
        failed = make_draws(draws_of(drawn, order.studies[1]), order.course)
    record = earlier
    for found in collected(folder, order.levels, stamp):
        record = found.into(record)
    if record is None:
        raise DataError(f"there is not one finished study in {folder}; give it more time (--minutes)")
    write_certificate(record, order.output)
    return Certified(record, failed)


def stamp(order: Order) -> Stamp:
    """Today, this version, and the command; where and on how many cores it ran does not change what it counts."""
    words = ["painlens", "certify", "--level", order.levels[0] if len(order.levels) == 1 else "both"]
    words += [word for cell in order.cells for word in ("--cells", cell)]
    counts = {"features": order.studies[0], "images": order.studies[1]}
    if counts != dict(zip(counts, STUDIES, strict=True)):
        words += ["--studies", str(counts[order.levels[0]])]
    words += ["--minutes", f"{order.course.minutes:g}"] if order.course.minutes is not None else []
    return Stamp(datetime.now(UTC).date().isoformat(), metadata.version("painlens"), shlex.join(words))


def summary(certificate: Certificate) -> list[str]:
    """How often the headline measure and the paper's test were right, a line per level, kind and claim."""
    lines = []
    for level, origin in certificate.origins.items():
        lines.append(f"{level}: {origin.studies:,} studies ({origin.date})")
        for measure, claim in ((HEADLINE, DATABASES), (PAPERS_MEASURE, PAPER)):
            own = [
                cell
                for cell in certificate.cells
                if (cell.level, cell.measure, cell.claim) == (level, measure, claim)
                and cell.confidence == USUAL
                and not cell.adjusted
            ]
            lines += _extremes(own, f"{NAMES[measure]}, {CLAIMS[claim]}")
    return lines


def _extremes(cells: Sequence[Cell], what: str) -> list[str]:
    """The worst false rate of databases drawn alike and the smallest power over the cells."""
    alike = [cell for cell in cells if cell.kind == "null" and cell.judged]
    planted = [cell for cell in cells if cell.expected != "none" and cell.judged]
    lines = []
    if alike:
        worst = max(alike, key=lambda cell: rejection_rate(cell).value)
        lines.append(
            f"  {what}: databases drawn alike called different in at most {shown(rejection_rate(worst))} "
            f"({worst.design}, {worst.concept})"
        )
    if planted:
        weakest = min(planted, key=lambda cell: power(cell).value)
        lines.append(
            f"  {what}: planted direction found in at least {shown(power(weakest))} "
            f"({weakest.design}, {weakest.concept})"
        )
    return lines


def collected(folder: Path, levels: Sequence[Level], stamp: Stamp) -> list[LevelRecord]:
    """What lies in a folder at some levels, counted. Other designs than those that were asked for count too."""
    made: list[LevelRecord | None] = []
    if "features" in levels:
        made.append(collect_features(folder, counted_designs(), stamp))
    if "images" in levels:
        made.append(collect_images(folder, list(CELLS), stamp))
    return [found for found in made if found is not None]


def chosen(names: Sequence[str], levels: Sequence[Level]) -> tuple[list[MadeDesign], list[str]]:
    """Designs of made features and cells of images that go by the names; all of the levels without names.

    Raises
    ------
    StudyError
        A name is known at none of the levels.
    """
    designs = {design.name: design for design in grid()} if "features" in levels else {}
    images = list(CELLS) if "images" in levels else []
    unknown = [name for name in names if name not in designs and name not in images]
    if unknown:
        raise StudyError(
            f"no cell '{unknown[0]}'; images: {', '.join(images) or 'not asked for'}; "
            f"features: {', '.join(designs) or 'not asked for'}"
        )
    if not names:
        return list(designs.values()), images
    return [design for name, design in designs.items() if name in names], [name for name in images if name in names]
