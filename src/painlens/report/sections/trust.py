"""May the maps be trusted: a badge for each check, and which normalisation recovers the truth."""

from typing import Any

import pandas as pd

from painlens import differences
from painlens.report import numbers
from painlens.report.blocks import Block, Bullets, Folded, Heading, Plots, Section, TableBlock, Text, Withheld
from painlens.report.figures import randomised_plot
from painlens.report.inputs import ReportInputs
from painlens.report.tables import Cell, Column, Table, real, whole, words

MARKS = {"pass": "✓ pass", "fail": "✗ fail", "unclear": "? unclear"}
CONTROL = "edges"  # the method that must fail
_MEANING = {
    "randomised layers": "similarity to the map with shuffled weights in the upper half of the layers",
    "randomised network": "similarity to the map with all weights shuffled",
    "randomised labels": "similarity among networks with the right labels minus that to one with permuted labels",
    "deletion": "fall of the logit when the patches ranked first are hidden, minus random patches",
    "insertion": "the logit when only the patches ranked first are shown, minus random patches",
    "small shifts": "similarity of the map of a moved face to the moved map",
    "difference deletion": "patches with more relevance in A, or in B, are hidden: fall of each logit by its own "
    "minus by the other's, in units of that network's falls (root mean square); both networks together, at most 4",
    "difference insertion": "only those patches are shown on the blurred face: rise of each logit by its own minus by "
    "the other's, in the same kind of units",
    "beyond the null band": "similarity within a database minus similarity between databases",
}
_HOW = {
    "raw": "raw (the paper's)", "logit": "by the network's logit", "max": "by the maximum", "sum-abs": "by Σ|R|",
    "sum": "by ΣR",
}  # fmt: skip


def trust(inputs: ReportInputs) -> Section:
    """Badges and the table of normalisations."""
    blocks: list[Block] = []
    if inputs.trust.empty:
        blocks.append(_unchecked(inputs))
    else:
        blocks += _badges(inputs.trust)
    if len(inputs.randomised):
        blocks += _curves(inputs)
    if len(inputs.untaught):
        blocks.append(Folded("Facial regions without the right labels", (TableBlock(_floor_table(inputs.untaught)),)))
    blocks.append(Heading("Normalisation before subtraction"))
    if inputs.normalised.empty:
        blocks.append(Withheld("not computed", "No concept has enough faces with and without it."))
    else:
        blocks += _normalisations(inputs.normalised, inputs.ranking)
    return Section("trust", "May the maps be trusted", tuple(blocks))


def _unchecked(inputs: ReportInputs) -> Withheld:
    """Why there are no badges."""
    if inputs.study.trust.faces:
        return Withheld("not computed", "The maps were not checked; run the step 'differences' again.")
    return Withheld(
        "not checked",
        "Nobody knows yet whether these maps may be trusted: the study checks them on no face. Set "
        "trust.faces, for a comparison with `painlens compare RUN --trust-faces 48`.",
    )


def _badges(checks: pd.DataFrame) -> list[Block]:
    own = checks[checks["method"] != CONTROL]
    failed = own[own["badge"] == "fail"]
    told = ", ".join(f"{row['check']} ({row['model']})" for _, row in failed.iterrows())
    first = f"Failed: {told}." if told else "No check failed."
    counts = own["badge"].value_counts()
    summed = ", ".join(f"{counts.get(badge, 0)} {badge}" for badge in MARKS)
    control = checks[(checks["method"] == CONTROL) & checks["check"].str.startswith("randomised")]
    caught = bool(len(control)) and bool((control["badge"] == "fail").all())
    said = (
        f"The method '{CONTROL}' draws the edges of the face and knows no network. It must fail the randomisation, and "
        + ("it does." if caught else "it does not: do not rely on these checks.")
    )
    return [
        Text((f"{first} Of the checks {summed}.", said)),
        TableBlock(_check_table(checks)),
        Bullets(tuple((f"{name}:", f"{meaning}.") for name, meaning in _MEANING.items())),
    ]


def _check_table(checks: pd.DataFrame) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            words(str(r["model"]).replace(" - ", f" {numbers.MINUS} ")), words(r["method"]), words(r["check"]),
            words(MARKS[str(r["badge"])]),
            real(r["value"], r["low"], r["high"], sign=True), words(_asked(r)), whole(r["faces"]),
            whole(r["participants"]),
        )
        for _, r in checks.iterrows()
    ]  # fmt: skip
    titles = ("model", "method", "check", "badge", "value", "asked", "faces", "people")
    return Table(
        "trust", "Checks of the maps", tuple(map(Column, titles)), tuple(rows), headers=3,
        note="Intervals: bootstrap over test people. Similarity: rank correlation of |R| over 8 × 8 blocks. Pass: the "
        "whole interval is on the side that is asked for.",
    )  # fmt: skip


def _asked(check: "pd.Series[Any]") -> str:
    larger = differences.TRUST_BOUNDS[str(check["check"])][1]
    return f"{'above' if larger else 'below'} {numbers.number(float(str(check['bound'])))}"


