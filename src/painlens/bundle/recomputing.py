"""Every table that follows from predictions, labels, shares and inner products, by the code that the steps run."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd

from painlens import concept_test, tables
from painlens.bundle.contents import RATINGS
from painlens.progress import Progress, silent
from painlens.study import Study
from painlens.workflow import evaluating, explaining, preparing
from painlens.workflow.context import Context
from painlens.workflow.crops import test_rows
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import databases_of

# Tables without a schema of their own, and what names their rows.
KEYS = {"candidates": ("model_a", "model_b", "rank"), "shown": ("model_a", "model_b", "database", "frame_id")}


@dataclass(frozen=True)
class Recomputed:
    """One table.

    Attributes
    ----------
    file
        Its place in the bundle.
    key
        Columns that name a row.
    """

    file: str
    table: pd.DataFrame
    key: tuple[str, ...]


def recompute(root: Path, study: Study, *, progress: Progress = silent) -> Iterator[Recomputed]:
    """All tables that can be computed again from an unpacked bundle (or from a run), one after the other.

    Raises
    ------
    DataError
        A table or an array that is needed is missing or damaged, or they contradict each other.
    """
    run = RunFolder(root)
    context = Context(run, _with_ratings(study, root), root, "", "", 1, progress)
    for name in databases_of(study):
        yield _of(run, "split", preparing.divided(replace(context, database=name)), name)
    labels = context.load("evaluate", tables.CONCEPTS)
    faces = pd.concat([test_rows(context, name) for name in study.databases], ignore_index=True)
    answers = explaining.load_all(context, "predict", tables.PREDICTIONS)
    for name, table in evaluating.evaluation(study, answers, labels, faces).items():
        yield _of(run, "evaluate", table, file=name)
    by_concept = {name: labels[labels["concept"] == name] for name in study.concepts}
    for name, table in explaining.difference_tables(replace(context, progress=silent), faces, by_concept).items():
        yield _of(run, "differences", table, file=name)
    if study.concepts:
        stored = concept_test.StoredProducts(run.folder("concepts") / concept_test.PRODUCTS)
        tested = evaluating.tested(context, faces, labels, _NoNetworks(study), stored)
        for name, table in tested.items():
            yield _of(run, "concepts", table, file=name)


class _NoNetworks:
    """The names of the networks; their features are not in a bundle."""

    def __init__(self, study: Study) -> None:
        self.names = evaluating.tested_networks(study)

    def features(self, model: str, replicate: str) -> np.ndarray:
        """Never called: the inner products are stored."""
        return _absent(model, replicate)

    def gradients(self, model: str, replicate: str, features: np.ndarray) -> np.ndarray:  # noqa: ARG002
        """Never called."""
        return _absent(model, replicate)

    def layer_parts(self, model: str, replicate: str, layer: str) -> Iterator[np.ndarray]:  # noqa: ARG002
        """Never called."""
        return _absent(model, replicate)


def _absent(model: str, replicate: str) -> NoReturn:
    raise tables.DataError(
        f"a bundle holds no features of {model}/{replicate}, and no inner products of them were found"
    )


def _with_ratings(study: Study, root: Path) -> Study:
    """The study with its raters' table at its place in the bundle."""
    path = root / RATINGS
    if study.concept_test.ratings is None or not path.exists():
        return study
    return study.model_copy(update={"concept_test": study.concept_test.model_copy(update={"ratings": path})})


def _of(run: RunFolder, stage: str, table: pd.DataFrame, database: str = "", *, file: str = "") -> Recomputed:
    name = file or stage
    place = (run.folder(stage, database) / f"{name}.parquet").relative_to(run.root).as_posix()
    schema = tables.SCHEMAS.get(name)
    if schema is None:
        return Recomputed(place, table, KEYS[name])
    return Recomputed(place, tables.conform(table, schema), schema.key)
