"""Figures at the width of a journal's column, as SVG and PDF, drawn as on the page and scaled as a whole."""

import io
import re

import numpy as np
from jaxtyping import UInt8
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_pdf import FigureCanvasPdf, Op, PdfFile, RendererPdf
from matplotlib.figure import Figure

from painlens.report import Plot
from painlens.report.figures.canvas import INK, finish

COLUMN_MM, PAGE_MM = 84.0, 174.0  # one column and the whole page of the usual journals
_MM_PER_INCH, _POINTS, _PIXELS = 25.4, 72.0, 600  # per inch
_WIDTH, _LINE = 5.8, 0.36  # inches: of a figure on the page, of two lines of words


def svg_of(plot: Plot, width_mm: float) -> str:
    """The figure's SVG document with its width in millimetres; the drawing is scaled, its letters with it."""
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', plot.svg)
    if box is None:
        raise ValueError(f"figure {plot.name} has no view box")
    height = width_mm * float(box[2]) / float(box[1])
    text = plot.svg
    for name, value in (("width", width_mm), ("height", height)):
        text = re.sub(rf'(<svg\b[^>]*?)\s{name}="[^"]*"', rf'\1 {name}="{value:.2f}mm"', text, count=1)
    return text


def pdf_of(figure: Figure, width_mm: float) -> bytes:
    """A figure as PDF of a given width, letters embedded; without date, so that equal figures give equal bytes."""
    width, height = figure.get_size_inches()
    scale = width_mm / _MM_PER_INCH / width
    stream = io.BytesIO()
    FigureCanvasPdf(figure)
    resolution, figure.dpi = figure.dpi, _POINTS
    try:
        file = PdfFile(stream, metadata={"CreationDate": None, "Creator": "painlens", "Producer": None})
        file.newPage(width * scale, height * scale)
        file.output(scale, 0, 0, scale, 0, 0, Op.concat_matrix)
        renderer = MixedModeRenderer(figure, width, height, _PIXELS, RendererPdf(file, _PIXELS, height, width))
        figure.draw(renderer)  # pyright: ignore[reportArgumentType] - it hands everything on to a renderer
        renderer.finalize()
        file.finalize()
        file.close()
    finally:
        figure.dpi = resolution
    return stream.getvalue()


def figure_of_faces(picture: UInt8[np.ndarray, "height width 3"], headings: tuple[str, ...], title: str) -> Plot:
    """The paper's Figure 1: rows of panels as one picture without loss, with words above the columns."""
    rows, columns = picture.shape[:2]
    height = _WIDTH * rows / columns
    figure = Figure(figsize=(_WIDTH, height + _LINE))
    axes = figure.add_axes((0, 0, 1, height / (height + _LINE)))
    axes.imshow(picture, interpolation="none", aspect="auto")
    axes.set_axis_off()
    for place, words in enumerate(headings):
        x = (place + 0.5) / len(headings)
        lines = words.replace(" > ", " >\n")  # side by side, two long names would run into each other
        figure.text(x, 1 - 0.5 * _LINE / (height + _LINE), lines, ha="center", va="center", fontsize=9, color=INK)
    return finish(figure, name="figure-1", title=title, description=title)
