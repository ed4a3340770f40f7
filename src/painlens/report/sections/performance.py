"""The paper's Tables 1 and 2 with what they lack: intervals, balanced accuracy, AUROC, the majority answer."""

import pandas as pd

from painlens.metrics import paper_tables
from painlens.metrics.paper import PaperTable
from painlens.metrics.scores import MAJORITY, MEAN
from painlens.report import numbers
from painlens.report.blocks import Block, Folded, Plots, Section, TableBlock, Text
from painlens.report.figures import accuracy_plot
from painlens.report.inputs import ReportInputs
from painlens.report.tables import Cell, Column, Table, real, whole, words

_GROUPS = {"P": "precision", "R": "recall", "F1": "F1"}


def performance(inputs: ReportInputs) -> Section:
    """Every model on the test faces of every database."""
    found = paper_tables(inputs.metrics, classes=inputs.classes, databases=inputs.study.databases)
    blocks: list[Block] = [
        Text((
            "Every model is tested on the same faces of every database. Numbers are means over "
            f"{inputs.study.replication.seeds} fine-tunings; intervals are over test participants, for these very "
            "networks.",
        )),
        *(TableBlock(_paper_table(number, table)) for number, table in enumerate(found, start=1)),
        Plots(
            (accuracy_plot(inputs.metrics, inputs.databases),),
            caption="Trained → tested. Filled: the model's own database; hollow: the other; tick: the majority answer.",
            data=_summary(inputs),
        ),
        Folded("Every measure with its interval", (TableBlock(_every_measure(inputs)),)),
    ]  # fmt: skip
    return Section("performance", _title(len(found)), tuple(blocks))


def _title(tables: int) -> str:
    return "Tables 1 and 2: within and across databases" if tables == 2 else "Within and across databases"


def _paper_table(number: int, table: PaperTable) -> Table:
    """One model; the published row stands below the row it belongs to."""
    columns = [Column("test faces")]
    for name in table.yours.columns:
        letter, _, of_class = str(name).partition(" ")
        columns.append(Column(numbers.plain(of_class), _GROUPS[letter]) if of_class else Column(letter))
    rows: list[tuple[Cell, ...]] = []
    for tested, (_, values) in zip(map(str, table.yours.index), table.yours.iterrows(), strict=True):
        rows.append((words(tested), *(real(value) for value in values)))
        if table.published is not None and tested in table.published.index:
            published = table.published.loc[tested]
            cells = (real(published.get(name), quiet=True) for name in table.yours.columns)
            rows.append((words(f"{tested}, published", quiet=True), *cells))
    note = "Published: Prajod, Huber and André 2022." if table.published is not None else ""
    return Table(f"table-{number}", f"Table {number}. The {table.model} model", tuple(columns), tuple(rows), note=note)


def _at(metrics: pd.DataFrame) -> dict[tuple[str, str, str], pd.Series]:
    """(model, database, measure) -> row of the mean over seeds."""
    means = metrics[metrics["replicate"] == MEAN]
    return {(str(r["model"]), str(r["database"]), str(r["measure"])): r for _, r in means.iterrows()}


def _summary(inputs: ReportInputs) -> Table:
    at = _at(inputs.metrics)
    rows = []
    for tested in inputs.databases:
        for model in inputs.databases:
            own = [_cell(at, model, tested, name) for name in ("accuracy", "balanced-accuracy", "auroc")]
            majority = _cell(at, MAJORITY, tested, "accuracy", ends=False, quiet=True)
            row = at.get((model, tested, "accuracy"))
            counts = (None, None) if row is None else (row["faces"], row["participants"])
            rows.append((words(model), words(tested), own[0], majority, *own[1:], *(whole(n) for n in counts)))
    columns = (
        Column("trained on"), Column("tested on"), Column("accuracy"), Column("majority answer"),
        Column("balanced accuracy"), Column("AUROC"), Column("faces"), Column("people"),
    )  # fmt: skip
    return Table(
        "accuracy", "Accuracy, balanced accuracy and AUROC with intervals", columns, tuple(rows), headers=2,
        note="Majority answer: accuracy of always giving the most frequent class of the tested database.",
    )  # fmt: skip


def _every_measure(inputs: ReportInputs) -> Table:
    at = _at(inputs.metrics)
    pairs = [(model, tested) for tested in inputs.databases for model in inputs.databases]
    own = inputs.metrics[inputs.metrics["model"].isin(inputs.databases)]
    names = [str(name) for name in own["measure"].drop_duplicates()]
    rows = tuple(
        (words(_measure(name)), *(_cell(at, model, tested, name) for model, tested in pairs)) for name in names
    )
    columns = (Column("measure"), *(Column(model, f"tested on {tested}") for model, tested in pairs))
    return Table("metrics-by-model", "Every measure of every model", columns, rows, note=_undefined(own))


def _undefined(metrics: pd.DataFrame) -> str:
    """A class that was never answered has no precision."""
    if "undefined" not in metrics.columns:
        return ""
    undefined = metrics[(metrics["replicate"] == MEAN) & (metrics["undefined"].fillna(0) > 0)]
    if undefined.empty:
        return ""
    said: dict[str, list[str]] = {}
    for _, r in undefined[~undefined["measure"].str.endswith(":macro")].iterrows():
        said.setdefault(_measure(str(r["measure"])), []).append(f"{r['model']} on {r['database']} ({r['undefined']})")
    told = "; ".join(f"{name}: {', '.join(where)}" for name, where in said.items())
    return f"0 where a network never answers a class, with the number of such networks. {told}." if told else ""


def _measure(name: str) -> str:
    """Such as ``recall, no pain``."""
    kind, _, of_class = name.partition(":")
    kind = {"f1": "F1", "auroc": "AUROC"}.get(kind, numbers.plain(kind))
    return f"{kind}, {'mean' if of_class == 'macro' else numbers.plain(of_class)}" if of_class else kind


def _cell(
    at: dict[tuple[str, str, str], pd.Series], model: str, tested: str, name: str, *, ends: bool = True,
    quiet: bool = False,
) -> Cell:  # fmt: skip
    row = at.get((model, tested, name))
    if row is None:
        return words(numbers.MISSING, quiet=quiet)
    return real(row["value"], row["low"] if ends else None, row["high"] if ends else None, quiet=quiet)
