"""Random halves for 2-fold cross-validation: of the faces, as in the paper, or of the participants.

Halves of faces put every participant into both halves, so knowing the person counts as knowing the concept (it raised
F1 by .025 in simulations, by .05 for a rare concept). Halves of participants do not.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from painlens.tables import DataError

FEWEST_POSITIVES, MOST_POSITIVES = 0.3, 0.7  # share of the faces with the concept that each half must hold
MOST_DRAWS = 200_000


class Untestable(DataError):
    """A concept whose faces do not allow a measure; the others can still be tested."""


@dataclass(frozen=True)
class ParticipantHalves:
    """Halves of participants and what it took to draw them.

    Attributes
    ----------
    first_half
        bool (repeat, face): the face's participant is in the first half.
    redrawn
        How many draws were refused because a half held too few of the faces with the concept.
    """

    first_half: Bool[np.ndarray, "repeat face"]
    redrawn: int


def image_halves(
    present: Bool[np.ndarray, " face"], *, repeats: int, stratified: bool, rng: np.random.Generator
) -> Bool[np.ndarray, "repeat face"]:
    """Halves of the faces whatever their participant (the paper's folds), True for the first half.

    Parameters
    ----------
    stratified
        Each half gets half of the faces with the concept and half of those without; a left-over face goes to a random
        side. The paper does not say whether its folds were stratified.
    """
    strata = [np.flatnonzero(present), np.flatnonzero(~present)] if stratified else [np.arange(len(present))]
    first_half = np.zeros((repeats, len(present)), bool)
    for row in first_half:
        for stratum in strata:
            size = (len(stratum) + int(rng.integers(2))) // 2
            row[rng.permutation(stratum)[:size]] = True
    return first_half


def participant_halves(
    present: Bool[np.ndarray, " face"],
    participant: Int[np.ndarray, " face"],
    *,
    repeats: int,
    rng: np.random.Generator,
) -> ParticipantHalves:
    """Halves of the participants; drawn again until each half holds 30 to 70 % of the faces with the concept.

    Parameters
    ----------
    participant
        Number of the face's participant, from 0 without gaps.

    Raises
    ------
    Untestable
        No such halves exist, or none was found in 200,000 draws: the concept is on too few participants.
    """
    n_people = int(participant.max()) + 1
    positives = np.bincount(participant, weights=present, minlength=n_people)
    negatives = np.bincount(participant, weights=~present, minlength=n_people)
    _check_possible(positives, negatives)
    accepted: list[np.ndarray] = []
    draws = found = redrawn = 0
    while found < repeats:
        if draws >= MOST_DRAWS:
            raise Untestable(
                f"halves of {n_people} participants that each hold {FEWEST_POSITIVES:.0%} to {MOST_POSITIVES:.0%} of "
                f"the {int(positives.sum())} faces with the concept: found {found} of {repeats} in {draws} draws; the "
                f"concept is too concentrated on few participants (the largest share is "
                f"{positives.max() / positives.sum():.0%}); test on more participants"
            )
        batch = max(repeats, 100)
        size = (n_people + rng.integers(2, size=(batch, 1))) // 2
        first = rng.permuted(np.tile(np.arange(n_people), (batch, 1)), axis=1) < size
        share = first @ positives / positives.sum()
        some_negatives = (first @ negatives > 0) & (~first @ negatives > 0)
        good = (share >= FEWEST_POSITIVES - 1e-9) & (share <= MOST_POSITIVES + 1e-9) & some_negatives
        used = min(batch, int(np.searchsorted(np.cumsum(good), repeats - found)) + 1)
        accepted.append(first[:used][good[:used]])
        redrawn += int((~good[:used]).sum())
        draws, found = draws + used, found + len(accepted[-1])
    return ParticipantHalves(np.concatenate(accepted)[:, participant], redrawn)


def _check_possible(positives: np.ndarray, negatives: np.ndarray) -> None:
    """Refuse what no draw can cure, with the numbers."""
    for kind, counts in (("with", positives), ("without", negatives)):
        people = int((counts > 0).sum())
        if people < 2:
            raise Untestable(
                f"faces {kind} the concept must come from at least two participants, got {people} "
                f"({int(counts.sum())} faces); test on more participants or leave the concept out"
            )
    if positives.max() > MOST_POSITIVES * positives.sum() + 1e-9:
        raise Untestable(
            f"no half may hold more than {MOST_POSITIVES:.0%} of the faces with the concept, but one participant alone "
            f"has {positives.max() / positives.sum():.0%} of them; test on more participants"
        )
