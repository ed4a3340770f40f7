"""Layer-wise relevance propagation for plain sequential ReLU networks, with the paper's composite, fast.

The composite (Prajod, Huber, Andre 2022; rules after Bach et al. 2015 and Montavon et al. 2017):

* start: the logit of the explained class, zero at the other classes;
* dense layer: LRP-0 **with** bias, ``R_i = a_i sum_j w_ij R_j / z_j`` where ``z_j = sum_i a_i w_ij + b_j``; the bias
  takes its share and keeps it;
* convolution, the first one included: z+ **without** bias, only positive contributions count. For an input of any
  sign these are x+ W+ and x- W-, so that ``R = x+ convT(R / z+, W+) + x- convT(R / z+, W-)``;
* max-pool: the winner takes all; ReLU and dropout pass relevance on unchanged;
* a unit whose z is exactly 0 passes nothing on.

The engine carries c = R / a (relevance divided by activation) instead of R, with y = relu(z):

* dense + ReLU:  ``c_in = (c_out [z > 0]) W``, because the division by z cancels;
* conv + ReLU:   ``c_in = convT(c_out y / z+, W+)``.

So a dense layer needs a mask and a convolution one map, and no autograd is involved. The cost is one forward pass,
one more pass of the convolutions for z+ and one transposed pass.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn
from torch.nn.grad import conv2d_input

from painlens.attributions.relevance import Explanation
from painlens.attributions.structure import ConvBlock, DenseBlock, UnsupportedStructure, read_structure


@dataclass(frozen=True)
class _Kept:
    """What the backward sweep needs of one convolution block."""

    ratio: Tensor  # y / z+, at the winners if there is a pool
    winners: Tensor | None  # flat index of each winner before pooling
    size_in: torch.Size  # of what the rule's convolution read
    size_out: torch.Size  # before pooling
    dead: Tensor | None  # activation where z+ = 0, if there is any


@dataclass(frozen=True)
class Tape:
    """One forward pass: the logits, and what sweeps back to the input need. One tape serves several targets."""

    inputs: Tensor
    logits: Tensor
    convs: tuple[_Kept, ...]
    features: torch.Size  # of what Flatten read
    masks: tuple[Tensor | None, ...]  # z > 0 of each dense layer, None for the last


class SequentialLRP:
    """Relevance of the inputs of a sequential network.

    The layers' own `forward` is never called, so in-place ReLUs, dropout in training mode and the network's hooks
    play no part. The positive weights are copied: build a new engine after a change of weights.

    Parameters
    ----------
    layers
        The network in forward order, from the input to the logits.
    rule_dtype
        Precision of z+ and of the sweep back through the convolutions; default: that of the weights. With bfloat16
        maps deviate by about 1 % of the largest relevance and the ledger closes to about 1 %: for previews only, on
        processors that compute faster in it (others are slower). The forward pass keeps the precision of the weights.

    Raises
    ------
    UnsupportedStructure
        The layers are not of the form that `painlens.attributions.structure.read_structure` accepts.

    Examples
    --------
    In a linear network the relevance of an input is weight times value, and the bias keeps its own:

    >>> layer = nn.Linear(2, 1)
    >>> with torch.no_grad():
    ...     _ = layer.weight.copy_(torch.tensor([[2.0, -1.0]])), layer.bias.fill_(0.5)
    >>> found = SequentialLRP([nn.Flatten(), layer])(torch.tensor([[[[3.0, 4.0]]]]), 0)
    >>> found.start.tolist(), found.relevance.flatten().tolist(), found.bias.tolist()
    ([2.5], [6.0, -4.0], [0.5])
    """

    def __init__(self, layers: Iterable[nn.Module], *, rule_dtype: torch.dtype | None = None) -> None:
        structure = read_structure(layers)
        self._structure = structure
        self._rule_dtype = rule_dtype
        self._rule_weights = tuple(
            _rule_weight(block.conv, signed=index == 0, dtype=rule_dtype) for index, block in enumerate(structure.convs)
        )

    def __call__(self, inputs: Tensor, target: int | Tensor) -> Explanation:
        """Relevance of the logit `target` (one class, or one per input); inputs are (n, channels, height, width)."""
        return self.sweep(self.forward(inputs), target)

    @torch.inference_mode()
    def forward(self, inputs: Tensor) -> Tape:
        """One pass from the inputs to the logits."""
        work = self._rule_dtype or inputs.dtype
        activation, kept = inputs, []
        for block, weight in zip(self._structure.convs, self._rule_weights, strict=True):
            activation, map_kept = _conv_forward(block, weight, activation, work)
            kept.append(map_kept)
        self._check_average(activation)
        hidden, masks = activation.flatten(1), []
        for block in self._structure.dense:
            hidden = F.linear(hidden, block.linear.weight, block.linear.bias)
            masks.append(hidden > 0 if block.relu else None)
            hidden = hidden.relu_() if block.relu else hidden
        return Tape(inputs, hidden, tuple(kept), activation.shape, tuple(masks))

    @torch.inference_mode()
    def sweep(self, tape: Tape, target: int | Tensor) -> Explanation:
        """Relevance of one logit per input, from a forward pass that has been made."""
        goal = _goal(target, tape.logits)
        start = tape.logits.gather(1, goal[:, None])[:, 0]
        top = F.one_hot(goal, tape.logits.shape[1]).to(tape.logits.dtype)
        coefficient = top * (start != 0)[:, None]  # R / z of the logits; a logit of exactly 0 passes nothing on
        bias, dead = torch.zeros_like(start), torch.zeros_like(start)
        for block, mask in zip(reversed(self._structure.dense), reversed(tape.masks), strict=True):
            coefficient, kept_by_bias = _dense_backward(block, mask, coefficient)
            bias = bias + kept_by_bias
        coefficient = coefficient.view(tape.features)
        if not tape.convs:
            return Explanation(tape.inputs * coefficient, tape.logits, start, bias, dead)
        coefficient = coefficient.to(self._rule_dtype or coefficient.dtype)
        blocks = zip(self._structure.convs, self._rule_weights, tape.convs, strict=True)
        for block, weight, kept in reversed(list(blocks)):
            if kept.dead is not None:
                dead = dead + (coefficient.to(start.dtype) * kept.dead).flatten(1).sum(1)
            coefficient = _conv_backward(block, weight, kept, coefficient)
        upper, lower = coefficient.to(start.dtype).chunk(2, dim=1)
        relevance = tape.inputs.clamp(min=0) * upper + tape.inputs.clamp(max=0) * lower
        return Explanation(relevance, tape.logits, start, bias, dead)

    def _check_average(self, activation: Tensor) -> None:
        """An adaptive average pool before Flatten must leave everything as it is."""
        wanted = self._structure.average_size
        if wanted is None:
            return
        got = tuple(activation.shape[-2:])
        if any(size not in (None, have) for size, have in zip(wanted, got, strict=True)):
            raise UnsupportedStructure(
                f"AdaptiveAvgPool2d would change {got} to {wanted}; give inputs of the size the network was built for"
            )


def _rule_weight(conv: nn.Conv2d, *, signed: bool, dtype: torch.dtype | None) -> Tensor:
    """W+, or [W+, W-] stacked along the input channels for an input of any sign."""
    weight = conv.weight.detach()
    parts = [weight.clamp(min=0)] + ([weight.clamp(max=0)] if signed else [])
    return torch.cat(parts, dim=1).to(dtype or weight.dtype)


def _conv_forward(block: ConvBlock, weight: Tensor, activation: Tensor, work: torch.dtype) -> tuple[Tensor, _Kept]:
    """Output of convolution, ReLU and pool, and y / z+ for the way back."""
    conv = block.conv
    options = _options(conv)
    z = F.conv2d(activation, conv.weight, conv.bias, *options)
    signed = weight.shape[1] == 2 * conv.in_channels
    source = torch.cat([activation.clamp(min=0), activation.clamp(max=0)], 1) if signed else activation
    z_plus = F.conv2d(source.to(work), weight, None, *options).to(z.dtype)
    size_out, winners = z.shape, None
    if block.pool is not None:  # before the ReLU, which commutes with it and then has less to do
        z, winners = F.max_pool2d(z, block.pool.kernel_size, block.pool.stride, return_indices=True)
        z_plus = z_plus.flatten(2).gather(2, winners.flatten(2)).view_as(z)
    y = z.relu_()
    ratio, dead = _ratio(y, z_plus)
    return y, _Kept(ratio.to(work), winners, source.shape, size_out, dead)


def _ratio(y: Tensor, z_plus: Tensor) -> tuple[Tensor, Tensor | None]:
    """The quotient y / z+ (in the place of z+), 0 where z+ = 0; and y at such units, if any of them is active.

    Memory traffic is what is left to save beside the convolutions, hence the way without masks where all z+ are
    positive. Below the smallest normal number (times a margin) the quotient would overflow: that counts as z+ = 0.
    """
    smallest = 1e8 * torch.finfo(z_plus.dtype).tiny
    if z_plus.numel() and bool(z_plus.amin() > smallest):
        return torch.div(y, z_plus, out=z_plus), None
    alive = z_plus > smallest
    dead = y.masked_fill(alive, 0.0)
    return torch.div(y, z_plus, out=z_plus).masked_fill_(~alive, 0.0), dead if bool(dead.any()) else None


def _conv_backward(block: ConvBlock, weight: Tensor, kept: _Kept, coefficient: Tensor) -> Tensor:
    """R / a of a block's input from that of its output."""
    share = coefficient * kept.ratio
    if kept.winners is not None:
        empty = share.new_zeros(kept.size_out).flatten(2)
        share = empty.scatter_(2, kept.winners.flatten(2), share.flatten(2)).view(kept.size_out)
    return conv2d_input(kept.size_in, weight, share, *_options(block.conv))


def _options(conv: nn.Conv2d) -> tuple[Any, Any, Any]:
    """Stride, padding and dilation; Any, because torch declares them as wider than they are here."""
    return conv.stride, conv.padding, conv.dilation


def _dense_backward(block: DenseBlock, mask: Tensor | None, coefficient: Tensor) -> tuple[Tensor, Tensor]:
    """R / a of a dense layer's input, and the relevance that its bias keeps."""
    share = coefficient if mask is None else coefficient * mask
    bias = block.linear.bias
    kept_by_bias = share @ bias if isinstance(bias, Tensor) else share.new_zeros(len(share))
    return share @ block.linear.weight, kept_by_bias


def _goal(target: int | Tensor, logits: Tensor) -> Tensor:
    """One explained class per input."""
    goal = torch.as_tensor(target, device=logits.device).expand(len(logits))
    classes = logits.shape[1]
    if len(goal) and (int(goal.min()) < 0 or int(goal.max()) >= classes):
        raise ValueError(f"target must be a class from 0 to {classes - 1}, got {goal.unique().tolist()}")
    return goal
