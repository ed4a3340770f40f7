"""The course of the trainings."""

from collections.abc import Mapping

from painlens.report import numbers
from painlens.report.blocks import Block, Folded, Plots, Section, TableBlock, Text
from painlens.report.figures import curves_plot
from painlens.report.inputs import ReportInputs, TrainedNetwork
from painlens.report.tables import Cell, Column, Table, real, rounded, whole, words


def training(inputs: ReportInputs) -> Section:
    """Curves of every model, and what the trainings were given."""
    if not inputs.trainings:
        if inputs.study.models:
            return Section("training", "Training curves", ())
        return Section("training", "Training curves", (Text(("No history of a training was handed in.",)),))
    models = [*dict.fromkeys(one.model for one in inputs.trainings)]
    plots = tuple(curves_plot(name, [t for t in inputs.trainings if t.model == name]) for name in models)
    blocks: list[Block] = [
        Plots(plots, caption="Solid: training faces, augmented; dashed: validation faces. Faint: networks on halves."),
        Folded("Every training", (TableBlock(_table(inputs.trainings)),)),
    ]
    return Section("training", "Training curves", tuple(blocks))


def class_weight_sentences(inputs: ReportInputs) -> list[str]:
    """The class weights that the loss had, in words; one sentence per model."""
    said: dict[str, str] = {}
    for one in inputs.trainings:
        if one.class_weights and one.model not in said:
            weights = ", ".join(
                f"{numbers.plain(name)} {numbers.number(weight, 3)}" for name, weight in one.class_weights.items()
            )
            said[one.model] = f"{one.model} ({one.replicate}): {weights}"
    return list(said.values())


def _table(trainings: tuple[TrainedNetwork, ...]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for one in trainings:
        last = one.history.iloc[-1] if len(one.history) else None
        values = (None,) * 4 if last is None else tuple(last[n] for n in _LAST)
        rows.append((
            words(one.model), words(one.replicate), words(_by_class(one.faces)),
            words(_by_class(one.class_weights) if one.class_weights else "none"), whole(len(one.history)),
            whole(one.kept_epoch), rounded(values[0]), rounded(values[1]), real(values[2]), real(values[3]),
        ))  # fmt: skip
    titles = (
        ("model", ""), ("network", ""), ("training faces", ""), ("class weights", ""), ("epochs", ""), ("kept", ""),
        ("training", "last loss"), ("validation", "last loss"), ("training", "last accuracy"),
        ("validation", "last accuracy"),
    )  # fmt: skip
    return Table("trainings", "Every training", tuple(Column(t, g) for t, g in titles), tuple(rows), headers=2)


_LAST = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")


def _by_class(values: Mapping[str, float]) -> str:
    """Such as ``no pain 300, pain 410``."""
    return ", ".join(f"{numbers.plain(name)} {_amount(value)}" for name, value in values.items())


def _amount(value: float) -> str:
    return str(value) if isinstance(value, int) else numbers.number(value, 3)
