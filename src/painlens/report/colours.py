"""Relevance maps as colours: those of the differences, under the names that the report uses."""

from painlens.differences.colours import (
    LITERATURE,
    NAMES,
    ONE_SIDED,
    SIGNED,
    SIGNED_ON_DARK,
    colour_table,
    colourise,
    gradient,
    overlay,
    scale_of,
)

__all__ = [
    "LITERATURE",
    "NAMES",
    "ONE_SIDED",
    "SIGNED",
    "SIGNED_ON_DARK",
    "colour_table",
    "colourise",
    "gradient",
    "overlay",
    "scale_of",
]