def _curves(inputs: ReportInputs) -> list[Block]:
    bound = differences.TRUST_BOUNDS["randomised layers"][0]
    plot = randomised_plot(inputs.randomised, inputs.models, bound=bound, control=CONTROL)
    caption = (
        "Weights are shuffled from the logits downwards, more and more layers. A map that shows the network moves away "
        f"from that of the trained one; '{CONTROL}' stays. The line is what the badges ask for; bands: bootstrap over "
        "test people."
    )
    return [Plots((plot,), caption, data=_curve_table(inputs.randomised))]


def _curve_table(curves: pd.DataFrame) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            words(r["model"]), words(r["method"]), words(f"{r['layers']} of {r['of']}"),
            real(r["similarity"], r["low"], r["high"], sign=True), whole(r["faces"]), whole(r["participants"]),
        )
        for _, r in curves.iterrows()
    ]  # fmt: skip
    titles = ("model", "method", "randomised layers", "similarity", "faces", "people")
    return Table("randomised", "Maps with randomised layers", tuple(map(Column, titles)), tuple(rows), headers=3)


def _floor_table(floor: pd.DataFrame) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            words(r["model"]), words(r["region"]), real(r["taught"], digits=1, sign=True),
            real(r["untaught"], digits=1, sign=True),
            real(r["difference"], r["low"], r["high"], digits=1, sign=True), whole(r["faces"]),
            whole(r["participants"]),
        )
        for _, r in floor.iterrows()
    ]  # fmt: skip
    titles = ("model", "region", "right labels", "permuted labels", "difference", "faces", "people")
    return Table(
        "untaught", "Relevance per facial region, and in a network that learnt permuted labels",
        tuple(map(Column, titles)), tuple(rows), headers=2,
        note="Max-normalised maps of the checked faces. What a region has with permuted labels comes from the faces "
        "and the emotion network, not from the labels. Interval: bootstrap over test people.",
    )  # fmt: skip


def _leading(table: pd.DataFrame, ranking: pd.DataFrame) -> str:
    """Which normalisation leads, and which of the others this study cannot tell from it."""
    best = differences.best_normalisation(table)
    if not best:
        return "Without null pairs none can be chosen."
    said = f"Here {_HOW[best]} leads."
    alike = [_HOW[str(name)] for name in ranking.loc[ranking["place"] == "not told apart", "normalisation"]]
    if alike:
        said += f" Not told apart from it by these people and these few null pairs: {', '.join(alike)}."
    elif len(ranking):
        said += " All others are behind by more than people and null pairs explain."
    return f"{said} This rule of choice was itself settled after a first study had been seen."


def _normalisations(table: pd.DataFrame, ranking: pd.DataFrame) -> list[Block]:
    best = differences.best_normalisation(table)
    chosen = _leading(table, ranking)
    text = (
        "The measure is the relevance of the concept's region, faces with the concept minus faces without it, of the "
        "first model minus the second. It is set against networks of one database (null) and, where there are twins, "
        f"against the change of the log-odds that the concept causes. {chosen} Means and regions on this page are "
        "divided by the maximum; single faces are subtracted as the study says."
    )
    alike = {str(name) for name in ranking.loc[ranking["place"] == "not told apart", "normalisation"]}
    blocks: list[Block] = [Text((text,)), TableBlock(_normalisation_table(table, best, alike))]
    return blocks + ([TableBlock(_ranking_table(ranking))] if len(ranking) else [])


def _ranking_table(ranking: pd.DataFrame) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            words(_HOW[str(r["normalisation"])]), words(r["place"]), real(r["score"], r["low"], r["high"], digits=1),
            real(r["behind"], r["behind_low"], r["behind_high"], digits=2), whole(r["participants"]),
            whole(r["null_pairs"]),
        )
        for _, r in ranking.iterrows()
    ]  # fmt: skip
    titles = ("normalisation", "place", "planted over null", "leader over this", "people", "null pairs")
    return Table(
        "ranking", "Which normalisation leads", tuple(map(Column, titles)), tuple(rows), headers=1,
        note="Geometric mean of the ratios over the concepts that count. Intervals: people and null pairs drawn with "
        "replacement, the same draws for all; not told apart: the interval of the last ratio holds 1.",
    )  # fmt: skip


def _normalisation_table(table: pd.DataFrame, best: str, alike: set[str]) -> Table:
    marks = {best: " (leads)"} | dict.fromkeys(alike, " (not told apart)")
    rows: list[tuple[Cell, ...]] = [
        (
            words(_HOW[str(r["normalisation"])] + marks.get(str(r["normalisation"]), "")),
            words(numbers.plain(r["concept"])), words(f"{r['model_a']} − {r['model_b']}"),
            words(numbers.significant(r["difference"])), words(numbers.significant(r["null_rms"])),
            real(r["ratio"], digits=1), real(r["agrees"], sign=True), real(r["truth"], sign=True),
        )
        for _, r in table.iterrows()
    ]  # fmt: skip
    titles = ("normalisation", "concept", "models", "difference", "null", "ratio", "r with the truth", "truth")
    return Table(
        "normalisations", "What each normalisation finds", tuple(map(Column, titles)), tuple(rows), headers=3,
        note="Null: root mean square between networks of one database. Truth: difference of the twins' change of "
        "log-odds. r: correlation with it over all networks.",
    )  # fmt: skip
