"""BP4D+ (MMSE): faces during ten tasks that elicit emotions and pain, with coded action units.

Licence: research agreement with Binghamton University; no redistribution. Consent: the owners name the people whose
pictures may be published; nobody's face is published by default. Citation: Zhang, Girard, Wu, Zhang, Liu, Ciftci,
Canavan, Reale, Horowitz, Yang, Cohn, Ji, Yin (2016), Multimodal spontaneous emotion corpus for human behavior
analysis, IEEE CVPR.

Layout::

    2D+3D/<participant>/<task>/<number>.jpg      (numbers padded in different ways)
    AUCoding/AU_OCC/<participant>_<task>.csv     first column frame, header names the coded action units

The class is the task, what was elicited, not what shows; the files do not state the meaning of the tasks, which is
common knowledge (T8: pain by cold water).
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from painlens.databases.bp4d import LABEL as LABEL
from painlens.databases.bp4d import scan_tasks
from painlens.databases.folders import check_root
from painlens.progress import Progress, silent
from painlens.study import USUAL_LAYOUT, Layout

TASKS: Mapping[str, str] = {
    "T1": "happy", "T2": "surprise", "T3": "sad", "T4": "startle", "T5": "skepticism", "T6": "embarrassment",
    "T7": "fear", "T8": "pain", "T9": "anger", "T10": "disgust",
}  # fmt: skip
CLASSES: Mapping[str, Mapping[str, str]] = {
    "pain": LABEL,
    "pain-and-emotions": {name: f"class_name == {name}" for name in TASKS.values()},
    "emotions": {name: f"class_name == {name}" for name in TASKS.values() if name != "pain"},
}
SPLITS: Mapping[str, tuple[tuple[str, ...], ...]] = {}
CLIP_SEPARATOR: str = "/"
EXPECTED: Mapping[str, int] = {}
FOLDERS = ("2D+3D", "Sequences_2D+3D")


def scan(root: Path, *, progress: Progress = silent, layout: Layout = USUAL_LAYOUT) -> pd.DataFrame:  # noqa: ARG001
    """Every picture with its task and action units; columns as `bp4d.scan`."""
    check_root(root, "BP4D+")
    return scan_tasks(root, folders=FOLDERS, tasks=TASKS, what="BP4D+", progress=progress)
