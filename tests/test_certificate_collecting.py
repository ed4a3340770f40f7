"""Counting studies: against other implementations, against theory, and under changes that must not matter."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from certificate_engine import Engine
from certificate_records import made_rows
from painlens.certificate.cells import Cell, Certificate, write_certificate
from painlens.certificate.collecting import (
    Stamp,
    _covered,
    collect_features,
    collect_images,
    count_cells,
    describe_made,
    expected_of,
    image_rows,
)
from painlens.certificate.designs import CONCEPTS, SIZES, MadeDesign, grid
from painlens.certificate.finished_draws import DONE
from painlens.certificate.image_cells import Draw, draws_of
from painlens.certificate.images import Course, make_draws
from painlens.concept_test.variance import limits

STAMP = Stamp("2026-01-31", "0.1.0", "painlens certify")
NOWHERE = {"eyes-closed": "none", "teeth-visible": "none"}
PLANTED = {"eyes-closed": "a", "teeth-visible": "b"}


def counted(rows: pd.DataFrame, kind: str = "null", expected: dict[str, str] | None = None) -> list[Cell]:
    wanted = expected or (NOWHERE if kind == "null" else PLANTED)
    return count_cells(rows, level="images", kind=kind, design="d", expected=wanted)  # pyright: ignore[reportArgumentType]


def cell_of(cells: list[Cell], **wanted: object) -> Cell:
    plain = {"concept": "eyes-closed", "claim": "databases", "adjusted": False, "confidence": 0.95}
    found = [c for c in cells if all(getattr(c, name) == value for name, value in (plain | wanted).items())]
    assert len(found) == 1
    return found[0]


def test_counts_are_those_of_the_intervals_one_by_one() -> None:
    rows = made_rows(np.random.default_rng(1), studies=40).assign(df=7.0)
    own = rows[rows["concept"] == "eyes-closed"]
    ends = [
        limits(d, e, f, confidence=0.95) for d, e, f in zip(own.difference, own.standard_error, own.df, strict=True)
    ]
    excluded = sum(not low <= 0 <= high for low, high in ends)

    rows["p"] = 2 * stats.t.sf((rows.difference / rows.standard_error).abs(), rows.df)
    cell = cell_of(counted(rows))
    assert cell.rejections == excluded
    assert cell.covered == 40 - excluded  # of a null cell the truth is 0: called different or covered, never both


def test_studies_that_keep_their_word_are_found_to_keep_it() -> None:
    cells = counted(made_rows(np.random.default_rng(2), studies=4000))
    cell, strict = cell_of(cells), cell_of(cells, confidence=0.999)
    assert cell.rejections / 4000 == pytest.approx(0.05, abs=0.011)  # three standard errors
    assert strict.rejections / 4000 == pytest.approx(0.001, abs=0.0015)
    assert cell.covered == 4000 - cell.rejections
    assert cell.spread == pytest.approx(0.1, rel=0.04)
    assert cell.standard_error == pytest.approx(0.1)
    assert strict.covered is not None
    assert (strict.spread, strict.standard_error, strict.components) == (None, None, {})  # not twice in the record


@pytest.mark.parametrize("studies", [3, 10, 400])
def test_coverage_of_a_mean_is_right_for_few_studies_too(studies: int) -> None:
    rng, held = np.random.default_rng(studies), []
    for _ in range(4500 // studies):
        judged = pd.DataFrame({"difference": rng.normal(0.4, 0.1, studies), "standard_error": 0.1, "df": 1e9})
        held.append(_covered(judged, judged["difference"].mean(), "planted", 0.95) / studies)
    assert np.mean(held) == pytest.approx(0.95, abs=0.012)  # three standard errors; unstretched .984 of three studies


def test_adjusted_rejections_are_those_of_statsmodels() -> None:
    rows = made_rows(np.random.default_rng(3), studies=20, truth=0.2)
    wide = rows.pivot(index="study", columns="concept", values="p")
    holm = np.array([multipletests(p, method="holm")[1] for p in wide.to_numpy()])
    cells = counted(rows, "planted")
    for column, concept in enumerate(wide.columns):
        assert cell_of(cells, concept=concept, adjusted=True).rejections == (holm[:, column] <= 0.05).sum()


def test_only_the_planted_side_is_right() -> None:
    rows = made_rows(np.random.default_rng(4), studies=50, truth=1.0)  # A is larger for both concepts
    cells = counted(rows, "planted")
    assert cell_of(cells).right == cell_of(cells).rejections == 50
    assert cell_of(cells, concept="teeth-visible").right == 0
    assert cell_of(cells, concept="teeth-visible").rejections == 50


def test_exchanged_databases_exchange_the_sides_and_nothing_else() -> None:
    rows = made_rows(np.random.default_rng(5), studies=60, truth=0.15)
    turned = counted(rows.assign(difference=-rows["difference"]), "planted", {"eyes-closed": "b", "teeth-visible": "a"})
    for here, there in zip(counted(rows, "planted"), turned, strict=True):
        assert (here.rejections, here.right, here.covered) == (there.rejections, there.right, there.covered)
        assert here.truth == pytest.approx(-(there.truth or 0.0))


def test_order_of_the_studies_does_not_matter() -> None:
    rows = made_rows(np.random.default_rng(6), studies=30, truth=0.1)
    shuffled = counted(rows.sample(frac=1, random_state=1), "planted")
    for here, there in zip(counted(rows, "planted"), shuffled, strict=True):
        same = {"key", "rejections", "right", "covered", "refused", "studies"}
        assert all(getattr(here, name) == getattr(there, name) for name in same)
        assert here.mean == pytest.approx(there.mean)


def test_claim_that_was_refused_counts_neither_way() -> None:
    rows = made_rows(np.random.default_rng(7), studies=20, truth=1.0)
    rows.loc[rows["study"] < 5, ["p", "standard_error", "df"]] = np.nan
    cell = cell_of(counted(rows, "planted"))
    assert (cell.studies, cell.refused, cell.judged, cell.rejections) == (20, 5, 15, 15)
    rows[["p", "standard_error", "df"]] = np.nan
    nothing = cell_of(counted(rows))
    assert (nothing.refused, nothing.rejections, nothing.covered) == (20, 0, None)


def test_one_study_has_no_spread_and_no_coverage() -> None:
    cell = cell_of(counted(made_rows(np.random.default_rng(8), studies=1), "planted"))
    assert (cell.studies, cell.covered, cell.spread) == (1, None, None)


# ---- what lies in folders --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three null and three planted draws, made by the double."""
    place = tmp_path_factory.mktemp("certify")
    course = Course(place, cores=1, engine=Engine(), say=lambda _line: None)
    make_draws(draws_of(["planted", "null"], 3), course)
    return place


