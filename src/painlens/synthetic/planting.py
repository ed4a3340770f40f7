"""Planted concepts: in which frames eyes close, teeth show or a smile appears, at the rates that a study asks for."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float, Int

from painlens.study import ConceptRate, Synthetic
from painlens.synthetic.actions import COLUMN, CONCEPT_ACTIONS, CONCEPTS, EYES_CLOSED
from painlens.synthetic.streams import Streams

UNBIASED = 0.3  # rate of a concept that a study does not mention
HABIT = 40.0  # concentration of personal rates around the database's rate: about ±.07 at a rate of .3


def rates_of(settings: Synthetic, *, eyes_closed_is_pain: bool) -> dict[str, ConceptRate]:
    """Rates of all concepts; where PSPI is the label, closed eyes are pain by definition.

    Raises
    ------
    ValueError
        A concept cannot be planted, or closed eyes are asked for in frames that PSPI would call pain.
    """
    unknown = sorted(set(settings.bias) - set(CONCEPTS))
    if unknown:
        raise ValueError(f"bias names {', '.join(unknown)}; concepts that can be planted are {', '.join(CONCEPTS)}")
    rates = {concept: ConceptRate(pain=UNBIASED, no_pain=UNBIASED) for concept in CONCEPTS}
    if eyes_closed_is_pain:
        rates[EYES_CLOSED] = ConceptRate(pain=UNBIASED, no_pain=0.0)
    rates |= settings.bias
    if eyes_closed_is_pain and rates[EYES_CLOSED].no_pain != 0:
        raise ValueError(
            f"bias of {EYES_CLOSED} must have no_pain: 0 in a database labelled by PSPI, which counts closed eyes as "
            f"pain; got {rates[EYES_CLOSED].no_pain:g}"
        )
    return rates


def personal_rate(rng: np.random.Generator, rate: float) -> float:
    """The rate of one person: a beta variable around the database's rate, with that rate as its mean."""
    if rate in (0.0, 1.0):
        return rate
    return float(rng.beta(HABIT * rate, HABIT * (1 - rate)))


def stretches(rng: np.random.Generator, runs: Int[np.ndarray, " frame"], longest: int) -> Int[np.ndarray, " frame"]:
    """Number of the short stretch that each frame lies in; a stretch never leaves its run of equal numbers."""
    numbers = np.zeros(len(runs), np.int64)
    current, rest = -1, 0
    for frame in range(len(runs)):
        if rest == 0 or (frame > 0 and runs[frame] != runs[frame - 1]):
            current, rest = current + 1, int(rng.integers(1, longest + 1))
        numbers[frame] = current
        rest -= 1
    return numbers


def plant(
    rng: np.random.Generator,
    *,
    rate: float,
    confounding: float,
    intensity: Float[np.ndarray, " frame"],
    stretch: Int[np.ndarray, " frame"],
    counted: Bool[np.ndarray, " frame"],
) -> Bool[np.ndarray, " frame"]:
    """Whether the concept is shown in each frame of one person and one label.

    Every stretch is either confounded, with the probability `confounding`, or free. A confounded frame is scored by
    the rank of its other action units, a free one by a random number of its stretch; both scores are uniform, so the
    best-scored share shows the concept at the wanted rate whatever the mixture.

    Parameters
    ----------
    rate
        Share of the counted frames that show the concept.
    intensity
        How strong the other action units are.
    stretch
        Neighbouring frames with one number share their fate where they are free.
    counted
        Frames that the rate is about: those that the study will keep.
    """
    count = len(intensity)
    ties = rng.random(count)
    free, coin = rng.random((2, int(stretch.max()) + 1 if count else 0))
    rank = np.empty(count)
    rank[np.lexsort((ties, intensity))] = (np.arange(count) + 0.5) / max(count, 1)
    score = np.where(coin[stretch] < confounding, rank, free[stretch]) + 1e-6 * ties
    wanted = rate * counted.sum()
    shown = int(wanted) + int(rng.random() < wanted - int(wanted))
    if shown == 0:
        # Nothing is shown in the counted frames; the others follow the rate on their own.
        return ~counted & (score > max(1 - rate, score[counted].max(initial=0)))
    return score >= np.sort(score[counted])[::-1][shown - 1]


def act(streams: Streams, shown: Mapping[str, Bool[np.ndarray, " frame"]], actions: Float[np.ndarray, "frame unit"]
        ) -> None:  # fmt: skip
    """Put the action units of shown concepts into `actions`, in place; where none is shown they are zero.

    The intensity is drawn once per sequence, so that a concept looks alike from frame to frame.
    """
    for concept, units in CONCEPT_ACTIONS.items():
        rng = streams.rng(f"intensity of {concept}")
        for unit, (low, high) in units.items():
            intensity = rng.uniform(low, high)
            actions[:, COLUMN[unit]] = np.where(shown[concept], intensity, 0.0)
