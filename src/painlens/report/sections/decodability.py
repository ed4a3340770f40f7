"""Decodability with its floors, and the paper's own test as a replication."""

import pandas as pd

from painlens.concept_test.claims import FINE_TUNINGS
from painlens.concept_test.decodability_tables import MEASURE as DECODED
from painlens.report import numbers
from painlens.report.blocks import Block, Bullets, Heading, Plots, TableBlock, Text
from painlens.report.figures import decodability_plot
from painlens.report.inputs import ReportInputs
from painlens.report.tables import Cell, Column, Table, p_value, real, rounded, whole, words

_FOLDS = "participants"


def decodability(inputs: ReportInputs) -> list[Block]:
    """F1 of every network beside its floors, and the difference with its interval."""
    table = inputs.decodability
    names = [n for n in inputs.study.concepts if n in set(table.loc[table["folds"] == _FOLDS, "concept"])]
    blocks: list[Block] = [
        Heading("Decodability"),
        Text((
            f"How well a linear SVM finds the concept in {_layer(inputs)}. Being in the features is not being "
            "used; random weights and the network before fine-tuning are the floors that an F1 must be read against.",
        )),
    ]  # fmt: skip
    if not names:
        return [*blocks, Text(("No concept could be decoded on these faces.",), kind="caution")]
    plots = tuple(decodability_plot(table, name, inputs.models, folds=_FOLDS) for name in names)
    caption = (
        "Pooled F1, folds over participants. Filled: seeds; hollow: halves; grey: the floors. Dotted line: always yes; "
        "dashed: 95th percentile of random concepts."
    )
    blocks.append(Plots(plots, caption, data=_decodability_table(inputs)))
    blocks += _copies(table)
    said = tuple(item for name in names for item in _decoded(inputs.verdicts, name))
    if said:
        blocks.append(Bullets(said))
    return blocks


def _layer(inputs: ReportInputs) -> str:
    """The layer in words."""
    layer = inputs.study.concept_test.layer
    return "the last pooling layer" if layer == "last-pool" else f"layer {layer}"


def _copies(table: pd.DataFrame) -> list[Block]:
    """A caution where faces are copies of one another, or a network answers nothing."""
    if "identical_faces" not in table.columns or not (table["identical_faces"] > 0).any():
        return []
    worst = table.iloc[int(table["identical_faces"].to_numpy().argmax())]
    text = (
        f"In {worst['model']} {worst['replicate']} {int(worst['identical_faces'])} of {int(worst['faces'])} faces have "
        "the features of an earlier face. Copies of an image in both halves make a concept look easier to find; if it "
        "is nearly all faces, the network's features carry no signal."
    )
    return [Text((text,), kind="caution")]


def _decoded(verdicts: pd.DataFrame, concept: str) -> list[tuple[str, str]]:
    """One sentence per pair: the difference of F1 under the claim about other fine-tunings and other people."""
    own = verdicts[(verdicts["measure"] == DECODED) & (verdicts["concept"] == concept)]
    items = []
    for _, row in own[own["claim"] == FINE_TUNINGS].iterrows():
        text = f"F1 {row['model_a']} minus {row['model_b']} {numbers.signed(row['difference'])}"
        if pd.notna(row["standard_error"]):
            ends = numbers.interval(row["low"], row["high"], sign=True)
            text += (
                f" ({numbers.percent(row['confidence'])} interval {ends} for other fine-tunings and other test people; "
            )
            text += f"p {_equals(row['p'])}; after Holm's correction {_equals(row['p_holm'])})."
        else:
            text += f": no interval, {row['reason']}."
        items.append((f"{numbers.plain(concept)}:", text))
    return items


def _equals(p: float) -> str:
    text = numbers.probability(p)
    return text if text.startswith("<") else f"= {text}"


def _treatment(inputs: ReportInputs) -> str:
    """What was done to the features, for the note of the table."""
    chosen = inputs.study.concept_test
    done = [
        f"layer {chosen.layer}",
        "each face's features divided by their norm" if chosen.rows == "unit" else "features as they are",
        "centred on the training faces of each fold" if chosen.centring == "fold" else "not centred",
        "one scale for all features, from each fold" if chosen.scaling == "norm" else "not scaled",
    ]
    solver = "painlens' own solver" if chosen.solver == "pairs" else "scikit-learn's LinearSVC"
    return f"Features: {', '.join(done)}. Regularised intercept; {solver}."


