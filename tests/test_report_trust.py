"""The report's words about whether maps may be trusted."""

from dataclasses import replace

import pandas as pd

from painlens import tables
from painlens.report.blocks import Section, TableBlock, Text, Withheld
from painlens.report.inputs import ReportInputs
from painlens.report.sections.trust import trust
from report_fixture import small_inputs


def checks(badge: str = "pass", control: str = "fail") -> pd.DataFrame:
    rows = [
        ("clinical", "lrp", "randomised network", 0.2, 0.1, 0.3, 0.5, badge),
        ("clinical", "lrp", "deletion", 0.4, 0.2, 0.6, 0.0, "pass"),
        ("clinical", "edges", "randomised network", 1.0, 1.0, 1.0, 0.5, control),
        ("clinical - experimental", "lrp", "beyond the null band", 0.1, -0.1, 0.3, 0.0, "unclear"),
    ]
    columns = ["model", "method", "check", "value", "low", "high", "bound", "badge"]
    return tables.conform(pd.DataFrame(rows, columns=columns).assign(faces=48, participants=22), tables.TRUST)


def normalised() -> pd.DataFrame:
    values = {"raw": 4.9, "logit": 7.7, "max": 10.5, "sum-abs": 9.4, "sum": 0.2}
    rows = [
        {
            "normalisation": how, "concept": "eyes-closed", "model_a": "clinical", "model_b": "experimental",
            "difference": 1.0, "null_rms": 1.0 / ratio, "ratio": ratio, "truth": 3.6,
            "agrees": -0.15 if how == "sum" else 0.97,
        }
        for how, ratio in values.items()
    ]  # fmt: skip
    return tables.conform(pd.DataFrame(rows), tables.NORMALISED)


def given(**changes: pd.DataFrame) -> ReportInputs:
    return replace(small_inputs(), trust=changes.get("trust", checks()), normalised=changes.get("table", normalised()))


def said(section: Section) -> str:
    return " ".join(p for block in section.blocks if isinstance(block, Text) for p in block.paragraphs)


def test_every_check_has_a_badge_and_the_control_fails() -> None:
    section = trust(given())
    table = next(block.table for block in section.blocks if isinstance(block, TableBlock))
    assert [row[3].text for row in table.rows] == ["✓ pass", "✓ pass", "✗ fail", "? unclear"]
    assert "No check failed." in said(section)
    assert "It must fail the randomisation, and it does." in said(section)


def test_failed_check_is_named_first() -> None:
    assert said(trust(given(trust=checks(badge="fail")))).startswith("Failed: randomised network (clinical).")


def test_control_that_passes_discredits_the_checks() -> None:
    assert "do not rely on these checks" in said(trust(given(trust=checks(control="pass"))))


def test_best_normalisation_is_marked() -> None:
    section = trust(given())
    table = [block.table for block in section.blocks if isinstance(block, TableBlock)][-1]
    assert [row[0].text for row in table.rows if "(best)" in row[0].text] == ["by the maximum (best)"]


def test_missing_checks_are_said_to_be_missing() -> None:
    section = trust(replace(small_inputs()))
    assert [block.title for block in section.blocks if isinstance(block, Withheld)] == ["not computed"] * 2
