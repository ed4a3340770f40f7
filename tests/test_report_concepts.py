"""The concept section: answers side by side, contradictions in words, directions, layers, raters."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from painlens import tables
from painlens.report import ReportInputs
from painlens.report.blocks import Bullets, Plots, TableBlock, Text
from painlens.report.sections.concepts import concepts
from painlens.report.sections.decodability import decodability
from painlens.report.sections.use import directions, layers, reliability
from report_fixture import made_inputs


@pytest.fixture(scope="module")
def inputs() -> ReportInputs:
    return made_inputs()


def _layers() -> pd.DataFrame:
    rows = [
        {
            "concept": "eyes-closed", "model": model, "replicate": "seed=0", "layer": layer, "position": place,
            "pooled_f1": 0.5 + 0.1 * place, "auroc": 0.8, "average_precision": 0.7, "undefined_folds": 0,
            "degenerate_fits": 0, "feature_norm": 3.0,
        }
        for model in ("clinical", "experimental", "emotion", "random")
        for place, layer in enumerate(("pool1", "last-pool"))
    ]  # fmt: skip
    return tables.conform(pd.DataFrame(rows), tables.LAYERS)


def test_without_their_tables_the_extra_parts_are_silent(inputs: ReportInputs) -> None:
    assert directions(inputs) == layers(inputs) == reliability(inputs) == []


def test_the_sweep_is_drawn_with_its_numbers(inputs: ReportInputs) -> None:
    plots = next(b for b in layers(replace(inputs, layers=_layers())) if isinstance(b, Plots))
    assert len(plots.plots) == 1
    assert "clinical: pool1 .50, last-pool .60" in plots.plots[0].description
    assert "random weights: pool1 .50" in plots.plots[0].description
    assert plots.data is not None
    assert len(plots.data.rows) == 8


def test_directions_are_means_over_seeds_with_the_random_range(inputs: ReportInputs) -> None:
    row = {"concept": "smile", "model": "clinical", "direction": "svm-cav", "tcav": 0.9, "random_tcav_low": 0.1,
           "random_tcav_high": 0.8, "random_directions": 20, "faces": 100, "target_faces": 50}  # fmt: skip
    both = pd.DataFrame([
        row | {"replicate": "seed=0", "derivative": 1.0},
        row | {"replicate": "seed=1", "derivative": 3.0, "random_tcav_high": 0.95},
    ])  # fmt: skip
    blocks = directions(replace(inputs, directions=tables.conform(both, tables.DIRECTIONS)))
    table = next(b for b in blocks if isinstance(b, TableBlock)).table
    assert [cell.text for cell in table.rows[0]][:6] == ["smile", "clinical", "SVM-CAV", "+2.00", ".90", ".10 to .95"]
    assert table.rows[0][3].interval == "+1.00 to +3.00"


def test_raters_and_label_noise_are_told(inputs: ReportInputs) -> None:
    agreement = pd.DataFrame([{
        "concept": "smile", "raters": "anna, ben", "faces": 90, "participants": 9, "prevalence": 0.3, "agreement": 0.9,
        "kappa": 0.76, "low": 0.6, "high": 0.88, "ac1": 0.8, "yes_kept": 0.83, "no_kept": 0.93,
    }])  # fmt: skip
    noise = pd.DataFrame([{
        "concept": "smile", "model_a": "clinical", "model_b": "experimental", "difference": 0.2, "noisy": 0.15,
        "low": 0.1, "high": 0.19, "same_sign": 1.0, "draws": 50,
    }])  # fmt: skip
    told = reliability(
        replace(
            inputs,
            reliability=tables.conform(agreement, tables.RELIABILITY),
            label_noise=tables.conform(noise, tables.LABEL_NOISE),
        )
    )
    table = next(b for b in told if isinstance(b, TableBlock)).table
    assert table.rows[0][6].interval == ".60 to .88"
    items = next(b for b in told if isinstance(b, Bullets)).items
    assert "with noisy labels +.15 (+.10 to +.19 over 50 draws; the same sign in 100 %)" in items[0][1]


def test_contradictions_stand_below_the_table(inputs: ReportInputs) -> None:
    verdicts = inputs.verdicts.copy()
    judged = (verdicts["claim"] == "databases") & (verdicts["concept"] == "eyes-closed")
    verdicts.loc[judged, "standard_error"] = 0.1
    verdicts.loc[judged, "verdict"] = np.where(verdicts.loc[judged, "measure"] == "cause", "b", "a")
    text = str(concepts(replace(inputs, verdicts=verdicts)).blocks)
    assert "the counterfactual twins to the experimental models" in text
    agreed = verdicts.assign(verdict="a")
    assert "No two measures name different models" in str(concepts(replace(inputs, verdicts=agreed)).blocks)


def test_copies_of_faces_are_a_caution(inputs: ReportInputs) -> None:
    table = inputs.decodability.assign(identical_faces=0)
    assert not [
        b for b in decodability(replace(inputs, decodability=table)) if isinstance(b, Text) and b.kind == "caution"
    ]
    table.loc[table.index[0], "identical_faces"] = 12
    cautions = [
        b for b in decodability(replace(inputs, decodability=table)) if isinstance(b, Text) and b.kind == "caution"
    ]
    assert "12 of" in cautions[0].paragraphs[0]
