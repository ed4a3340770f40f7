"""The pieces that a page is built of; the templates know how each one looks."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from painlens.report.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Text:
    """Paragraphs."""

    paragraphs: tuple[str, ...]
    kind: Literal["text", "caution", "note"] = "text"
    block = "text"


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    title: str
    block = "heading"


@dataclass(frozen=True)
class Bullets:
    """A list of sentences, each with a bold beginning or none."""

    items: tuple[tuple[str, str], ...]
    block = "bullets"


@dataclass(frozen=True)
class Plot:
    """A figure.

    Attributes
    ----------
    name
        File name without ending.
    title
        Printed above the figure.
    description
        What the figure shows, for those who cannot see it.
    svg
        A complete SVG document.
    inline
        The same for the page: ids are unique, colours follow the page's.
    figure
        What was drawn, for other formats; None where it is not kept.
    """

    name: str
    title: str
    description: str
    svg: str
    inline: str
    figure: "Figure | None" = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Plots:
    """Figures side by side, with the numbers behind them to unfold."""

    plots: tuple[Plot, ...]
    caption: str = ""
    data: Table | None = None
    block = "plots"


@dataclass(frozen=True)
class Picture:
    """An image in the page; `dark` is shown on a dark page where it is not empty. Both are data addresses."""

    light: str
    dark: str = ""


@dataclass(frozen=True)
class Scale:
    """A colour bar and the numbers at its ends."""

    low: str
    high: str
    bar: Picture


@dataclass(frozen=True)
class Strip:
    """Pictures in a row, as the headings above them say, with the scales of its colours.

    Attributes
    ----------
    description
        What the pictures show, for those who cannot see them.
    """

    title: str
    caption: str
    description: str
    headings: tuple[str, ...]
    pictures: tuple[Picture, ...]
    scales: tuple[tuple[str, Scale], ...]


@dataclass(frozen=True)
class Strips:
    """Several strips."""

    strips: tuple[Strip, ...]
    caption: str = ""
    block = "strips"


@dataclass(frozen=True)
class Withheld:
    """The place of pictures that may not be shown, or were not computed."""

    title: str
    reason: str
    block = "withheld"


@dataclass(frozen=True)
class Verdict:
    """What the study says about one concept and one pair of models."""

    title: str
    word: str
    decided: bool
    headline: str
    notes: tuple[str, ...]
    plot: Plot | None
    block = "verdict"


@dataclass(frozen=True)
class Code:
    """Text as it stands in a file."""

    text: str
    block = "code"


@dataclass(frozen=True)
class Folded:
    """Blocks to unfold."""

    summary: str
    blocks: "tuple[Block, ...]"
    block = "folded"


@dataclass(frozen=True)
class TableBlock:
    """A table in the open."""

    table: Table
    block = "table"


Block = Text | Heading | Bullets | Plots | Strips | Withheld | Verdict | Code | Folded | TableBlock


@dataclass(frozen=True)
class Section:
    """One section of the page."""

    name: str
    title: str
    blocks: tuple[Block, ...]


def blocks_of(sections: tuple[Section, ...]) -> Iterator[Block]:
    """All blocks, those inside folded ones too."""
    for section in sections:
        yield from _unfolded(section.blocks)


def plots_of(sections: tuple[Section, ...]) -> Iterator[Plot]:
    """All figures of a page."""
    for block in blocks_of(sections):
        if isinstance(block, Plots):
            yield from block.plots
        elif isinstance(block, Verdict) and block.plot is not None:
            yield block.plot


def tables_of(sections: tuple[Section, ...]) -> Iterator[Table]:
    """All tables of a page."""
    for block in blocks_of(sections):
        if isinstance(block, TableBlock):
            yield block.table
        elif isinstance(block, Plots) and block.data is not None:
            yield block.data


def _unfolded(blocks: tuple[Block, ...]) -> Iterator[Block]:
    for block in blocks:
        yield block
        if isinstance(block, Folded):
            yield from _unfolded(block.blocks)
