"""The fast engine: against a second implementation, and laws that a right map keeps."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lrp_networks import fill, images
from lrp_reference import explain as explain_slowly
from painlens.attributions.lrp import SequentialLRP

NETWORKS = {
    "plain": ([nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)], (3, 8, 8)),
    "odd sizes": ([nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 2), nn.ReLU()], (3, 9, 11)),
    "stride": ([nn.Conv2d(2, 5, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(5, 4, 3), nn.ReLU()], (2, 11, 10)),
    "uneven": ([nn.Conv2d(3, 4, (3, 2), stride=(1, 2), padding=(2, 0)), nn.ReLU(), nn.MaxPool2d((3, 2))], (3, 8, 13)),
    "dilation": ([nn.Conv2d(3, 4, 3, dilation=2, padding=2), nn.ReLU(), nn.MaxPool2d(3)], (3, 9, 9)),
    "no bias": ([nn.Conv2d(3, 4, 3, bias=False), nn.ReLU(), nn.MaxPool2d(2)], (3, 8, 8)),
    "dense only": ([], (3, 3, 3)),
}


def build(body: list[nn.Module], shape: tuple[int, ...], seed: int) -> nn.Sequential:
    """The body, flattened, with two dense layers on top, in float64."""
    features = nn.Sequential(*copy.deepcopy(body)).double()
    width = features(torch.zeros(1, *shape, dtype=torch.float64)).flatten(1).shape[1]
    bias = all(getattr(layer, "bias", 0) is not None for layer in body)
    head = [nn.Flatten(), nn.Linear(width, 6, bias=bias), nn.ReLU(), nn.Linear(6, 3, bias=bias)]
    network = nn.Sequential(*features, *head).double()
    fill(network, seed)
    return network.requires_grad_(False)


@pytest.fixture
def network() -> nn.Sequential:
    return build(*NETWORKS["odd sizes"], seed=3)


@pytest.fixture
def inputs() -> Tensor:
    return images((5, 3, 9, 11), seed=4)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("seed", [0, 1])
def test_float64_engine_agrees_with_dense_matrices(name: str, seed: int) -> None:
    body, shape = NETWORKS[name]
    network, batch = build(body, shape, seed), images((4, *shape), seed + 10)
    targets = torch.tensor([0, 1, 2, 1])
    found = SequentialLRP(network)(batch, targets)
    for index, target in enumerate(targets.tolist()):
        wanted = explain_slowly(network, batch[index].numpy(), target)
        largest = np.abs(wanted.relevance).max()
        assert np.abs(found.relevance[index].numpy() - wanted.relevance).max() <= 1e-12 * largest
        assert found.bias[index].item() == pytest.approx(wanted.bias, rel=1e-12, abs=1e-13)
        assert found.dead[index].item() == pytest.approx(wanted.dead, rel=1e-12, abs=1e-13)
        assert found.logits[index].numpy() == pytest.approx(wanted.logits, rel=1e-12)


def test_dead_units_pass_nothing_on_and_are_booked() -> None:
    network = build(*NETWORKS["plain"], seed=0)
    first = network[0]
    assert isinstance(first, nn.Conv2d) and first.bias is not None
    first.weight[0] = 0.0  # z+ is exactly 0 while the bias keeps the unit alive
    first.bias[0] = 1.0
    batch = images((2, 3, 8, 8), seed=1)
    found = SequentialLRP(network)(batch, 1)
    wanted = [explain_slowly(network, image.numpy(), 1) for image in batch]
    assert found.dead.abs().min() > 1e-3
    assert found.dead.numpy() == pytest.approx([w.dead for w in wanted], rel=1e-12)
    assert found.relevance.numpy() == pytest.approx(np.stack([w.relevance for w in wanted]), rel=1e-9, abs=1e-13)


def test_tiny_positive_contributions_do_not_overflow() -> None:
    network = build(*NETWORKS["plain"], seed=0).float()
    first = network[0]
    assert isinstance(first, nn.Conv2d) and first.bias is not None
    first.weight[0] = 1e-40
    first.bias[0] = 1.0
    found = SequentialLRP(network)(images((2, 3, 8, 8), seed=1).float(), 1)
    assert found.relevance.isfinite().all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), name=st.sampled_from(list(NETWORKS)))
def test_ledger_accounts_for_the_whole_logit(seed: int, name: str) -> None:
    body, shape = NETWORKS[name]
    network, batch = build(body, shape, seed).float(), images((3, *shape), seed).float()
    found = SequentialLRP(network)(batch, 2)
    entries = torch.stack([found.start, found.relevance.flatten(1).sum(1), found.bias, found.dead])
    missing = entries[0] - entries[1:].sum(0)
    assert (missing.abs() <= 1e-5 * found.relevance.abs().flatten(1).sum(1).clamp(min=1e-3)).all()


def test_without_any_bias_relevance_sums_to_the_logit() -> None:
    network, batch = build(*NETWORKS["no bias"], seed=5), images((4, 3, 8, 8), seed=6)
    found = SequentialLRP(network)(batch, 0)
    assert found.relevance.flatten(1).sum(1).numpy() == pytest.approx(found.start.numpy(), rel=1e-11)


def test_relevance_of_a_linear_network_is_weight_times_input() -> None:
    linear = nn.Linear(12, 2).double()
    batch = images((3, 3, 2, 2), seed=0)
    found = SequentialLRP([nn.Flatten(), linear])(batch, 1)
    wanted = batch * linear.weight[1].detach().view(3, 2, 2)
    assert torch.allclose(found.relevance, wanted, rtol=0, atol=1e-15)


def test_flipping_input_and_first_weights_changes_nothing(network: nn.Sequential, inputs: Tensor) -> None:
    before = SequentialLRP(network)(inputs, 1)
    flipped = copy.deepcopy(network)
    flipped[0].weight.mul_(-1)  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue] - a tensor
    after = SequentialLRP(flipped)(-inputs, 1)
    assert torch.allclose(before.relevance, after.relevance, rtol=1e-12, atol=1e-15)


def test_batch_equals_single_images(network: nn.Sequential, inputs: Tensor) -> None:
    engine = SequentialLRP(network)
    together = engine(inputs, 1).relevance
    alone = torch.cat([engine(inputs[i : i + 1], 1).relevance for i in range(len(inputs))])
    assert torch.allclose(together, alone, rtol=1e-12, atol=1e-14)


def test_mirrored_network_gives_mirrored_map() -> None:
    """Kernels, head and image mirrored; sizes that the pool divides, so that no column is cut off."""
    network, batch = build(*NETWORKS["plain"], seed=7), images((3, 3, 8, 8), seed=8)
    mirrored = copy.deepcopy(network)
    for layer in mirrored:
        if isinstance(layer, nn.Conv2d):
            layer.weight.copy_(layer.weight.flip(3))
    first_dense = mirrored[4]
    assert isinstance(first_dense, nn.Linear)
    first_dense.weight.copy_(first_dense.weight.view(6, 4, 4, 4).flip(3).reshape(6, 64))
    wanted = SequentialLRP(network)(batch, 1).relevance.flip(3)
    assert torch.allclose(SequentialLRP(mirrored)(batch.flip(3), 1).relevance, wanted, rtol=1e-10, atol=1e-13)


def test_negated_logit_flips_the_whole_map(network: nn.Sequential, inputs: Tensor) -> None:
    before = SequentialLRP(network)(inputs, 1)
    negated = copy.deepcopy(network)
    last = negated[-1]
    assert isinstance(last, nn.Linear) and last.bias is not None
    last.weight[1].mul_(-1)
    last.bias[1].mul_(-1)
    after = SequentialLRP(negated)(inputs, 1)
    assert torch.equal(after.start, -before.start)
    assert torch.equal(after.relevance, -before.relevance)


def test_scaled_logit_scales_the_map(network: nn.Sequential, inputs: Tensor) -> None:
    before = SequentialLRP(network)(inputs, 1).relevance
    last = network[-1]
    assert isinstance(last, nn.Linear) and last.bias is not None
    last.weight.mul_(4.0)
    last.bias.mul_(4.0)
    assert torch.allclose(SequentialLRP(network)(inputs, 1).relevance, 4.0 * before, rtol=1e-12, atol=0)


def test_other_logits_play_no_part(network: nn.Sequential, inputs: Tensor) -> None:
    before = SequentialLRP(network)(inputs, 1).relevance
    last = network[-1]
    assert isinstance(last, nn.Linear) and last.bias is not None
    order = torch.tensor([1, 2, 0])
    last.weight.copy_(last.weight[order])
    last.bias.copy_(last.bias[order])
    assert torch.allclose(SequentialLRP(network)(inputs, 0).relevance, before, rtol=1e-12, atol=1e-15)


def test_one_tape_serves_several_targets(network: nn.Sequential, inputs: Tensor) -> None:
    engine = SequentialLRP(network)
    tape = engine.forward(inputs)
    for target in range(3):
        assert torch.equal(engine.sweep(tape, target).relevance, engine(inputs, target).relevance)


def test_logit_of_exactly_zero_gives_an_empty_map(network: nn.Sequential, inputs: Tensor) -> None:
    last = network[-1]
    assert isinstance(last, nn.Linear) and last.bias is not None
    last.weight[1] = 0.0
    last.bias[1] = 0.0
    assert not SequentialLRP(network)(inputs, 1).relevance.any()


def test_in_place_relu_and_training_mode_change_nothing(network: nn.Sequential, inputs: Tensor) -> None:
    wanted = SequentialLRP(network)(inputs, 1).relevance
    changed = nn.Sequential(
        *(nn.ReLU(inplace=True) if isinstance(layer, nn.ReLU) else layer for layer in network), nn.Dropout(0.9)
    ).train()
    kept = inputs.clone()
    assert torch.equal(SequentialLRP(changed)(inputs, 1).relevance, wanted)
    assert torch.equal(inputs, kept)


def test_bfloat16_rule_is_a_preview_of_the_map(network: nn.Sequential, inputs: Tensor) -> None:
    network, batch = network.float(), inputs.float()
    exact = SequentialLRP(network)(batch, 1)
    rough = SequentialLRP(network, rule_dtype=torch.bfloat16)(batch, 1)
    cosine = torch.cosine_similarity(exact.relevance.flatten(1), rough.relevance.flatten(1))
    assert rough.relevance.dtype == torch.float32
    assert torch.equal(exact.logits, rough.logits)
    assert cosine.min() > 0.999


def test_wrong_target_is_refused(network: nn.Sequential, inputs: Tensor) -> None:
    with pytest.raises(ValueError, match="from 0 to 2, got \\[3\\]"):
        SequentialLRP(network)(inputs, 3)


def test_engine_keeps_no_hook_and_no_gradient(network: nn.Sequential, inputs: Tensor) -> None:
    found = SequentialLRP(network)(inputs, 1)
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in network.modules())
    assert all(p.grad is None for p in network.parameters())
    assert not found.relevance.requires_grad
