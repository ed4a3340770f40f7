"""How alike maps remain when more and more layers are randomised."""

import math

import pandas as pd
from matplotlib.figure import Figure

from painlens.report import numbers
from painlens.report.blocks import Plot
from painlens.report.figures.canvas import INK, LINE, QUIET, SMALL, WIDTH, Looks, dress, elided, finish, title_below

_HEIGHT = 230


def randomised_plot(curves: pd.DataFrame, databases: tuple[str, ...], *, bound: float, control: str) -> Plot:
    """Similarity to the map of the trained network against the share of layers with shuffled weights.

    Parameters
    ----------
    curves
        RANDOMISED rows; a line per model, that of the method `control`, which knows no network, in grey.
    bound
        Similarity that the maps must come below.
    """
    figure = Figure(figsize=(WIDTH / 72, _HEIGHT / 72))
    axes = figure.add_axes((0.12, 0.2, 0.62, 0.72))
    dress(axes)
    axes.grid(visible=True, axis="y", color=LINE, linewidth=0.6, alpha=0.6)
    looks = Looks(databases)
    said = []
    for (model, method), own in curves.groupby(["model", "method"], sort=False):
        name, rows = str(model), own.sort_values("layers")
        share = (rows["layers"] / rows["of"]).to_numpy(dtype=float)
        value = rows["similarity"].to_numpy(dtype=float)
        known = str(method) != control
        colour = looks.colour(name) if known else QUIET
        ends = rows[["low", "high"]].to_numpy(dtype=float)
        axes.fill_between(share, ends[:, 0], ends[:, 1], color=colour, alpha=0.15, linewidth=0)
        axes.plot(
            [0.0, *share], [1.0, *value], color=colour, linewidth=1.5, marker=looks.marker(name) if known else "x",
            markersize=5, linestyle="solid" if known else (0, (4, 2)),
        )  # fmt: skip
        last = value[-1] if len(value) and math.isfinite(value[-1]) else 0.0
        if known or name == databases[0]:
            axes.text(1.03, last, elided(name) if known else control, color=INK, fontsize=SMALL, va="center")
        if known:
            steps = ", ".join(
                f"{int(k)} of {int(n)} {numbers.number(float(v))}"
                for k, n, v in zip(rows["layers"], rows["of"], value, strict=True)
            )
            said.append(f"{name}: {steps}")
    axes.axhline(bound, color=QUIET, linewidth=1, zorder=1)
    axes.set_xlim(0, 1)
    axes.set_ylim(min(-0.1, axes.get_ylim()[0]), 1.05)
    title_below(axes, "share of randomised layers, from the logits")
    axes.set_ylabel("similarity", color=QUIET, fontsize=SMALL)
    return finish(
        figure, name="randomised-layers", title="Maps with randomised layers",
        description=f"Similarity to the map of the trained network by randomised layers. {'; '.join(said)}.",
    )  # fmt: skip
