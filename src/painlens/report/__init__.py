"""All tables become one page: `report.html`, with figures and tables for a paper beside it.

The page needs no network, no script and no other file. It says the verdict first, each number with its interval and
what the interval is about, and shows a face only where consent to publication is on record.
"""

from pathlib import Path

from painlens.report.blocks import Plot, Section, plots_of, tables_of
from painlens.report.consent import shown_examples
from painlens.report.inputs import AdoptedNetwork, Example, FinishedStep, ReportInputs, TrainedNetwork, check_inputs
from painlens.report.page import render_page
from painlens.report.pictures import figure_1, png_bytes
from painlens.report.sections import build_sections
from painlens.report.sections.verdict import said
from painlens.report.tables import frame_to_csv, to_csv, to_latex
from painlens.tables import atomic_path, save_json, save_text

__all__ = [
    "EXPORTED",
    "AdoptedNetwork",
    "Example",
    "FinishedStep",
    "Plot",
    "ReportInputs",
    "Section",
    "TrainedNetwork",
    "build_sections",
    "plots_of",
    "shown_examples",
    "tables_of",
    "write_report",
]

VERDICTS = "verdicts.json"
# Tables of numbers about groups; tables with a row per face or frame stay in the run's own folders.
EXPORTED = (
    "metrics", "confusion", "calibration", "calibration_curve", "subgroups", "prevalence", "errors", "regions",
    "association", "class_association", "decodability",
    "replication", "causes", "verdicts", "directions", "layers", "reliability", "label_noise",
)  # fmt: skip


def write_report(inputs: ReportInputs, folder: Path) -> Path:
    """Write the page and its companions into a folder; returns the path of `report.html`.

    ``report.html``; ``tables/<name>.csv`` and ``.tex`` of every table on the page, ``tables/<schema>.csv`` unrounded;
    ``figures/<name>.svg`` of every figure, ``figures/figure-1.png`` of the faces that may be published;
    ``verdicts.json``: the sentences of the verdicts, for the terminal.

    Raises
    ------
    DataError
        A table does not conform to its schema, or a picture does not fit its face.
    """
    check_inputs(inputs)
    sections = build_sections(inputs)
    written = {folder / "report.html": render_page(inputs, sections)}
    for plot in plots_of(sections):
        written[folder / "figures" / f"{plot.name}.svg"] = plot.svg
    for table in tables_of(sections):
        written[folder / "tables" / f"{table.name}.csv"] = to_csv(table)
        written[folder / "tables" / f"{table.name}.tex"] = to_latex(table)
    for name in EXPORTED:
        written[folder / "tables" / f"{name}.csv"] = frame_to_csv(getattr(inputs, name))
    for path, text in written.items():
        save_text(text, path)
    save_json({"verdicts": said(inputs)}, folder / VERDICTS)
    picture = folder / "figures" / "figure-1.png"
    if _write_figure_1(inputs, picture):
        written[picture] = ""
    for name in ("figures", "tables"):  # nothing of an earlier report outlives its study or its consent
        for path in sorted((folder / name).glob("*")):
            if path not in written and path.suffix in (".svg", ".png", ".csv", ".tex"):
                path.unlink()
    return folder / "report.html"


def _write_figure_1(inputs: ReportInputs, path: Path) -> bool:
    """The faces of the first pair of models, as one picture; whether there is one."""
    shown = shown_examples(inputs).examples
    pair = inputs.models[:2]
    own = [example for example in shown if (example.model_a, example.model_b) == pair]
    picture = figure_1(own, normalisation=inputs.study.differences.normalisation)
    if picture is None:
        return False
    with atomic_path(path) as temporary:
        temporary.write_bytes(png_bytes(picture))
    return True
