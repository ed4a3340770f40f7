"""The association of every class's score with every concept, where there are three classes or more."""

from painlens.report import numbers
from painlens.report.blocks import Block, Heading, Plots
from painlens.report.figures import classes_plot
from painlens.report.inputs import ReportInputs
from painlens.report.tables import Column, Table, real, whole, words


def by_class(inputs: ReportInputs) -> list[Block]:
    """One figure per concept; nothing with two classes, whose scores are each other's opposite."""
    table = inputs.class_association
    names = [name for name in inputs.study.concepts if name in set(table["concept"])]
    if not names:
        return []
    target = inputs.study.attribution.target
    plots = tuple(classes_plot(table, name, inputs.databases, target=target) for name in names)
    caption = (
        f"Score: log-odds of the class against all others; * is '{numbers.plain(target)}', whose logit this page "
        "explains. AUROC for the concept within each true class and database, mean over these cells and over seeds; "
        "intervals: these networks, other test people. Exploratory: the scores of one network depend on each other."
    )
    return [Heading("The score of every class"), Plots(plots, caption, data=_table(inputs))]


def _table(inputs: ReportInputs) -> Table:
    rows = tuple(
        (
            words(numbers.plain(r["concept"])), words(numbers.plain(r["class"])), words(r["model"]),
            real(r["value"], r["low"], r["high"]), whole(r["seeds"]), words(r["cells"]), whole(r["faces"]),
            whole(r["participants"]),
        )
        for _, r in inputs.class_association.sort_values("concept", kind="stable").iterrows()
    )  # fmt: skip
    titles = ("concept", "class", "model", "AUROC", "seeds", "cells used", "faces", "people")
    return Table(
        "association-by-class", "Association of the score of every class", tuple(map(Column, titles)), rows, headers=3
    )
