"""Layer-wise relevance propagation for sequential ReLU networks, without autograd and near the cost of the arithmetic.

The composite of the paper (Prajod, Huber, Andre 2022; rules after Bach et al. 2015 and Montavon et al. 2017):

* start: the logit of the explained class, zero at the other classes;
* dense layer: LRP-0 **with** bias, ``R_i = a_i sum_j w_ij R_j / z_j`` where ``z_j = sum_i a_i w_ij + b_j``; the bias
  takes its share and keeps it;
* convolution, the first one included: z+ **without** bias, only positive contributions count. For an input of any
  sign these are x+ W+ and x- W-, so that ``R = x+ convT(R / z+, W+) + x- convT(R / z+, W-)``;
* max-pool: the winner takes all; average pool: by activation; ReLU and dropout pass relevance on unchanged;
* a unit whose z is exactly 0 passes nothing on.

Other composites put other rules in the place of these; see `painlens.attributions.composites`.

The engine carries c = R / a (relevance divided by activation) instead of R, with y = relu(z):

* dense + ReLU, LRP-0:  ``c_in = (c_out [z > 0]) W``, because the division by z cancels;
* convolution + ReLU, z+:  ``c_in = convT(c_out y / z+, W+)``;
* any `Part` of a rule with weights u, denominator d and factor f:  ``c_in = (c_out f y / d) u``;
* max-pool:  c goes to the winner;  average pool:  the transposed average.

So a layer needs one map for each part of its rule, and no autograd is involved. With the paper's composite the cost is
one forward pass, one more pass of the convolutions for z+ and one transposed pass.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

from painlens.attributions.composites import COMPOSITES, Composite
from painlens.attributions.passing import Booked, Kept, adjoints, back, booked, forth
from painlens.attributions.relevance import Explanation
from painlens.attributions.rules import Part
from painlens.attributions.structure import Block, ConvBlock, DenseBlock, read_structure


@dataclass(frozen=True)
class Tape:
    """One forward pass: the logits, and what sweeps back to the input need. One tape serves several targets.

    Attributes
    ----------
    inputs
        (n, channels, height, width).
    logits
        (n, classes).
    kept
        What each block needs on the way back.
    reached
        Output of the block after which another network goes on, where one does.
    """

    inputs: Tensor
    logits: Tensor
    kept: tuple[Kept, ...]
    reached: Tensor | None = None


class SequentialLRP:
    """Relevance of the inputs of a sequential network.

    The layers' own `forward` is never called, so in-place ReLUs, dropout in training mode and the network's hooks
    play no part. Weights with a rule applied are copied: build a new engine after a change of weights.

    Parameters
    ----------
    layers
        The network in forward order, from the input to the logits.
    composite
        Rules by layer; default: the paper's.
    rule_dtype
        Precision of the rules of convolutions and of the sweep back through them; default: that of the weights. With
        bfloat16 maps deviate by about 1 % of the largest relevance and the ledger closes to about 1 %: for previews
        only, on processors that compute faster in it (others are slower). The forward pass keeps the precision of the
        weights.

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

    def __init__(
        self,
        layers: Iterable[nn.Module],
        *,
        composite: Composite = COMPOSITES["paper"],
        rule_dtype: torch.dtype | None = None,
    ) -> None:
        self._blocks = tuple(_laid_out(block) for block in read_structure(layers).blocks)
        self._composite = composite
        self._rule_dtype = rule_dtype
        self._first = next(number for number, block in enumerate(self._blocks) if _is_linear(block))
        self._parts = tuple(self._parts_of(number) for number in range(len(self._blocks)))

    def __call__(self, inputs: Tensor, target: int | Tensor) -> Explanation:
        """Relevance of the logit `target` (one class, or one per input); inputs are (n, channels, height, width)."""
        return self.sweep(self.forward(inputs), target)

    def several(self, inputs: Tensor, targets: Sequence[int]) -> list[Explanation]:
        """Relevance of several logits: one forward pass, and a sweep back for each."""
        tape = self.forward(inputs)
        return [self.sweep(tape, target) for target in targets]

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Place and kind of the layers that may keep relevance, from the input to the logits, as in the ledger."""
        return tuple(block.name for block in self._blocks if isinstance(block, ConvBlock | DenseBlock))

    @torch.inference_mode()
    def forward(self, inputs: Tensor, *, shared: Tape | None = None, depth: int = 0) -> Tape:
        """One pass from the inputs to the logits.

        Parameters
        ----------
        shared
            Tape of another network on the same inputs, whose first `depth` blocks are the same: the pass goes on
            behind them.
        depth
            Without `shared`: number of blocks whose output the tape shall hold for another network to go on from.
        """
        # Channels last: convolutions and their transposes are up to three times as fast on processors.
        kept, activation, reached = [], _channels_last(inputs), None
        if shared is not None:
            if shared.reached is None:
                raise ValueError("the other network's tape holds no output to go on from; make it with `depth`")
            kept, activation = list(shared.kept[:depth]), shared.reached
        for number in range(len(kept), len(self._blocks)):
            activation, own = forth(
                self._blocks[number], self._parts[number], activation, self._rule_dtype or inputs.dtype
            )
            kept.append(own)
            if number + 1 == depth:
                reached = activation
        return Tape(inputs, activation, tuple(kept), reached)

    @torch.inference_mode()
    def sweep(self, tape: Tape, target: int | Tensor) -> Explanation:
        """Relevance of one logit per input, from a forward pass that has been made."""
        start, coefficient = _top(tape, target)
        relevance, books = self._down(tape, coefficient, range(len(self._blocks)))
        bias, dead = (torch.stack([getattr(b, name) for b in books], dim=1) for name in ("bias", "dead"))
        bias, dead = bias.to(start.dtype), dead.to(start.dtype)
        return Explanation(relevance, tape.logits, start, bias.sum(1), dead.sum(1), absorbed=bias + dead)

    @torch.inference_mode()
    def difference(self, other: "SequentialLRP", inputs: Tensor, target: int | Tensor) -> Tensor:
        """Relevance of this network minus that of the other one, (n, channels, height, width).

        Where both have the same first layers (a frozen prefix), these are passed once forwards and, as relevance is
        linear in what enters from above, once backwards.
        """
        depth = self.common(other)
        if depth <= self._first:
            return self(inputs, target).relevance - other(inputs, target).relevance
        tape = self.forward(inputs, depth=depth)
        second = other.forward(inputs, shared=tape, depth=depth)
        own, theirs = (
            engine._down(way, _top(way, target)[1], range(depth, len(engine._blocks)))[0]
            for engine, way in ((self, tape), (other, second))
        )
        return self._down(tape, own - theirs, range(depth))[0]

    def common(self, other: "SequentialLRP") -> int:
        """Number of first blocks in which two networks are the same: options, weights and rules."""
        if self._composite is not other._composite or self._rule_dtype != other._rule_dtype:
            return 0
        count = 0
        for own, theirs in zip(self._blocks[:-1], other._blocks[:-1], strict=False):  # logits are each network's own
            if not _same(own, theirs):
                break
            count += 1
        return count

    def _parts_of(self, number: int) -> tuple[Part, ...]:
        """The rule of a block, written out for its weights."""
        block = self._blocks[number]
        if not isinstance(block, ConvBlock | DenseBlock):
            return ()
        first = number == self._first
        rule = self._composite.convolution if isinstance(block, ConvBlock) else self._composite.dense
        if first and self._composite.first is not None:
            rule = self._composite.first
        parts = rule(block.weight, block.bias, signed=first)
        if isinstance(block, DenseBlock):
            return parts
        return tuple(_laid_out_part(part, self._rule_dtype or block.weight.dtype) for part in parts)

    def _down(self, tape: Tape, coefficient: Tensor, numbers: range) -> tuple[Tensor, list[Booked]]:
        """From the output of the last of some blocks to the input of the first, with what each layer kept.

        What comes in is R / a; so is what comes out, but at the network's input, where it is relevance itself.
        """
        books = []
        for number in reversed(numbers):
            block, parts, kept = self._blocks[number], self._parts[number], tape.kept[number]
            if isinstance(block, ConvBlock):
                coefficient = coefficient.to(self._rule_dtype or tape.inputs.dtype)
            if isinstance(block, ConvBlock | DenseBlock):
                books.insert(0, booked(parts, kept, coefficient))
            if number == self._first:
                assert isinstance(block, ConvBlock | DenseBlock)
                coefficient = self._to_inputs(tape, block, coefficient)
            else:
                coefficient = back(block, parts, kept, coefficient)
        return coefficient, books

    def _to_inputs(self, tape: Tape, block: ConvBlock | DenseBlock, coefficient: Tensor) -> Tensor:
        """Relevance of the first linear layer's input, which may be negative."""
        kept, parts = tape.kept[self._first], self._parts[self._first]
        inputs = tape.inputs.view(kept.size_in)
        total = torch.zeros((), dtype=inputs.dtype, device=inputs.device)
        for part, found in zip(parts, adjoints(block, parts, kept, coefficient), strict=True):
            product = part.view(inputs) * found.to(inputs.dtype)
            for piece in product.split(inputs.shape[1], dim=1):  # a view may have several times the channels
                total = total + piece
        return total


