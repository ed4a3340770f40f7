"""Which class is taken for which: one square of K x K shares per model and tested database."""

import math

import pandas as pd
from matplotlib.patches import Rectangle

from painlens.report import numbers
from painlens.report.blocks import Plot
from painlens.report.figures.canvas import INK, LINE, QUIET, SMALL, elided, finish, rows_figure, title_below

_STRONGEST = 0.62  # opacity of a share of 1; letters stay readable on it in a light and in a dark page
_SHADE = "#1f6cad"


def confusion_plot(confusion: pd.DataFrame, model: str, tested: str, classes: tuple[str, ...]) -> Plot:
    """Mean shares of the answers (columns) to the faces of each true class (rows); the right ones have a frame."""
    own = confusion[(confusion["model"] == model) & (confusion["database"] == tested)]
    at = {(str(r["label"]), str(r["predicted"])): float(r["share"]) for _, r in own.iterrows()}
    labels = [elided(numbers.plain(name)) for name in classes]
    figure, axes = rows_figure(labels, bottom=62)
    axes.grid(visible=False)
    axes.set_xlim(-0.5, len(classes) - 0.5)
    axes.set_xticks(range(len(classes)), labels, rotation=0 if len(classes) < 5 else 30)
    axes.tick_params(axis="x", length=0)
    said = []
    for y, label in enumerate(classes):
        for x, predicted in enumerate(classes):
            share = at.get((label, predicted), math.nan)
            if math.isfinite(share):
                axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, color=_SHADE, alpha=_STRONGEST * share, linewidth=0))
            frame = INK if x == y else LINE
            axes.add_patch(Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, fill=False, edgecolor=frame, linewidth=0.8))
            colour = INK if math.isfinite(share) else QUIET
            axes.text(x, y, numbers.number(share), ha="center", va="center", fontsize=SMALL, color=colour)
        answers = ", ".join(f"{numbers.plain(p)} {numbers.number(at.get((label, p)))}" for p in classes)
        said.append(f"{numbers.plain(label)} is answered {answers}")
    title_below(axes, "answer")
    return finish(
        figure, name=f"confusion-{model}-{tested}", title=f"{model} → {tested}",
        description=f"Answers of the {model} models to the test faces of {tested}: {'; '.join(said)}.",
    )  # fmt: skip
