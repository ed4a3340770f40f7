"""A network in the form that rules of single layers need: sums as modules, batch norms folded, nothing in place.

Rules are attached to modules, so what a network does in its own code escapes them: the sum of a residual branch, a
functional ReLU, a mean over pixels. The network's computation is traced (`torch.fx`) and rewritten in a copy; that
covers torchvision's and timm's convolutional networks. Where it cannot be traced, Zennit's own canonizers for ResNet
and VGG are the fallback.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, fx, nn
from torch.fx.experimental.optimization import fuse
from zennit.canonizers import Canonizer
from zennit.layer import Sum
from zennit.torchvision import ResNetCanonizer
from zennit.types import Activation, AvgPool, BatchNorm, Convolution, Linear, MaxPool

_SUMS = (operator.add, operator.iadd, torch.add)
_SUM_METHODS = ("add", "add_")
_RELUS = (F.relu, torch.relu)
_RELU_METHODS = ("relu", "relu_")
_MEANS = (torch.mean, "mean")
_COVERED = (
    *(Activation, AvgPool, BatchNorm, Convolution, Linear, MaxPool, Sum),
    *(nn.Dropout, nn.Dropout2d, nn.Identity, nn.Flatten, nn.Unflatten),
)


@dataclass(frozen=True)
class Canonical:
    """A network to attach rules to.

    Attributes
    ----------
    network
        Gives the same logits.
    canonizers
        What Zennit has still to do while it explains.
    message
        What was done, for the user.
    """

    network: nn.Module
    canonizers: tuple[Canonizer, ...]
    message: str


class SpatialMean(nn.AdaptiveAvgPool2d):
    """The mean over height and width: an average pool, for which there is a rule."""

    def __init__(self, *, keep: bool) -> None:
        super().__init__(1)
        self._keep = keep

    def forward(self, input: Tensor) -> Tensor:
        """(n, channels, 1, 1), or (n, channels)."""
        mean = super().forward(input)
        return mean if self._keep else mean.flatten(1)


def canonical(network: nn.Module) -> Canonical:
    """The network rewritten for rules; it must be in evaluation mode and is left as it is."""
    try:
        traced = fuse(network)
    except Exception as error:  # noqa: BLE001 - code that cannot be traced fails in any way it likes
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return Canonical(
            network,
            (ResNetCanonizer(),),
            f"its computation cannot be traced ({reason}); batch norms that follow their layer and torchvision's "
            "residual blocks are handled, other sums and functional layers are passed as their gradient",
        )
    assert isinstance(traced, fx.GraphModule)
    sums = _replace(traced, _is_sum, _as_sum)
    _replace(traced, _is_relu, _as_relu)
    _replace(traced, _is_mean, _as_mean)
    _replace(traced, _is_average, _as_average)
    traced.graph.eliminate_dead_code()
    traced.recompile()
    for module in traced.modules():
        if getattr(module, "inplace", False):
            setattr(module, "inplace", False)  # noqa: B010 - a plain flag, not a tensor or module
    return Canonical(traced, (), f"batch norms folded, {sums} sums of branches made modules{_without_rule(traced)}")


def _without_rule(traced: nn.Module) -> str:
    """What stays for which there is no rule."""
    leaves = [module for module in traced.modules() if not list(module.children())]
    norms = sum(isinstance(module, BatchNorm) for module in leaves)
    others = sorted({type(module).__name__ for module in leaves if not isinstance(module, _COVERED)})
    told = f", {norms} batch norms that follow no layer passed unchanged" if norms else ""
    return told + (f", passed as their gradient: {', '.join(others)}" if others else "")


def _replace(
    traced: fx.GraphModule,
    fits: Callable[[fx.Node], bool],
    put: Callable[[fx.GraphModule, fx.Node, str], fx.Node],
) -> int:
    """Put modules in the place of nodes; returns how many."""
    nodes = [node for node in traced.graph.nodes if fits(node)]
    for number, node in enumerate(nodes):
        with traced.graph.inserting_before(node):
            node.replace_all_uses_with(put(traced, node, f"painlens_{fits.__name__[1:]}_{number}"))
        traced.graph.erase_node(node)
    return len(nodes)


def _is_sum(node: fx.Node) -> bool:
    found = (node.op == "call_function" and node.target in _SUMS) or (
        node.op == "call_method" and node.target in _SUM_METHODS
    )
    return found and not node.kwargs and len(node.args) == 2 and all(map(_is_tensor, node.args))


def _is_tensor(value: object) -> bool:
    """Whether a value of the traced code is a tensor and not a number or a size."""
    if not isinstance(value, fx.Node) or value.target in ("size", "dim", getattr):
        return False
    return value.target is not operator.getitem or _is_tensor(value.args[0])


def _stacked(one: Tensor, other: Tensor) -> Tensor:
    """Two branches along a new last axis, over which they are summed."""
    return torch.stack(torch.broadcast_tensors(one, other), dim=-1)


def _as_sum(traced: fx.GraphModule, node: fx.Node, name: str) -> fx.Node:
    traced.add_submodule(name, Sum())
    stacked = traced.graph.call_function(_stacked, node.args)
    return traced.graph.call_module(name, (stacked,))


def _is_relu(node: fx.Node) -> bool:
    return (node.op == "call_function" and node.target in _RELUS) or (
        node.op == "call_method" and node.target in _RELU_METHODS
    )


def _as_relu(traced: fx.GraphModule, node: fx.Node, name: str) -> fx.Node:
    traced.add_submodule(name, nn.ReLU())
    return traced.graph.call_module(name, (node.args[0],))


def _arguments(node: fx.Node) -> list[Any]:
    """Positional arguments, for which torch.fx allows anything."""
    return list(node.args)


def _is_mean(node: fx.Node) -> bool:
    if node.op not in ("call_function", "call_method") or node.target not in _MEANS:
        return False
    given = _arguments(node)
    axes = node.kwargs.get("dim", given[1] if len(given) > 1 else None)
    return isinstance(axes, list | tuple) and sorted(int(str(axis)) % 4 for axis in axes) == [2, 3]


def _as_mean(traced: fx.GraphModule, node: fx.Node, name: str) -> fx.Node:
    given = _arguments(node)
    keep = node.kwargs.get("keepdim", given[2] if len(given) > 2 else False)
    traced.add_submodule(name, SpatialMean(keep=bool(keep)))
    return traced.graph.call_module(name, (given[0],))


def _is_average(node: fx.Node) -> bool:
    return node.op == "call_function" and node.target in (F.avg_pool2d, F.adaptive_avg_pool2d)


def _as_average(traced: fx.GraphModule, node: fx.Node, name: str) -> fx.Node:
    kind = nn.AvgPool2d if node.target is F.avg_pool2d else nn.AdaptiveAvgPool2d
    given = _arguments(node)
    options: dict[str, Any] = {key: value for key, value in node.kwargs.items() if key != "input"}
    traced.add_submodule(name, kind(*given[1:], **options))
    return traced.graph.call_module(name, (given[0] if given else node.kwargs["input"],))
