"""Why performance drops across databases, or how models of others err: who shows a concept, and who errs with it."""

from painlens.metrics import rows_in_reading_order
from painlens.report import numbers
from painlens.report.blocks import Block, Heading, Plots, Section, Text
from painlens.report.figures import errors_plot, prevalence_plot
from painlens.report.inputs import ReportInputs
from painlens.report.tables import Column, Table, real, whole, words

PSPI = (
    "PSPI counts closed eyes (AU43). A frame with closed eyes has a PSPI of 1 or more and shows pain by definition: "
    "where PSPI is the label, the class without pain never has closed eyes. Part of the attention that such a model "
    "pays to eyes is therefore the definition of its label. Parted lips (AU25 to 27) are not in PSPI: a face with "
    "visible teeth may be labelled as no pain at all."
)


def concept_shares(inputs: ReportInputs) -> Section:
    """Prevalence of every concept by label and database, and errors by its presence."""
    concepts = [name for name in inputs.study.concepts if name in set(inputs.prevalence["concept"])]
    if not concepts:
        what = "errors" if inputs.study.models else "the drop"
        text = f"No concept was labelled on the test faces, so {what} cannot be traced to one."
        return Section("drop", _title(inputs), (Text((text,)),))
    wrong = [name for name in concepts if name in set(inputs.errors["concept"])]
    blocks: list[Block] = [
        Text((_why(inputs),)),
        Heading("How often each concept is shown"),
        Plots(
            tuple(prevalence_plot(inputs.prevalence, name, inputs.databases) for name in concepts),
            caption="Intervals are over test participants.",
            data=_prevalence(inputs),
        ),
        Heading("How often models err with and without it"),
        Plots(
            tuple(errors_plot(inputs.errors, name, inputs.databases, inputs.models) for name in wrong),
            caption=f"{inputs.arrow.capitalize()}, true class. Filled: faces with the concept; hollow: without. Means "
            "over seeds.",
            data=_errors(inputs),
        ),
    ]  # fmt: skip
    if any(database.reader == "unbc" for database in inputs.study.databases.values()):
        blocks.append(Text((PSPI,), kind="caution"))
    return Section("drop", _title(inputs), tuple(blocks))


def _title(inputs: ReportInputs) -> str:
    """Databases that models were trained on are compared, or models on the same faces."""
    return "Concepts and errors" if inputs.study.models else "Why performance drops across databases"


def _why(inputs: ReportInputs) -> str:
    """What the figures can show."""
    if inputs.study.models:
        return (
            "A model that takes a concept for the class errs where the concept and the label disagree. Two models that "
            "err on the same faces as often can differ here."
        )
    return (
        "If a concept goes along with the label in one database and not in the other, a model that learned it errs on "
        "the other database where the concept and the label disagree."
    )


def _prevalence(inputs: ReportInputs) -> Table:
    table = rows_in_reading_order(inputs.prevalence, "concept", "database")
    totals = table.groupby("concept")["present"].sum()
    rows = tuple(
        (
            words(numbers.plain(r["concept"])), words(r["database"]), words(numbers.plain(r["label"])),
            real(r["rate"], r["low"], r["high"]), whole(r["present"]), whole(r["faces"]),
            real(r["present"] / totals[r["concept"]] if totals[r["concept"]] else None),
        )
        for _, r in table.iterrows()
    )  # fmt: skip
    columns = (
        Column("concept"), Column("database"), Column("class"), Column("share"), Column("with it"), Column("faces"),
        Column("of all faces with it"),
    )  # fmt: skip
    return Table("prevalence-by-label", "Concepts by database and class", columns, rows, headers=3)


def _errors(inputs: ReportInputs) -> Table:
    cells = {
        (str(r["concept"]), str(r["label"]), str(r["database"]), str(r["model"]), bool(r["present"])): r
        for _, r in rows_in_reading_order(inputs.errors, "concept", "model", "database").iterrows()
    }
    keys = list(dict.fromkeys(key[:4] for key in cells))
    rows = []
    for concept, label, tested, model in keys:
        row = [words(numbers.plain(concept)), words(model), words(tested), words(numbers.plain(label))]
        for present in (True, False):
            found = cells.get((concept, label, tested, model, present))
            if found is None:
                row += [words(None), whole(0)]
            else:
                row += [real(found["error_rate"], found["low"], found["high"]), whole(found["faces"])]
        rows.append(tuple(row))
    columns = (
        Column("concept"), Column(inputs.by), Column("tested on"), Column("class"),
        Column("error rate", "with the concept"), Column("faces", "with the concept"),
        Column("error rate", "without it"), Column("faces", "without it"),
    )  # fmt: skip
    return Table("errors-by-concept", "Error rate by presence of the concept", columns, tuple(rows), headers=4)
