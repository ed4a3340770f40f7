"""Whether a probability means what it says: calibration of every model on every database."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from scipy.special import expit
from scipy.stats import t as student

from painlens.metrics.bootstrap import participant_weights, percentile_interval, ratio
from painlens.metrics.scores import MEAN
from painlens.predictions import log_odds, logits_of
from painlens.tables import CALIBRATION, CALIBRATION_CURVE, conform, empty

BINS = 10  # of equal width from 0 to 1 (Naeini, Cooper, Hauskrecht 2015; Guo et al. 2017)
PERFECT_DRAWS = 200  # of labels of a model that is right about its probabilities
ECE, BRIER = "ece", "brier"


@dataclass(frozen=True)
class _Answers:
    """Probabilities of one network on one database.

    Attributes
    ----------
    sums
        float64 (participant, bin, 3): faces, their probabilities and their faces of the target class, summed.
    squares
        float64 (participant,): sum of the squared distances of probability and truth.
    probability, target
        Of each face.
    """

    sums: Float[np.ndarray, "participant bin 3"]
    squares: Float[np.ndarray, " participant"]
    probability: Float[np.ndarray, " face"]
    target: Bool[np.ndarray, " face"]


def calibration(
    predictions: pd.DataFrame,
    *,
    classes: tuple[str, ...],
    target: str,
    confidence: float,
    draws: int,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """CALIBRATION and CALIBRATION_CURVE of every model on every database: each seed, and the mean over seeds.

    The probability of the target class against all others is judged, at any number of classes.

    ``ece`` (expected calibration error): faces are sorted into ten bins by their probability; the distance of mean
    probability and share of target faces, mean over the faces. ``brier``: mean squared distance of probability and
    truth (0 or 1). Their intervals are those of the jackknife over test participants with Student's t: resampling
    with replacement makes the first one larger than it is. Networks of halves of the people are left out.

    An ece is never 0 by chance. Its `reference` is the mean ece of a model whose probabilities are right, with
    independent faces; that of a brier is the score of always saying the tested share of the class.

    Parameters
    ----------
    draws
        Of participants, for the intervals of the curve (percentile bootstrap).
    """
    rows: list[dict[str, object]] = []
    bins: list[dict[str, object]] = []
    whole = predictions[~predictions["replicate"].str.startswith("half=")]
    for database, tested in whole.groupby("database", sort=True):
        people = np.unique(tested["participant"].to_numpy(dtype=str))
        weights = participant_weights(rng, len(people), draws=draws)
        for model, of_model in tested.groupby("model", sort=True):
            networks = {
                str(seed): _answers(own, people, classes, target)
                for seed, own in of_model.groupby("replicate", sort=True)
            }
            faces = int(of_model["frame_id"].nunique())
            key = {"model": str(model), "database": str(database), "faces": faces, "participants": len(people)}
            rows += _rows(key, networks, confidence, rng)
            bins += _curve(
                {"model": str(model), "database": str(database)}, list(networks.values()), weights, confidence
            )
    return (
        conform(pd.DataFrame(rows), CALIBRATION) if rows else empty(CALIBRATION),
        conform(pd.DataFrame(bins), CALIBRATION_CURVE) if bins else empty(CALIBRATION_CURVE),
    )


def _answers(network: pd.DataFrame, people: np.ndarray, classes: tuple[str, ...], target: str) -> _Answers:
    """Sums of one network's answers by participant and bin."""
    person = np.searchsorted(people, network["participant"].to_numpy(dtype=str))
    probability = expit(log_odds(logits_of(network, classes=classes), classes, target))
    own = (network["label"] == target).to_numpy(dtype=bool)
    place = _bin_of(probability)
    sums = np.zeros((len(people), BINS, 3))
    for number, values in enumerate((np.ones(len(own)), probability, own.astype(float))):
        np.add.at(sums[..., number], (person, place), values)
    squares = np.bincount(person, weights=(probability - own) ** 2, minlength=len(people))
    return _Answers(sums, squares, probability, own)


def _bin_of(probability: Float[np.ndarray, " face"]) -> np.ndarray:
    """Number of the bin; its upper end belongs to the next one, but 1 to the last."""
    return np.minimum((probability * BINS).astype(int), BINS - 1)


