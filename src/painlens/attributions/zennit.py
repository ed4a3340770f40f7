"""The named composites through Zennit: any architecture, at about twice the cost of `lrp`, and an oracle for it.

For the paper's composite three settings differ from Zennit's own `EpsilonPlus` and each of them matters: the bias is
left out of the z+ rule (and only there: without the dense bias LRP-0 divides by values near 0), the stabilisers are too
small to absorb relevance, and the seed is the logit at the explained class instead of 1.

Zennit (Anders et al. 2021) is an LGPL library; only its hooks, composites, canonizers and attributors are used.
"""

import inspect

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn
from zennit.attribution import Gradient
from zennit.canonizers import Canonizer
from zennit.composites import COMPOSITES as THEIRS
from zennit.composites import LayerMapComposite, SpecialFirstLayerMapComposite, layer_map_base
from zennit.core import Composite, Hook
from zennit.rules import AlphaBeta, Epsilon, Flat, Gamma, ZBox, ZPlus
from zennit.types import Convolution, Linear

from painlens.attributions.canonical import Canonical, canonical
from painlens.attributions.composites import COMPOSITES, ZENNIT
from painlens.attributions.relevance import Explanation
from painlens.attributions.structure import PROBABILITIES, NoLogits
from painlens.tables import DataError

STABILISER = 1e-12  # of z+; far below any z+ of a live unit
EPSILON = 1e-30  # of LRP-0; 0 would divide 0 by 0 where a dense unit is exactly 0
_USUAL = 1e-6  # of Zennit's composites
_SUM_STABILISER = {"paper": EPSILON, "lrp-0": EPSILON, "preset-a": EPSILON}  # of sums of branches and average pools


