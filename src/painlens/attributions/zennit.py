"""The paper's composite through Zennit: any architecture, at about twice the cost of `lrp`, and an oracle for it.

Three settings differ from Zennit's own `EpsilonPlus` and each of them matters: the bias is left out of the z+ rule
(and only there: without the dense bias LRP-0 divides by values near 0), the stabilisers are too small to absorb
relevance, and the seed is the logit at the explained class instead of 1.

Zennit (Anders et al. 2021) is an LGPL library; only its hooks, composites and attributors are used.
"""

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn
from zennit.attribution import Gradient
from zennit.canonizers import SequentialMergeBatchNorm
from zennit.composites import LayerMapComposite, layer_map_base
from zennit.rules import Epsilon, ZPlus
from zennit.types import Convolution

from painlens.attributions.relevance import Explanation
from painlens.attributions.structure import PROBABILITIES, UnsupportedStructure

STABILISER = 1e-12  # of z+; far below any z+ of a live unit
EPSILON = 1e-30  # of LRP-0; 0 would divide 0 by 0 where a dense unit is exactly 0


class ZennitLRP:
    """Relevance of the inputs of any network, with LRP-0 in dense layers and z+ without bias in convolutions.

    Average pools, sums of residual branches and activations follow Zennit's base layer map; batch norms directly
    behind a convolution or a dense layer are merged into it for the time of the call. The ledger's bias and dead
    entries are not booked (NaN). Call it with the network in evaluation mode.

    Parameters
    ----------
    network
        Float inputs (n, channels, height, width) to logits (n, classes).
    """

    def __init__(self, network: nn.Module) -> None:
        last = [module for module in network.modules() if not list(module.children())][-1]
        if isinstance(last, PROBABILITIES):
            raise UnsupportedStructure(
                f"the network ends with {last}, but relevance starts at a logit; give the network without it"
            )
        self._network = network

    def __call__(self, inputs: Tensor, target: int | Tensor) -> Explanation:
        """Relevance of the logit `target` (one class, or one per input)."""

        def seed(logits: Tensor) -> Tensor:
            _refuse_probabilities(logits.detach())
            goal = torch.as_tensor(target, device=logits.device).expand(len(logits))
            return F.one_hot(goal, logits.shape[1]).to(logits) * logits.detach()

        # A fresh leaf: Zennit follows gradients to it, and the caller's tensor stays as it was.
        leaf = inputs.detach().clone().requires_grad_()
        with torch.enable_grad(), Gradient(self._network, _paper_composite()) as attributor:
            logits, relevance = attributor(leaf, seed)  # pyright: ignore[reportGeneralTypeIssues] - returns a pair
        logits, relevance = logits.detach(), relevance.detach()
        start = seed(logits).sum(1)
        unknown = torch.full_like(start, torch.nan)
        return Explanation(relevance, logits, start, unknown, unknown)


def _paper_composite() -> LayerMapComposite:
    """A fresh set of hooks: a composite remembers the modules that it was registered to."""
    rules = [
        (Convolution, ZPlus(stabilizer=STABILISER, zero_params="bias")),
        (nn.Linear, Epsilon(epsilon=EPSILON)),
    ]
    return LayerMapComposite(rules + layer_map_base(), canonizers=[SequentialMergeBatchNorm()])


def _refuse_probabilities(outputs: Tensor) -> None:
    """A softmax may hide in the network's own code; its rows show it."""
    if (
        outputs.numel()
        and outputs.shape[1] > 1
        and bool((outputs >= 0).all() & ((outputs.sum(1) - 1).abs() < 1e-5).all())
    ):
        raise UnsupportedStructure(
            "the network's outputs are all positive and add up to 1, so they are probabilities, but relevance starts "
            "at a logit; give a network without softmax"
        )
