"""Planning: the smallest difference, against formulas, simulated studies and the certificate's counts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from painlens.certificate.cells import (
    Cell,
    Certificate,
    Design,
    Origin,
    read_certificate,
    replace_level,
    write_certificate,
)
from painlens.certificate.collecting import count_cells, describe_made, expected_of
from painlens.certificate.designs import SIZES, MadeDesign
from painlens.certificate.features import study_rows
from painlens.certificate.planning import (
    Components,
    Outlook,
    Plan,
    components_of,
    helps_most,
    outlook,
    plan_of,
    planted_differences,
    power_at,
)
from painlens.certificate.planning_shown import cautions_of, plan_table
from painlens.cli import app
from painlens.concept_test.variance import interval, participant_part, retraining_part
from painlens.study import StudyError
from painlens.tables import DataError

KNOWN = Components(training=0.02, seed=0.0006, person=0.004, face=0.0)
PLAN = Plan(train=(20, 30), test=(10, 12), images=(240, 288), prevalence=0.3, seeds=3, halves=4)


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    """Thirty made studies without bias and thirty with little, at one size."""
    designs = [MadeDesign("null", "none", SIZES["ten"]), MadeDesign("planted", "weak", SIZES["ten"])]
    cells, described = [], {}
    for design in designs:
        rows = pd.concat([study_rows(design, study, 5)[design] for study in range(30)], ignore_index=True)
        kind = "null" if design.kind == "null" else "planted"
        cells += count_cells(rows, level="features", kind=kind, design=design.name, expected=expected_of(design))
        described[design.name] = describe_made(design)
    origin = Origin(date="2026-01-01", version="0", command="none", studies=60)
    return replace_level(None, "features", origin=origin, designs=described, cells=cells)


def test_sources_add_up_and_shrink_with_their_units() -> None:
    one = outlook(KNOWN, PLAN, measure="auroc")
    assert one.standard_error**2 == pytest.approx(sum(one.variances.values()))
    assert one.variances["training participants"] == pytest.approx(0.02 / 20 + 0.02 / 30)
    assert one.variances["seeds"] == pytest.approx(2 * 0.0006 / 3)
    assert one.variances["test participants"] == pytest.approx(0.004 / 10 + 0.004 / 12)
    more = outlook(KNOWN, replace(PLAN, train=(40, 60)), measure="auroc")
    assert more.variances["training participants"] == pytest.approx(one.variances["training participants"] / 2)


def test_rare_concepts_and_few_faces_cost_test_variance() -> None:
    components = replace(KNOWN, face=0.01)
    usual = outlook(components, PLAN, measure="auroc").variances["test participants"]
    rare = outlook(components, replace(PLAN, prevalence=0.05), measure="auroc").variances["test participants"]
    few = outlook(components, replace(PLAN, images=(60, 72)), measure="auroc").variances["test participants"]
    assert rare > usual
    assert few - usual == pytest.approx(0.01 * 3 / (24 * 0.21) * (1 / 10 + 1 / 12))


def test_more_halves_narrow_the_interval_though_not_the_variance() -> None:
    few, many = (outlook(KNOWN, replace(PLAN, halves=halves), measure="auroc") for halves in (1, 8))
    assert few.standard_error == many.standard_error
    assert few.df < many.df
    assert few.smallest > many.smallest


def _simulated(difference: float, plan: Plan, studies: int) -> pd.DataFrame:
    """Gaussian studies with the known components, judged by the concept test's own variances and interval."""
    rng = np.random.default_rng(11)
    rows = []
    for _ in range(studies):
        found, parts = difference, []
        for sign, n_train, n_test in zip((1, -1), plan.train, plan.test, strict=True):
            habit = rng.normal(0, np.sqrt(KNOWN.training), n_train)
            seeds = habit.mean() + rng.normal(0, np.sqrt(KNOWN.seed), plan.seeds)
            gaps = np.empty(plan.halves)
            for split in range(plan.halves):
                order = rng.permutation(n_train)
                half = n_train // 2
                gaps[split] = habit[order[:half]].mean() - habit[order[half:]].mean()
                gaps[split] += rng.normal(0, np.sqrt(2 * KNOWN.seed))
            people = rng.normal(0, np.sqrt(KNOWN.person), n_test)
            found += sign * seeds.mean() + people.mean()
            parts.append(retraining_part(seeds, gaps))
            parts.append(participant_part((people.sum() - people) / (n_test - 1), ["one"] * n_test))
        rows.append(vars(interval(found, parts, confidence=0.95)) | {"found": found})
    return pd.DataFrame(rows)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_planned_power_is_that_of_simulated_studies(seeds: int) -> None:
    plan = replace(PLAN, seeds=seeds)
    planned = outlook(KNOWN, plan, measure="auroc", power=0.8)
    studies = _simulated(planned.smallest, plan, 600)
    assert studies["found"].std() == pytest.approx(planned.standard_error, rel=0.1)
    assert np.sqrt((studies["standard_error"] ** 2).mean()) == pytest.approx(planned.standard_error, rel=0.05)
    assert (studies["p"] <= 0.05).mean() == pytest.approx(0.8, abs=0.06)  # 3 standard errors are .05


def test_power_is_the_level_at_no_difference_and_the_wanted_one_at_the_smallest() -> None:
    planned = outlook(KNOWN, PLAN, measure="auroc", power=0.9, confidence=0.9)
    assert power_at(planned, 0.0) == pytest.approx(0.1)
    assert power_at(planned, planned.smallest) == pytest.approx(0.9, abs=0.01)
    assert power_at(planned, -planned.smallest) == power_at(planned, planned.smallest)


