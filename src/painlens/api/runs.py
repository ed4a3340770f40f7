"""Runs: begin one by comparing networks, load one by its folder, read its tables, maps and sentences."""

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from painlens import attributions, comparing, tables
from painlens.api.display import list_html
from painlens.api.maps import Maps
from painlens.backbones import ALLOW_CODE
from painlens.progress import silent
from painlens.tables import DataError
from painlens.workflow.in_process import run_here
from painlens.workflow.outcome import read_outcome
from painlens.workflow.run_folder import RunFolder

# step -> tables that it writes
WRITTEN: dict[str, tuple[str, ...]] = {
    "frames": ("frames",),
    "faces": ("faces", "suggestions"),
    "split": ("split",),
    "predict": ("predictions", "twins"),
    "evaluate": (
        "metrics", "confusion", "calibration", "calibration_curve", "subgroups", "prevalence", "errors", "concepts",
    ),
    "attribute": ("shares", "ledger"),
    "differences": ("regions", "normalised", "ranking", "trust", "randomised", "untaught"),
    "concepts": (
        "association", "class_association", "decodability", "replication", "causes", "verdicts", "directions",
        "layers", "reliability", "label_noise",
    ),
}  # fmt: skip
STEPS = {table: step for step, names in WRITTEN.items() for table in names}
OF_DATABASES, OF_MODELS = ("frames", "faces", "split"), ("predict", "attribute")


@dataclass(frozen=True)
class Run:
    """The folder of a run: its tables, maps and sentences.

    Attributes
    ----------
    folder
        As on the command line.
    """

    folder: Path

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the compared models."""
        return self._run.study().compared

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the run says: one sentence per concept and pair of models."""
        return read_outcome(self._run).sentences

    @property
    def report(self) -> Path:
        """The page with all results."""
        return self._run.report

    def table(self, name: str) -> pd.DataFrame:
        """A table of the run by its name, such as ``verdicts``, ``regions``, ``predictions`` (see `WRITTEN`).

        Those of a step that runs per database or model stand one below the other.

        Raises
        ------
        DataError
            There is no such table, or its step has not run.
        """
        if name not in STEPS:
            raise DataError(f"a run has no table '{name}'; it has {', '.join(STEPS)}")
        study, step = self._run.study(), STEPS[name]
        of = tuple(study.databases) if step in OF_DATABASES else study.compared if step in OF_MODELS else ("",)
        schema = tables.SCHEMAS[name]
        parts = [tables.load_table(self._run.folder(step, one) / f"{name}.parquet", schema) for one in of]
        return pd.concat(parts, ignore_index=True)

    def to_frame(self) -> pd.DataFrame:
        """The verdicts: measures, claims, differences and intervals of every concept and pair of models."""
        return self.table("verdicts")

    def maps(self, model: str, replicate: str = "seed=0") -> Maps:
        """Relevance maps of all test faces by one network.

        Raises
        ------
        DataError
            The run has no such model or replicate, or it has not been explained yet.
        """
        if model not in self.models:
            raise DataError(f"the run has no model '{model}'; it has {', '.join(self.models)}")
        stored = attributions.load_relevance(self._run.folder("attribute", model) / replicate / "relevance.h5")
        ledger = stored.ledger.drop(columns=["database", "frame_id", "model", "replicate"], errors="ignore")
        faces = pd.concat([stored.faces.reset_index(drop=True), ledger.reset_index(drop=True)], axis=1)
        return Maps(stored.maps(slice(0, len(faces))), faces, stored.header.target)

    @property
    def _run(self) -> RunFolder:
        return RunFolder(self.folder)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        study = self._run.study()
        models = ", ".join(map(escape, study.compared))
        return (
            f"<p><b>painlens run {escape(study.study)}</b>: models {models} on the faces of "
            f"{', '.join(map(escape, study.databases))}</p>{list_html(self._said())}"
        )

    def _said(self) -> tuple[str, ...]:
        try:
            return self.sentences or ("No concept was tested.",)
        except DataError:
            return ("This run has no verdict yet.",)


def load_run(folder: str | Path) -> Run:
    """A run of `painlens run`, `painlens demo` or `painlens compare`, by its folder.

    Raises
    ------
    DataError
        The folder holds no run.
    """
    place = Path(folder)
    if not (place / "study.yaml").exists():
        raise DataError(f"{place} is no run of painlens: it has no study.yaml")
    return Run(place)


def compare(
    models: Mapping[str, str | Path | Mapping[str, Any]],
    faces: str | Path,
    *,
    run: str | Path | None = None,
    concepts: Mapping[str, Mapping[str, Any]] | None = None,
    allow_code: Sequence[str] = (),
    **said: Any,  # noqa: ANN401 - the fields of `painlens.comparing.Comparison`
) -> Run:
    """Compare networks that were trained elsewhere, as ``painlens compare`` does; finished steps are not repeated.

    Parameters
    ----------
    models
        Name -> checkpoint, or -> the keys of `painlens.study.Model` (checkpoint, architecture, classes ...).
    faces
        A manifest, or a folder.
    run
        Folder of the run; default: runs/compare.
    concepts
        Name -> the keys of `painlens.study.Concept`: definition, region, labels.
    allow_code
        ``MODULE:CLASS`` of networks that may be imported.
    **said
        Further fields of `painlens.comparing.Comparison`: target, size, detector, publish, trust_faces, settings ...

    Raises
    ------
    StudyError, DataError
        As the command: the message says what was expected, what came and what to do.
    """
    described = {
        name: {"checkpoint": str(one)}
        if isinstance(one, str | Path)
        else {**one, "checkpoint": _text(one["checkpoint"])}
        for name, one in models.items()
    }
    asked = {name: {**one, "labels": _text(one["labels"])} if "labels" in one else one
             for name, one in (concepts or {}).items()}  # fmt: skip
    wanted = comparing.Comparison(models=described, faces=Path(faces), concepts=asked, **said)
    opened = comparing.open_comparison(comparing.comparison_study(wanted), None if run is None else Path(run))
    before = os.environ.get(ALLOW_CODE)
    try:
        if allow_code:
            os.environ[ALLOW_CODE] = ",".join(allow_code)
        run_here(opened, progress_of=lambda _: nullcontext(silent))
    finally:
        if allow_code:
            os.environ.pop(ALLOW_CODE)
            os.environ |= {} if before is None else {ALLOW_CODE: before}
    return Run(opened.root)


def _text(value: Any) -> Any:  # noqa: ANN401 - a file, several, or a word of the study
    """Files as text for a study."""
    if isinstance(value, list | tuple):
        return [str(one) for one in value]
    return str(value.resolve()) if isinstance(value, Path) else value
