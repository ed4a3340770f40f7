"""Beyond accuracy: whether the models' probabilities are right, and for whom they are how good."""

import pandas as pd

from painlens.metrics.calibration import BRIER, ECE
from painlens.metrics.scores import MEAN
from painlens.metrics.subgroups import AGE, MEASURES, SEX
from painlens.report import numbers
from painlens.report.blocks import Block, Folded, Heading, Plots, TableBlock, Text
from painlens.report.figures import calibration_plot
from painlens.report.inputs import ReportInputs
from painlens.report.tables import Cell, Column, Table, real, whole, words

_GROUPS = {"f": "women", "m": "men"}


def calibration(inputs: ReportInputs) -> list[Block]:
    """Expected calibration error and Brier score of every model on every database, with the curves behind them."""
    means = inputs.calibration[inputs.calibration["replicate"] == MEAN]
    if means.empty:
        return []
    target = inputs.study.attribution.target
    curve = inputs.calibration_curve
    plots = tuple(
        calibration_plot(curve, tested, inputs.models, target=target)
        for tested in inputs.databases
        if (curve["database"] == tested).any()
    )
    caption = (
        "Faces in ten bins by the probability that a model gives to the class; larger marks hold more faces. On the "
        "dashed line probabilities are right; below it they promise too much. "
        f"{'' if inputs.study.models else 'Filled: the model’s own database. '}All seeds together; intervals are over "
        "test participants."
    )
    blocks: list[Block] = [
        Heading("Are the probabilities right?"),
        TableBlock(_calibration_table(means, inputs)),
        Plots(plots, caption, data=_curve_table(curve, inputs)),
    ]
    return blocks


def _calibration_table(means: pd.DataFrame, inputs: ReportInputs) -> Table:
    at = {tuple(str(r[n]) for n in ("model", "database", "measure")): r for _, r in means.iterrows()}
    rows: list[tuple[Cell, ...]] = []
    for tested in inputs.databases:
        for model in inputs.models:
            own = [at[key] for measure in (ECE, BRIER) if (key := (model, tested, measure)) in at]
            if len(own) < 2:  # no face of this database was judged
                continue
            cells = [
                cell
                for row in own
                for cell in (real(row["value"], row["low"], row["high"]), real(row["reference"], quiet=True))
            ]
            counts = (whole(own[0]["faces"]), whole(own[0]["participants"]))
            rows.append((words(model), words(tested), *cells, *counts))
    columns = (
        Column(inputs.by), Column("tested on"), Column("ours", "calibration error"),
        Column("if right", "calibration error"), Column("ours", "Brier score"), Column("same for all", "Brier score"),
        Column("faces"), Column("people"),
    )  # fmt: skip
    target = numbers.plain(inputs.study.attribution.target)
    return Table(
        "calibration-by-model", f"Calibration of the probability of '{target}'", columns, tuple(rows), headers=2,
        note="Expected calibration error over ten bins of equal width; Brier score: mean squared error; 0 is best for "
        "both. Means over seeds; intervals: jackknife over test participants. If right: the mean error of a model with "
        "right probabilities on as many independent faces. Same for all: always saying the tested share of the class.",
    )  # fmt: skip


def _curve_table(curve: pd.DataFrame, inputs: ReportInputs) -> Table:
    own = [curve[(curve["database"] == d) & (curve["model"] == m)] for d in inputs.databases for m in inputs.models]
    ordered = pd.concat([part.sort_values("bin") for part in own])
    rows = tuple(
        (
            words(f"{r['model']} → {r['database']}"),
            words(f"{numbers.number(r['from'], 1)} to {numbers.number(r['to'], 1)}"),
            real(r["probability"]), real(r["share"], r["low"], r["high"]), whole(r["faces"]), whole(r["participants"]),
        )
        for _, r in ordered.iterrows()
    )  # fmt: skip
    columns = tuple(map(Column, (inputs.arrow, "probability", "its mean", "share of the class", "faces", "people")))
    return Table("calibration-curves", "Reliability by probability", columns, rows, headers=2)


def subgroups(inputs: ReportInputs) -> list[Block]:
    """The measures for women and men and by age, where databases tell both; else why there is no such table."""
    table = inputs.subgroups
    without = [name for name in inputs.databases if name not in set(table["database"])]
    said = (
        f"{' and '.join(without)}: nothing to compare, sex and age are not in the owner's files or the test people are "
        "of one group."
        if without
        else ""
    )
    if table.empty:
        return [Text((f"By sex and age. {said}",), kind="note")] if said and len(inputs.metrics) else []
    blocks: list[Block] = [TableBlock(_subgroup_table(table, inputs))]
    blocks += [Text((said,), kind="note")] if said else []
    return [Folded("By sex and age", tuple(blocks))]


def _subgroup_table(table: pd.DataFrame, inputs: ReportInputs) -> Table:
    keys = ("database", "attribute", "group", "model", "measure")
    at = {tuple(str(r[n]) for n in keys): r for _, r in table.iterrows()}
    rows: list[tuple[Cell, ...]] = []
    for tested in inputs.databases:
        for attribute in (SEX, AGE):
            own = table[(table["database"] == tested) & (table["attribute"] == attribute)]
            for group in dict.fromkeys(map(str, own["group"])):
                for model in inputs.models:
                    found = [at.get((tested, attribute, group, model, name)) for name in MEASURES]
                    known = next((row for row in found if row is not None), None)
                    if known is None:
                        continue
                    cells = (real(None) if r is None else real(r["value"], r["low"], r["high"]) for r in found)
                    heads = (f"{model} → {tested}", _GROUPS.get(group, group))
                    rows.append((*map(words, heads), *cells, whole(known["faces"]), whole(known["participants"])))
    columns = tuple(map(Column, (inputs.arrow, "people", "accuracy", "balanced accuracy", "AUROC", "faces", "n")))
    return Table(
        "subgroups-by-model", "Performance by sex and age", columns, tuple(rows), headers=2,
        note="Means over seeds; intervals are over the group's test participants, and missing for one person. Groups "
        "differ in more than sex and age; no difference between them is tested here.",
    )  # fmt: skip
