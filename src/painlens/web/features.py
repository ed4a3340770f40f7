"""The parts of the application, in the order of the navigation."""

from types import ModuleType

from painlens.web import (
    adjudicate,
    administration,
    annotate,
    face_page,
    gallery,
    mean_page,
    notebook,
    sign_in,
    tasks,
)

FEATURES: tuple[ModuleType, ...] = (
    sign_in, gallery, face_page, mean_page, notebook, tasks, annotate, adjudicate, administration,
)  # fmt: skip
