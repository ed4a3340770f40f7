"""Precision, recall, F1, accuracy and AUROC of every model on every database, with intervals over participants."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from painlens.metrics.bootstrap import participant_weights, percentile_interval, ratio
from painlens.predictions import log_odds, logits_of
from painlens.tables import METRICS, DataError, conform, empty
from painlens.training import class_indices

MAJORITY = "majority"  # model of the baseline rows
MEAN = "mean"  # replicate of the rows that average the seeds


@dataclass(frozen=True)
class _Counts:
    """All that the measures need of one network on one database, by participant."""

    confusion: np.ndarray  # (participant, true class, predicted class) faces
    pairs: np.ndarray  # (participant of a target face, participant of another face) pairs in the right order, ties .5
    target: np.ndarray  # (participant,) faces of the target class
    others: np.ndarray  # (participant,) faces of the other classes


def evaluate(
    predictions: pd.DataFrame,
    *,
    classes: tuple[str, ...],
    target: str,
    confidence: float,
    draws: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """METRICS of every model on every database: each seed, and the mean over seeds with its interval.

    Measures: ``precision:<class>``, ``recall:<class>``, ``f1:<class>``, the same with ``:macro`` (plain mean over the
    classes), ``accuracy``, ``balanced-accuracy`` (mean recall of the classes that were tested) and ``auroc`` (log-odds
    of the target class against all other classes; missing where only one side was tested).

    Networks trained on halves of the participants serve the claim about databases and are left out here. The model
    ``majority`` answers every face of a database with that database's most frequent class (the earlier of `classes`
    if two are equally frequent): the best that can be had without looking, with an AUROC of one half.

    The same people are drawn for all models of a database. A draw that lacks a class of the database is left out of
    the interval. The order of the rows has no influence.

    Raises
    ------
    DataError
        A label or an answer is no class, logits are missing, or the seeds of a model saw different faces.
    """
    names = measure_names(classes)
    rows: list[dict[str, object]] = []
    whole = predictions[~predictions["replicate"].str.startswith("half=")]
    for database, tested in whole.groupby("database", sort=True):
        people = np.unique(tested["participant"].to_numpy(dtype=str))
        weights = participant_weights(rng, len(people), draws=draws)
        answers = {
            (str(model), str(replicate)): _count(of_network, people, classes=classes, target=target)
            for (model, replicate), of_network in tested.groupby(["model", "replicate"], sort=True)
        }
        faces = _faces_of(tested, str(database))
        for model in sorted({model for model, _ in answers}):
            seeds = {replicate: counts for (name, replicate), counts in answers.items() if name == model}
            key = {"model": model, "database": str(database), "faces": faces[model], "participants": len(people)}
            rows += _rows_of_model(key, seeds, names=names, weights=weights, confidence=confidence)
        baseline = _majority(next(iter(answers.values())))
        key = {"model": MAJORITY, "database": str(database), "faces": max(faces.values()), "participants": len(people)}
        rows += _rows_of_model(key, {MEAN: baseline}, names=names, weights=weights, confidence=confidence)
    return conform(pd.DataFrame(rows), METRICS) if rows else empty(METRICS)


def measure_names(classes: tuple[str, ...]) -> tuple[str, ...]:
    """Names of all measures, in the order of the tables."""
    parts = tuple(f"{kind}:{name}" for kind in ("precision", "recall", "f1") for name in (*classes, "macro"))
    return (*parts, "accuracy", "balanced-accuracy", "auroc")


def _rows_of_model(
    key: dict[str, object],
    seeds: dict[str, _Counts],
    *,
    names: tuple[str, ...],
    weights: np.ndarray,
    confidence: float,
) -> list[dict[str, object]]:
    """Rows of one model on one database: a block per seed, then the mean."""
    everyone = np.ones((1, weights.shape[1]))
    values = {replicate: _measure(counts, everyone) for replicate, counts in seeds.items()}
    undefined = {replicate: _undefined(counts) for replicate, counts in seeds.items()}
    rows = [
        {**key, "replicate": replicate, "measure": name, "value": value, "undefined": int(gap)}
        for replicate in seeds
        if replicate != MEAN
        for name, value, gap in zip(names, values[replicate][0], undefined[replicate], strict=True)
    ]
    drawn = np.mean([_measure(counts, weights) for counts in seeds.values()], axis=0)
    mean = np.mean(list(values.values()), axis=0)[0]
    gaps = np.sum(list(undefined.values()), axis=0)
    for place, name in enumerate(names):
        low, high = percentile_interval(drawn[:, place], confidence=confidence, participants=weights.shape[1])
        row = {"replicate": MEAN, "measure": name, "value": mean[place], "undefined": int(gaps[place])}
        rows.append({**key, **row, "low": low, "high": high})
    return rows


def _count(network: pd.DataFrame, people: np.ndarray, *, classes: tuple[str, ...], target: str) -> _Counts:
    """Counts of one network's answers."""
    person = np.searchsorted(people, network["participant"].to_numpy(dtype=str))
    truth = class_indices(network["label"].tolist(), classes=classes)
    answer = class_indices(network["predicted"].tolist(), classes=classes)
    confusion = np.zeros((len(people), len(classes), len(classes)))
    np.add.at(confusion, (person, truth, answer), 1.0)
    score = log_odds(logits_of(network, classes=classes), classes, target)
    own = truth == classes.index(target)
    pairs = np.empty((len(people), len(people)))
    for other in range(len(people)):
        below = np.sort(score[~own & (person == other)])
        ranks = np.searchsorted(below, score[own], "left") + np.searchsorted(below, score[own], "right")
        pairs[:, other] = np.bincount(person[own], weights=ranks / 2.0, minlength=len(people))
    sides = (np.bincount(person[side], minlength=len(people)).astype(np.float64) for side in (own, ~own))
    return _Counts(confusion, pairs, *sides)