def _measures(answers: _Answers, weights: Float[np.ndarray, "row participant"]) -> Float[np.ndarray, "row 2"]:
    """Expected calibration error and Brier score with every participant weighted; missing where nobody is left."""
    sums = np.einsum("rp,pbk->rbk", weights, answers.sums)
    faces = sums[..., 0].sum(axis=1)
    error = ratio(np.abs(sums[..., 1] - sums[..., 2]).sum(axis=1), faces, undefined=np.nan)
    return np.stack([error, ratio(weights @ answers.squares, faces, undefined=np.nan)], axis=1)


def _references(answers: _Answers, rng: np.random.Generator) -> tuple[float, float]:
    """What a model with right probabilities shows in the first measure, and always saying the same in the second."""
    place = _bin_of(answers.probability)
    bins = np.eye(BINS)[place]
    drawn = rng.random((PERFECT_DRAWS, len(place))) < answers.probability
    gaps = np.abs((answers.probability - drawn) @ bins).sum(axis=1)
    share = float(answers.target.mean())
    return float(gaps.mean() / len(place)), share * (1.0 - share)


def _rows(
    key: dict[str, object], networks: dict[str, _Answers], confidence: float, rng: np.random.Generator
) -> list[dict[str, object]]:
    """Rows of every network and of their mean, which has the interval."""
    people = len(next(iter(networks.values())).squares)
    left_out = np.vstack([np.ones(people), 1.0 - np.eye(people)])
    values = {seed: _measures(own, left_out) for seed, own in networks.items()}
    references = {seed: _references(own, rng) for seed, own in networks.items()}
    rows: list[dict[str, object]] = []
    for place, measure in enumerate((ECE, BRIER)):
        for seed in networks:
            own = {"replicate": seed, "value": values[seed][0, place], "reference": references[seed][place]}
            rows.append({**key, "measure": measure, **own, "low": np.nan, "high": np.nan})
        mean = np.mean([of_seed[:, place] for of_seed in values.values()], axis=0)
        low, high = _jackknife_interval(mean[0], mean[1:], confidence)
        reference = np.mean([of_seed[place] for of_seed in references.values()])
        own = {"replicate": MEAN, "value": mean[0], "reference": reference, "low": low, "high": high}
        rows.append({**key, "measure": measure, **own})
    return rows


def _jackknife_interval(
    value: float, without: Float[np.ndarray, " participant"], confidence: float
) -> tuple[float, float]:
    """Interval from the values without each participant, inside 0 to 1; missing with fewer than two people.

    >>> low, high = _jackknife_interval(0.5, np.array([0.4, 0.6]), 0.95)
    >>> low, high
    (0.0, 1.0)
    """
    people = len(without)
    if people < 2 or not np.isfinite(without).all():
        return float("nan"), float("nan")
    error = np.sqrt((people - 1) * np.mean((without - without.mean()) ** 2))
    reach = float(student.ppf((1.0 + confidence) / 2.0, people - 1) * error)
    return max(0.0, value - reach), min(1.0, value + reach)


def _curve(
    key: dict[str, object], networks: list[_Answers], weights: Float[np.ndarray, "draw participant"], confidence: float
) -> list[dict[str, object]]:
    """Bins of all seeds together: the mean probability in each and the share of target faces; none without faces."""
    sums = np.sum([own.sums for own in networks], axis=0)
    drawn = np.einsum("dp,pbk->dbk", weights, sums)
    shares = ratio(drawn[..., 2], drawn[..., 0], undefined=np.nan)
    rows: list[dict[str, object]] = []
    for place, (answers, probability, own) in enumerate(sums.sum(axis=0)):
        if answers == 0:
            continue
        people = int((sums[:, place, 0] > 0).sum())
        low, high = percentile_interval(shares[:, place], confidence=confidence, participants=people)
        rows.append({
            **key, "bin": place, "from": place / BINS, "to": (place + 1) / BINS, "probability": probability / answers,
            "share": own / answers, "low": low, "high": high, "faces": answers / len(networks), "participants": people,
        })  # fmt: skip
    return rows
