"""One block of a sequential network: forwards, keeping what the way back needs, and backwards with relevance.

On the way back R / a is carried, relevance divided by activation (see `painlens.attributions.lrp`). Memory traffic is
what is left to save beside the convolutions: pooling comes before the ReLU, with which it commutes, maps are kept at
the winners only, and nothing changes the layout in memory (planes, or channels last).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

from painlens.attributions.rules import Part
from painlens.attributions.structure import Block, ConvBlock, DenseBlock, FlattenBlock


@dataclass(frozen=True)
class Lost:
    """Units without any contribution (d = 0), whose relevance goes nowhere: few, so only these are kept.

    Attributes
    ----------
    places
        Where they are in `_flat` of the block's output.
    values
        f y of each.
    """

    places: Tensor
    values: Tensor

    def booked(self, coefficient: Tensor) -> Tensor:
        """What is lost of every input, (n,)."""
        flat = _flat(coefficient)
        faces = self.places // max(1, flat.numel() // max(1, len(coefficient)))
        found = (flat[self.places] * self.values).to(coefficient.dtype)
        return coefficient.new_zeros(len(coefficient)).index_add_(0, faces, found)


@dataclass(frozen=True)
class Share:
    """What one part of a rule needs on the way back.

    Attributes
    ----------
    ratio
        f y / d, at the winners if there is a pool; a mask where that is 1 or 0.
    lost
        Units where d = 0, if there are any.
    absorbing
        The stabiliser with the sign of d.
    """

    ratio: Tensor
    lost: Lost | None
    absorbing: Tensor | float


@dataclass(frozen=True)
class Kept:
    """What the way back needs of one block."""

    size_in: torch.Size
    size_out: torch.Size  # of a convolution before its pool
    shares: tuple[Share, ...] = ()
    winners: Tensor | None = None  # flat index of each winner before pooling


@dataclass(frozen=True)
class Booked:
    """Relevance that a block keeps, (n,) each: biases and stabilisers, and units without any contribution."""

    bias: Tensor
    dead: Tensor


def forth(block: Block, parts: tuple[Part, ...], inputs: Tensor, work: torch.dtype) -> tuple[Tensor, Kept]:
    """Output of a block, and what the way back needs; `work` is the precision of the rules of convolutions."""
    if isinstance(block, ConvBlock):
        return _conv_forth(block, parts, inputs, work)
    if isinstance(block, DenseBlock):
        return _dense_forth(block, parts, inputs)
    if isinstance(block, FlattenBlock):
        outputs = inputs.flatten(1)
        return outputs, Kept(inputs.shape, outputs.shape)
    pool = block.pool
    if isinstance(pool, nn.MaxPool2d):
        outputs, winners = _max_pool(pool, inputs)
        return outputs, Kept(inputs.shape, outputs.shape, winners=winners)
    outputs = pool(inputs)
    return outputs, Kept(inputs.shape, outputs.shape)


def back(block: Block, parts: tuple[Part, ...], kept: Kept, coefficient: Tensor) -> Tensor:
    """R / a of a block's inputs, which are not negative, from R / a of its outputs."""
    if isinstance(block, ConvBlock | DenseBlock):
        found = adjoints(block, parts, kept, coefficient)
        return found[0] if len(found) == 1 else torch.stack(found).sum(0)
    if isinstance(block, FlattenBlock):
        return coefficient.view(kept.size_in)
    pool = block.pool
    if isinstance(pool, nn.MaxPool2d):
        assert kept.winners is not None
        return _to_winners(pool, kept.winners, kept.size_in, coefficient)
    whole = _empty(coefficient, kept.size_in)  # only its form counts
    if isinstance(pool, nn.AdaptiveAvgPool2d):
        return torch.ops.aten._adaptive_avg_pool2d_backward(coefficient, whole)
    options = (pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode, pool.count_include_pad, None)
    pairs = [[value] * 2 if isinstance(value, int) and not isinstance(value, bool) else value for value in options]
    return torch.ops.aten.avg_pool2d_backward(coefficient, whole, *pairs)


def adjoints(block: ConvBlock | DenseBlock, parts: tuple[Part, ...], kept: Kept, coefficient: Tensor) -> list[Tensor]:
    """For each part of the rule what its view of the inputs is multiplied by to give relevance.

    The coefficient's memory is used again for the last part: fresh memory of that size costs as much as the product.
    """
    found = []
    for number, (part, share) in enumerate(zip(parts, kept.shares, strict=True), start=1):
        own = coefficient * share.ratio if number < len(parts) else coefficient.mul_(share.ratio)
        if isinstance(block, DenseBlock):
            found.append(own @ part.weight)
            continue
        if block.pool is not None:
            assert kept.winners is not None
            own = _to_winners(block.pool, kept.winners, kept.size_out, own)
        found.append(_transposed(block, part.weight, own, kept.size_in))
    return found


def booked(parts: tuple[Part, ...], kept: Kept, coefficient: Tensor) -> Booked:
    """Relevance that a linear block keeps."""
    nothing = coefficient.new_zeros(len(coefficient))
    bias, dead = nothing, nothing
    for part, share in zip(parts, kept.shares, strict=True):
        if share.lost is not None:
            dead = dead + share.lost.booked(coefficient)
        if part.bias is None and not part.stabiliser:
            continue
        held = 0.0 if part.bias is None else part.bias.view(-1, *[1] * (coefficient.ndim - 2))
        bias = bias + (coefficient * share.ratio * (held + share.absorbing)).flatten(1).sum(1)
    return Booked(bias, dead)


