"""The general way against the fast one, and what it leaves behind."""

import copy

import pytest
import torch
from torch import nn

from lrp_networks import fill, images
from painlens.attributions.lrp import SequentialLRP
from painlens.attributions.structure import UnsupportedStructure
from painlens.attributions.zennit import ZennitLRP


def build(seed: int) -> nn.Sequential:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU(inplace=True), nn.Conv2d(4, 5, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(20, 6), nn.ReLU(inplace=True), nn.Linear(6, 3),
    ).double()  # fmt: skip
    fill(network, seed)
    return network


@pytest.mark.parametrize("seed", range(4))
def test_zennit_agrees_with_the_engine(seed: int) -> None:
    network, batch = build(seed), images((4, 3, 11, 12), seed)
    targets = torch.tensor([0, 1, 2, 1])
    fast, general = SequentialLRP(network)(batch, targets), ZennitLRP(network)(batch, targets)
    largest = fast.relevance.abs().max().item()
    assert torch.allclose(fast.relevance, general.relevance, rtol=0, atol=1e-9 * largest)
    assert torch.allclose(fast.logits, general.logits)
    assert torch.allclose(fast.start, general.start)


def test_dense_unit_of_exactly_zero_gives_no_nan() -> None:
    network = build(0)
    dense = network[6]
    assert isinstance(dense, nn.Linear)
    with torch.no_grad():
        dense.weight[0] = 0.0
        dense.bias[0] = 0.0
    assert ZennitLRP(network)(images((2, 3, 11, 12), 0), 1).relevance.isfinite().all()


def test_hooks_and_weights_are_as_before() -> None:
    network = build(1)
    before = copy.deepcopy(network.state_dict())
    ZennitLRP(network)(images((2, 3, 11, 12), 0), 1)
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_no_hook_is_left_after_an_error() -> None:
    network = build(1)
    with pytest.raises(RuntimeError):
        ZennitLRP(network)(images((2, 7, 11, 12), 0), 1)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_callers_input_is_left_alone() -> None:
    batch = images((1, 3, 11, 12), 0)
    ZennitLRP(build(1))(batch, 1)
    assert not batch.requires_grad


def test_batch_norm_is_folded_and_restored() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(36, 2)
    ).double()  # fmt: skip
    fill(network, 2)
    norm = network[1]
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_var is not None
    norm.running_var.fill_(2.0)
    network.eval()
    batch = images((2, 3, 5, 5), 1)
    logits = network(batch).detach()
    found = ZennitLRP(network)(batch, 1)
    folded = torch.nn.utils.fusion.fuse_conv_bn_eval(network[0], norm)  # pyright: ignore[reportArgumentType]
    wanted = SequentialLRP([folded, *network[2:]])(batch, 1)
    # Zennit's merged norm still divides by sqrt(1 + eps), eps = 1e-5.
    assert torch.allclose(found.relevance, wanted.relevance, rtol=2e-5, atol=1e-9)
    assert torch.allclose(network(batch), logits)


def test_softmax_at_the_end_is_refused() -> None:
    with pytest.raises(UnsupportedStructure, match="Softmax.*without it"):
        ZennitLRP(nn.Sequential(build(0), nn.Softmax(dim=1)))


def test_softmax_hidden_in_the_code_is_refused() -> None:
    class Hidden(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = build(0)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.inner(inputs).softmax(1)

    with pytest.raises(UnsupportedStructure, match="probabilities"):
        ZennitLRP(Hidden())(images((2, 3, 11, 12), 0), 1)
