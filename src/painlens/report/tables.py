"""One kind of table for the page, for CSV and for LaTeX, so that a number cannot differ between them."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from painlens.report import numbers


@dataclass(frozen=True)
class Cell:
    """What a reader sees, and the number behind it.

    Attributes
    ----------
    text
        As printed.
    value
        Unrounded; None for words.
    low, high
        Ends of its interval; None without one.
    interval
        The interval as printed.
    quiet
        Printed in a lighter tone: published numbers, floors.
    """

    text: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    interval: str = ""
    quiet: bool = False

    @property
    def is_number(self) -> bool:
        """Whether the cell stands in a column of numbers."""
        return self.value is not None or self.text == numbers.MISSING


@dataclass(frozen=True)
class Column:
    """A heading, and the group of columns it stands in."""

    title: str
    group: str = ""


@dataclass(frozen=True)
class Table:
    """A table with its caption.

    Attributes
    ----------
    name
        File name without ending.
    headers
        Number of leading columns that name the row.
    note
        Printed below the table.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    headers: int = 1
    note: str = ""

    @property
    def groups(self) -> tuple[tuple[str, int], ...]:
        """Group headings with the number of columns they span; empty where there are none."""
        spans: list[tuple[str, int]] = []
        for column in self.columns:
            if spans and spans[-1][0] == column.group:
                spans[-1] = (column.group, spans[-1][1] + 1)
            else:
                spans.append((column.group, 1))
        return tuple(spans) if any(name for name, _ in spans) else ()

    @property
    def number_columns(self) -> tuple[bool, ...]:
        """Which columns hold numbers: no words, and at least one number."""
        return tuple(
            index >= self.headers
            and all(row[index].is_number for row in self.rows)
            and any(row[index].value is not None for row in self.rows)
            for index in range(len(self.columns))
        )

    @property
    def spans(self) -> tuple[int, ...]:
        """Rows that share the first heading, counted at the first of them; 0 at the others."""
        if self.headers < 2:
            return (1,) * len(self.rows)
        spans: list[int] = []
        first = 0
        for index, row in enumerate(self.rows):
            if index and row[0].text == self.rows[first][0].text:
                spans[first] += 1
                spans.append(0)
            else:
                first = index
                spans.append(1)
        return tuple(spans)


def words(text: object, *, quiet: bool = False) -> Cell:
    """A cell of words; missing values become a dash."""
    return Cell(numbers.MISSING if text is None or text is pd.NA else str(text), quiet=quiet)


def real(
    value: object, low: object = None, high: object = None, *, sign: bool = False, digits: int = 2, quiet: bool = False
) -> Cell:
    """A cell of one number, with its interval where there is one."""
    own, lower, upper = _real(value), _real(low), _real(high)
    if own is None:
        return Cell(numbers.MISSING, quiet=quiet)
    text = numbers.signed(own, digits) if sign else numbers.number(own, digits)
    return Cell(text, own, lower, upper, numbers.interval(lower, upper, digits, sign=sign), quiet)


def rounded(value: object, figures: int = 2) -> Cell:
    """A cell of one number of any size."""
    own = _real(value)
    return Cell(numbers.significant(own, figures), own)


def whole(value: object) -> Cell:
    """A cell of a count."""
    own = _real(value)
    return Cell(numbers.count(own), own)


def p_value(value: object) -> Cell:
    """A cell of a p value."""
    own = _real(value)
    return Cell(numbers.probability(own), own)


def to_csv(table: Table) -> str:
    """Unrounded values; a column with intervals has its ends beside it."""
    with_ends = [any(row[i].low is not None for row in table.rows) for i in range(len(table.columns))]
    titles: list[str] = []
    for column, ends in zip(table.columns, with_ends, strict=True):
        title = f"{column.group} {column.title}".strip()
        titles += [title, f"{title} low", f"{title} high"] if ends else [title]
    lines: list[list[str]] = []
    for row in table.rows:
        line: list[str] = []
        for cell, ends in zip(row, with_ends, strict=True):
            own = cell.text if cell.value is None and not cell.is_number else _plain(cell.value)
            line += [own, _plain(cell.low), _plain(cell.high)] if ends else [own]
        lines.append(line)
    return _csv([titles, *lines])


def frame_to_csv(table: pd.DataFrame) -> str:
    """A table of `painlens.tables`, unrounded."""
    rows = [[_csv_value(value) for value in row] for row in table.itertuples(index=False, name=None)]
    return _csv([[str(name) for name in table.columns], *rows])


def to_latex(table: Table) -> str:
    r"""A `booktabs` table; needs ``\usepackage{booktabs}``."""
    spec = "".join("r" if of_numbers else "l" for of_numbers in table.number_columns)
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(table.caption)}}}",
        rf"\label{{tab:{table.name}}}",
        rf"\begin{{tabular}}{{{spec}}}",
        r"\toprule",
        *_latex_groups(table.groups),
        " & ".join(escape(column.title) for column in table.columns) + r" \\",
        r"\midrule",
    ]
    for row, span in zip(table.rows, table.spans, strict=True):
        cells = [_latex_cell(cell) for cell in row]
        lines.append(" & ".join(cells if span else ["", *cells[1:]]) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    if table.note:
        lines.append(rf"\par\smallskip\footnotesize {escape(table.note)}")
    return "\n".join([*lines, r"\end{table}", ""])


_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"$<$", ">": r"$>$", "|": r"\textbar{}",
    numbers.MINUS: r"$-$", "–": "--", "×": r"$\times$", "±": r"$\pm$", "Δ": r"$\Delta$", "≥": r"$\geq$",
    "≤": r"$\leq$", "→": r"$\rightarrow$", "…": r"\ldots{}", "²": r"$^2$", "⁺": r"$^+$", "°": r"$^\circ$",
    "·": r"$\cdot$", "√": r"$\surd$", "\n": " ",
}  # fmt: skip


def escape(text: str) -> str:
    r"""Text that LaTeX prints as it is.

    >>> escape("50 % of a_b")
    '50 \\% of a\\_b'
    """
    return "".join(_LATEX.get(letter, letter) for letter in text)


def _latex_cell(cell: Cell) -> str:
    text = escape(cell.text)
    return rf"{text} {{\scriptsize [{escape(cell.interval)}]}}" if cell.interval else text


def _latex_groups(groups: Sequence[tuple[str, int]]) -> list[str]:
    """The row of group headings with its rules."""
    if not groups:
        return []
    cells, rules, first = [], [], 1
    for name, span in groups:
        cells.append(rf"\multicolumn{{{span}}}{{c}}{{{escape(name)}}}" if name else " & ".join([""] * span))
        if name:
            rules.append(rf"\cmidrule(lr){{{first}-{first + span - 1}}}")
        first += span
    return [" & ".join(cells) + r" \\", " ".join(rules)]


def _csv(rows: Iterable[Sequence[str]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def _csv_value(value: object) -> str:
    if isinstance(value, bool | str):
        return str(value).lower() if isinstance(value, bool) else value
    own = _real(value)
    return str(value) if own is not None and isinstance(value, int) else _plain(own)


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"


def _real(value: object) -> float | None:
    return None if numbers.is_missing(value) else float(value)  # pyright: ignore[reportArgumentType] - is a number
