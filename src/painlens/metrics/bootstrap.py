"""Resampling of participants: whole people are drawn, with all their faces."""

import numpy as np
from jaxtyping import Float


def participant_weights(
    rng: np.random.Generator, participants: int, *, draws: int
) -> Float[np.ndarray, "draw participant"]:
    """How often each participant was drawn in each bootstrap sample; rows sum to the number of participants."""
    return rng.multinomial(participants, np.full(participants, 1.0 / participants), size=draws).astype(np.float64)


def percentile_interval(
    values: Float[np.ndarray, " draw"], *, confidence: float, participants: int
) -> tuple[float, float]:
    """Lower and upper end of the percentile interval; missing draws are left out.

    Both ends are missing with fewer than two participants, who cannot show how people vary, or without any draw.
    """
    defined = values[np.isfinite(values)]
    if participants < 2 or not defined.size:
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    return float(low), float(high)


def ratio(
    numerator: Float[np.ndarray, "..."], denominator: Float[np.ndarray, "..."], *, undefined: float
) -> Float[np.ndarray, "..."]:
    """The quotient, with `undefined` in the place of 0/0 (denominators are never negative)."""
    out = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), undefined)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out
