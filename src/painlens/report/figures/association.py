"""How far every network's score goes along with a concept: seeds, halves, null band, truth."""

import pandas as pd

from painlens.report import numbers
from painlens.report.blocks import Plot
from painlens.report.figures.canvas import BAND, INK, QUIET, SMALL, Looks, elided, finish, rows_figure, title_below

NO_ASSOCIATION = {"auroc": 0.5}


def association_plot(
    association: pd.DataFrame,
    concept: str,
    databases: tuple[str, ...],
    *,
    null_band: float | None,
    truth: dict[str, float],
) -> Plot:
    """AUROC of every network: seeds filled, halves hollow; the null band as a bar around each model's mean.

    Parameters
    ----------
    association
        Rows of ASSOCIATION of one measure.
    null_band
        Largest distance of one database's own networks, on the scale of a difference; drawn with that total width.
    truth
        Model -> planted effect (change of probability); empty without twins.
    """
    own = association[association["concept"] == concept]
    models = [name for name in databases if name in set(own["model"])]
    looks = Looks(databases)
    labels = [f"{elided(name)} {kind}" for name in models for kind in ("seeds", "halves")]
    figure, axes = rows_figure(labels)
    neutral = NO_ASSOCIATION.get(str(own["measure"].iloc[0]), 0.0)
    axes.axvline(neutral, color=QUIET, linewidth=1, zorder=1)
    values, said = [neutral], []
    for number, model in enumerate(models):
        rows = own[own["model"] == model]
        seeds = rows.loc[rows["replicate"].str.startswith("seed="), "value"].to_numpy(dtype=float)
        halves = rows.loc[rows["replicate"].str.startswith("half="), "value"].to_numpy(dtype=float)
        y = 2 * number
        if len(seeds):
            mean = float(seeds.mean())
            if null_band is not None:
                axes.barh(
                    [y + 0.5], [null_band], left=[mean - null_band / 2], height=1.7, color=BAND, linewidth=0, zorder=0
                )
                values += [mean - null_band / 2, mean + null_band / 2]
            axes.plot([mean, mean], [y - 0.35, y + 0.35], color=INK, linewidth=2, zorder=5)
        for value in seeds:
            looks.dot(axes, model, value, y, size=6.5)
        for value in halves:
            looks.dot(axes, model, value, y + 1, size=5.5, filled=False)
        if not len(halves):
            axes.text(0.5, y + 1, "none trained", transform=axes.get_yaxis_transform(), ha="center", va="center",
                      color=QUIET, fontsize=SMALL, style="italic")  # fmt: skip
        values += [*seeds, *halves]
        seen = ", ".join(numbers.number(value) for value in seeds)
        planted = f", planted effect {numbers.signed(truth[model])}" if model in truth else ""
        said.append(f"{model}: seeds {seen or 'none'}{planted}")
    low, high = min(values), max(values)
    pad = 0.06 * max(high - low, 0.1)
    axes.set_xlim(low - pad, high + pad)
    title_below(axes, f"AUROC; {numbers.number(neutral, 1)}: no association")
    return finish(
        figure, name=f"association-{concept}", title=numbers.plain(concept),
        description=f"AUROC for {numbers.plain(concept)}. {'; '.join(said)}.",
    )  # fmt: skip
