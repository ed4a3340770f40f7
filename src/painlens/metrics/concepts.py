"""How often a concept is shown, and how often a model errs with and without it.

The paper explains its cross-database drop with these two tables: no-pain faces with closed eyes exist in one database
only, and the other database's model calls them pain.
"""

import numpy as np
import pandas as pd

from painlens.metrics.bootstrap import participant_weights, percentile_interval, ratio
from painlens.tables import ERRORS, PREVALENCE, DataError, conform, empty


def prevalence(concepts: pd.DataFrame, *, confidence: float, draws: int, rng: np.random.Generator) -> pd.DataFrame:
    """PREVALENCE of every concept by database and label, with intervals over participants.

    Faces whose concept nobody could tell are left out. A rate of exactly 0 or 1 has an interval of no width: no
    resampling of people without an event can show one.
    """
    known = concepts[concepts["value"].notna()]
    rows: list[dict[str, object]] = []
    for database, of_database in known.groupby("database", sort=True):
        people = np.unique(of_database["participant"].to_numpy(dtype=str))
        weights = participant_weights(rng, len(people), draws=draws)
        for (concept, label), cell in of_database.groupby(["concept", "label"], sort=True):
            present = cell["value"].to_numpy(dtype=np.float64)
            rate, low, high = _rate(cell, present, people, weights, confidence=confidence)
            counts = {"faces": len(cell), "present": int(present.sum())}
            row = {"concept": concept, "database": database, "label": label, **counts}
            rows.append({**row, "rate": rate, "low": low, "high": high})
    return conform(pd.DataFrame(rows), PREVALENCE) if rows else empty(PREVALENCE)


def errors_by_concept(
    predictions: pd.DataFrame,
    concepts: pd.DataFrame,
    *,
    confidence: float,
    draws: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """ERRORS of every model on faces with and without each concept, by database and label.

    The mean over seeds; networks trained on halves of the participants are left out, as are faces whose concept
    nobody could tell. Cells without faces have no row.

    Raises
    ------
    DataError
        No face with a concept label has a prediction.
    """
    whole = predictions[~predictions["replicate"].str.startswith("half=")]
    known = concepts.loc[concepts["value"].notna(), ["concept", "database", "frame_id", "value"]]
    if not len(known):
        return empty(ERRORS)
    answers = known.merge(whole, on=["database", "frame_id"], how="inner")
    if not len(answers):
        raise DataError(
            f"concept labels and predictions must share database and frame_id, none of {len(known)} labels is among "
            f"{len(whole)} predictions; e.g. {known['frame_id'].iloc[0]!r}"
        )
    rows: list[dict[str, object]] = []
    for database, of_database in answers.groupby("database", sort=True):
        people = np.unique(of_database["participant"].to_numpy(dtype=str))
        weights = participant_weights(rng, len(people), draws=draws)
        cells = of_database.groupby(["model", "concept", "label", "value"], sort=True)
        for (model, concept, label, present), cell in cells:
            wrong = (cell["predicted"] != cell["label"]).to_numpy(dtype=np.float64)
            rate, low, high = _rate(cell, wrong, people, weights, confidence=confidence)
            key = {"model": model, "concept": concept, "database": database, "label": label, "present": present}
            faces = cell["frame_id"].nunique()
            rows.append({**key, "faces": faces, "error_rate": rate, "low": low, "high": high})
    return conform(pd.DataFrame(rows), ERRORS)


def _rate(
    cell: pd.DataFrame, events: np.ndarray, people: np.ndarray, weights: np.ndarray, *, confidence: float
) -> tuple[float, float, float]:
    """Share of rows with an event, and its interval; draws without any row of the cell are left out."""
    person = np.searchsorted(people, cell["participant"].to_numpy(dtype=str))
    rows = np.bincount(person, minlength=len(people)).astype(np.float64)
    with_event = np.bincount(person, weights=events, minlength=len(people))
    drawn = ratio(weights @ with_event, weights @ rows, undefined=np.nan)
    low, high = percentile_interval(drawn, confidence=confidence, participants=int((rows > 0).sum()))
    return float(events.mean()), low, high
