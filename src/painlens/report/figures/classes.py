"""How far the score of every class goes along with a concept, where there are three classes or more."""

import pandas as pd

from painlens.metrics import in_reading_order
from painlens.report import numbers
from painlens.report.blocks import Plot
from painlens.report.figures.canvas import QUIET, Looks, elided, finish, rows_figure, title_below


def classes_plot(table: pd.DataFrame, concept: str, databases: tuple[str, ...], *, target: str) -> Plot:
    """AUROC of every class's score for a concept, one row per class and model; the explained class is marked."""
    own = table[table["concept"] == concept]
    order = {name: place for place, name in enumerate(in_reading_order(own["class"]))}
    rows = [row for _, row in own.sort_values("class", key=lambda c: c.map(order), kind="stable").iterrows()]
    star = {target: " *"}
    labels = [f"{numbers.plain(r['class'])}{star.get(str(r['class']), '')}, {elided(str(r['model']))}" for r in rows]
    figure, axes = rows_figure(labels)
    looks = Looks(databases)
    axes.axvline(0.5, color=QUIET, linewidth=1, zorder=1)
    for y, row in enumerate(rows):
        name = str(row["model"])
        looks.interval(axes, name, (float(row["low"]), float(row["high"])), y)
        looks.dot(axes, name, float(row["value"]), y)
    axes.set_xlim(0, 1)
    title_below(axes, "AUROC; .5: no association")
    said = "; ".join(f"{label} {numbers.number(float(r['value']))}" for label, r in zip(labels, rows, strict=True))
    return finish(
        figure, name=f"classes-{concept}", title=numbers.plain(concept),
        description=f"AUROC of every class's score for {numbers.plain(concept)}: {said}.",
    )  # fmt: skip
