"""Named composites: which rule of `painlens.attributions.rules` is used in which layers.

`paper` is the composite of Prajod, Huber, Andre 2022. Those called after Zennit's (Anders et al. 2021) are the same
rules with the same stabilisers and give the same maps; `preset-a` is what iNNvestigate (Alber et al. 2019) calls
``LRPSequentialPresetA``.
"""

from dataclasses import dataclass
from functools import partial

from torch import Tensor

from painlens.attributions import rules
from painlens.attributions.rules import Rule
from painlens.tables import DataError

ZENNIT = "zennit:"  # in front of the name of a composite of that library
_STABILISER = 1e-6  # of Zennit's composites
_GAMMA = 0.25  # Montavon et al. 2019


@dataclass(frozen=True)
class Composite:
    """Rules by layer.

    Attributes
    ----------
    convolution, dense
        Rule of these layers. That of dense layers must be one of LRP-0 or epsilon, which suit logits of both signs.
    first
        Rule of the first layer, where it is another one.
    bounded
        Whether `first` is the box rule, which must know the smallest and largest input.
    """

    convolution: Rule
    dense: Rule
    first: Rule | None = None
    bounded: bool = False

    def for_inputs(self, low: Tensor | None, high: Tensor | None) -> "Composite":
        """The composite with the bounds of the inputs, a number per channel, where it needs them."""
        if not self.bounded or self.first is None:
            return self
        if low is None or high is None:
            raise DataError("the box rule needs the smallest and the largest input of each channel; give input bounds")
        return Composite(self.convolution, self.dense, partial(self.first, **{"low": low, "high": high}))


_EPSILON = partial(rules.epsilon, stabiliser=_STABILISER)
_PLUS = partial(rules.alpha_beta, alpha=1.0, beta=0.0, stabiliser=_STABILISER)
_ALPHA2 = partial(rules.alpha_beta, alpha=2.0, beta=1.0, stabiliser=_STABILISER)
_FLAT = partial(rules.flat, stabiliser=_STABILISER)

COMPOSITES: dict[str, Composite] = {
    "paper": Composite(rules.z_plus, rules.epsilon),
    "lrp-0": Composite(rules.epsilon, rules.epsilon),
    "epsilon": Composite(_EPSILON, _EPSILON),
    "epsilon-plus": Composite(_PLUS, _EPSILON),
    "epsilon-plus-flat": Composite(_PLUS, _EPSILON, _FLAT),
    "epsilon-alpha2-beta1": Composite(_ALPHA2, _EPSILON),
    "epsilon-alpha2-beta1-flat": Composite(_ALPHA2, _EPSILON, _FLAT),
    "epsilon-gamma-box": Composite(
        partial(rules.gamma, gamma=_GAMMA, stabiliser=_STABILISER),
        _EPSILON,
        partial(rules.box, stabiliser=_STABILISER),  # pyright: ignore[reportArgumentType] - bounds come later
        bounded=True,
    ),
    "preset-a": Composite(partial(rules.alpha_beta, alpha=1.0, beta=0.0), partial(rules.epsilon, stabiliser=0.1)),
}


def composite_of(name: str) -> Composite:
    """A composite by its name in `COMPOSITES`."""
    if name not in COMPOSITES:
        raise DataError(f"attribution.composite must be one of {', '.join(COMPOSITES)}, got '{name}'")
    return COMPOSITES[name]
