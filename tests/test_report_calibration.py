"""Calibration and the groups of people in the report."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from painlens import metrics, tables
from painlens.report import ReportInputs
from painlens.report.blocks import Folded, Plots, TableBlock, Text
from painlens.report.sections.calibration import calibration, subgroups
from report_fixture import small_inputs


@pytest.fixture(scope="module")
def inputs() -> ReportInputs:
    """The made report with real tables of made answers: clinical too sure of itself, of known sex and unknown age."""
    made, rng = small_inputs(), np.random.default_rng(0)
    found = made.faces[made.faces["found"]]
    tested = found.merge(made.split.loc[made.split["part"] == "test", ["database", "participant"]])
    parts = []
    for model, boldness in (("clinical", 4.0), ("experimental", 1.0)):
        sign = np.where(tested["label"] == "pain", 1.0, -1.0)
        score = boldness * (sign + rng.normal(0, 1.4, len(tested)))
        own = tested[["database", "frame_id", "participant", "label"]].assign(model=model, replicate="seed=0")
        predicted = np.where(score > 0, "pain", "no-pain")
        parts.append(own.assign(predicted=predicted, **{"logit:no-pain": 0.0, "logit:pain": score}))
    answers = tables.conform(pd.concat(parts, ignore_index=True), tables.PREDICTIONS)
    how = {"classes": ("no-pain", "pain"), "target": "pain", "confidence": 0.95, "draws": 50}
    table, curve = metrics.calibration(answers, **how, rng=rng)
    people = tested.assign(sex=np.where(tested["participant"].str[-1].astype(int) % 2 == 0, "f", "m"))
    people.loc[people["database"] == "experimental", "sex"] = None
    groups = metrics.subgroups(answers, people, **how, rng=rng)
    return replace(made, calibration=table, calibration_curve=curve, subgroups=groups)


def test_without_their_tables_nothing_is_said_of_calibration() -> None:
    assert calibration(small_inputs()) == []


def test_the_table_has_the_numbers_of_the_run_with_their_intervals(inputs: ReportInputs) -> None:
    block = next(one for one in calibration(inputs) if isinstance(one, TableBlock))
    rows = {(row[0].text, row[1].text): row for row in block.table.rows}
    assert set(rows) == {(m, d) for m in ("clinical", "experimental") for d in ("clinical", "experimental")}
    known = next(
        row
        for row in inputs.calibration.to_dict("records")
        if [row[n] for n in ("model", "replicate", "database", "measure")]
        == ["clinical", "mean", "experimental", "ece"]
    )
    cell = rows["clinical", "experimental"][2]
    assert (cell.value, cell.low, cell.high) == (known["value"], known["low"], known["high"])
    assert rows["clinical", "clinical"][2].value > rows["experimental", "clinical"][2].value  # type: ignore[operator]


def test_the_curve_is_drawn_for_every_database_with_its_numbers_behind_it(inputs: ReportInputs) -> None:
    block = next(one for one in calibration(inputs) if isinstance(one, Plots))
    assert [plot.name for plot in block.plots] == ["calibration-clinical", "calibration-experimental"]
    assert block.data is not None and len(block.data.rows) == len(inputs.calibration_curve)
    assert all("<svg" in plot.inline and "probability of pain" in plot.svg for plot in block.plots)


def test_groups_are_told_and_databases_that_know_nothing_are_named(inputs: ReportInputs) -> None:
    (folded,) = subgroups(inputs)
    assert isinstance(folded, Folded)
    table = next(one.table for one in folded.blocks if isinstance(one, TableBlock))
    assert {row[1].text for row in table.rows} == {"women", "men"}
    assert {row[0].text for row in table.rows} == {"clinical → clinical", "experimental → clinical"}
    told = next(one for one in folded.blocks if isinstance(one, Text))
    assert told.paragraphs[0].startswith("experimental: nothing to compare")


def test_without_any_group_a_note_says_why(inputs: ReportInputs) -> None:
    (note,) = subgroups(replace(inputs, subgroups=tables.empty(tables.SUBGROUPS)))
    assert isinstance(note, Text) and "clinical and experimental: nothing to compare" in note.paragraphs[0]
