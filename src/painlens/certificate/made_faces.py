"""Faces as short feature vectors: what a small network needs in place of pixels, with known concepts.

A face is made of three concepts, six facial actions that come with pain, and who it is. Two things that ordinary
intervals overlook are in it on purpose. People have **habits**: some close their eyes more often than others, some
show pain more strongly, so who is in a training set matters. And a frame has an **intensity**, which all facial actions
of the frame share; in a confounded design the concepts follow it too, so that a network which ignores the eyes still
answers higher where they are closed.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int

from painlens.certificate.designs import CONCEPTS, Rates

# Action units that come with pain and define none of the concepts (painlens.concept_test.regression.DEFINING_UNITS).
ACTION_UNITS = ("au04", "au06", "au07", "au09", "au10", "au24")
IDENTITY = 7
CONCEPT_NOISE = np.array([0.50, 0.30, 0.35])  # closed eyes are a small signal in a face, bared teeth a large one
HABIT = 0.8  # standard deviation between people of a concept's log-odds, separately with and without pain
GAIN = 0.35  # standard deviation between people of the log of their expressiveness
FOLLOWS = 1.0  # log-odds of a concept per standard deviation of the frame's intensity, where confounded
RATING = 0.2  # standard deviation of an annotator's error in an action unit
N_FEATURES = len(CONCEPTS) + len(ACTION_UNITS) + IDENTITY


@dataclass(frozen=True)
class MadeFaces:
    """Faces of some people of one database, people in order, with and without pain in turn.

    Attributes
    ----------
    features
        float32 (face, feature): concepts first, then action units, then who it is.
    pain, present
        The label, and bool (face, concept).
    units
        Annotated intensities of `ACTION_UNITS`.
    """

    features: Float32[np.ndarray, "face feature"]
    pain: Bool[np.ndarray, " face"]
    present: Bool[np.ndarray, "face concept"]
    units: Float64[np.ndarray, "face unit"]
    participant: Int[np.ndarray, " face"]

    def of(self, people: Int[np.ndarray, " participant"]) -> tuple[np.ndarray, np.ndarray]:
        """Features and label of some of the people."""
        rows = np.isin(self.participant, people)
        return self.features[rows], self.pain[rows]


def draw_faces(
    people: int, images: int, rates: tuple[Rates, ...], *, confounded: bool, rng: np.random.Generator
) -> MadeFaces:
    """New people and their faces.

    Parameters
    ----------
    images
        Faces per participant; every second one shows pain.
    rates
        P(concept | pain) and P(concept | no pain) of each concept, for a participant without habits.
    """
    n_faces = people * images
    participant = np.repeat(np.arange(people), images)
    pain = np.tile(np.arange(images) % 2 == 1, people)
    intensity = rng.normal(0, 1, n_faces)
    log_odds = _log_odds(np.array(rates))  # (concept, pain first)
    habits = rng.normal(0, HABIT, (people, len(CONCEPTS), 2))
    side = np.where(pain, 0, 1)
    wish = log_odds[:, side].T + habits[participant[:, None], np.arange(len(CONCEPTS)), side[:, None]]
    if confounded:
        wish += FOLLOWS * intensity[:, None]
    present = rng.random((n_faces, len(CONCEPTS))) < 1 / (1 + np.exp(-wish))
    gain = np.exp(rng.normal(0, GAIN, (people, len(ACTION_UNITS))))[participant]
    units = gain * (0.5 * pain + 0.35 * intensity)[:, None] + rng.normal(0, 0.75, (n_faces, len(ACTION_UNITS)))
    units = np.clip(units, -1, 3)
    who = rng.normal(0, 1, (people, IDENTITY))[participant] + rng.normal(0, 0.3, (n_faces, IDENTITY))
    seen = present + rng.normal(0, CONCEPT_NOISE, present.shape)
    features = np.hstack([seen, units, who]).astype(np.float32)
    rated = units + rng.normal(0, RATING, units.shape)
    return MadeFaces(features, pain, present, rated, participant)


def _log_odds(rate: Float64[np.ndarray, "*any"]) -> Float64[np.ndarray, "*any"]:
    """Log-odds; a rate of 0 becomes so small that no habit brings the concept about."""
    return np.where(rate > 0, np.log(np.maximum(rate, 1e-9) / (1 - rate)), -50.0)