def _decodability_table(inputs: ReportInputs) -> Table:
    table = inputs.decodability
    columns = [Column(title, group) for title, group in _DECODED]
    optional = {name: title for name, title in _OPTIONAL.items() if name in table.columns}
    columns += [Column(title) for title in optional.values()]
    rows: list[tuple[Cell, ...]] = []
    for _, r in table.iterrows():
        names = (words(numbers.plain(r["concept"])), words(r["model"]), words(r["replicate"]), words(r["folds"]))
        scores = (real(r.get(name)) for name in ("pooled_f1", "fold_f1", "auroc", "average_precision"))
        floors = (
            real(r[name], quiet=True) for name in ("always_positive_f1", "random_concept_f1", "random_concept_f1_95")
        )
        counts = (whole(r[name]) for name in ("repeats", "faces", "positives", "participants", "undefined_folds"))
        solver = (rounded(r["cost"]), rounded(r["feature_norm"]))
        rows.append((*names, *scores, *floors, *counts, *solver, *(whole(r[name]) for name in optional)))
    return Table(
        "decodability-by-network", "Decodability of every network", tuple(columns), tuple(rows), headers=4,
        note=f"Random: labels permuted within each participant. {_treatment(inputs)}",
    )  # fmt: skip


_DECODED = (
    ("concept", ""), ("model", ""), ("network", ""), ("folds over", ""), ("pooled F1", ""), ("fold F1", ""),
    ("AUROC", ""), ("AP", ""), ("always yes", "floors"), ("random mean", "floors"), ("random 95 %", "floors"),
    ("repeats", ""), ("faces", ""), ("with it", ""), ("people", ""), ("undefined folds", ""),
    ("C", ""), ("feature norm", ""),
)  # fmt: skip
_OPTIONAL = {
    "degenerate_fits": "degenerate fits", "redrawn_halves": "redrawn halves", "identical_faces": "identical faces",
}  # fmt: skip


def replication(inputs: ReportInputs) -> list[Block]:
    """The paper's paired test, under a heading that says what it is."""
    blocks: list[Block] = [Heading("Replication, not inferential")]
    if inputs.replication.empty:
        return [*blocks, Text(("The paper's test was not computed.",))]
    many, chosen = len(inputs.models) > 2, inputs.study.concept_test.paired_tests
    rows: list[tuple[Cell, ...]] = []
    for _, r in inputs.replication.iterrows():
        pair = (words(f"{r['model_a']}, {r['model_b']}"),) if many else ()
        rows.append((
            words(numbers.plain(r["concept"])), *pair, words(r["replicate"]), words(r["folds"]),
            *(real(r[name], digits=3) for name in ("f1_a", "f1_b")), real(r["difference"], sign=True, digits=3),
            real(r["t"], digits=1), p_value(r["p"]), real(r["d"], digits=1),
            real(r["nadeau_bengio_t"], digits=1), p_value(r["nadeau_bengio_p"]),
            *(cell for name in chosen for cell in (real(r.get(f"{name}_{_STATISTIC[name]}"), digits=1),
                                                   p_value(r.get(f"{name}_p")))),
            whole(r["repeats"]), whole(r["undefined_repeats"]),
        ))  # fmt: skip
    first, second = ("first", "second") if many else inputs.models
    columns = [Column("concept"), *([Column("models")] if many else []), Column("networks"), Column("folds over")]
    columns += [Column(title, "mean fold F1") for title in (first, second)] + [Column("difference")]
    columns += [Column(title, "naive paired t") for title in "tpd"]
    columns += [Column(title, "Nadeau–Bengio") for title in "tp"]
    columns += [Column(title, f"{name.title()} 5 × 2") for name in chosen for title in (_STATISTIC[name], "p")]
    columns += [Column("repeats"), Column("left out")]
    table = Table(
        "replication-of-the-paper", "The paper's paired test of one network against one network", tuple(columns),
        tuple(rows), headers=4 if many else 3, note=_published(inputs),
    )  # fmt: skip
    text = (
        "The paper compares two networks over many random halves of the same faces with a paired t-test. Its t grows "
        "with the square root of the number of repeats and calls two equal models different in most cases; no "
        "verdict on this page comes from it. Nadeau and Bengio's correction stands beside it."
    )
    return [*blocks, Text((text,)), TableBlock(table)]


_STATISTIC = {"dietterich": "t", "alpaydin": "f"}
_PUBLISHED = {
    "eyes-closed": "eyes closed F1 .816 (clinical) against .784 (experimental), t = 92.2",
    "teeth-visible": f"teeth visible .735 against .825, t = {numbers.MINUS}131.4",
}


def _published(inputs: ReportInputs) -> str:
    """The paper's own results, where the study is about its databases."""
    readers = {d.reader for d in inputs.study.databases.values() if d.synthetic is None}
    said = [text for name, text in _PUBLISHED.items() if name in inputs.study.concepts]
    if not {"unbc", "biovid"} <= readers or not said:
        return ""
    return f"Published (folds over images): {'; '.join(said)}."