class ZennitLRP:
    """Relevance of the inputs of any network, by default with the paper's composite.

    Average pools, sums of residual branches and activations follow Zennit's base layer map; batch norms are folded into
    the layers before them. The ledger's bias and dead entries are not booked (NaN). Call it with the network in
    evaluation mode; its weights are copied where its computation is rewritten.

    Parameters
    ----------
    network
        Float inputs (n, channels, height, width) to logits (n, classes).
    composite
        A name in `painlens.attributions.composites.COMPOSITES`, or ``zennit:`` and the name of a composite of Zennit,
        such as ``zennit:epsilon_plus_flat``.
    low, high
        Smallest and largest input of each channel, for composites with the box rule.

    Raises
    ------
    NoLogits
        The network ends with a softmax or the like.
    DataError
        There is no such composite, or it needs the bounds of the inputs.
    """

    def __init__(
        self, network: nn.Module, composite: str = "paper", *, low: Tensor | None = None, high: Tensor | None = None
    ) -> None:
        last = [module for module in network.modules() if not list(module.children())][-1]
        if isinstance(last, PROBABILITIES):
            raise NoLogits(
                f"the network ends with {last}, but relevance starts at a logit; give the network without it"
            )
        self._bounds = None if low is None or high is None else (low, high)
        self._name = composite
        self._canonical: Canonical = canonical(network)
        self._composite()  # a wrong name is told at once

    @property
    def message(self) -> str:
        """How the network was prepared."""
        return self._canonical.message

    def __call__(self, inputs: Tensor, target: int | Tensor) -> Explanation:
        """Relevance of the logit `target` (one class, or one per input)."""

        def seed(logits: Tensor) -> Tensor:
            _refuse_probabilities(logits.detach())
            goal = torch.as_tensor(target, device=logits.device).expand(len(logits))
            return F.one_hot(goal, logits.shape[1]).to(logits) * logits.detach()

        # A fresh leaf: Zennit follows gradients to it, and the caller's tensor stays as it was.
        leaf = inputs.detach().clone().requires_grad_()
        with torch.enable_grad(), Gradient(self._canonical.network, self._composite()) as attributor:
            logits, relevance = attributor(leaf, seed)  # pyright: ignore[reportGeneralTypeIssues] - returns a pair
        logits, relevance = logits.detach(), relevance.detach()
        start = seed(logits).sum(1)
        unknown = torch.full_like(start, torch.nan)
        return Explanation(relevance, logits, start, unknown, unknown)

    def _composite(self) -> Composite:
        """A fresh set of hooks: a composite remembers the modules that it was registered to."""
        canonizers = list(self._canonical.canonizers)
        if self._name.startswith(ZENNIT):
            return self._theirs(self._name.removeprefix(ZENNIT), canonizers)
        convolution, dense, first = self._rules()
        layers = [
            (Convolution, convolution),
            (nn.Linear, dense),
            *layer_map_base(_SUM_STABILISER.get(self._name, _USUAL)),
        ]
        if first is None:
            return LayerMapComposite(layers, canonizers=canonizers)
        return SpecialFirstLayerMapComposite(layers, first_map=[(Linear, first)], canonizers=canonizers)

    def _rules(self) -> tuple[Hook, Hook, Hook | None]:
        """Rule of convolutions, of dense layers and of the first layer."""
        usual = Epsilon(_USUAL)
        plus, alpha2 = AlphaBeta(1.0, 0.0, stabilizer=_USUAL), AlphaBeta(2.0, 1.0, stabilizer=_USUAL)
        if self._name == "epsilon-gamma-box":
            low, high = self._limits()
            return Gamma(0.25, stabilizer=_USUAL), usual, ZBox(low, high, stabilizer=_USUAL)
        table: dict[str, tuple[Hook, Hook, Hook | None]] = {
            "paper": (ZPlus(stabilizer=STABILISER, zero_params="bias"), Epsilon(EPSILON), None),
            "lrp-0": (Epsilon(EPSILON), Epsilon(EPSILON), None),
            "epsilon": (usual, usual, None),
            "epsilon-plus": (plus, usual, None),
            "epsilon-plus-flat": (plus, usual, Flat(stabilizer=_USUAL)),
            "epsilon-alpha2-beta1": (alpha2, usual, None),
            "epsilon-alpha2-beta1-flat": (alpha2, usual, Flat(stabilizer=_USUAL)),
            "preset-a": (AlphaBeta(1.0, 0.0, stabilizer=STABILISER), Epsilon(0.1), None),
        }
        if self._name not in table:
            raise DataError(
                f"attribution.composite must be one of {', '.join(COMPOSITES)} or '{ZENNIT}' and a name of Zennit's "
                f"({', '.join(THEIRS)}), got '{self._name}'"
            )
        return table[self._name]

    def _theirs(self, name: str, canonizers: list[Canonizer]) -> Composite:
        """One of Zennit's own composites, with its own settings."""
        if name not in THEIRS:
            raise DataError(f"Zennit has the composites {', '.join(THEIRS)}, got '{name}'")
        kind = THEIRS[name]
        bounds = {}
        if "low" in inspect.signature(kind).parameters:
            bounds = dict(zip(("low", "high"), self._limits(), strict=True))
        return kind(canonizers=canonizers, **bounds)

    def _limits(self) -> tuple[Tensor, Tensor]:
        """The bounds of the inputs, in the form that Zennit broadcasts."""
        if self._bounds is None:
            raise DataError(
                f"composite '{self._name}' needs the smallest and the largest input of each channel; the network must "
                "have prepare(faces), from which they follow"
            )
        low, high = (bound.view(1, -1, 1, 1) for bound in self._bounds)
        return low, high


def _refuse_probabilities(outputs: Tensor) -> None:
    """A softmax may hide in the network's own code; its rows show it."""
    if (
        outputs.numel()
        and outputs.shape[1] > 1
        and bool((outputs >= 0).all() & ((outputs.sum(1) - 1).abs() < 1e-5).all())
    ):
        raise NoLogits(
            "the network's outputs are all positive and add up to 1, so they are probabilities, but relevance starts "
            "at a logit; give a network without softmax"
        )
