"""How well a linear SVM finds a concept in every network's features, with the floors."""

import math

import pandas as pd

from painlens.report import numbers
from painlens.report.blocks import Plot
from painlens.report.figures.canvas import (
    QUIET,
    dot,
    elided,
    finish,
    markers_of,
    rows_figure,
    series_of,
    title_below,
)  # fmt: skip

FLOORS = {"emotion": "before fine-tuning", "random": "random weights"}


def decodability_plot(decodability: pd.DataFrame, concept: str, databases: tuple[str, ...], *, folds: str) -> Plot:
    """Pooled F1 of every seed and half; floors as lines (random concept, always yes) and rows (other networks)."""
    own = decodability[(decodability["concept"] == concept) & (decodability["folds"] == folds)]
    models = [name for name in (*databases, *FLOORS) if name in set(own["model"])]
    colours, markers = series_of(databases), markers_of(databases)
    figure, axes = rows_figure([FLOORS.get(name, elided(name)) for name in models])
    said, values = [], [1.0]
    for y, model in enumerate(models):
        rows = own[own["model"] == model]
        for _, row in rows.sort_values("replicate", ascending=False).iterrows():
            seed = str(row["replicate"]).startswith("seed=") and model in databases
            dot(axes, float(row["pooled_f1"]), y + (0 if seed or model not in databases else 0.3),
                colour=colours.get(model, QUIET), marker=markers.get(model, "o"),
                size=6.5 if seed else 4.5, filled=seed)  # fmt: skip
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
    low = max(0.0, min(values) - 0.05)
    axes.set_xlim(low, 1)
    title_below(axes, "F1")
    return finish(
        figure, name=f"decodability-{concept}", title=numbers.plain(concept),
        description=f"F1 of linear SVMs for {numbers.plain(concept)}: {'; '.join(said)}.",
    )  # fmt: skip
