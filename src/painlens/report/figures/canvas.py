"""How every figure looks, and how it becomes SVG that is the same every time and follows the colours of the page."""

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FuncFormatter, ScalarFormatter

from painlens.report import numbers
from painlens.report.blocks import Plot

WIDTH = 420  # units; a unit is a CSS pixel where the page has room for all of them
ROW = 25  # height of a row of dots
LETTER = 7.2  # width of a letter of TEXT in the widest of the usual fonts
TEXT, SMALL = 12.5, 11.0

INK, QUIET, LINE, BAND, GROUND = "#1d2126", "#59616b", "#c9ced5", "#e3e6ea", "#fdfdfc"
SERIES = ("#1f6cad", "#b35309", "#6d4ba3", "#2c7a57", "#a33a62", "#5c6b1d")
MARKERS = ("o", "s", "D", "^", "v", "P")

# Inside the page, colours are the page's own, so that they follow its light and dark dress.
_VARIABLES = {INK: "--ink", QUIET: "--quiet", LINE: "--line", BAND: "--band", GROUND: "--ground"}
_VARIABLES |= {colour: f"--series-{number}" for number, colour in enumerate(SERIES)}


def series_of(names: Sequence[str]) -> dict[str, str]:
    """Colour of each model or database, always the same one in the order of the study."""
    return {name: SERIES[number % len(SERIES)] for number, name in enumerate(names)}


def markers_of(names: Sequence[str]) -> dict[str, str]:
    """Marker of each model or database, so that colour is never alone."""
    return {name: MARKERS[number % len(MARKERS)] for number, name in enumerate(names)}


@dataclass(frozen=True)
class Looks:
    """Colour and marker of each model or database, the same in every figure; floors and controls are grey dots."""

    names: tuple[str, ...]

    def colour(self, name: str) -> str:
        """Of a model or database; grey for any other network."""
        return series_of(self.names).get(name, QUIET)

    def marker(self, name: str) -> str:
        """So that colour is never alone."""
        return markers_of(self.names).get(name, "o")

    def dot(self, axes: Axes, name: str, x: float, y: float, *, size: float = 7, filled: bool = True) -> None:
        """A value of a model or database."""
        dot(axes, x, y, colour=self.colour(name), marker=self.marker(name), size=size, filled=filled)

    def interval(self, axes: Axes, name: str, ends: tuple[float, float], y: float, *, width: float = 1.6) -> None:
        """The interval of such a value; nothing where its ends are missing."""
        interval_line(axes, y, *ends, colour=self.colour(name), width=width)


def rows_figure(labels: Sequence[str], *, top: float = 8, bottom: float = 46) -> tuple[Figure, Axes]:
    """A figure with one row per label, the first on top (at y = 0), and room for the labels at the left."""
    longest = max((len(label) for label in labels), default=0)
    left = min(30 + LETTER * longest, 0.6 * WIDTH)
    height = top + bottom + ROW * max(len(labels), 1)
    figure = Figure(figsize=(WIDTH / 72, height / 72))
    axes = figure.add_axes(
        (left / WIDTH, bottom / height, (WIDTH - left - 12) / WIDTH, (height - top - bottom) / height)
    )
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks(range(len(labels)), labels)
    dress(axes)
    axes.tick_params(axis="y", length=0, pad=8)
    axes.spines["left"].set_visible(False)
    return figure, axes


def dress(axes: Axes) -> None:
    """Calm axes: a line below, a light grid, no box."""
    axes.set_facecolor("none")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(LINE)
    axes.tick_params(axis="both", colors=QUIET, labelsize=SMALL, length=3, width=0.8)
    for label in axes.get_yticklabels():
        label.set_color(INK)
        label.set_fontsize(TEXT)
    axes.grid(visible=True, axis="x", color=LINE, linewidth=0.6, alpha=0.6)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_formatter(_Ticks(useOffset=False))
    axes.yaxis.set_major_formatter(axes.yaxis.get_major_formatter() if _is_named(axes) else _Ticks(useOffset=False))


class _Ticks(ScalarFormatter):
    """Numbers as in the tables: without leading zero."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        text = super().__call__(x, pos)
        sign, digits = (text[0], text[1:]) if text[:1] == numbers.MINUS else ("", text)
        if digits.startswith("0.") and digits.strip("0.") == "":
            return "0"
        return sign + (digits[1:] if digits.startswith("0.") else digits)


def _is_named(axes: Axes) -> bool:
    """Whether the rows have names."""
    return isinstance(axes.yaxis.get_major_formatter(), FixedFormatter | FuncFormatter)


def title_below(axes: Axes, text: str) -> None:
    """What the horizontal axis shows; flush with the right end, so that long words grow into the free side."""
    axes.set_xlabel(text, color=QUIET, fontsize=SMALL, loc="right", labelpad=6)


def elided(name: str, letters: int = 14) -> str:
    """A name that fits into a figure.

    >>> elided("clinical"), elided("a-database-with-a-long-name")
    ('clinical', 'a-database-wi…')
    """
    return name if len(name) <= letters else name[: letters - 1] + "…"


def interval_line(axes: Axes, y: float, low: float, high: float, *, colour: str, width: float = 1.6) -> None:
    """A horizontal interval; nothing where its ends are missing."""
    if math.isfinite(low) and math.isfinite(high):
        axes.plot([low, high], [y, y], color=colour, linewidth=width, solid_capstyle="butt", zorder=3)


def dot(
    axes: Axes, x: float, y: float, *, colour: str, marker: str = "o", size: float = 7, filled: bool = True
) -> None:
    """A marker; hollow ones show the ground of the page."""
    axes.plot(
        [x], [y], marker=marker, markersize=size, markeredgewidth=1.5, markeredgecolor=colour,
        markerfacecolor=colour if filled else GROUND, linestyle="none", zorder=4, clip_on=False,
    )  # fmt: skip


def finish(figure: Figure, *, name: str, title: str, description: str) -> Plot:
    """The figure as a document and as a part of the page."""
    document = _svg(figure, name)
    return Plot(name, title, description, document, _inline(document, name, description), figure)


def _svg(figure: Figure, name: str) -> str:
    """SVG without date and with ids that depend on the name alone."""
    stream = io.BytesIO()
    FigureCanvasSVG(figure)
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none", "path.simplify": False}):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = stream.getvalue().decode("utf-8")
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = text.replace("'DejaVu Sans', 'Bitstream Vera Sans', ", "").replace("'DejaVu Sans', ", "")
    return re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 system-ui, sans-serif", text)


def _inline(document: str, name: str, description: str) -> str:
    """The drawing alone, with ids of its own and the page's colours."""
    text = re.sub(r"^.*?<svg", "<svg", document, flags=re.DOTALL)
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", text, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
    text = re.sub(r' id="([^"]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", text)
    text = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", text)
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    size = f"{box[1]} {box[2]}" if box else f"{WIDTH} {WIDTH}"
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    label = description.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    width = size.split()[0]
    opening = (
        f'<svg class="plot" viewBox="0 0 {size}" style="max-width: {float(width):g}px" role="img" aria-label="{label}">'
    )
    return re.sub(r"<svg[^>]*>", lambda _: opening, text, count=1).strip()
