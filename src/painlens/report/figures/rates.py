"""How often a concept is shown, and how often models err with and without it."""

import pandas as pd

from painlens.metrics import in_reading_order
from painlens.report import numbers
from painlens.report.blocks import Plot
from painlens.report.figures.canvas import Looks, elided, finish, rows_figure, title_below
from painlens.report.figures.dots import dots_by_group


def prevalence_plot(prevalence: pd.DataFrame, concept: str, databases: tuple[str, ...]) -> Plot:
    """Share of faces with a concept by label and database, with intervals over participants."""
    own = prevalence[prevalence["concept"] == concept]
    figure, axes, said = dots_by_group(own, Looks(databases), ("label", "database", "rate"))
    title_below(axes, "share of test faces")
    return finish(
        figure, name=f"prevalence-{concept}", title=numbers.plain(concept),
        description=f"Share of test faces with {numbers.plain(concept)}: {said}.",
    )  # fmt: skip


def errors_plot(errors: pd.DataFrame, concept: str, databases: tuple[str, ...], models: tuple[str, ...] = ()) -> Plot:
    """Error rate with (filled) and without (hollow) a concept, by model and database under each true class."""
    models = models or databases
    own = errors[errors["concept"] == concept]
    at = {(str(r["label"]), str(r["model"]), str(r["database"]), bool(r["present"])): r for _, r in own.iterrows()}
    rows: list[tuple[str, str, str]] = []  # a class alone is a heading
    for label in in_reading_order(key[0] for key in at):
        pairs = [(model, tested) for tested in databases for model in models]
        rows.append((label, "", ""))
        rows += [(label, *pair) for pair in pairs if (label, *pair, True) in at or (label, *pair, False) in at]
    labels = [f"{elided(m)} → {elided(d)}" if m else f"true class: {numbers.plain(label)}" for label, m, d in rows]
    figure, axes = rows_figure(labels)
    looks = Looks(models)
    said = []
    for y, key in enumerate(rows):
        if not key[1]:
            axes.get_yticklabels()[y].set_fontweight("bold")
            continue
        values = []
        for present, shift, word in ((True, -0.17, "with"), (False, 0.17, "without")):
            row = at.get((*key, present))
            if row is None:
                continue
            rate = float(row["error_rate"])
            looks.interval(axes, key[1], (float(row["low"]), float(row["high"])), y + shift, width=1.2)
            looks.dot(axes, key[1], rate, y + shift, size=6, filled=present)
            values.append(f"{numbers.number(rate)} {word}")
        said.append(f"{key[1]} on {key[2]}, {numbers.plain(key[0])}: {', '.join(values)}")
    axes.set_xlim(0, 1)
    title_below(axes, "error rate")
    return finish(
        figure, name=f"errors-{concept}", title=numbers.plain(concept),
        description=f"Error rate with and without {numbers.plain(concept)}: {'; '.join(said)}.",
    )  # fmt: skip
