"""The record: what it refuses, that it survives its file, and the exact intervals of its rates."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from statsmodels.stats.proportion import proportion_confint

from certificate_records import ORIGIN, made_cell, made_design, made_record
from painlens.certificate.cells import (
    SHIPPED,
    Cell,
    Certificate,
    coverage,
    power,
    rate,
    read_certificate,
    rejection_rate,
    replace_level,
    write_certificate,
)
from painlens.tables import DataError

ROOT = Path(__file__).parents[1]


@given(st.integers(1, 300).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_interval_of_a_rate_is_that_of_statsmodels(counts: tuple[int, int]) -> None:
    found = rate(*counts)
    low, high = proportion_confint(*counts, alpha=0.05, method="beta")
    assert found.low == pytest.approx(low, abs=1e-9)
    assert found.high == pytest.approx(high, abs=1e-9)
    assert found.low <= found.value <= found.high


def test_rate_of_no_studies_knows_nothing() -> None:
    assert (rate(0, 0).low, rate(0, 0).high) == (0.0, 1.0)


def test_more_events_than_studies_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and the 3 studies, got 4"):
        rate(4, 3)


def test_refused_studies_count_neither_way() -> None:
    cell = made_cell(studies=10, refused=4, rejections=3, covered=2)
    assert (rejection_rate(cell).count, rejection_rate(cell).of) == (3, 6)
    covered = coverage(cell)
    assert covered is not None
    assert (covered.count, covered.of) == (2, 6)
    assert power(made_cell(kind="planted", expected="a", right=7)).count == 7


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rejections": 1001}, "'rejections' must be at most 1000, got 1001"),
        ({"covered": 1001}, "'covered' must be at most 1000"),
        ({"right": 41, "expected": "a", "kind": "planted"}, "'right' must be at most 40"),
        ({"right": 1}, "cannot be right where none was planted"),
        ({"refused": 1001, "rejections": 0, "covered": 0}, "'refused' must be at most 1000"),
        ({"kind": "weak"}, "planted"),
        ({"power": 1.0}, "Extra inputs"),
        ({"confidence": 95}, "less than 1"),
    ],
)
def test_impossible_cell_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        made_cell(**changes)


def test_record_with_two_counts_of_one_thing_is_refused() -> None:
    with pytest.raises(ValidationError, match="two cells count the same"):
        made_record(made_cell(), made_cell(rejections=3))


def test_record_must_describe_every_design() -> None:
    whole = made_record(made_cell()).model_dump()
    with pytest.raises(ValidationError, match="the design 'null', which is not described"):
        Certificate.model_validate(whole | {"designs": {}})


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    studies = draw(st.integers(1, 2000))
    refused = draw(st.integers(0, studies))
    rejections = draw(st.integers(0, studies - refused))
    real = st.floats(-1e3, 1e3, allow_nan=False).map(lambda x: float(f"{x:.4g}"))
    planted = draw(st.booleans())
    return made_cell(
        kind="planted" if planted else "null",
        expected=draw(st.sampled_from("ab")) if planted else "none",
        studies=studies,
        refused=refused,
        rejections=rejections,
        right=draw(st.integers(0, rejections)) if planted else 0,
        covered=draw(st.none() | st.integers(0, studies - refused)),
        truth=draw(st.none() | real),
        mean=draw(st.none() | real),
        components=draw(st.dictionaries(st.sampled_from(["seeds_a", "halves_b"]), real.map(abs))),
        adjusted=draw(st.booleans()),
    )


@given(cells())
def test_record_survives_its_file(tmp_path_factory: pytest.TempPathFactory, cell: Cell) -> None:
    path = tmp_path_factory.mktemp("record") / "certificate.json"
    record = made_record(cell)
    write_certificate(record, path)
    assert read_certificate(path) == record


def test_file_has_a_line_per_cell_with_the_names_that_readers_look_for(tmp_path: Path) -> None:
    path = tmp_path / "certificate.json"
    write_certificate(made_record(made_cell(), made_cell(concept="eyes-closed")), path)
    raw = json.loads(path.read_text())
    assert {"date", "version", "command"} <= set(raw)
    wanted = {"level", "kind", "design", "measure", "claim", "studies", "rejections", "covered", "truth"}
    assert all(wanted <= set(cell) for cell in raw["cells"])
    lines = path.read_text().splitlines()
    assert sum('"rejections"' in line for line in lines) == 2
    assert sum('"train_a"' in line for line in lines) == len(raw["designs"])


def test_link_to_the_record_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    link.symlink_to(real)
    write_certificate(made_record(made_cell()), link)
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o644  # of the installed record, everybody is a reader
    assert read_certificate(real) == made_record(made_cell())


def test_absent_record_is_none_and_a_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "certificate.json"
    assert read_certificate(path) is None
    path.write_text('{"cells": 3}')
    with pytest.raises(DataError, match=r"no certificate of this version.*painlens certify"):
        read_certificate(path)


def test_new_level_leaves_the_other_as_it_was() -> None:
    made = made_cell()
    image = made_cell(level="images", design="images-null", studies=10, rejections=0, covered=10)
    earlier = made_record(made, image)
    fresh = made_cell(level="images", design="images-null", studies=20, rejections=1, covered=19)
    now = replace_level(earlier, "images", origin=ORIGIN, designs={"images-null": made_design()}, cells=[fresh])
    assert {cell.level: cell for cell in now.cells} == {"features": made, "images": fresh}


def test_one_name_for_two_designs_is_refused() -> None:
    earlier = made_record(made_cell())
    with pytest.raises(ValueError, match="means something else at the other level"):
        replace_level(earlier, "images", origin=ORIGIN, designs={"null": made_design(seeds=9)}, cells=[])


def test_shipped_record_can_be_read_and_is_the_one_in_the_docs() -> None:
    assert read_certificate() is not None
    assert (ROOT / "docs" / "certificate.json").resolve() == SHIPPED.resolve()