def _top(tape: Tape, target: int | Tensor) -> tuple[Tensor, Tensor]:
    """The explained logits, and R / z of all logits: 1 for these, 0 for the others."""
    logits = tape.logits
    goal = torch.as_tensor(target, device=logits.device).expand(len(logits))
    classes = logits.shape[1]
    if len(goal) and (int(goal.min()) < 0 or int(goal.max()) >= classes):
        raise ValueError(f"target must be a class from 0 to {classes - 1}, got {goal.unique().tolist()}")
    return logits.gather(1, goal[:, None])[:, 0], F.one_hot(goal, classes).to(logits.dtype)


def _is_linear(block: Block) -> bool:
    return isinstance(block, ConvBlock | DenseBlock)


def _laid_out(block: Block) -> Block:
    """A convolution with its weights as the arithmetic wants them in memory."""
    return replace(block, weight=_channels_last(block.weight)) if isinstance(block, ConvBlock) else block


def _laid_out_part(part: Part, dtype: torch.dtype) -> Part:
    bias = None if part.bias is None else part.bias.to(dtype)
    return replace(part, weight=_channels_last(part.weight.to(dtype)), bias=bias)


def _channels_last(values: Tensor) -> Tensor:
    return values.contiguous(memory_format=torch.channels_last) if values.ndim == 4 else values


def _same(one: Block, other: Block) -> bool:
    """Whether two blocks compute the same: all their settings, pools by what they print, weights number by number."""
    if type(one) is not type(other):
        return False
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, Tensor) and isinstance(b, Tensor):
            if a.shape != b.shape or not torch.equal(a, b):
                return False
        elif isinstance(a, Tensor) or isinstance(b, Tensor) or repr(a) != repr(b):
            return False
    return True
