"""For a manuscript and its reviewers: tables, figures at journal width, the bibliography of a run."""

from painlens.publication.bibliography import bibliography
from painlens.publication.drawings import COLUMN_MM, PAGE_MM
from painlens.publication.exporting import Exported, export_inputs, export_run

__all__ = ["COLUMN_MM", "PAGE_MM", "Exported", "bibliography", "export_inputs", "export_run"]
