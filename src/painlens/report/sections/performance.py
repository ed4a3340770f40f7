"""The paper's Tables 1 and 2 with what they lack: intervals, balanced accuracy, AUROC, the majority answer."""

import pandas as pd

from painlens.metrics import paper_tables
from painlens.metrics.paper import PaperTable
from painlens.metrics.scores import MAJORITY, MEAN
from painlens.report import numbers
from painlens.report.blocks import Block, Folded, Heading, Plots, Section, TableBlock, Text
from painlens.report.figures import accuracy_plot, confusion_plot
from painlens.report.inputs import ReportInputs
from painlens.report.sections.calibration import calibration, subgroups
from painlens.report.tables import Cell, Column, Table, real, whole, words

_GROUPS = {"P": "precision", "R": "recall", "F1": "F1"}
_WIDEST = 3  # classes whose measures stand side by side, as the paper prints them


def performance(inputs: ReportInputs) -> Section:
    """Every model on the test faces of every database."""
    if inputs.metrics.empty:
        text = "The faces carry no label that the models answer, so there is no accuracy to report."
        return Section("performance", "Performance", (Text((text,)),))
    tested = set(inputs.metrics["database"])  # faces without labels of the models' classes are not judged
    databases = {name: database for name, database in inputs.study.databases.items() if name in tested}
    found = paper_tables(inputs.metrics, classes=inputs.classes, databases=databases, models=inputs.models)
    blocks: list[Block] = [
        Text((
            "Every model is tested on the same faces of every database. "
            f"{_numbers_are(inputs)} intervals are over test participants, for these very networks.",
        )),
        *(TableBlock(_table(number, table, inputs.classes)) for number, table in enumerate(found, start=1)),
        Plots(
            (accuracy_plot(inputs.metrics, tuple(databases), inputs.models),),
            caption=_reading(inputs),
            data=_summary(inputs),
        ),
        *_confusion(inputs),
        *calibration(inputs),
        *subgroups(inputs),
        Folded("Every measure with its interval", (TableBlock(_every_measure(inputs)),)),
    ]  # fmt: skip
    title = "Performance" if inputs.study.models else _title(len(found))
    return Section("performance", title, tuple(blocks))


def _reading(inputs: ReportInputs) -> str:
    """How to read the figure of accuracies."""
    fill = "" if inputs.study.models else " Filled: the model's own database; hollow: the other."
    return f"{inputs.arrow.capitalize()}.{fill} Tick: the majority answer."


def _numbers_are(inputs: ReportInputs) -> str:
    seeds = sum(name.startswith("seed=") for name in inputs.study.replicates)
    if inputs.study.models:
        return "Numbers are those of one checkpoint;" if seeds == 1 else f"Numbers are means over {seeds} checkpoints;"
    return "Numbers are those of one fine-tuning;" if seeds == 1 else f"Numbers are means over {seeds} fine-tunings;"


def _title(tables: int) -> str:
    return "Tables 1 and 2: within and across databases" if tables == 2 else "Within and across databases"


def _table(number: int, table: PaperTable, classes: tuple[str, ...]) -> Table:
    """One model: the paper's form, or with many classes one row per class, since nobody reads 25 columns."""
    return _paper_table(number, table) if len(classes) <= _WIDEST else _long_table(number, table, classes)


def _long_table(number: int, table: PaperTable, classes: tuple[str, ...]) -> Table:
    """One model; a row per tested database and class."""
    rows: list[tuple[Cell, ...]] = []
    for tested, (_, values) in zip(map(str, table.yours.index), table.yours.iterrows(), strict=True):
        for name in (*classes, "avg"):
            head = (words(tested), words(numbers.plain(name), quiet=name == "avg"))
            own = (real(values[f"{letter} {name}"], quiet=name == "avg") for letter in _GROUPS)
            rows.append((*head, *own, real(values["accuracy"] if name == "avg" else None)))
    columns = tuple(map(Column, ("test faces", "class", *_GROUPS.values(), "accuracy")))
    note = "avg: plain mean over the classes."
    return Table(f"table-{number}", f"Table {number}. The {table.model} model", columns, tuple(rows), 2, note)


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
        for model in inputs.models:
            own = [_cell(at, model, tested, name) for name in ("accuracy", "balanced-accuracy", "auroc")]
            majority = _cell(at, MAJORITY, tested, "accuracy", ends=False, quiet=True)
            row = at.get((model, tested, "accuracy"))
            counts = (None, None) if row is None else (row["faces"], row["participants"])
            rows.append((words(model), words(tested), own[0], majority, *own[1:], *(whole(n) for n in counts)))
    columns = (
        Column(inputs.by), Column("tested on"), Column("accuracy"), Column("majority answer"),
        Column("balanced accuracy"), Column("AUROC"), Column("faces"), Column("people"),
    )  # fmt: skip
    return Table(
        "accuracy", "Accuracy, balanced accuracy and AUROC with intervals", columns, tuple(rows), headers=2,
        note="Majority answer: accuracy of always giving the most frequent class of the tested database.",
    )  # fmt: skip


def _confusion(inputs: ReportInputs) -> list[Block]:
    """Which class is taken for which; of two classes recall and precision say it already, so the numbers are folded."""
    means = inputs.confusion[inputs.confusion["replicate"] == MEAN]
    if means.empty:
        return []
    table = _confusion_table(means, inputs)
    if len(inputs.classes) == 2:
        return [Folded("Which class is taken for which", (TableBlock(table),))]
    plots = tuple(
        confusion_plot(means, model, tested, inputs.classes)
        for tested in dict.fromkeys(map(str, means["database"]))
        for model in inputs.models
    )
    caption = (
        f"{inputs.arrow.capitalize()}. Rows: true class; columns: answer; each row adds up to 1 and its framed cell is "
        "the recall. Means over seeds."
    )
    return [Heading("Which class is taken for which"), Plots(plots, caption, data=table)]


def _confusion_table(means: pd.DataFrame, inputs: ReportInputs) -> Table:
    at = {tuple(str(r[n]) for n in ("model", "database", "label", "predicted")): r for _, r in means.iterrows()}
    rows = []
    for tested in dict.fromkeys(map(str, means["database"])):
        for model in inputs.models:
            for label in inputs.classes:
                own = [at[key] for a in inputs.classes if (key := (model, tested, label, a)) in at]
                if not own:  # no face of this class
                    continue
                shares = (real(row["share"], row["low"], row["high"]) for row in own)
                heads = (f"{model} → {tested}", numbers.plain(label))
                rows.append((*map(words, heads), *shares, whole(own[0]["of"])))
    answers = (Column(numbers.plain(name), "answered") for name in inputs.classes)
    columns = (Column(inputs.arrow), Column("true class"), *answers, Column("faces"))
    return Table(
        "confusion-by-model", "Share of the faces of a class that got each answer", columns, tuple(rows), headers=2,
        note="Means over seeds; intervals are over test participants, for these very networks.",
    )  # fmt: skip


def _every_measure(inputs: ReportInputs) -> Table:
    at = _at(inputs.metrics)
    pairs = [(model, tested) for tested in inputs.databases for model in inputs.models]
    own = inputs.metrics[inputs.metrics["model"].isin(inputs.models)]
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