@pytest.mark.parametrize("measure", ["auroc", "regression:adjusted", "cause"])
def test_components_of_one_size_predict_made_studies_of_another(certificate: Certificate, measure: str) -> None:
    components = components_of(certificate, measure)
    design = MadeDesign("null", "none", SIZES["forty"])
    rows = pd.concat([study_rows(design, study, 6)[design] for study in range(20)])
    own = rows[(rows["measure"] == measure) & (rows["claim"] == "databases")]
    found = float(np.sqrt((own["standard_error"] ** 2).mean()))
    plan = Plan((40, 40), (14, 14), (14 * 24, 14 * 24), 0.3, 3, 4)
    assert outlook(components, plan, measure=measure).standard_error == pytest.approx(found, rel=0.15)


def _comparable(cell: Cell, design: Design) -> bool:
    """Planted with little or medium bias, AUROC, enough networks that nothing is an upper limit."""
    plain = cell.level == "features" and cell.expected != "none" and not cell.adjusted and cell.confidence == 0.95
    claim = (cell.measure, cell.claim) == ("auroc", "databases")
    drawn = design.settings.get("strength") in ("weak", "medium") and design.confounding == 0
    return plain and claim and drawn and design.seeds >= 2 and design.half_splits >= 2 and cell.judged >= 100


def test_planned_power_is_that_which_the_shipped_certificate_counted() -> None:
    record = read_certificate()
    assert record is not None
    components = components_of(record, "auroc")
    compared = [cell for cell in record.cells if _comparable(cell, record.designs[cell.design])]
    assert compared
    for cell in compared:
        design, images = record.designs[cell.design], int(record.designs[cell.design].settings["images"])
        test = design.test_a, design.test_b
        faces = images * design.test_a, images * design.test_b
        plan = Plan((design.train_a, design.train_b), test, faces, 0.3, design.seeds, design.half_splits)
        planned = power_at(outlook(components, plan, measure="auroc"), cell.truth or 0.0)
        # planning knows no single concept: closed eyes and teeth vary less than smiles, which is worth up to .1
        allowed = 0.1 + 3 * np.sqrt(0.25 / cell.judged)
        assert planned == pytest.approx(cell.rejections / cell.judged, abs=allowed), cell.design


def test_the_table_names_the_best_step_first(certificate: Certificate) -> None:
    table = plan_table(certificate, PLAN, power=0.8, confidence=0.95)
    assert [one.measure for one in table.outlooks] == ["auroc", "regression:adjusted", "cause"]
    assert table.helps[0][0] == "twice the training participants"
    assert table.helps[0][1] < table.outlooks[0].smallest
    sizes = [smallest for _, smallest in table.helps]
    assert sizes == sorted(sizes)
    assert planted_differences(certificate, "auroc")[0][0] == "weak"


def test_a_certificate_without_made_studies_is_refused(certificate: Certificate) -> None:
    empty = certificate.model_copy(update={"cells": ()})
    with pytest.raises(DataError, match="painlens certify --level features"):
        components_of(empty, "auroc")


def test_helps_keep_the_study_whole() -> None:
    components = replace(KNOWN, face=0.02)
    found = dict(helps_most(components, PLAN, measure="auroc"))
    before = outlook(components, PLAN, measure="auroc").smallest
    assert all(smallest <= before for smallest in found.values())


def test_participants_are_divided_and_too_few_refused() -> None:
    plan = plan_of((25, 67), images=400, prevalence=0.2, seeds=5, halves=4)
    assert (plan.train, plan.test) == ((17, 47), (8, 20))
    with pytest.raises(StudyError, match="lower --test"):
        plan_of((10, 10), images=400, prevalence=0.2, seeds=5, halves=4, test=9)
    with pytest.raises(StudyError, match="at least one face per test participant"):
        plan_of((40, 40), images=5, prevalence=0.2, seeds=5, halves=4)


def test_cautions_are_given_where_they_apply() -> None:
    assert cautions_of(replace(PLAN, train=(20, 20))) == []
    small = Plan((20, 47), (4, 15), (60, 60), 0.05, 1, 4)
    text = " ".join(cautions_of(small))
    assert all(word in text for word in ("4 test participants", "1.5 faces", "one seed", "optimisation steps"))


def test_the_command_prints_the_plan(certificate: Certificate, tmp_path: Path) -> None:
    path = tmp_path / "certificate.json"
    write_certificate(certificate, path)
    command = ["plan", "--participants", "25", "--images", "400", "--prevalence", "0.2", "--seeds", "5"]
    result = CliRunner().invoke(app, [*command, "--halves", "4", "--record", str(path)], env={"COLUMNS": "160"})
    assert result.exit_code == 0
    assert "smallest difference, power 80%" in result.stdout
    wanted = outlook(
        components_of(read_certificate(path) or certificate, "auroc"),
        plan_of((25, 25), images=400, prevalence=0.2, seeds=5, halves=4),
        measure="auroc",
    )
    assert isinstance(wanted, Outlook)
    assert f"{wanted.smallest:.3f}" in result.stdout


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    size = ["--images", "400", "--prevalence", "0.2"]
    missing = CliRunner().invoke(app, ["plan", "--participants", "25", *size, "--record", str(tmp_path / "none.json")])
    assert missing.exit_code == 3
    assert "painlens certify" in missing.output
    assert CliRunner().invoke(app, ["plan", "--participants", "10", "--test", "9", *size]).exit_code == 2
    assert CliRunner().invoke(app, ["plan", "--participants", "25"]).exit_code == 2
