"""Tables and figures for a paper: what the report shows, in the forms that a manuscript needs."""

from dataclasses import dataclass
from pathlib import Path

from painlens.bundle.contents import command_of
from painlens.progress import silent
from painlens.publication.bibliography import bibliography
from painlens.publication.drawings import COLUMN_MM, PAGE_MM, figure_of_faces, pdf_of, svg_of
from painlens.report import EXPORTED, Plot, ReportInputs, build_sections, plots_of, shown_examples, tables_of
from painlens.report.figures.canvas import elided
from painlens.report.pictures import figure_1
from painlens.report.tables import Table, frame_to_csv, to_csv, to_latex
from painlens.tables import DataError, atomic_path, save_text
from painlens.workflow.context import Context
from painlens.workflow.reporting import report_inputs
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import jobs_of

_PREAMBLE = (
    "% \\input this file in a document with \\usepackage{booktabs}\n"
    "% and set \\graphicspath or copy figures/ beside the document.\n"
)


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes
    ----------
    withheld
        Faces that Figure 1 would show but whose participants did not agree to publication.
    figure_1
        Whether there is a Figure 1.
    """

    files: tuple[Path, ...]
    withheld: int
    figure_1: bool


def export_run(run: RunFolder, folder: Path, *, width_mm: float = COLUMN_MM) -> Exported:
    """Write what `export_inputs` does of a run.

    Raises
    ------
    DataError
        A step has not run.
    """
    study = run.study()
    for job in jobs_of(study):
        if job.stage != "report" and not run.manifest(job).exists():
            raise DataError(
                f"step {job.name} of {run.root} has not run, its results are wanted for the export: painlens run "
                f"{run.root} (or only {command_of(job, run)})"
            )
    inputs = report_inputs(Context(run, study, run.folder("report"), "", "", 1, silent))
    return export_inputs(inputs, folder, width_mm=width_mm)


def export_inputs(inputs: ReportInputs, folder: Path, *, width_mm: float = COLUMN_MM) -> Exported:
    """Write tables, figures and the bibliography of what a report is made from.

    ``tables/<name>.csv`` and ``.tex`` of every table of the report (``table-1`` and ``table-2`` are the paper's),
    ``tables/<table of painlens>.csv`` unrounded; ``figures/<name>.svg`` and ``.pdf``; ``figures/figure-1`` is the
    paper's, of faces whose participants agreed to publication; ``all-tables.tex``; ``references.bib``.

    Parameters
    ----------
    width_mm
        Of the figures; Figure 1 takes the width of the page where it is larger.
    """
    sections = build_sections(inputs)
    own = {table.name: table for table in tables_of(sections)}
    texts = {f"tables/{name}.csv": to_csv(table) for name, table in own.items()}
    texts |= {f"tables/{name}.tex": to_latex(table) for name, table in own.items()}
    texts |= {f"tables/{name}.csv": frame_to_csv(getattr(inputs, name)) for name in EXPORTED if name not in own}
    texts |= {"all-tables.tex": _all_tables(own), "references.bib": bibliography(inputs.study)}
    pictures: dict[str, bytes] = {}
    plots = [(plot, width_mm) for plot in plots_of(sections)]
    faces, withheld = _figure_1(inputs)
    plots += [] if faces is None else [(faces, max(width_mm, PAGE_MM))]
    for plot, width in plots:
        texts[f"figures/{plot.name}.svg"] = svg_of(plot, width)
        if plot.figure is not None:
            pictures[f"figures/{plot.name}.pdf"] = pdf_of(plot.figure, width)
    return Exported(_written(folder, texts, pictures), withheld, faces is not None)


def _written(folder: Path, texts: dict[str, str], pictures: dict[str, bytes]) -> tuple[Path, ...]:
    for name, text in texts.items():
        save_text(text, folder / name)
    for name, content in pictures.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(content)
    for kind in ("svg", "pdf"):  # a face that was withdrawn since does not stay from an earlier export
        if f"figures/figure-1.{kind}" not in {*texts, *pictures}:
            (folder / "figures" / f"figure-1.{kind}").unlink(missing_ok=True)
    return tuple(folder / name for name in sorted({*texts, *pictures}))


def _all_tables(own: dict[str, Table]) -> str:
    first = [name for name in ("table-1", "table-2") if name in own]
    rest = [name for name in own if name not in first]
    return _PREAMBLE + "".join(f"\\input{{tables/{name}}}\n" for name in (*first, *rest))


def _figure_1(inputs: ReportInputs) -> tuple[Plot | None, int]:
    """The paper's figure of the first pair of models, and how many faces it leaves out."""
    shown, pair = shown_examples(inputs), inputs.databases[:2]
    own = [example for example in shown.examples if (example.model_a, example.model_b) == pair]
    picture = figure_1(own, normalisation=inputs.study.differences.normalisation)
    if picture is None:
        return None, shown.withheld
    a, b = pair
    title = f"Faces, relevance of {a} and of {b}, and where each is larger"
    short = elided(a), elided(b)
    return figure_of_faces(
        picture, ("face", *short, f"{short[0]} > {short[1]}", f"{short[1]} > {short[0]}"), title
    ), shown.withheld
