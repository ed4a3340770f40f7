"""How well a concept is found along the layers of the networks: the sweep."""

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
from painlens.report.figures.decodability import FLOORS


def layers_plot(layers: pd.DataFrame, concept: str, databases: tuple[str, ...]) -> Plot:
    """Pooled F1 at each layer: a dot per seed, a line through the means of each model; the floors in grey."""
    own = layers[layers["concept"] == concept].sort_values("position")
    names = list(dict.fromkeys(own["layer"].astype(str)))
    models = [name for name in (*databases, *FLOORS) if name in set(own["model"])]
    colours, markers = series_of(databases), markers_of(databases)
    figure, axes = rows_figure([elided(name) for name in names])
    said, values = [], [1.0]
    for model in models:
        rows = own[own["model"] == model]
        colour = colours.get(model, QUIET)
        means = rows.groupby("position")["pooled_f1"].mean()
        style = "solid" if model in databases else (0, (4, 2)) if model == "emotion" else (0, (1, 2))
        axes.plot(means.to_numpy(), means.index.to_numpy(), color=colour, linewidth=1.4, linestyle=style, zorder=2)
        for _, row in rows.iterrows():
            value = float(row["pooled_f1"])
            if math.isfinite(value):
                dot(axes, value, float(row["position"]), colour=colour, marker=markers.get(model, "o"),
                    size=5.5, filled=model in databases)  # fmt: skip
                values.append(value)
        shown = ", ".join(
            f"{names[int(k)]} {numbers.number(v)}"
            for k, v in zip(means.index.to_numpy(), means.to_numpy(), strict=True)
        )
        said.append(f"{FLOORS.get(model, model)}: {shown}")
    axes.set_xlim(max(0.0, min(values) - 0.05), 1)
    title_below(axes, "F1")
    return finish(
        figure, name=f"layers-{concept}", title=numbers.plain(concept),
        description=f"F1 of linear SVMs for {numbers.plain(concept)} by layer. {'; '.join(said)}.",
    )  # fmt: skip
