"""Predictions become the paper's tables: how good each model is on each database, and where it errs.

Conventions. A precision, recall or F1 that is 0/0 counts as 0 (scikit-learn's ``zero_division=0``), and the table
counts how often. Intervals come from a percentile bootstrap over test participants: whole people are drawn, since
the faces of one person are alike. They say how the measure of *these networks* would vary with other test people, and
nothing about other trainings; with a handful of participants (the paper tests four clinical ones) they are too narrow.
"""

from painlens.metrics.calibration import calibration
from painlens.metrics.classes import in_reading_order, rows_in_reading_order
from painlens.metrics.concepts import errors_by_concept, prevalence
from painlens.metrics.confusion import confusion
from painlens.metrics.paper import PUBLISHED, PaperTable, paper_tables
from painlens.metrics.scores import MAJORITY, MEAN, evaluate
from painlens.metrics.subgroups import subgroups

__all__ = [
    "MAJORITY",
    "MEAN",
    "PUBLISHED",
    "PaperTable",
    "calibration",
    "confusion",
    "errors_by_concept",
    "evaluate",
    "in_reading_order",
    "paper_tables",
    "prevalence",
    "rows_in_reading_order",
    "subgroups",
]
