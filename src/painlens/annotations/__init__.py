"""Concept labels of faces: the truth of rendered databases, files that people made, and the store of the web pages.

A label says whether a person can see the concept on the face: present, absent, or nobody could tell. Labels are data
that people make: an input of the workflow, never the output of a step.

The store's modules are for a small server, so nothing here imports pandas before a table is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from painlens.annotations.labels import labels_from_file, labels_from_truth

__all__ = ["labels_from_file", "labels_from_truth"]


def __getattr__(name: str) -> Any:
    """The functions of `labels`, imported when they are first used."""
    if name in __all__:
        return getattr(import_module("painlens.annotations.labels"), name)
    raise AttributeError(f"module 'painlens.annotations' has no attribute '{name}'")
