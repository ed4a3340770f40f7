"""Relevance per facial region of two models, and the difference with its interval."""

import pandas as pd

from painlens.regions import REGIONS
from painlens.report import numbers
from painlens.report.blocks import Plot
from painlens.report.figures.canvas import (
    INK,
    LINE,
    QUIET,
    SMALL,
    Looks,
    elided,
    finish,
    interval_line,
    rows_figure,
    title_below,
)


def regions_plot(regions: pd.DataFrame, databases: tuple[str, ...], *, name: str) -> Plot:
    """Means of both models (dots) and their difference (bars), one row per region, with intervals.

    Parameters
    ----------
    regions
        Rows of REGIONS of one pair, normalisation, database and label.
    """
    first = regions.iloc[0]
    a, b = str(first["model_a"]), str(first["model_b"])
    at = {str(row["region"]): row for _, row in regions.iterrows()}
    names = [region for region in REGIONS if region in at]
    figure, axes = rows_figure(names, top=26, bottom=48)
    box = axes.get_position()
    half = box.width * 0.47
    axes.set_position((box.x0, box.y0, half, box.height))
    other = figure.add_axes((box.x1 - half, box.y0, half, box.height), sharey=axes)
    other.set_facecolor("none")
    for side in ("top", "right", "left"):
        other.spines[side].set_visible(False)
    other.spines["bottom"].set_color(axes.spines["bottom"].get_edgecolor())
    other.tick_params(axis="x", colors=QUIET, labelsize=SMALL, length=3)
    other.tick_params(axis="y", length=0, labelleft=False)
    other.grid(visible=True, axis="x", color=LINE, linewidth=0.6, alpha=0.6)
    other.set_axisbelow(True)
    looks = Looks(databases)
    said = []
    for y, region in enumerate(names):
        row = at[region]
        for model, column, shift in ((a, "mean_a", -0.15), (b, "mean_b", 0.15)):
            low, high = (float(row.get(f"{end}_{column[-1]}", float("nan"))) for end in ("low", "high"))
            looks.interval(axes, model, (low, high), y + shift, width=1.2)
            looks.dot(axes, model, float(row[column]), y + shift, size=6)
        difference = float(row["difference"])
        favours = a if difference > 0 else b
        other.barh([y], [difference], height=0.56, color=looks.colour(favours), alpha=0.45, linewidth=0)
        interval_line(other, y, float(row["low"]), float(row["high"]), colour=INK)
        ends = numbers.interval(float(row["low"]), float(row["high"]), 1, sign=True)
        said.append(f"{region} {numbers.signed(difference, 1)}" + (f" ({ends})" if ends else ""))
    for panel, title in ((axes, f"{elided(a)} and {elided(b)}"), (other, f"{elided(a)} minus {elided(b)}")):
        panel.axvline(0, color=QUIET, linewidth=1, zorder=1)
        panel.set_title(title, fontsize=SMALL, color=INK, loc="left", pad=8, x=0)
        title_below(panel, "relevance")
        panel.locator_params(axis="x", nbins=4)
    return finish(
        figure, name=name, title=f"Facial regions: {a} and {b}",
        description=f"Difference of relevance per facial region, {a} minus {b}: {'; '.join(said)}.",
    )  # fmt: skip
