"""What a report is made from: the study, its tables, some faces with their relevance, and where it all came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from painlens import tables
from painlens.certificate.cells import Certificate
from painlens.concept_test import Statement
from painlens.study import Study
from painlens.tables import DataError, Schema


@dataclass(frozen=True)
class Example:
    """One test face with the relevance of both models of a pair; shown only if `consent_publish` is 'true'.

    Attributes
    ----------
    model_a, model_b
        The pair of models that the maps belong to.
    database, frame_id, label
        Where the face is from, and its class.
    face
        uint8 RGB (height, width, 3).
    map_a, map_b
        float32 (height, width), relevance for the target class, raw: in units of the logit.
    unit_a, unit_b
        `differences.logit_unit` of the two networks, for the normalisation "logit".
    answers
        Model -> class that its network answers.
    consent_display, consent_publish
        'true', 'false' or 'unknown', as in the tables.
    region
        Facial region in which the two maps differ most; empty where nobody measured it.
    """

    model_a: str
    model_b: str
    database: str
    frame_id: str
    label: str
    face: NDArray[np.uint8]
    map_a: NDArray[np.float32]
    map_b: NDArray[np.float32]
    answers: Mapping[str, str]
    consent_display: str
    consent_publish: str
    region: str = ""
    unit_a: float = 1.0
    unit_b: float = 1.0


@dataclass(frozen=True)
class TrainedNetwork:
    """The course of one training, and what its log says.

    Attributes
    ----------
    model
        Database that the network was trained on, or ``emotion``.
    history
        HISTORY rows.
    faces
        Class -> training faces.
    class_weights
        Class -> weight in the loss; None without weights.
    kept_epoch
        Epoch whose weights were kept.
    """

    model: str
    replicate: str
    history: pd.DataFrame
    faces: Mapping[str, int]
    class_weights: Mapping[str, float] | None
    kept_epoch: int


@dataclass(frozen=True)
class AdoptedNetwork:
    """A network that was trained elsewhere: what its file says, and what was checked.

    Attributes
    ----------
    checkpoint, sha256
        Name and digest of the user's file.
    meaning
        What its classes are in the study, in words.
    explained
        Own class whose logit is explained and compared.
    normalisation
        Channel order, means and deviations in words.
    reproduced
        Whether it gives the answers that its owner knows, in words.
    """

    model: str
    replicate: str
    checkpoint: str
    sha256: str
    architecture: str
    parameters: int
    meaning: str
    explained: str
    normalisation: str
    reproduced: str


@dataclass(frozen=True)
class FinishedStep:
    """One step of the run: its name, how long it took, and the SHA-256 of its manifest."""

    name: str
    seconds: float
    sha256: str


@dataclass(frozen=True)
class ReportInputs:
    """All that `write_report` needs; tables are those of `painlens.tables`, of all databases one below the other.

    Attributes
    ----------
    statements
        `concept_test.describe` of the verdicts.
    frames, faces, split
        Of the databases of the study; rows of other databases (the emotion database) are told, not compared.
    causes
        Without rows where there are no counterfactual twins.
    examples
        Faces to show, in the order of showing. Those without consent are counted and left out.
    mean_maps
        ``<model>/all`` and ``<model>/<concept>`` -> float (height, width): mean of the max-normalised maps over all
        test faces, and faces with the concept minus faces without it. A missing key is said to be not computed.
    trainings
        In the order of the study's replicates.
    adopted
        Networks that were trained elsewhere, in the study's order.
    versions
        Library -> version.
    certificate
        How often the procedure was right on databases with known truth; None: nobody counted.
    withdrawn
        (database, participant) of people who took their consent back.
    notebook
        `painlens.hypotheses.exported` of the hypothesis notebook; None: nobody wrote one.
    """

    study: Study
    statements: tuple[Statement, ...]
    frames: pd.DataFrame
    faces: pd.DataFrame
    split: pd.DataFrame
    metrics: pd.DataFrame
    prevalence: pd.DataFrame
    errors: pd.DataFrame
    regions: pd.DataFrame
    ledger: pd.DataFrame
    concepts: pd.DataFrame
    association: pd.DataFrame
    decodability: pd.DataFrame
    replication: pd.DataFrame
    causes: pd.DataFrame
    verdicts: pd.DataFrame
    class_association: pd.DataFrame = field(default_factory=lambda: tables.empty(tables.CLASS_ASSOCIATION))
    confusion: pd.DataFrame = field(default_factory=lambda: tables.empty(tables.CONFUSION))
    calibration: pd.DataFrame = field(default_factory=lambda: tables.empty(tables.CALIBRATION))
    calibration_curve: pd.DataFrame = field(default_factory=lambda: tables.empty(tables.CALIBRATION_CURVE))
    subgroups: pd.DataFrame = field(default_factory=lambda: tables.empty(tables.SUBGROUPS))
    directions: pd.DataFrame = field(default_factory=lambda: tables.empty(tables.DIRECTIONS))
    layers: pd.DataFrame = field(default_factory=lambda: tables.empty(tables.LAYERS))
    reliability: pd.DataFrame = field(default_factory=lambda: tables.empty(tables.RELIABILITY))
    label_noise: pd.DataFrame = field(default_factory=lambda: tables.empty(tables.LABEL_NOISE))
    trust: pd.DataFrame = field(default_factory=lambda: tables.empty(tables.TRUST))
    normalised: pd.DataFrame = field(default_factory=lambda: tables.empty(tables.NORMALISED))
    ranking: pd.DataFrame = field(default_factory=lambda: tables.empty(tables.RANKING))
    randomised: pd.DataFrame = field(default_factory=lambda: tables.empty(tables.RANDOMISED))
    untaught: pd.DataFrame = field(default_factory=lambda: tables.empty(tables.UNTAUGHT))
    examples: tuple[Example, ...] = ()
    mean_maps: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    trainings: tuple[TrainedNetwork, ...] = ()
    adopted: tuple[AdoptedNetwork, ...] = ()
    steps: tuple[FinishedStep, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    certificate: Certificate | None = None
    withdrawn: frozenset[tuple[str, str]] = frozenset()
    notebook: Mapping[str, Any] | None = None

    @property
    def databases(self) -> tuple[str, ...]:
        """Names of the databases of faces, in the study's order."""
        return tuple(self.study.databases)

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models in the study's order: those of the databases that they were trained on, or their own."""
        return self.study.compared

    @property
    def by(self) -> str:
        """Heading of the column that names models: by the database that they were trained on, or by their own names."""
        return "model" if self.study.models else "trained on"

    @property
    def arrow(self) -> str:
        """What stands at the two ends of the arrow in ``clinical → experimental``."""
        return "model → tested" if self.study.models else "trained → tested"

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes in the order of the metrics."""
        names = [str(name) for name in self.metrics["measure"].drop_duplicates()]
        return tuple(n.removeprefix("recall:") for n in names if n.startswith("recall:") and n != "recall:macro")

    @property
    def rendered(self) -> tuple[str, ...]:
        """Databases of people who do not exist."""
        return tuple(name for name, database in self.study.databases.items() if database.synthetic is not None)


# `frames` and `split` are keyed within one database; here several lie one below the other.
_WITHIN_DATABASE = ("frames", "faces", "split")
_CONFORMED = (
    tables.METRICS, tables.CONFUSION, tables.CALIBRATION, tables.CALIBRATION_CURVE, tables.SUBGROUPS,
    tables.PREVALENCE, tables.ERRORS, tables.REGIONS, tables.LEDGER, tables.CONCEPTS,
    tables.ASSOCIATION, tables.CLASS_ASSOCIATION, tables.DECODABILITY, tables.REPLICATION, tables.CAUSES,
    tables.VERDICTS, tables.DIRECTIONS, tables.LAYERS, tables.RELIABILITY, tables.LABEL_NOISE, tables.TRUST,
    tables.NORMALISED, tables.RANKING, tables.RANDOMISED, tables.UNTAUGHT,
    tables.FRAMES, tables.FACES, tables.SPLIT,
)  # fmt: skip


def check_inputs(inputs: ReportInputs) -> None:
    """Whether every table has its columns and every picture its shape.

    Raises
    ------
    DataError
        A table does not conform to its schema, or the maps of an example do not fit its face.
    """
    for schema in _CONFORMED:
        table = getattr(inputs, schema.name)
        parts = [part for _, part in table.groupby("database")] if schema.name in _WITHIN_DATABASE else [table]
        for part in parts:
            _check_table(part, schema)
    for example in inputs.examples:
        size = example.face.shape[:2]
        if example.face.dtype != np.uint8 or example.face.shape != (*size, 3):
            raise DataError(
                f"example {example.frame_id}: the face must be uint8 (height, width, 3), "
                f"got {example.face.dtype} {example.face.shape}"
            )
        if example.map_a.shape != size or example.map_b.shape != size:
            raise DataError(
                f"example {example.frame_id}: both maps must have the face's size {size}, "
                f"got {example.map_a.shape} and {example.map_b.shape}"
            )


def _check_table(table: pd.DataFrame, schema: Schema) -> None:
    try:
        tables.conform(table, schema)
    except ValueError as error:
        raise DataError(f"the report cannot use a table: {error}; run the step that writes it again") from None