def _majority(counts: _Counts) -> _Counts:
    """The counts of answering every face of the same database with its most frequent class."""
    by_class = counts.confusion.sum(axis=2)
    confusion = np.zeros_like(counts.confusion)
    confusion[:, :, int(np.argmax(by_class.sum(axis=0)))] = by_class
    return _Counts(confusion, 0.5 * np.outer(counts.target, counts.others), counts.target, counts.others)


def _measure(counts: _Counts, weights: Float[np.ndarray, "draw participant"]) -> Float[np.ndarray, "draw measure"]:
    """All measures under each row of participant weights; missing in draws that lack a tested class."""
    confusion = np.einsum("dp,pij->dij", weights, counts.confusion)
    hits = np.einsum("dii->di", confusion)
    true, answered = confusion.sum(axis=2), confusion.sum(axis=1)
    recall = ratio(hits, true, undefined=0.0)
    by_class = (ratio(hits, answered, undefined=0.0), recall, ratio(2.0 * hits, true + answered, undefined=0.0))
    tested = counts.confusion.sum(axis=(0, 2)) > 0
    ordered = np.einsum("dp,pq,dq->d", weights, counts.pairs, weights, optimize=True)
    columns = [np.column_stack([part, part.mean(axis=1)]) for part in by_class]
    columns += [
        ratio(hits.sum(axis=1), true.sum(axis=1), undefined=np.nan)[:, None],
        recall[:, tested].mean(axis=1, keepdims=True),
        ratio(ordered, (weights @ counts.target) * (weights @ counts.others), undefined=np.nan)[:, None],
    ]
    measures = np.hstack(columns)
    measures[(true[:, tested] == 0).any(axis=1)] = np.nan
    return measures


def _undefined(counts: _Counts) -> np.ndarray:
    """Which measures of one network are 0/0, in the order of `measure_names`."""
    confusion = counts.confusion.sum(axis=0)
    true, answered = confusion.sum(axis=1) == 0, confusion.sum(axis=0) == 0
    flags = [np.append(part, part.any()) for part in (answered, true, true & answered)]
    one_sided = counts.target.sum() == 0 or counts.others.sum() == 0
    return np.concatenate([*flags, [False, False, one_sided]])


def _faces_of(tested: pd.DataFrame, database: str) -> dict[str, int]:
    """Number of test faces of each model; all its networks must have answered all of them."""
    faces: dict[str, int] = {}
    for model, of_model in tested.groupby("model", sort=True):
        frames, networks = of_model["frame_id"].nunique(), of_model["replicate"].nunique()
        if len(of_model) != frames * networks:
            raise DataError(
                f"each network of model '{model}' must have answered the same faces of '{database}', got "
                f"{len(of_model)} answers of {networks} networks to {frames} faces; predict again"
            )
        faces[str(model)] = int(frames)
    return faces