def _conv_forth(block: ConvBlock, parts: tuple[Part, ...], inputs: Tensor, work: torch.dtype) -> tuple[Tensor, Kept]:
    z = F.conv2d(inputs, block.weight, block.bias, *block.options)
    size_out, winners = z.shape, None
    denominators = [
        None if part.own else F.conv2d(part.view(inputs).to(work), part.weight, part.bias, *block.options)
        for part in parts
    ]
    if block.pool is not None:
        z, winners = _max_pool(block.pool, z)
        denominators = [None if d is None else _at_winners(d, winners) for d in denominators]
    y = z.relu_()
    shares = [_share(y, d, part, work) for part, d in zip(parts, denominators, strict=True)]
    return y, Kept(inputs.shape, size_out, tuple(shares), winners)


def _transposed(block: ConvBlock, weight: Tensor, values: Tensor, size_in: torch.Size) -> Tensor:
    """The transposed convolution, to the height and width of the convolution's input."""
    stride, padding, dilation = block.options
    reached = [
        (size - 1) * s - 2 * p + d * (k - 1) + 1
        for size, s, p, d, k in zip(values.shape[2:], stride, padding, dilation, weight.shape[2:], strict=True)
    ]
    rest = [size - least for size, least in zip(size_in[2:], reached, strict=True)]  # where the stride does not fit
    return F.conv_transpose2d(values, weight, None, stride, padding, rest, 1, dilation)


def _dense_forth(block: DenseBlock, parts: tuple[Part, ...], inputs: Tensor) -> tuple[Tensor, Kept]:
    z = F.linear(inputs, block.weight, block.bias)
    y = z.relu_() if block.relu else z
    shares = []
    for part in parts:
        denominator = None if part.own else F.linear(part.view(inputs), part.weight, part.bias)
        shares.append(_share(y, denominator, part, y.dtype))
    return y, Kept(inputs.shape, y.shape, tuple(shares))


def _share(y: Tensor, denominator: Tensor | None, part: Part, work: torch.dtype) -> Share:
    """The quotient f y / d and what is lost where d = 0."""
    if part.own and part.stabiliser == 0:
        return Share(y != 0, None, 0.0)
    d = y if denominator is None else denominator.to(y.dtype)
    if part.stabiliser:
        absorbing = part.stabiliser * torch.where(d < 0, -1.0, 1.0).to(d.dtype)
        return Share((part.factor * y / (d + absorbing)).to(work), None, absorbing)
    # Denominators have the sign of their part; below the smallest normal number (times a margin) the quotient would
    # overflow: that counts as 0. The way without masks is the usual one and the faster.
    size = d if part.factor > 0 else d.neg()
    smallest = 1e8 * torch.finfo(size.dtype).tiny
    lost = None
    if size.numel() and not bool(size.amin() > smallest):
        lost = _lost(y, size, smallest, part.factor)
        size = F.threshold(size, smallest, torch.inf, inplace=size is not y)
    ratio = torch.div(y, size, out=size)
    if abs(part.factor) != 1.0:
        ratio.mul_(abs(part.factor))
    return Share(ratio.to(work), lost, 0.0)


def _lost(y: Tensor, size: Tensor, smallest: float, factor: float) -> Lost | None:
    """Active units whose denominator counts as 0; searched in the pixels that have any, as these are few."""
    width = y.shape[1]
    sizes, own = _flat(size).view(-1, width), _flat(y).view(-1, width)
    pixels = (sizes.amin(1) <= smallest).nonzero()[:, 0]
    values = own[pixels]
    pixel, channel = ((sizes[pixels] <= smallest) & (values != 0)).nonzero(as_tuple=True)
    if not len(pixel):
        return None
    return Lost(pixels[pixel] * width + channel, factor * values[pixel, channel])


def _flat(values: Tensor) -> Tensor:
    """All numbers in a row, face by face and channels last: a view of memory that holds them so."""
    return (values.permute(0, 2, 3, 1) if values.ndim == 4 else values).reshape(-1)


def _max_pool(pool: nn.MaxPool2d, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Largest values and their places."""
    return F.max_pool2d(
        inputs, pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode, return_indices=True
    )


def _at_winners(full: Tensor, winners: Tensor) -> Tensor:
    """Values at the places of the winners."""
    if _is_channels_last(full):  # views that keep the layout
        n, channels, height, width = winners.shape
        places = winners.permute(0, 2, 3, 1).reshape(n, height * width, channels)
        found = full.permute(0, 2, 3, 1).flatten(1, 2).gather(1, places)
        return found.view(n, height, width, channels).permute(0, 3, 1, 2)
    return full.flatten(2).gather(2, winners.flatten(2)).view(winners.shape)


def _to_winners(pool: nn.MaxPool2d, winners: Tensor, size: torch.Size, values: Tensor) -> Tensor:
    """Values at the places of the winners and 0 elsewhere; a place that won several windows gets all of them."""
    pairs = [_pair(value) for value in (pool.kernel_size, pool.stride, pool.padding, pool.dilation)]
    whole = _empty(values, size)
    return torch.ops.aten.max_pool2d_with_indices_backward(values, whole, *pairs, pool.ceil_mode, winners)


def _empty(like: Tensor, size: torch.Size) -> Tensor:
    """Memory of a size in the layout of a tensor."""
    layout = torch.channels_last if _is_channels_last(like) else torch.contiguous_format
    return torch.empty(size, dtype=like.dtype, device=like.device, memory_format=layout)


def _is_channels_last(values: Tensor) -> bool:
    return values.ndim == 4 and values.is_contiguous(memory_format=torch.channels_last) and not values.is_contiguous()


def _pair(value: int | tuple[int, ...]) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)
