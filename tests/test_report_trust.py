"""The report's words about whether maps may be trusted."""

from dataclasses import replace

import pandas as pd

from painlens import tables
from painlens.report.blocks import Plots, Section, TableBlock, Text, Withheld
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


def ranking() -> pd.DataFrame:
    rows = [
        ("max", 10.5, 8.0, 12.0, 1.0, 1.0, 1.0, "leads"), ("sum-abs", 9.4, 7.0, 11.0, 1.1, 0.8, 1.4, "not told apart"),
        ("raw", 4.9, 4.0, 6.0, 2.1, 1.5, 2.6, "behind"),
    ]  # fmt: skip
    columns = ["normalisation", "score", "low", "high", "behind", "behind_low", "behind_high", "place"]
    return tables.conform(pd.DataFrame(rows, columns=columns).assign(participants=22, null_pairs=6), tables.RANKING)


def randomised() -> pd.DataFrame:
    rows = [
        {"model": model, "method": method, "layers": layers, "of": 9, "similarity": similarity, "low": similarity - 0.1,
         "high": similarity + 0.1, "faces": 48, "participants": 22}
        for model in ("clinical", "experimental")
        for method, values in (("lrp", (0.8, 0.5, 0.1)), ("edges", (1.0, 1.0, 1.0)))
        for layers, similarity in zip((2, 5, 9), values, strict=True)
    ]  # fmt: skip
    return tables.conform(pd.DataFrame(rows), tables.RANDOMISED)


def given(**changes: pd.DataFrame) -> ReportInputs:
    return replace(
        small_inputs(), trust=changes.get("trust", checks()), normalised=changes.get("table", normalised()),
        ranking=changes.get("ranking", ranking()), randomised=changes.get("randomised", randomised()),
    )  # fmt: skip


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


def test_leading_normalisation_is_marked_and_so_are_those_that_are_not_told_apart() -> None:
    section = trust(given())
    table = next(b.table for b in section.blocks if isinstance(b, TableBlock) and b.table.name == "normalisations")
    assert [row[0].text for row in table.rows if "(" in row[0].text and "paper" not in row[0].text] == [
        "by the maximum (leads)", "by Σ|R| (not told apart)",
    ]  # fmt: skip
    assert "Here by the maximum leads. Not told apart from it" in said(section)


def test_words_about_the_ranking_follow_its_numbers() -> None:
    apart = ranking()
    apart.loc[apart["normalisation"] == "sum-abs", "place"] = "behind"
    assert "All others are behind" in said(trust(given(ranking=apart)))
    assert "Not told apart" not in said(trust(given(ranking=tables.empty(tables.RANKING))))


def test_curve_of_randomised_layers_tells_every_point() -> None:
    plots = next(block for block in trust(given()).blocks if isinstance(block, Plots))
    assert "clinical: 2 of 9 .80, 5 of 9 .50, 9 of 9 .10" in plots.plots[0].description
    assert plots.data is not None
    assert len(plots.data.rows) == 12


def test_missing_checks_are_said_to_be_missing() -> None:
    section = trust(replace(small_inputs()))
    assert [block.title for block in section.blocks if isinstance(block, Withheld)] == ["not computed"] * 2
