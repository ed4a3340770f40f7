"""Networks whose weights mean nothing, to see whether a map notices (Adebayo et al. 2018, Sanity checks)."""

import copy

import torch
from torch import nn


def layers_with_weights(network: nn.Module) -> list[nn.Conv2d | nn.Linear]:
    """The layers that `randomised` shuffles, from the input to the logits."""
    return [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


def randomised(network: nn.Module, *, share: float, seed: int) -> nn.Module:
    """A copy of a network in which the last layers have their weights shuffled, each within itself.

    Shuffling keeps the distribution of the weights, so that a map cannot notice by their size.

    Parameters
    ----------
    share
        Share of the layers with weights, counted from the logits; 1 shuffles all.
    seed
        Of the shuffling.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must be between 0 and 1, got {share}")
    other = copy.deepcopy(network)
    layers = layers_with_weights(other)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in layers[len(layers) - round(share * len(layers)) :]:
            for values in (layer.weight, layer.bias):
                if values is not None:
                    order = torch.randperm(values.numel(), generator=generator).to(values.device)
                    values.copy_(values.flatten()[order].view_as(values))
    return other
