"""The steps as functions for notebooks and scripts: load a run, compare networks, explain faces, test a concept.

Everything here is a thin layer over the steps of a run: the numbers are those of the commands, and a run that is begun
here can be looked at with ``painlens serve`` and finished with ``painlens run``. The names are also found in
`painlens` itself: ``painlens.load_run``, ``painlens.compare`` ...
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from painlens import attributions, comparing, tables
from painlens import concept_test as measures
from painlens.backbones import ALLOW_CODE, FaceNetwork, adopt, load_network
from painlens.mapping import class_map
from painlens.progress import silent
from painlens.regions import REGIONS, region_shares
from painlens.study import Attribution, ConceptTest, Model, Replication
from painlens.tables import DataError
from painlens.workflow.in_process import run_here
from painlens.workflow.outcome import read_outcome
from painlens.workflow.run_folder import RunFolder

__all__ = ["ConceptResult", "Maps", "Run", "attribute", "compare", "concept_test", "load_run"]

SHOWN = 20  # rows of a table that a notebook shows

# table -> step that writes it; those of a step that runs per database or model are read one below the other
TABLES: dict[str, str] = {
    **dict.fromkeys(("frames", "faces", "split"), ""),
    **dict.fromkeys(("predictions", "twins"), "predict"),
    **dict.fromkeys(
        (
            "metrics",
            "confusion",
            "calibration",
            "calibration_curve",
            "subgroups",
            "prevalence",
            "errors",
            "concepts",
        ),
        "evaluate",
    ),
    **dict.fromkeys(("shares", "ledger"), "attribute"),
    **dict.fromkeys(("regions", "normalised", "ranking", "trust"), "differences"),
    **dict.fromkeys(
        ("association", "decodability", "replication", "causes", "verdicts", "directions", "layers"), "concepts"
    ),
}


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
        """A table of the run by its name, such as ``verdicts``, ``regions``, ``predictions`` (see `TABLES`).

        Raises
        ------
        DataError
            There is no such table, or its step has not run.
        """
        if name not in TABLES:
            raise DataError(f"a run has no table '{name}'; it has {', '.join(TABLES)}")
        study, schema = self._run.study(), tables.SCHEMAS[name]
        stage = TABLES[name] or name
        of = (
            study.compared
            if stage in ("predict", "attribute")
            else tuple(study.databases)
            if not TABLES[name]
            else ("",)
        )
        parts = [tables.load_table(self._run.folder(stage, one) / f"{name}.parquet", schema) for one in of]
        return pd.concat(parts, ignore_index=True)

    def to_frame(self) -> pd.DataFrame:
        """The verdicts: measures, claims, differences and intervals of every concept and pair of models."""
        return self.table("verdicts")

    def maps(self, model: str, replicate: str = "seed=0") -> "Maps":
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
        said = "".join(f"<li>{escape(sentence)}</li>" for sentence in self._said())
        models = ", ".join(map(escape, study.compared))
        return (
            f"<p><b>painlens run {escape(study.study)}</b>: models {models} on the faces of "
            f"{', '.join(map(escape, study.databases))}</p><ul>{said}</ul>"
        )

    def _said(self) -> tuple[str, ...]:
        try:
            return self.sentences or ("No concept was tested.",)
        except DataError:
            return ("This run has no verdict yet.",)


@dataclass(frozen=True)
class Maps:
    """Relevance maps of faces for one class's logit.

    Attributes
    ----------
    maps
        float32 (face, height, width), in units of the logit: positive speaks for the class.
    faces
        One row per map: names of the face where they are known, the explained logit and the ledger.
    target
        The network's own name of the explained class.
    regions
        uint8 (face, height, width), numbers of `painlens.regions.REGIONS`; None where nobody measured them.
    """

    maps: NDArray[np.float32]
    faces: pd.DataFrame
    target: str
    regions: NDArray[np.uint8] | None = None

    def to_frame(self) -> pd.DataFrame:
        """A row per map; with regions also the share of the relevance in each, of |R|."""
        if self.regions is None:
            return self.faces.copy()
        size = np.abs(self.maps)
        total = size.sum(axis=(1, 2), keepdims=True)
        shares = region_shares(np.divide(size, total, out=np.zeros_like(size), where=total > 0), self.regions)
        return self.faces.assign(**{name: shares[:, number] for number, name in enumerate(REGIONS)})

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        count, *shape = self.maps.shape
        head = f"<p><b>{count} maps</b> of {' × '.join(map(str, shape))} for the logit '{escape(self.target)}'</p>"
        return head + _html(self.to_frame())


@dataclass(frozen=True)
class ConceptResult:
    """What the concept test finds.

    Attributes
    ----------
    sentences
        One per concept and pair of models.
    tables
        Name -> table, as in a run: verdicts, association, decodability ...
    """

    sentences: tuple[str, ...]
    tables: Mapping[str, pd.DataFrame] = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """The verdicts."""
        return self.tables["verdicts"]

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        said = "".join(f"<li>{escape(sentence)}</li>" for sentence in self.sentences)
        return f"<ul>{said}</ul>{_html(self.to_frame())}"


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


def attribute(
    model: str | Path | FaceNetwork | Model,
    faces: NDArray[np.uint8],
    *,
    target: str = "pain",
    settings: Attribution | None = None,
    regions: NDArray[np.uint8] | None = None,
    batch: int = 16,
) -> Maps:
    """Relevance maps of faces: which pixels speak for a class.

    Parameters
    ----------
    model
        A file that painlens wrote, a network, or the description of a checkpoint of another package.
    faces
        uint8 RGB (face, size, size, 3).
    target
        Class whose logit is explained.
    settings
        Method and rules; default: a study's, LRP with the paper's composite.
    regions
        uint8 (face, size, size): facial region of every pixel, for shares of relevance.
    batch
        Faces in memory at once; the maps do not depend on it.

    Raises
    ------
    DataError
        The network or the faces cannot be used; the message says why.

    Examples
    --------
    >>> from painlens.backbones import build_network
    >>> from painlens.study import Backbone
    >>> network = build_network(Backbone(name="compact", head=16), classes=("no-pain", "pain"), size=32, seed=0)
    >>> found = attribute(network, np.zeros((2, 32, 32, 3), np.uint8))
    >>> found.maps.shape, found.target
    ((2, 32, 32), 'pain')
    """
    network, own = _network(model, int(faces.shape[1]) if faces.ndim > 1 else 0, target)
    chosen = (settings or Attribution()).model_copy(update={"target": own})
    found = attributions.attribute(network, faces, settings=chosen, batch=batch, regions=regions)
    ledger = {name: getattr(found, name) for name in ("logit", "relevance", "bias", "dead")}
    return Maps(found.maps, pd.DataFrame(ledger), own, regions)


def concept_test(
    predictions: pd.DataFrame,
    labels: pd.DataFrame,
    *,
    regions: Mapping[str, str],
    features: Mapping[str, NDArray[np.float32]] | None = None,
    target: str = "pain",
    settings: ConceptTest | None = None,
    seed: int = 0,
) -> ConceptResult:
    """Does a model's answer go along with a concept, does it embed it, and do two models differ.

    Parameters
    ----------
    predictions
        PREDICTIONS of all networks, as ``load_run(...).table("predictions")``.
    labels
        CONCEPTS: database, frame_id, participant, label, concept, value.
    regions
        Concept -> facial region; names what is tested.
    features
        Model -> features (face, feature) of its network seed=0, in the order of
        `painlens.concept_test.labelled_faces(labels)`; None: no decodability.
    target
        Class whose log-odds are the score.
    settings
        Layer, repeats, measures; default: a study's.
    seed
        Of halves and random concepts.

    Raises
    ------
    DataError
        The tables contradict each other; a concept that its faces do not allow to test is told in the verdicts.
    """
    models = tuple(dict.fromkeys(str(name) for name in predictions["model"]))
    evidence = measures.Evidence(
        predictions=predictions,
        concepts=labels,
        features=None if features is None else lambda model, _: features[model],
        networks=() if features is None else tuple((model, "seed=0") for model in models),
    )
    found = measures.concept_tests(
        evidence, databases=models, regions=regions, target=target, settings=settings or ConceptTest(),
        replication=Replication(), seed=seed,
    )  # fmt: skip
    said = measures.describe(found.verdicts, target=target, decodability=found.decodability)
    return ConceptResult(tuple(one.headline for one in said), vars(found))


def _network(model: str | Path | FaceNetwork | Model, size: int, target: str) -> tuple[FaceNetwork, str]:
    """A network at hand, and its own name of the explained class."""
    if isinstance(model, FaceNetwork):
        return model, target
    if isinstance(model, Model):
        network = adopt(model, model.checkpoints[0], size=size)
        return network, class_map(model, network.classes, target=target, name="model").target
    return load_network(Path(model)), target


def _text(value: Any) -> Any:  # noqa: ANN401 - a file, several, or a word of the study
    """Files as text for a study."""
    if isinstance(value, list | tuple):
        return [str(one) for one in value]
    return str(value.resolve()) if isinstance(value, Path) else value


def _html(table: pd.DataFrame) -> str:
    """The first rows of a table; numbers in four digits, text escaped."""
    more = f"<p>{len(table) - SHOWN} more rows</p>" if len(table) > SHOWN else ""
    return table.head(SHOWN).to_html(index=False, float_format="{:.4g}".format, na_rep="", border=0) + more
