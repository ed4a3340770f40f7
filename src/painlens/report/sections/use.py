"""Directions of concepts in the features, the sweep over layers, and what the raters' agreement means."""

import pandas as pd

from painlens.report import numbers
from painlens.report.blocks import Block, Bullets, Heading, Plots, TableBlock, Text
from painlens.report.figures import layers_plot
from painlens.report.inputs import ReportInputs
from painlens.report.tables import Cell, Column, Table, real, rounded, whole, words

_DIRECTIONS = {"stratified": "within cells", "svm-cav": "SVM-CAV", "pattern-cav": "pattern-CAV"}


def directions(inputs: ReportInputs) -> list[Block]:
    """Derivative of the score along three directions of every concept, and TCAV with its random range."""
    table = inputs.directions
    if table.empty:
        return []
    rows: list[tuple[Cell, ...]] = []
    keys = ["concept", "model", "direction"]
    order = {name: place for place, name in enumerate(inputs.study.concepts)}
    for _, own in table.sort_values("concept", key=lambda c: c.map(order), kind="stable").groupby(keys, sort=False):
        first = own.iloc[0]
        low, high = own["random_tcav_low"].min(), own["random_tcav_high"].max()
        rows.append((
            words(numbers.plain(first["concept"])), words(first["model"]),
            words(_DIRECTIONS.get(str(first["direction"]), first["direction"])),
            real(own["derivative"].mean(), own["derivative"].min(), own["derivative"].max(), sign=True),
            real(own["tcav"].mean()), words(numbers.interval(low, high) or numbers.MISSING),
            whole(first["random_directions"]), whole(len(own)), whole(first["faces"]),
        ))  # fmt: skip
    titles = (
        "concept", "model", "direction", "derivative", "TCAV", "TCAV of random concepts", "random concepts", "seeds",
        "faces",
    )  # fmt: skip
    text = (
        "First-order change of the log-odds when the features of a face move by the concept's step along a direction; "
        "mean over seeds, in brackets the smallest and the largest seed. TCAV is the share of the explained class's "
        "faces whose derivative is positive: it says nothing where it lies within the range of random concepts, as it "
        "often does."
    )
    name, columns = "directions-of-concepts", tuple(map(Column, titles))
    block = TableBlock(Table(name, "Score along concept directions", columns, tuple(rows), headers=3))
    return [Heading("Does the answer move along the concept?"), Text((text,)), block]


def layers(inputs: ReportInputs) -> list[Block]:
    """The sweep, where the study asked for one."""
    table = inputs.layers
    names = [name for name in inputs.study.concepts if name in set(table["concept"])]
    if not names:
        return []
    plots = tuple(layers_plot(table, name, inputs.models) for name in names)
    rows = tuple(
        (
            words(numbers.plain(r["concept"])), words(r["layer"]), words(r["model"]), words(r["replicate"]),
            real(r["pooled_f1"]), real(r["auroc"]), real(r["average_precision"]), whole(r["undefined_folds"]),
            whole(r["degenerate_fits"]), rounded(r["feature_norm"]),
        )
        for _, r in table.iterrows()
    )  # fmt: skip
    titles = ("concept", "layer", "model", "network", "pooled F1", "AUROC", "AP", "undefined folds", "degenerate fits",
              "feature norm")  # fmt: skip
    data = Table("layers-by-network", "Decodability by layer", tuple(map(Column, titles)), rows, headers=4)
    caption = (
        "Pooled F1 by layer, folds over participants; exploratory, no verdict comes from it. Filled: seeds; hollow, "
        "dashed: before fine-tuning; hollow, dotted: random weights."
    )
    return [Heading("Layers"), Plots(plots, caption, data=data)]


def reliability(inputs: ReportInputs) -> list[Block]:
    """Agreement of the raters, and the association under label noise of that size."""
    if inputs.reliability.empty:
        return []
    rows = tuple(
        (
            words(numbers.plain(r["concept"])), words(r["raters"]), whole(r["faces"]), whole(r["participants"]),
            real(r["prevalence"]), real(r["agreement"]), real(r["kappa"], r["low"], r["high"]), real(r["ac1"]),
            real(r["yes_kept"]), real(r["no_kept"]),
        )
        for _, r in inputs.reliability.iterrows()
    )  # fmt: skip
    titles = ("concept", "raters", "faces", "people", "share of yes", "equal answers", "kappa", "AC1", "yes confirmed",
              "no confirmed")  # fmt: skip
    table = Table(
        "agreement-of-raters", "Agreement of the two raters before adjudication", tuple(map(Column, titles)), rows,
        note="Kappa's interval draws participants. Confirmed: share of one rater's answers that are also the other's.",
    )  # fmt: skip
    items = tuple(_noise(row) for _, row in inputs.label_noise.iterrows())
    blocks: list[Block] = [Heading("Reliability of the labels"), TableBlock(table)]
    if items:
        text = "The association with every label drawn again as a second rater would have set it, given the first:"
        blocks += [Text((text,)), Bullets(items)]
    return blocks


def _noise(row: pd.Series) -> tuple[str, str]:
    ends = numbers.interval(row["low"], row["high"], sign=True)
    return (
        f"{numbers.plain(row['concept'])}:",
        f"AUROC {row['model_a']} minus {row['model_b']} {numbers.signed(row['difference'])}; with noisy labels "
        f"{numbers.signed(row['noisy'])} ({ends} over {int(row['draws'])} draws; the same sign in "
        f"{100 * row['same_sign']:.0f} %).",
    )
