"""The course of the trainings of one database."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from painlens.report import numbers
from painlens.report.blocks import Plot
from painlens.report.figures.canvas import INK, LINE, SERIES, SMALL, WIDTH, dress, finish, title_below
from painlens.report.inputs import TrainedNetwork

_HEIGHT = 330
_PANELS = (("loss", "loss"), ("accuracy", "accuracy"))


def curves_plot(model: str, trainings: Sequence[TrainedNetwork]) -> Plot:
    """Loss above and accuracy below; training solid, validation dashed; networks on halves are fainter."""
    figure = Figure(figsize=(WIDTH / 72, _HEIGHT / 72))
    for number, (measure, title) in enumerate(_PANELS):
        axes = figure.add_axes((0.12, 0.57 - 0.44 * number, 0.85, 0.36))
        dress(axes)
        axes.grid(visible=True, axis="y", color=LINE, linewidth=0.6, alpha=0.6)
        axes.set_title(title, loc="left", fontsize=SMALL, color=INK, pad=6)
        for training in trainings:
            seed = not training.replicate.startswith("half=")
            width, alpha = (1.5, 1.0) if seed else (0.9, 0.4)
            epochs = training.history["epoch"].to_numpy(dtype=float)
            axes.plot(epochs, training.history[f"train_{measure}"], color=SERIES[0], linewidth=width, alpha=alpha)
            axes.plot(
                epochs,
                training.history[f"validation_{measure}"],
                color=SERIES[1],
                linestyle=(0, (5, 2)),
                linewidth=width,
                alpha=alpha,
            )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        axes.locator_params(axis="y", nbins=5)
        if measure == "accuracy":
            axes.set_ylim(top=1.0)
            title_below(axes, "epoch")
        else:
            axes.tick_params(axis="x", labelbottom=False)
    last = [t.history.iloc[-1] for t in trainings if len(t.history) and not t.replicate.startswith("half=")]
    ends = ", ".join(numbers.number(row["validation_accuracy"]) for row in last)
    return finish(
        figure, name=f"training-{model}", title=model,
        description=f"Loss and accuracy over the epochs of {len(trainings)} trainings on {model}; "
        f"validation accuracy at the end of the seeds: {ends or 'none'}.",
    )  # fmt: skip
