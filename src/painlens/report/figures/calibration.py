"""Whether probabilities mean what they say: one reliability curve per model on the faces of one database."""

import pandas as pd
from matplotlib.figure import Figure

from painlens.report import numbers
from painlens.report.blocks import Plot
from painlens.report.figures.canvas import LINE, QUIET, SMALL, WIDTH, Looks, dress, elided, finish, title_below

_HEIGHT = 250
_LARGEST, _SMALLEST = 11.0, 3.5  # marker of the fullest and of a nearly empty bin


def calibration_plot(curve: pd.DataFrame, tested: str, models: tuple[str, ...], *, target: str) -> Plot:
    """Share of the target class against the mean probability of the bins, with intervals; the diagonal is right."""
    figure = Figure(figsize=(WIDTH / 72, _HEIGHT / 72))
    axes = figure.add_axes((0.13, 0.2, 0.6, 0.74))
    dress(axes)
    axes.grid(visible=True, axis="y", color=LINE, linewidth=0.6, alpha=0.6)
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=(0, (4, 2)), zorder=1)
    looks, said = Looks(models), []
    own = curve[curve["database"] == tested]
    most = float(own["faces"].max()) if len(own) else 1.0
    for place, model in enumerate(models):
        rows = own[own["model"] == model].sort_values("bin")
        filled = model == tested or tested not in models
        x, y = (rows[name].to_numpy(dtype=float) for name in ("probability", "share"))
        axes.plot(x, y, color=looks.colour(model), linewidth=1.2, zorder=2)
        for row in rows.to_dict("records"):
            ends = [float(row["low"]), float(row["high"])]
            axes.plot([row["probability"]] * 2, ends, color=looks.colour(model), linewidth=1.2, alpha=0.7, zorder=2)
            size = _SMALLEST + (_LARGEST - _SMALLEST) * (float(row["faces"]) / most) ** 0.5
            looks.dot(axes, model, row["probability"], row["share"], size=size, filled=filled)
        looks.dot(axes, model, 1.1, 0.95 - 0.1 * place, filled=filled)
        axes.text(1.15, 0.95 - 0.1 * place, elided(model), fontsize=SMALL, color=looks.colour(model), va="center")
        steps = ", ".join(f"{numbers.number(a)} → {numbers.number(b)}" for a, b in zip(x, y, strict=True))
        said.append(f"{model}: {steps}")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    title_below(axes, f"probability of {numbers.plain(target)}")
    axes.set_ylabel("share of the faces", color=QUIET, fontsize=SMALL)
    return finish(
        figure, name=f"calibration-{tested}", title=f"Tested on {tested}",
        description=f"Mean probability and share of {numbers.plain(target)} on {tested}. {'; '.join(said)}.",
    )  # fmt: skip
