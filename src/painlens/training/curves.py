"""The picture of a training: loss, and accuracy and F1, by epoch."""

from pathlib import Path

import pandas as pd

from painlens.tables import atomic_path


def plot_curves(history: pd.DataFrame, path: Path, *, kept_epoch: int | None = None) -> None:
    """Draw a HISTORY table as SVG or PNG (by the suffix of `path`); equal tables give equal SVG bytes."""
    from matplotlib import rc_context  # a second of import time that only this function needs
    from matplotlib.figure import Figure

    panels = (
        ("loss", (("train_loss", "training"), ("validation_loss", "validation"))),
        (
            "share",
            (
                ("train_accuracy", "accuracy, training"),
                ("validation_accuracy", "accuracy, validation"),
                ("validation_macro_f1", "macro F1, validation"),
            ),
        ),
    )
    with rc_context({"svg.hashsalt": "painlens", "svg.fonttype": "none"}):
        figure = Figure(figsize=(8.0, 3.0), layout="constrained")
        for axes, (title, lines) in zip(figure.subplots(1, 2), panels, strict=True):
            for column, label in lines:
                if history[column].notna().any():
                    axes.plot(history["epoch"], history[column], label=label)
            if kept_epoch is not None:
                axes.axvline(kept_epoch, color="0.7", linewidth=1.0, zorder=0, label="kept epoch")
            axes.set_xlabel("epoch")
            axes.set_ylabel(title)
            axes.legend(frameon=False, fontsize="small")
        with atomic_path(path) as temporary:
            kind = path.suffix.removeprefix(".")
            figure.savefig(temporary, format=kind, metadata={"Date": None} if kind == "svg" else None)
