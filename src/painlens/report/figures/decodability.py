"""How well a linear SVM finds a concept in every network's features, with the floors."""

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from painlens.report import numbers
from painlens.report.blocks import Plot
from painlens.report.figures.canvas import QUIET, Looks, elided, finish, rows_figure, title_below

FLOORS = {"emotion": "before fine-tuning", "random": "random weights"}


def networks_of(table: pd.DataFrame, databases: tuple[str, ...]) -> list[str]:
    """The models and floors of a table of decodability, in the order of the page."""
    return [name for name in (*databases, *FLOORS) if name in set(table["model"])]


def finish_f1(figure: Figure, axes: Axes, values: Sequence[float], *, kind: str, concept: str, said: str) -> Plot:
    """A figure of F1 for one concept, its axis from just below the smallest value to 1."""
    axes.set_xlim(max(0.0, min([*values, 1.0]) - 0.05), 1)
    title_below(axes, "F1")
    plain = numbers.plain(concept)
    return finish(
        figure, name=f"{kind}-{concept}", title=plain, description=f"F1 of linear SVMs for {plain}{said}.",
    )  # fmt: skip


def decodability_plot(decodability: pd.DataFrame, concept: str, databases: tuple[str, ...], *, folds: str) -> Plot:
    """Pooled F1 of every seed and half; floors as lines (random concept, always yes) and rows (other networks)."""
    own = decodability[(decodability["concept"] == concept) & (decodability["folds"] == folds)]
    models, looks = networks_of(own, databases), Looks(databases)
    figure, axes = rows_figure([FLOORS.get(name, elided(name)) for name in models])
    said, values = [], []
    for y, model in enumerate(models):
        rows = own[own["model"] == model]
        for _, row in rows.sort_values("replicate", ascending=False).iterrows():
            seed = str(row["replicate"]).startswith("seed=") and model in databases
            below = 0 if seed or model not in databases else 0.3
            looks.dot(axes, model, float(row["pooled_f1"]), y + below, size=6.5 if seed else 4.5, filled=seed)
        values += [float(v) for v in rows["pooled_f1"] if math.isfinite(v)]
        seeds = rows[rows["replicate"].str.startswith("seed=")]
        said.append(f"{FLOORS.get(model, model)} {', '.join(numbers.number(float(v)) for v in seeds['pooled_f1'])}")
    trained = own[own["model"].isin(databases)]
    for column, style, text in (
        ("always_positive_f1", (0, (1, 2)), "always yes"),
        ("random_concept_f1_95", (0, (5, 3)), "random concepts, 95th percentile"),
    ):
        floor = float(trained[column].max()) if len(trained) else float("nan")
        if math.isfinite(floor):
            axes.axvline(floor, color=QUIET, linewidth=1.3, linestyle=style, zorder=1)
            values.append(floor)
            said.append(f"floor, {text} {numbers.number(floor)}")
    return finish_f1(figure, axes, values, kind="decodability", concept=concept, said=f": {'; '.join(said)}")
