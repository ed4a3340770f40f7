"""What a notebook shows of tables and sentences."""

from collections.abc import Iterable
from html import escape

import pandas as pd

SHOWN = 20  # rows of a table


def table_html(table: pd.DataFrame) -> str:
    """The first rows of a table; numbers in four digits, text escaped."""
    more = f"<p>{len(table) - SHOWN} more rows</p>" if len(table) > SHOWN else ""
    return table.head(SHOWN).to_html(index=False, float_format="{:.4g}".format, na_rep="", border=0) + more


def list_html(sentences: Iterable[str]) -> str:
    """Sentences as a list, text escaped."""
    return "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences) + "</ul>"
