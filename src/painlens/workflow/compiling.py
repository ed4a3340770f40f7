"""Compile ahead of time what numba would compile in the middle of the first study."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

SMALLEST_AFFECTNET = {"images": 8, "twins": 0}  # one of each emotion


def compile_rendering() -> None:
    """Render a handful of faces into a folder that goes again."""
    from painlens.study import Synthetic
    from painlens.synthetic import synthesize

    with tempfile.TemporaryDirectory(prefix="painlens-") as folder:
        place = Path(folder)
        settings = Synthetic.model_validate(SMALLEST_AFFECTNET)
        synthesize(settings, reader="affectnet", name="compile", root=place / "faces", truth=place / "truth")


def compile_concept_test() -> None:
    """Solve the support vector machines of a few made faces."""
    from painlens.concept_test.svm import FEWEST_FACES, out_of_fold

    rng = np.random.default_rng(0)
    for faces, dimensions in ((24, 8), (2 * FEWEST_FACES, 3 * FEWEST_FACES)):  # one for each solver
        features = rng.normal(size=(faces, dimensions))
        halves = np.array([rng.permutation(faces) < faces // 2])
        out_of_fold(features @ features.T + 1.0, features[:, 0] > 0, halves, cost=1.0)


PARTS: dict[str, Callable[[], None]] = {"rendering": compile_rendering, "concept test": compile_concept_test}
