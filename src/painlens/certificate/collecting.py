"""From finished studies to cells: how often a measure under a claim was right.

Both levels hand over the same table, a row per study, concept, measure and claim: ``study, measure, concept, claim,
difference, standard_error, df, p``. A row without p is a claim that was refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from painlens import tables
from painlens.certificate.cells import Cell, Certificate, Design, Level, Origin, replace_level
from painlens.certificate.designs import CONCEPTS, PLAIN, MadeDesign, grid
from painlens.certificate.features import COMPONENTS, CORRECTED, PAPER, load_chunk
from painlens.certificate.finished_draws import DONE, finished_draws, is_finished
from painlens.certificate.image_cells import CELLS, Draw, design_of
from painlens.concept_test.claims import DATABASES, NETWORKS, adjusted_p
from painlens.concept_test.expectation import HEADLINE
from painlens.study import ConceptTest
from painlens.tables import load_json

Side = Literal["a", "b", "none"]
USUAL, STRICT = 0.95, 0.999  # the report's level, and the one of studies/null.yaml
PAPERS_NETWORK = "seed=0"  # the paper compares one network with one network
SHARED = (
    "every study starts from one shared emotion network that was trained once: nothing is said about other "
    "pre-trainings",
    "without the report's page and without the floors of decodability, which decide no verdict",
)


@dataclass(frozen=True)
class LevelRecord:
    """Cells of one level, the designs that they name, and where they come from."""

    level: Level
    origin: Origin
    designs: dict[str, Design]
    cells: list[Cell]

    def into(self, earlier: Certificate | None) -> Certificate:
        """A record in which this level is new and the other one stays."""
        return replace_level(earlier, self.level, origin=self.origin, designs=self.designs, cells=self.cells)


@dataclass(frozen=True)
class Stamp:
    """When and by what a record is made."""

    date: str
    version: str
    command: str

    def origin(self, studies: int, notes: Sequence[str]) -> Origin:
        """Where the cells of a level come from."""
        return Origin(date=self.date, version=self.version, command=self.command, studies=studies, notes=tuple(notes))


def image_rows(draw: Draw, folder: Path) -> pd.DataFrame:
    """What a finished study says: its verdicts, and the paper's test of its first networks."""
    place = draw.folder(folder) / "concept-test"
    verdicts = tables.load_table(place / "verdicts.parquet", tables.VERDICTS)
    columns = ["measure", "concept", "claim", "difference", "standard_error", "df", "p"]
    rows = [verdicts.loc[verdicts["claim"] != NETWORKS, columns]]
    paired = tables.load_table(place / "replication.parquet", tables.REPLICATION)
    paired = paired[paired["replicate"] == PAPERS_NETWORK]
    for claim, column, folds in (
        (PAPER, "p", ("images",)),
        (CORRECTED, "nadeau_bengio_p", ("images", "participants")),
    ):
        own = paired[paired["folds"].isin(folds)]
        measure = "decodability:" + own["folds"].astype(str)
        rows.append(
            own.assign(measure=measure, claim=claim, p=own[column])[["measure", "concept", "claim", "difference", "p"]]
        )
    table = pd.concat([part.astype({"measure": str, "concept": str, "claim": str}) for part in rows], ignore_index=True)
    numbers = ["difference", "standard_error", "df", "p"]
    return table.astype(dict.fromkeys(numbers, float)).assign(study=draw.number)


def count_cells(
    rows: pd.DataFrame, *, level: Level, kind: Literal["null", "planted"], design: str, expected: Mapping[str, Side]
) -> list[Cell]:
    """All cells of one design.

    The truth is 0 where the databases were drawn alike, and the mean over the design's studies elsewhere. A study's own
    difference is part of that mean and therefore nearer to it than to the truth: deviations are stretched by
    sqrt(n / (n - 1)), which gives them back their variance.

    Parameters
    ----------
    expected
        Concept -> where it was planted to matter more.
    """
    rows = rows.assign(p_holm=_adjusted(rows))
    cells = []
    for (measure, concept, claim), own in rows.groupby(["measure", "concept", "claim"], observed=True):
        names = {"level": level, "kind": kind, "design": design, "concept": str(concept), "measure": str(measure)}
        names |= {"claim": str(claim), "expected": expected[str(concept)]}
        for confidence, adjusted in _variants(str(measure), str(claim)):
            counted = _count(own, kind, expected[str(concept)], confidence=confidence, adjusted=adjusted)
            cells.append(Cell.model_validate(names | {"confidence": confidence, "adjusted": adjusted} | counted))
    return cells


def _variants(measure: str, claim: str) -> list[tuple[float, bool]]:
    """Confidence, and whether corrected as in the verdicts: what expectations and reports use."""
    if claim != DATABASES:
        return [(USUAL, False)]
    return [(USUAL, False), (USUAL, True), *([(STRICT, False)] if measure == HEADLINE else [])]


def _adjusted(rows: pd.DataFrame) -> np.ndarray:
    """P after Holm within each study, as in the verdicts of a report, for the claim about databases; NaN elsewhere."""
    found = np.full(len(rows), np.nan)
    own = (rows["claim"] == DATABASES).to_numpy()
    found[own] = adjusted_p(rows[own], declared=ConceptTest().declared, study="study")
    return found


