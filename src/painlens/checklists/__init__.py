"""Reporting checklists and model cards, filled from a run's files and from what people were asked once."""

from painlens.checklists.answers import answers_file, answers_of, keep_answers
from painlens.checklists.pages import FOLDER, build_pages, questions, to_html, to_markdown, write_checklists

__all__ = [
    "FOLDER",
    "answers_file",
    "answers_of",
    "build_pages",
    "keep_answers",
    "questions",
    "to_html",
    "to_markdown",
    "write_checklists",
]
