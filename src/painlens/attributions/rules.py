"""Rules of layer-wise relevance propagation: how one linear layer hands relevance from its outputs to its inputs.

Notation: inputs x_i, weights w_ij, biases b_j, outputs z_j, relevance R_j of the outputs; + and - stand for the
positive and the negative part of a number. Every rule is a sum over parts of the form
``R_i = v_i sum_j u_ij f R_j / (sum_i v_i u_ij + c_j)`` with some view v of the inputs, weights u, biases c and a
factor f: a rule is a function that lists these `Part`s.

References: Bach et al. 2015 (PLoS ONE 10) for LRP-0, epsilon and alpha-beta; Montavon et al. 2017 (Pattern
Recognition 65) for z+ and the box rule; Montavon et al. 2019 (in: Explainable AI, LNCS 11700) for gamma; Lapuschkin et
al. 2019 (Nature Communications 10) for flat.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

View = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Part:
    """One summand of a rule, for one layer.

    Attributes
    ----------
    weight
        u: as the layer's weights, possibly with a multiple of its input channels where the view has as many.
    bias
        c of each output, or None.
    factor
        f, negative for the part that is subtracted.
    stabiliser
        Added to the denominator with its sign. With 0, a denominator of exactly 0 passes nothing on.
    view
        v of the layer's input x.
    own
        Whether the denominators are the outputs of the layer itself, which need not be computed again.
    """

    weight: Tensor
    bias: Tensor | None
    factor: float = 1.0
    stabiliser: float = 0.0
    view: View = lambda inputs: inputs
    own: bool = False


class Rule(Protocol):
    """What a rule is: parts for the weights and biases of a layer."""

    def __call__(self, weight: Tensor, bias: Tensor | None, *, signed: bool) -> tuple[Part, ...]:
        """`signed` tells whether inputs may be negative: those of the first layer may, those behind a ReLU are not."""
        ...


def epsilon(weight: Tensor, bias: Tensor | None, *, signed: bool, stabiliser: float = 0.0) -> tuple[Part, ...]:
    """LRP-epsilon; LRP-0 for a stabiliser of 0 (Bach et al. 2015). The bias takes its share and keeps it.

    ``R_i = x_i sum_j w_ij R_j / (z_j + stabiliser sign(z_j))``
    """
    del signed  # the same for any input
    return (Part(weight, bias, stabiliser=stabiliser, own=True),)


def z_plus(weight: Tensor, bias: Tensor | None, *, signed: bool) -> tuple[Part, ...]:
    """Only positive contributions count, the bias does not (Montavon et al. 2017): the paper's rule of convolutions.

    ``R_i = sum_j (x_i w_ij)+ R_j / sum_i (x_i w_ij)+``, where for an input of any sign
    ``(x w)+ = x+ w+ + x- w-``. It equals alpha-beta with alpha 1 and beta 0 without bias.
    """
    return alpha_beta(weight, bias, signed=signed, alpha=1.0, beta=0.0, with_bias=False)


def alpha_beta(
    weight: Tensor,
    bias: Tensor | None,
    *,
    signed: bool,
    alpha: float,
    beta: float,
    with_bias: bool = True,
    stabiliser: float = 0.0,
) -> tuple[Part, ...]:
    """Positive and negative contributions apart, alpha - beta = 1 (Bach et al. 2015).

    ``R_i = sum_j (alpha (x_i w_ij)+ / z_j+ - beta (x_i w_ij)- / z_j-) R_j`` with
    ``z_j+ = sum_i (x_i w_ij)+ + b_j+`` and z_j- alike; `with_bias` tells whether the biases count in the denominators.
    """
    if alpha < 0 or beta < 0 or abs(alpha - beta - 1.0) > 1e-9:
        raise ValueError(f"alpha and beta must not be negative and alpha - beta must be 1, got {alpha} and {beta}")
    positive, negative = weight.clamp(min=0), weight.clamp(max=0)
    parts = []
    for factor, same, other, cut in ((alpha, positive, negative, _upper), (-beta, negative, positive, _lower)):
        if factor == 0:
            continue
        kept = cut(bias) if bias is not None and with_bias else None
        view, parted = _by_sign(same, other, signed=signed)
        parts.append(Part(parted, kept, factor, stabiliser, view))
    return tuple(parts)


def gamma(
    weight: Tensor, bias: Tensor | None, *, signed: bool, gamma: float, stabiliser: float = 0.0
) -> tuple[Part, ...]:
    """Positive contributions are favoured, the more the larger gamma (Montavon et al. 2019); for outputs above 0.

    ``R_i = sum_j (x_i w_ij + gamma (x_i w_ij)+) R_j / sum_i (x_i w_ij + gamma (x_i w_ij)+) + b_j + gamma b_j+``;
    0 gives LRP-0 and infinity the z+ rule with bias.
    """
    view, parted = _by_sign(weight + gamma * weight.clamp(min=0), weight + gamma * weight.clamp(max=0), signed=signed)
    favoured = None if bias is None else bias + gamma * bias.clamp(min=0)
    return (Part(parted, favoured, stabiliser=stabiliser, view=view),)


def box(
    weight: Tensor, bias: Tensor | None, *, signed: bool, low: Tensor, high: Tensor, stabiliser: float = 0.0
) -> tuple[Part, ...]:
    """zB: the first layer's rule for inputs between l and h (Montavon et al. 2017).

    ``R_i = sum_j (x_i w_ij - l_i w_ij+ - h_i w_ij-) R_j / sum_i (x_i w_ij - l_i w_ij+ - h_i w_ij-)``, the bias added to
    the denominators as b - b+ - b- = 0; `low` and `high` are the smallest and the largest input of each channel.
    """
    del bias, signed
    parted = torch.cat([weight, -weight.clamp(min=0), -weight.clamp(max=0)], dim=1)
    return (Part(parted, None, stabiliser=stabiliser, view=partial(_with_bounds, low=low, high=high)),)


def flat(weight: Tensor, bias: Tensor | None, *, signed: bool, stabiliser: float = 0.0) -> tuple[Part, ...]:
    """The first layer's rule that spreads relevance evenly over what a unit sees (Lapuschkin et al. 2019).

    ``R_i = sum_j R_j / n_j`` with n_j the number of inputs of unit j inside the picture; weights and inputs play no
    part.
    """
    del bias, signed
    return (Part(torch.ones_like(weight), None, stabiliser=stabiliser, view=torch.ones_like),)


def _by_sign(for_positive: Tensor, for_negative: Tensor, *, signed: bool) -> tuple[View, Tensor]:
    """The view [x+, x-] with the weights of each half; x itself where no input is negative."""
    if not signed:
        return _as_is, for_positive
    return _halves, torch.cat([for_positive, for_negative], dim=1)


def _as_is(inputs: Tensor) -> Tensor:
    return inputs


def _halves(inputs: Tensor) -> Tensor:
    return torch.cat([inputs.clamp(min=0), inputs.clamp(max=0)], dim=1)


def _with_bounds(inputs: Tensor, *, low: Tensor, high: Tensor) -> Tensor:
    bounds = [bound.to(inputs).view(1, -1, *[1] * (inputs.ndim - 2)).expand_as(inputs) for bound in (low, high)]
    return torch.cat([inputs, *bounds], dim=1)


def _upper(values: Tensor) -> Tensor:
    return values.clamp(min=0)


def _lower(values: Tensor) -> Tensor:
    return values.clamp(max=0)