def _count(own: pd.DataFrame, kind: str, expected: Side, *, confidence: float, adjusted: bool) -> dict[str, object]:
    """Counts of one cell."""
    judged = own[own["p"].notna()]
    called = judged["p_holm" if adjusted else "p"] <= 1 - confidence + 1e-12
    difference = judged["difference"].to_numpy(dtype=float)
    sign = {"a": 1, "b": -1, "none": 0}[expected]
    n_studies = len(judged)
    found: dict[str, object] = {
        "studies": len(own),
        "refused": len(own) - n_studies,
        "rejections": int(called.sum()),
        "right": int((called & (np.sign(difference) == sign)).sum()) if sign else 0,
    }
    if n_studies or kind == "null":
        found["truth"] = 0.0 if kind == "null" else float(difference.mean())
    measured = n_studies >= 2 and bool(np.isfinite(judged["standard_error"]).all())
    if measured and not adjusted:
        found["covered"] = _covered(judged, float(str(found["truth"])), kind, confidence)
    usual = confidence == USUAL and not adjusted
    return found | (_spread(judged, measured=measured) if usual and n_studies else {})


def _spread(judged: pd.DataFrame, *, measured: bool) -> dict[str, object]:
    """What does not depend on the level of confidence, and stands in one cell of a claim only."""
    difference = judged["difference"].to_numpy(dtype=float)
    found: dict[str, object] = {"mean": float(difference.mean())}
    if len(judged) >= 2:
        found["spread"] = float(difference.std(ddof=1))
    if measured:
        found["standard_error"] = float(np.sqrt(np.mean(judged["standard_error"].to_numpy(dtype=float) ** 2)))
        found["components"] = _components(judged)
    return found


def _covered(judged: pd.DataFrame, truth: float, kind: str, confidence: float) -> int:
    """Intervals that held the truth."""
    n_studies = len(judged)
    stretch = 1.0 if kind == "null" else np.sqrt(n_studies / (n_studies - 1))
    half = stats.t.ppf((1 + confidence) / 2, judged["df"]) * judged["standard_error"]
    return int((np.abs(judged["difference"] - truth) * stretch <= half).sum())


def _components(judged: pd.DataFrame) -> dict[str, float]:
    """Mean variances by source, where the level tells them."""
    known = [name for name in COMPONENTS if name in judged and judged[name].notna().any()]
    return {name: float(judged[name].mean()) for name in known}


def collect_images(folder: Path, cells: Sequence[str], stamp: Stamp) -> LevelRecord | None:
    """Cells of all finished draws below a folder, or None if there are none.

    Raises
    ------
    DataError
        A draw was made from other settings than its cell has now: the record would describe it wrongly.
    """
    designs, counted, made, codes = {}, [], 0, set()
    for name in cells:
        draws = [draw for draw in finished_draws(folder, name) if is_finished(draw, folder)]
        if not draws:
            continue
        cell, key = CELLS[name], f"images-{name}"
        rows = pd.concat([image_rows(draw, folder) for draw in draws], ignore_index=True)
        designs[key] = design_of(name)
        counted += count_cells(rows, level="images", kind=cell.kind, design=key, expected=cell.expected)
        made += len(draws)
        codes |= {load_json(draw.folder(folder) / DONE)["code"] for draw in draws}
    if not made:
        return None
    mixed = (f"the studies were made by {len(codes)} states of the source code",) if len(codes) > 1 else ()
    return LevelRecord("images", stamp.origin(made, (*SHARED, *mixed)), designs, counted)


def collect_features(folder: Path, designs: Sequence[MadeDesign], stamp: Stamp) -> LevelRecord | None:
    """Cells of all made studies below ``FOLDER/features``, or None if there are none."""
    described, counted, made = {}, [], 0
    drawn = {design.name for design in grid()}  # others count the same studies with fewer of their networks
    for design in designs:
        files = sorted((folder / "features" / design.name).glob("*.parquet"))
        if not files:
            continue
        rows = pd.concat([load_chunk(path) for path in files], ignore_index=True)
        described[design.name] = describe_made(design)
        kind = "planted" if design.kind == "planted" else "null"
        counted += count_cells(rows, level="features", kind=kind, design=design.name, expected=expected_of(design))
        made += int(rows["study"].nunique()) if design.name in drawn else 0
    if not described:
        return None
    notes = ("small networks on made features: the same statistics, no pictures",)
    return LevelRecord("features", stamp.origin(made, notes), described, counted)


def expected_of(design: MadeDesign) -> dict[str, Side]:
    """Where each concept of a made design was planted to matter more."""
    sides: dict[str, Side] = dict(zip(CONCEPTS, ("a", "b", "none"), strict=True))
    return {concept: side if design.is_planted(concept) else "none" for concept, side in sides.items()}


def describe_made(design: MadeDesign) -> Design:
    """A made design as the record describes it."""
    of_a, of_b = ([pain - no_pain for pain, no_pain in design.rates(database)] for database in (0, 1))
    what = "databases drawn alike" if design.kind == "null" else "closed eyes planted in A, visible teeth in B"
    confounded = ", concepts come together with other facial actions" if design.confounded else ""
    return Design(
        train_a=design.size.train[0], train_b=design.size.train[1],
        test_a=design.size.test[0], test_b=design.size.test[1],
        seeds=design.seeds, half_splits=design.halves, bias=max(abs(a - b) for a, b in zip(of_a, of_b, strict=True)),
        cue=max(map(abs, (*of_a, *of_b))), confounding=float(design.confounded),
        description=f"{what}, {design.strength} bias{confounded}{_peculiar(design)}",
        settings={
            "strength": design.strength,
            "size": design.size.name,
            "images": design.images,
            "prevalence": design.rates(0)[2][0],
            "training": design.training,
        },
    )  # fmt: skip


def _peculiar(design: MadeDesign) -> str:
    """What else sets a made design apart, for people."""
    found = "" if design.epochs is None else f", both trained for {design.epochs} epochs, the larger for more steps"
    if design.images != MadeDesign.images:
        found += f", {design.images} faces per test participant"
    if design.base_rate is not None and design.base_rate != PLAIN[0]:
        found += f", concepts on {design.base_rate:.0%} of the faces"
    return found