def test_rows_of_a_study_are_its_verdicts_and_the_papers_test_of_its_first_networks(folder: Path) -> None:
    rows = image_rows(Draw("null", 1), folder)
    assert set(rows["claim"]) == {"people", "databases", "paper", "nadeau-bengio"}
    assert (rows["study"] == 1).all()
    assert not rows.duplicated(["measure", "concept", "claim"]).any()
    assert rows.loc[rows["claim"] == "paper", "p"].max() < 1e-20
    assert rows.loc[rows["claim"] == "nadeau-bengio", "p"].tolist() == pytest.approx([0.27] * 6)


def test_record_counts_every_finished_draw_once(folder: Path) -> None:
    record = collect_images(folder, ["planted", "null", "weak"], STAMP)
    assert record is not None
    assert record.origin.studies == 6
    assert set(record.designs) == {"images-planted", "images-null"}
    assert {cell.studies for cell in record.cells} == {3}
    paper = [cell for cell in record.cells if cell.claim == "paper" and cell.kind == "null"]
    assert [(cell.rejections, cell.covered) for cell in paper] == [(3, None)] * 3
    assert "shared emotion network" in " ".join(record.origin.notes)


def test_unfinished_draw_is_not_counted(folder: Path) -> None:
    note = Draw("planted", 2).folder(folder) / DONE
    text = note.read_text()
    note.unlink()
    try:
        record = collect_images(folder, ["planted"], STAMP)
    finally:
        note.write_text(text)
    assert record is not None
    assert record.origin.studies == 2


def test_studies_of_several_states_of_the_code_are_told(folder: Path) -> None:
    note = Draw("planted", 0).folder(folder) / DONE
    text = note.read_text()
    code = text.split('"code": "')[1][:64]
    note.write_text(text.replace(code, "0" * 64))
    try:
        record = collect_images(folder, ["planted"], STAMP)
    finally:
        note.write_text(text)
    assert record is not None
    assert "2 states of the source code" in " ".join(record.origin.notes)


def test_empty_folder_has_no_record(tmp_path: Path) -> None:
    assert collect_images(tmp_path, ["planted"], STAMP) is None
    assert collect_features(tmp_path, grid(), STAMP) is None


def test_record_of_both_levels_can_be_written_and_replaces_only_its_level(folder: Path, tmp_path: Path) -> None:
    record = collect_images(folder, ["null"], STAMP)
    assert record is not None
    first = record.into(None)
    assert isinstance(first, Certificate)
    assert record.into(first) == first
    write_certificate(first, tmp_path / "c.json")


# ---- made designs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("design", grid(), ids=lambda d: d.name)
def test_made_design_is_described_as_it_is_drawn(design: MadeDesign) -> None:
    described, expected = describe_made(design), expected_of(design)
    assert (described.train_a, described.test_b) == (design.size.train[0], design.size.test[1])
    assert (described.bias > 0) == (design.kind == "planted")
    for number, concept in enumerate(CONCEPTS):
        (pain_a, no_a), (pain_b, no_b) = design.rates(0)[number], design.rates(1)[number]
        larger = np.sign(round((pain_a - no_a) - (pain_b - no_b), 9))
        assert {"a": 1, "b": -1, "none": 0}[expected[concept]] == larger


def test_null_designs_of_one_size_are_told_apart_by_their_cue() -> None:
    cues = {describe_made(MadeDesign("null", strength, SIZES["demo"])).cue for strength in ("none", "weak", "strong")}
    assert len(cues) == 3
