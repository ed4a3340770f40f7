"""May the maps be trusted: a badge for each check, and which normalisation recovers the truth."""

from typing import Any

import pandas as pd

from painlens import differences
from painlens.report import numbers
from painlens.report.blocks import Block, Bullets, Heading, Section, TableBlock, Text, Withheld
from painlens.report.inputs import ReportInputs
from painlens.report.tables import Cell, Column, Table, real, whole, words

MARKS = {"pass": "✓ pass", "fail": "✗ fail", "unclear": "? unclear"}
CONTROL = "edges"  # the method that must fail
_MEANING = {
    "randomised layers": "similarity to the map with shuffled weights in the upper half of the layers",
    "randomised network": "similarity to the map with all weights shuffled",
    "deletion": "fall of the logit when the patches ranked first are hidden, minus random patches",
    "insertion": "the logit when only the patches ranked first are shown, minus random patches",
    "small shifts": "similarity of the map of a moved face to the moved map",
    "difference deletion": "patches with more relevance in A, or in B, are hidden: fall of each logit by its own",
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
        blocks.append(Withheld("not computed", "The maps were not checked; run the step 'differences' again."))
    else:
        blocks += _badges(inputs.trust)
    blocks.append(Heading("Normalisation before subtraction"))
    if inputs.normalised.empty:
        blocks.append(Withheld("not computed", "No concept has enough faces with and without it."))
    else:
        blocks += _normalisations(inputs.normalised)
    return Section("trust", "May the maps be trusted", tuple(blocks))


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
            words(r["model"]), words(r["method"]), words(r["check"]), words(MARKS[str(r["badge"])]),
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


def _normalisations(table: pd.DataFrame) -> list[Block]:
    best = differences.best_normalisation(table)
    chosen = f"Here {_HOW[best]} tells planted from null best." if best else "Without null pairs none can be chosen."
    text = (
        "The measure is the relevance of the concept's region, faces with the concept minus faces without it, of the "
        "first model minus the second. It is set against networks of one database (null) and, where there are twins, "
        f"against the change of the log-odds that the concept causes. {chosen} Means and regions on this page are "
        "divided by the maximum; single faces are subtracted as the study says."
    )
    return [Text((text,)), TableBlock(_normalisation_table(table, best))]


def _normalisation_table(table: pd.DataFrame, best: str) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            words(_HOW[str(r["normalisation"])] + (" (best)" if r["normalisation"] == best else "")),
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
