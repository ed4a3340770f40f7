"""What the gallery knows of a run's test faces, as plain arrays. No picture is in it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

NORMALISATIONS = ("raw", "max", "sum-abs")
LOGIT = "logit"  # raw, divided by a number of each network
UNKNOWN = -1


class RunError(ValueError):
    """A run that cannot be shown; the message says what is missing and what to do."""


@dataclass(frozen=True)
class Index:
    """The test faces of all databases, in the study's order; every array's last axis named face has one row each.

    Attributes
    ----------
    database, frame_id, participant, sequence, label
        Text (face,).
    consent
        bool (face,): the tables allow showing the face in the lab.
    row
        int (face,): row in the database's faces.h5.
    models, replicates, classes, concepts
        Names of the axes model, replicate (all), class (in reading order: levels from none upwards) and concept;
        `seeds` are the replicates with maps.
    predicted
        int8 (model, replicate, face): class, -1 where not computed.
    probability
        float32 (model, replicate, face): of the target class; NaN where not computed.
    map_row
        int32 (model, seed, face): row in that network's relevance.h5, -1 where not computed.
    shares
        float32 (normalisation, model, seed, face, region): NaN where not computed.
    ledger
        float64 (model, seed, face, entry): logit, relevance, bias, dead; NaN where not computed.
    present
        int8 (concept, face): 1 present, 0 absent, -1 no label.
    candidates
        Ranked candidate hypotheses (see `painlens.hypotheses`), as JSON values.
    """

    database: NDArray[np.str_]
    frame_id: NDArray[np.str_]
    participant: NDArray[np.str_]
    sequence: NDArray[np.str_]
    label: NDArray[np.str_]
    consent: NDArray[np.bool_]
    row: NDArray[np.int64]
    predicted: NDArray[np.int8]
    probability: NDArray[np.float32]
    map_row: NDArray[np.int32]
    shares: NDArray[np.float32]
    ledger: NDArray[np.float64]
    present: NDArray[np.int8]
    models: tuple[str, ...]
    replicates: tuple[str, ...]
    seeds: tuple[str, ...]
    classes: tuple[str, ...]
    concepts: tuple[str, ...]
    target: str
    candidates: list[dict[str, Any]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.frame_id)

    def labels(self, rows: NDArray[np.intp] | None = None) -> tuple[str, ...]:
        """Labels of some or all faces in the order of the classes; others come last."""
        found = set((self.label if rows is None else self.label[rows]).tolist())
        return (*(name for name in self.classes if name in found), *sorted(found - set(self.classes)))

    def logit_units(self, model: int, seeds: tuple[int, ...]) -> NDArray[np.float64]:
        """Root mean square of the logit over all faces, of each seed: the unit of the normalisation "logit"."""
        logits = self.ledger[model, list(seeds), :, 0]
        known = np.isfinite(logits)
        squares = np.where(known, logits, 0.0) ** 2
        return np.sqrt(squares.sum(axis=1) / np.maximum(known.sum(axis=1), 1))
