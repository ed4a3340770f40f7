"""Which class is taken for which: K x K counts of every model on every database, with intervals over participants."""

import numpy as np
import pandas as pd
from jaxtyping import Float

from painlens.metrics.bootstrap import participant_weights, percentile_interval, ratio
from painlens.metrics.scores import MEAN
from painlens.tables import CONFUSION, conform, empty
from painlens.training import class_indices


def confusion(
    predictions: pd.DataFrame, *, classes: tuple[str, ...], confidence: float, draws: int, rng: np.random.Generator
) -> pd.DataFrame:
    """CONFUSION of every model on every database: each seed, and the mean over seeds with its interval.

    Rows of one true class share out its faces: shares add up to 1. A true class without test faces has no shares.
    Networks trained on halves of the participants are left out. The same people are drawn for all models of a database.

    Parameters
    ----------
    classes
        All classes, in the order of the rows.

    Raises
    ------
    DataError
        A label or an answer is no class.
    """
    whole = predictions[~predictions["replicate"].str.startswith("half=")]
    rows: list[dict[str, object]] = []
    for database, tested in whole.groupby("database", sort=True):
        people = np.unique(tested["participant"].to_numpy(dtype=str))
        weights = participant_weights(rng, len(people), draws=draws)
        for model, of_model in tested.groupby("model", sort=True):
            counts = {
                str(seed): _counts(own, people, classes) for seed, own in of_model.groupby("replicate", sort=True)
            }
            key: dict[str, object] = {"model": str(model), "database": str(database)}
            rows += [row for seed, own in counts.items() for row in _rows(key | {"replicate": seed}, own, classes)]
            stacked = np.stack(list(counts.values()))
            rows += _mean_rows(key | {"replicate": MEAN}, stacked, classes, weights=weights, confidence=confidence)
    return conform(pd.DataFrame(rows), CONFUSION) if rows else empty(CONFUSION)


def _counts(
    network: pd.DataFrame, people: np.ndarray, classes: tuple[str, ...]
) -> Float[np.ndarray, "participant truth answer"]:
    """Faces of each participant by true class and answer."""
    person = np.searchsorted(people, network["participant"].to_numpy(dtype=str))
    truth = class_indices(network["label"].tolist(), classes=classes)
    answer = class_indices(network["predicted"].tolist(), classes=classes)
    counts = np.zeros((len(people), len(classes), len(classes)))
    np.add.at(counts, (person, truth, answer), 1.0)
    return counts


def _rows(
    key: dict[str, object], counts: Float[np.ndarray, "participant truth answer"], classes: tuple[str, ...]
) -> list[dict[str, object]]:
    """Rows of one network, or of the mean of several."""
    faces = counts.sum(axis=0)
    of = faces.sum(axis=1)
    share = ratio(faces, of[:, None], undefined=np.nan)
    return [
        {**key, "label": label, "predicted": predicted, "faces": faces[i, j], "of": round(of[i]), "share": share[i, j]}
        for i, label in enumerate(classes)
        for j, predicted in enumerate(classes)
    ]


def _mean_rows(
    key: dict[str, object],
    counts: Float[np.ndarray, "seed participant truth answer"],
    classes: tuple[str, ...],
    *,
    weights: Float[np.ndarray, "draw participant"],
    confidence: float,
) -> list[dict[str, object]]:
    """The mean over seeds with its intervals; draws without any face of the true class are left out of them."""
    mean = counts.mean(axis=0)
    drawn = np.einsum("dp,pij->dij", weights, mean)
    shares = ratio(drawn, drawn.sum(axis=2, keepdims=True), undefined=np.nan)
    people = (mean.sum(axis=2) > 0).sum(axis=0)  # who shows the class at all
    rows = _rows(key, mean, classes)
    for place, row in enumerate(rows):
        i, j = divmod(place, len(classes))
        row["low"], row["high"] = percentile_interval(
            shares[:, i, j], confidence=confidence, participants=int(people[i])
        )
    return rows
