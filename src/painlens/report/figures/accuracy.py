"""Accuracy within and across databases."""

import pandas as pd

from painlens.metrics.scores import MAJORITY, MEAN
from painlens.report import numbers
from painlens.report.blocks import Plot
from painlens.report.figures.canvas import QUIET, Looks, elided, finish, rows_figure, title_below


def accuracy_plot(metrics: pd.DataFrame, databases: tuple[str, ...], models: tuple[str, ...] = ()) -> Plot:
    """Mean accuracy over seeds of every model on every database, its interval, and the majority baseline as a tick."""
    models = models or databases
    means = metrics[(metrics["replicate"] == MEAN) & (metrics["measure"] == "accuracy")]
    at = {(str(r["model"]), str(r["database"])): r for _, r in means.iterrows()}
    pairs = [(model, tested) for tested in databases for model in models if (model, tested) in at]
    looks = Looks(models)
    figure, axes = rows_figure([f"{elided(model)} → {elided(tested)}" for model, tested in pairs])
    said = []
    for y, (model, tested) in enumerate(pairs):
        row = at[(model, tested)]
        looks.interval(axes, model, (float(row["low"]), float(row["high"])), y)
        looks.dot(axes, model, float(row["value"]), y, filled=model == tested or model not in databases)
        if (MAJORITY, tested) in at:
            baseline = float(at[(MAJORITY, tested)]["value"])
            axes.plot([baseline, baseline], [y - 0.32, y + 0.32], color=QUIET, linewidth=2)
        said.append(f"{model} on {tested} {numbers.number(float(row['value']))}")
    axes.set_xlim(0, 1)
    title_below(axes, "accuracy")
    return finish(
        figure, name="accuracy", title="Accuracy within and across databases" if models == databases else "Accuracy",
        description=f"Accuracy of each model on the faces of each database: {'; '.join(said)}.",
    )  # fmt: skip
