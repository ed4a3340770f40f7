"""How far the score of every class goes along with a concept, where there are three classes or more."""

import pandas as pd

from painlens.report import numbers
from painlens.report.blocks import Plot
from painlens.report.figures.canvas import QUIET, Looks, finish, title_below
from painlens.report.figures.dots import dots_by_group


def classes_plot(table: pd.DataFrame, concept: str, databases: tuple[str, ...], *, target: str) -> Plot:
    """AUROC of every class's score for a concept, one row per class and model; the explained class is marked."""
    own = table[table["concept"] == concept]
    figure, axes, said = dots_by_group(own, Looks(databases), ("class", "model", "value"), marked=target)
    axes.axvline(0.5, color=QUIET, linewidth=1, zorder=1)
    title_below(axes, "AUROC; .5: no association")
    return finish(
        figure, name=f"classes-{concept}", title=numbers.plain(concept),
        description=f"AUROC of every class's score for {numbers.plain(concept)}: {said}.",
    )  # fmt: skip
