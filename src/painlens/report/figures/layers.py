"""How well a concept is found along the layers of the networks: the sweep."""

import math

import pandas as pd

from painlens.report import numbers
from painlens.report.blocks import Plot
from painlens.report.figures.canvas import Looks, elided, rows_figure
from painlens.report.figures.decodability import FLOORS, finish_f1, networks_of


def layers_plot(layers: pd.DataFrame, concept: str, databases: tuple[str, ...]) -> Plot:
    """Pooled F1 at each layer: a dot per seed, a line through the means of each model; the floors in grey."""
    own = layers[layers["concept"] == concept].sort_values("position")
    names = list(dict.fromkeys(own["layer"].astype(str)))
    models, looks = networks_of(own, databases), Looks(databases)
    figure, axes = rows_figure([elided(name) for name in names])
    said, values = [], []
    for model in models:
        rows = own[own["model"] == model]
        means = rows.groupby("position")["pooled_f1"].mean()
        style = "solid" if model in databases else (0, (4, 2)) if model == "emotion" else (0, (1, 2))
        axes.plot(
            means.to_numpy(),
            means.index.to_numpy(),
            color=looks.colour(model),
            linewidth=1.4,
            linestyle=style,
            zorder=2,
        )
        for _, row in rows.iterrows():
            value = float(row["pooled_f1"])
            if math.isfinite(value):
                looks.dot(axes, model, value, float(row["position"]), size=5.5, filled=model in databases)
                values.append(value)
        shown = ", ".join(
            f"{names[int(k)]} {numbers.number(v)}"
            for k, v in zip(means.index.to_numpy(), means.to_numpy(), strict=True)
        )
        said.append(f"{FLOORS.get(model, model)}: {shown}")
    return finish_f1(figure, axes, values, kind="layers", concept=concept, said=f" by layer. {'; '.join(said)}")
