"""The focal loss and the class-balanced weights."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from painlens.study import ClassBalance
from painlens.tables import DataError


def focal_loss(
    logits: Float[Tensor, "face logit"],
    labels: Int[Tensor, " face"],
    *,
    gamma: float,
    weights: Float[Tensor, " logit"] | None = None,
) -> Float[Tensor, ""]:
    """Mean over faces of w(y) (1 - p_y)^gamma (-log p_y), with the softmax probability p_y of the true class.

    gamma = 0 is cross-entropy. The weighted losses are divided by the number of faces, as Keras does, and not by the
    sum of their weights, as PyTorch's cross-entropy does: unnormalised weights then scale the learning rate.
    Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017 (there with one sigmoid per class).

    Examples
    --------
    >>> logits = torch.zeros(1, 2)  # p = 1/2: (1/2)^2 log 2
    >>> round(focal_loss(logits, torch.tensor([1]), gamma=2.0).item(), 6)
    0.173287
    """
    log_p = torch.log_softmax(logits, dim=1).gather(1, labels[:, None]).squeeze(1)
    loss = -log_p
    if gamma:
        # expm1 keeps 1 - p exact near p = 1; the floor keeps the gradient of the power finite at p = 1 for gamma < 1
        missing = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).tiny)
        loss = missing.pow(gamma) * loss
    if weights is not None:
        loss = weights[labels] * loss
    return loss.mean()


def class_balanced_weights(counts: Sequence[int] | np.ndarray, *, beta: float, normalised: bool) -> np.ndarray:
    """Weights (1 - beta) / (1 - beta^n) of classes with n training faces each, float64.

    Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019. There the weights are scaled to
    sum to the number of classes (`normalised`); the paper prints them without. At beta = .99 an effective number is at
    most 100, so classes of more than about 500 faces weigh the same, and unnormalised about .01.

    Raises
    ------
    DataError
        A class has no faces.

    Examples
    --------
    >>> class_balanced_weights([40029, 8369], beta=0.9999, normalised=True).round(3).tolist()
    [0.732, 1.268]
    """
    n = np.asarray(counts, dtype=np.float64)
    if n.size == 0 or (n < 1).any():
        raise DataError(f"class-balanced weights need at least one face of each class, got the counts {list(counts)}")
    weights = (1.0 - beta) / -np.expm1(n * np.log(beta)) if beta > 0 else np.ones_like(n)
    return weights * (n.size / weights.sum()) if normalised else weights


def class_weights(counts: Sequence[int] | np.ndarray, balance: ClassBalance | None) -> np.ndarray | None:
    """Weights of classes with these numbers of training faces, as a study asks for them; None without a balance.

    Log them: at the paper's beta they are practically equal.
    """
    if balance is None:
        return None
    return class_balanced_weights(counts, beta=balance.beta, normalised=balance.normalised)
