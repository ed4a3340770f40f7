"""The learning rate of every step."""

import math
from typing import Literal

# Smith, Topin, "Super-Convergence", 2018, with the constants of torch.optim.lr_scheduler.OneCycleLR
WARM_UP = 0.3
START = 25.0
END = 1e4


def learning_rate_at(step: int, steps: int, *, highest: float, schedule: Literal["constant", "one-cycle"]) -> float:
    """Learning rate of step 0 .. steps - 1.

    ``one-cycle`` rises on a cosine from highest / 25 in the first 30 % and falls on another to highest / 250,000.
    """
    if schedule == "constant":
        return highest
    peak = WARM_UP * steps - 1.0
    if step <= peak:
        return _cosine(highest / START, highest, step / peak if peak > 0 else 1.0)
    return _cosine(highest, highest / START / END, (step - peak) / (steps - 1 - peak))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2.0 * (1.0 + math.cos(math.pi * share))
