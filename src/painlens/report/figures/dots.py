"""One dot with its interval per row of a table, groups in reading order."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from painlens.metrics import in_reading_order
from painlens.report import numbers
from painlens.report.figures.canvas import Looks, elided, rows_figure


def dots_by_group(
    table: pd.DataFrame, looks: Looks, columns: tuple[str, str, str], *, marked: str = ""
) -> tuple[Figure, Axes, str]:
    """Draw a table of shares with columns ``low`` and ``high``.

    Parameters
    ----------
    columns
        Where a row's group (class, label), its database or model, and its value stand.
    marked
        Group with a star.

    Returns
    -------
    tuple
        The figure, its axes from 0 to 1, and the values in words.
    """
    group, owner, value = columns
    order = {name: place for place, name in enumerate(in_reading_order(table[group]))}
    rows = [row for _, row in table.sort_values(group, key=lambda c: c.map(order), kind="stable").iterrows()]
    star = {marked: " *"}
    labels = [f"{numbers.plain(r[group])}{star.get(str(r[group]), '')}, {elided(str(r[owner]))}" for r in rows]
    figure, axes = rows_figure(labels)
    for y, row in enumerate(rows):
        name = str(row[owner])
        looks.interval(axes, name, (float(row["low"]), float(row["high"])), y)
        looks.dot(axes, name, float(row[value]), y)
    axes.set_xlim(0, 1)
    said = "; ".join(f"{label} {numbers.number(float(r[value]))}" for label, r in zip(labels, rows, strict=True))
    return figure, axes, said
