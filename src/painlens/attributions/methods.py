"""The ways of explaining a logit, by the name that a study file gives them.

`lrp` takes the fast engine and, for networks that it does not read, Zennit with the same composite; the user is told.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from painlens.attributions.chunks import Notice
from painlens.attributions.composites import ZENNIT, composite_of
from painlens.attributions.lrp import SequentialLRP, Tape
from painlens.attributions.network import layers_of
from painlens.attributions.relevance import Explanation
from painlens.attributions.structure import NoLogits, UnsupportedStructure
from painlens.study import Attribution as AttributionSettings
from painlens.tables import DataError


class Attribution(Protocol):
    """One way of explaining logits, prepared for one network."""

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers that may keep relevance, from the input to the logits; empty where the method does not book it."""
        ...

    def __call__(self, inputs: Tensor, target: int | Tensor, *, regions: Tensor | None = None) -> Explanation:
        """Relevance of inputs (n, channels, height, width) for the logit `target` (one class, or one per input).

        `regions`, integers (n, height, width), is the facial region of every pixel, for methods that explain regions.
        """
        ...


@dataclass(frozen=True)
class Bounds:
    """Smallest and largest input of each channel, (channels,)."""

    low: Tensor
    high: Tensor


@dataclass(frozen=True)
class OfPixels:
    """A method that explains pixels and therefore needs no regions."""

    explain: Callable[[Tensor, int | Tensor], Explanation]
    layers: tuple[str, ...] = ()

    def __call__(self, inputs: Tensor, target: int | Tensor, *, regions: Tensor | None = None) -> Explanation:
        """See `Attribution`."""
        del regions
        return self.explain(inputs, target)

    def bytes_of(self, inputs: Tensor) -> tuple[int, int]:
        """What one input keeps, and its largest tensor."""
        return _cost(self.explain, inputs)


def prepare_method(
    network: nn.Module, settings: AttributionSettings, bounds: Bounds | None, notice: Notice
) -> Attribution:
    """The study's method for a network, which must be in evaluation mode.

    Raises
    ------
    UnsupportedStructure
        The method cannot explain this network.
    DataError
        The settings do not go together.
    """
    return ATTRIBUTIONS[settings.method](network, settings, bounds, notice)


def _lrp(network: nn.Module, settings: AttributionSettings, bounds: Bounds | None, notice: Notice) -> Attribution:
    if settings.composite.startswith(ZENNIT):
        return _zennit(network, settings, bounds, notice)
    try:
        engine = sequential(network, settings, bounds)
    except NoLogits:
        raise  # no other method has a logit either
    except UnsupportedStructure as reason:
        if settings.precision != "float32":
            raise
        explanation = _zennit(network, settings, bounds, notice)
        notice(f"the fast engine does not read this network ({str(reason).split(';')[0]}); Zennit explains it instead")
        return explanation
    return OfPixels(engine, engine.layer_names)


def sequential(network: nn.Module, settings: AttributionSettings, bounds: Bounds | None) -> SequentialLRP:
    """The fast engine for a network."""
    composite = composite_of(settings.composite)
    if composite.bounded:
        composite = composite.for_inputs(bounds.low if bounds else None, bounds.high if bounds else None)
    rule_dtype = torch.bfloat16 if settings.precision == "bfloat16" else None
    return SequentialLRP(layers_of(network), composite=composite, rule_dtype=rule_dtype)


def _zennit(network: nn.Module, settings: AttributionSettings, bounds: Bounds | None, notice: Notice) -> Attribution:
    from painlens.attributions.zennit import ZennitLRP  # the tracing of networks takes a second to import

    if settings.precision != "float32":
        raise DataError(f"attribution method 'zennit' has precision float32 only, got {settings.precision}")
    low, high = (bounds.low, bounds.high) if bounds else (None, None)
    explain = ZennitLRP(network, settings.composite, low=low, high=high)
    notice(f"Zennit explains {type(network).__name__}: {explain.message}")
    return OfPixels(explain)


def _captum(network: nn.Module, settings: AttributionSettings, bounds: Bounds | None, notice: Notice) -> Attribution:
    from painlens.attributions.captum import CaptumMethod, Draws

    del bounds, notice
    if settings.precision != "float32":
        raise DataError(f"attribution method '{settings.method}' has precision float32 only, got {settings.precision}")
    draws = Draws(settings.steps, settings.samples, settings.noise, settings.patch, seed=0)
    return CaptumMethod(network, settings.method, draws)


ATTRIBUTIONS: dict[str, Callable[[nn.Module, AttributionSettings, Bounds | None, Notice], Attribution]] = {
    "lrp": _lrp,
    "zennit": _zennit,
    "gradient": _captum,
    "gradient-times-input": _captum,
    "integrated-gradients": _captum,
    "smoothgrad": _captum,
    "grad-cam": _captum,
    "occlusion": _captum,
    "lime": _captum,
    "kernel-shap": _captum,
}


def _cost(explain: Callable[[Tensor, int | Tensor], Explanation], inputs: Tensor) -> tuple[int, int]:
    """Bytes of what an engine keeps of these inputs and of its largest tensor; 0 where it is not known."""
    if not isinstance(explain, SequentialLRP):
        return 0, 0
    tape = explain.forward(inputs)
    return _bytes(tape), max(kept.size_out.numel() * tape.logits.element_size() for kept in tape.kept)


def _bytes(tape: Tape) -> int:
    held = [share.ratio for kept in tape.kept for share in kept.shares]
    held += [kept.winners for kept in tape.kept if kept.winners is not None]
    return sum(values.numel() * values.element_size() for values in held)
