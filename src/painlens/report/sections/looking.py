"""Where the models look: single faces, means over faces, facial regions."""

from itertools import combinations
from typing import Any

import pandas as pd

from painlens import differences
from painlens.metrics import rows_in_reading_order
from painlens.report import numbers
from painlens.report.blocks import Block, Folded, Heading, Plots, Section, Strips, TableBlock, Text, Withheld
from painlens.report.consent import shown_examples
from painlens.report.figures import regions_plot
from painlens.report.inputs import ReportInputs
from painlens.report.pictures import example_strip, map_strip, mean_scale
from painlens.report.tables import Cell, Column, Table, real, whole, words

NORMALISATION = "max"  # of means and regions: it separates planted from null pairs best
_HOW = {
    differences.PAPER: "raw maps are subtracted, as in the paper, so the model with the larger logit weighs more",
    "raw": "raw maps are subtracted, so the model with the larger logit weighs more",
    "max": "each map is divided by its largest absolute value before subtraction",
    "sum-abs": "each map is divided by its sum of absolute values before subtraction",
    differences.LOGIT: "maps are divided by the root mean square of their network's logit before subtraction",
}


def looking(inputs: ReportInputs) -> Section:
    """Relevance of both models on the same faces."""
    target = numbers.plain(inputs.study.attribution.target)
    always = f" Faces of every class are explained by '{target}'." if len(inputs.classes) > 2 else ""
    blocks: list[Block] = [
        Text((
            f"Relevance is the share of the logit of '{target}' that layer-wise relevance propagation assigns to each "
            f"pixel; red (+) speaks for the class, blue (−) against it.{always}",
            "Maps are pictures and no test: two networks of one and the same database differ visibly too.",
        )),
        Heading("Single faces"),
        *_faces(inputs),
        Heading("Means over the test faces"),
        *_means(inputs),
        Heading("Facial regions"),
        *_regions(inputs),
        Folded("Where the relevance went", (TableBlock(_ledger(inputs)),)),
    ]  # fmt: skip
    return Section("looking", "Where they look", tuple(blocks))


def _faces(inputs: ReportInputs) -> list[Block]:
    shown = shown_examples(inputs)
    blocks: list[Block] = []
    if shown.examples:
        normalisation, target = inputs.study.differences.normalisation, inputs.study.attribution.target
        strips = tuple(example_strip(e, normalisation=normalisation, target=target) for e in shown.examples)
        caption = (
            "Chosen by a rule and not by eye: faces that both networks classify correctly, at most one per person, "
            "with the largest difference of relevance in one facial region. In the last two panels "
            f"{_HOW[normalisation]}. The last colour stands for the value that 99.5 % of the pixels stay below; "
            "scales belong to their row."
        )
        blocks.append(Strips(strips, caption))
    if shown.withheld:
        noun = "face is" if shown.withheld == 1 else "faces are"
        closed = inputs.study.report.faces == "none"
        why = "the study shows no face" if closed else "consent to publication is missing or unknown"
        blocks.append(Withheld("withheld", f"{shown.withheld} {noun} not shown: {why}."))
    if not inputs.examples:
        blocks.append(Withheld("no face", "No face was chosen for this page."))
    return blocks


def _means(inputs: ReportInputs) -> list[Block]:
    blocks: list[Block] = []
    for a, b in combinations(inputs.models, 2):
        for group, caption in (
            (("all",), "Mean of all test faces, turned, scaled and moved by their landmarks into one face frame."),
            (
                tuple(inputs.study.concepts),
                "Faces with the concept minus faces without it, within label and database: relevance that comes "
                "with the concept.",
            ),
        ):
            names = [n for n in group if f"{a}/{n}" in inputs.mean_maps and f"{b}/{n}" in inputs.mean_maps]
            missing = [n for n in group if n not in names]
            maps = [(inputs.mean_maps[f"{a}/{n}"], inputs.mean_maps[f"{b}/{n}"]) for n in names]
            if maps:
                scale = mean_scale([m for pair in maps for m in (*pair, pair[0] - pair[1])])
                strips = [
                    map_strip(*pair, names=(a, b), title="all faces" if n == "all" else numbers.plain(n), scale=scale)
                    for n, pair in zip(names, maps, strict=True)
                ]
                blocks.append(
                    Strips(tuple(strips), f"{caption} One scale for the maps and the differences of this row.")
                )
            if missing:
                said = ", ".join("all faces" if n == "all" else numbers.plain(n) for n in missing)
                blocks.append(
                    Withheld(
                        "not computed", f"{said} ({a}, {b}): no label and database has enough faces with and without."
                    )
                )
    return blocks


def _regions(inputs: ReportInputs) -> list[Block]:
    table = inputs.regions[inputs.regions["normalisation"] == NORMALISATION]
    over_all = table[(table["database"] == "all") & (table["label"] == "all")]
    if over_all.empty:
        return [Withheld("not computed", "There are no sums of relevance per region.")]
    plots = []
    for a, b in combinations(inputs.models, 2):
        own = over_all[(over_all["model_a"] == a) & (over_all["model_b"] == b)]
        if len(own):
            plots.append(regions_plot(own, inputs.models, name=f"regions-{a}-{b}"))
    caption = (
        "Sum of relevance in a region after division of each map by its largest absolute value; mean over all test "
        "faces and seeds. Intervals: these networks, other test people (jackknife of the difference, bootstrap of the "
        "means); they say nothing about the databases."
    )
    return [Plots(tuple(plots), caption, data=_region_table(table))]


def _region_table(table: pd.DataFrame) -> Table:
    rows = tuple(
        (
            words(f"{r['model_a']} − {r['model_b']}"), words(r["database"]), words(numbers.plain(r["label"])),
            words(r["region"]), *(_mean(r, side) for side in "ab"),
            real(r["difference"], r["low"], r["high"], digits=1, sign=True),
            words(numbers.interval(_end(r, "low_bootstrap"), _end(r, "high_bootstrap"), 1, sign=True)),
            whole(r["faces"]),
            whole(r["participants"]),
        )
        for _, r in rows_in_reading_order(table, "model_a", "model_b", "database").iterrows()
    )  # fmt: skip
    columns = tuple(
        map(
            Column,
            ("models", "faces of", "class", "region", "first", "second", "difference", "bootstrap", "faces", "people"),
        )
    )
    return Table("regions-max", "Relevance per facial region, max-normalised", columns, rows, headers=4)


def _mean(row: "pd.Series[Any]", side: str) -> Cell:
    """Mean of one model, with its bootstrap interval where there is one."""
    return real(row[f"mean_{side}"], _end(row, f"low_{side}"), _end(row, f"high_{side}"), digits=1, sign=True)


def _end(row: "pd.Series[Any]", name: str) -> float:
    """One end of an interval; missing in tables without it."""
    return float(row.get(name, float("nan")))


def _ledger(inputs: ReportInputs) -> Table:
    rows = []
    for model in inputs.models:
        own = inputs.ledger[(inputs.ledger["model"] == model) & inputs.ledger["replicate"].str.startswith("seed=")]
        logit = own["logit"].where(own["logit"].abs() > 0)
        shares = [(own[name] / logit).median() for name in ("relevance", "bias", "dead")]
        rows.append((words(model), *(real(share) for share in shares), whole(len(own))))
    columns = (Column("model"), Column("pixels"), Column("biases"), Column("dead units"), Column("maps"))
    return Table(
        "ledger-shares", "Share of the logit that reached the pixels, and what was kept on the way (medians)", columns,
        tuple(rows), note="Dead units: convolution units without a positive contribution, which lose their relevance.",
    )  # fmt: skip
