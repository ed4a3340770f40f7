"""The difference of two models in one concept: three claims, the null band, and the planted truth if any."""

import math
from collections.abc import Mapping

import pandas as pd

from painlens.concept_test.claims import DATABASES, NETWORKS, PEOPLE
from painlens.report import numbers
from painlens.report.blocks import Plot
from painlens.report.figures.canvas import (
    BAND,
    INK,
    QUIET,
    SERIES,
    SMALL,
    dot,
    elided,
    finish,
    interval_line,
    rows_figure,
    title_below,
)  # fmt: skip

CLAIMS = {NETWORKS: "these networks", PEOPLE: "other test people", DATABASES: "the databases"}
TRUTH = "planted truth"
TRUTH_UNIT = "probability"


def difference_plot(
    headline: pd.DataFrame, truth: float | None, *, axis: str, name: str, claims: Mapping[str, str] = CLAIMS
) -> Plot:
    """Forest plot of one concept and pair.

    Parameters
    ----------
    headline
        Rows of VERDICTS of one measure, concept and pair; one per claim.
    truth
        Difference of the counterfactual twins' effects on the probability, A minus B, -2 to 2; None without twins.
    axis
        What is subtracted, such as ``AUROC``.
    claims
        Claim -> name of its row.
    """
    by_claim = {str(row["claim"]): row for _, row in headline.iterrows()}
    first = headline.iloc[0]
    a, b = str(first["model_a"]), str(first["model_b"])
    rows = [*claims.values(), *([TRUTH] if truth is not None else [])]
    figure, axes = rows_figure(rows, top=26, bottom=48)
    band = float(first["null_band"])
    if math.isfinite(band):
        axes.axvspan(-band, band, color=BAND, linewidth=0, zorder=0)
    axes.axvline(0, color=QUIET, linewidth=1, zorder=1)
    extent, said = [0.1, 1.2 * band if math.isfinite(band) else 0.0], []
    for y, (claim, label) in enumerate(claims.items()):
        row = by_claim.get(claim)
        difference = float("nan") if row is None else float(row["difference"])
        ends = (float("nan"),) * 2 if row is None or claim == NETWORKS else (float(row["low"]), float(row["high"]))
        bold = claim == DATABASES
        colour = INK if bold else QUIET
        refused = claim != NETWORKS and not math.isfinite(ends[0])
        if refused or not math.isfinite(difference):
            axes.text(0.5, y, "no claim", transform=axes.get_yaxis_transform(), ha="center", va="center",
                      color=QUIET, fontsize=SMALL, style="italic")  # fmt: skip
            said.append(f"{label}: no claim")
            continue
        interval_line(axes, y, *ends, colour=colour, width=3.2 if bold else 1.6)
        dot(axes, difference, y, colour=colour, size=9 if bold else 6)
        extent += [abs(difference), *(abs(end) for end in ends if math.isfinite(end))]
        said.append(f"{label}: {numbers.signed(difference)} {_bracket(*ends)}".strip())
    if truth is not None:
        dot(axes, truth, len(claims), colour=SERIES[3], marker="D", size=8)
        extent.append(abs(truth))
        said.append(f"planted truth: {numbers.signed(truth)} {TRUTH_UNIT}")
    limit = 1.12 * max(extent)
    axes.set_xlim(-limit, limit)
    if truth is not None:  # its number beside the mark, as its unit is not the axis'; away from zero if there is room
        away = math.copysign(1.0, truth) * (1 if abs(truth) < 0.4 * limit else -1)
        axes.annotate(
            f"{numbers.signed(truth)} {TRUTH_UNIT}", (truth, len(claims)), (10 * away, 0), textcoords="offset points",
            ha="left" if away > 0 else "right", va="center", color=SERIES[3], fontsize=SMALL,
        )  # fmt: skip
    title_below(axes, f"{axis}, {elided(a)} minus {elided(b)}")
    for x, text, side in ((0.0, f"◂ {elided(b)} larger", "left"), (1.0, f"{elided(a)} larger ▸", "right")):
        axes.text(x, 1.02, text, transform=axes.transAxes, ha=side, va="bottom", color=QUIET, fontsize=SMALL)
    if DATABASES in claims:
        axes.get_yticklabels()[list(claims).index(DATABASES)].set_fontweight("bold")
    band_text = f" Null band: up to {numbers.number(band)} either side of zero." if math.isfinite(band) else ""
    concept = numbers.plain(first["concept"])
    return finish(
        figure,
        name=name,
        title=f"{concept}: {a} minus {b}",
        description=f"{axis} difference for {concept}, {a} minus {b}. {'; '.join(said)}.{band_text}",
    )


def _bracket(low: float, high: float) -> str:
    text = numbers.interval(low, high, sign=True)
    return f"({text})" if text else ""
