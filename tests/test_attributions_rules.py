"""Every rule and composite: against dense matrices in float64, Zennit and captum, and what must hold of them."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import lrp_rules_reference as reference
from lrp_networks import fill, images
from lrp_reference import explain as explain_slowly
from painlens.attributions.composites import COMPOSITES, Composite, composite_of
from painlens.attributions.lrp import SequentialLRP
from painlens.attributions.rules import alpha_beta
from painlens.attributions.zennit import ZennitLRP
from painlens.tables import DataError

LOW, HIGH = torch.full((3,), -4.0, dtype=torch.float64), torch.full((3,), 4.5, dtype=torch.float64)
EPS = 1e-6
Rules = dict[str, reference.Rule]

PLUS = partial(reference.alpha_beta, alpha=1.0, beta=0.0, use_bias=True, eps=EPS)
ALPHA2 = partial(reference.alpha_beta, alpha=2.0, beta=1.0, use_bias=True, eps=EPS)
EPSILON = partial(reference.epsilon, eps=EPS)


def flat(matrix: reference.Array, *rest: reference.Array) -> reference.Array:
    return reference.flat(matrix, *rest, seen=(matrix != 0).astype(float), eps=EPS)


def box(matrix: reference.Array, *rest: reference.Array) -> reference.Array:
    low, high = (np.full(matrix.shape[1], float(bound[0])) for bound in (LOW, HIGH))
    return reference.box(matrix, *rest, low=low, high=high, eps=EPS)


# convolution, dense, first
TABLE: dict[str, tuple[reference.Rule, reference.Rule, reference.Rule | None]] = {
    "paper": (reference.z_plus, reference.zero, None),
    "lrp-0": (reference.zero, reference.zero, None),
    "epsilon": (EPSILON, EPSILON, None),
    "epsilon-plus": (PLUS, EPSILON, None),
    "epsilon-plus-flat": (PLUS, EPSILON, flat),
    "epsilon-alpha2-beta1": (ALPHA2, EPSILON, None),
    "epsilon-alpha2-beta1-flat": (ALPHA2, EPSILON, flat),
    "epsilon-gamma-box": (partial(reference.gamma, g=0.25, eps=EPS), EPSILON, box),
    "preset-a": (
        partial(reference.alpha_beta, alpha=1.0, beta=0.0, use_bias=True, eps=0.0),
        partial(reference.epsilon, eps=0.1),
        None,
    ),
}


def build(seed: int) -> nn.Sequential:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(20, 6), nn.ReLU(), nn.Linear(6, 3),
    ).double()  # fmt: skip
    fill(network, seed)
    return network.eval().requires_grad_(False)


def bounded(name: str) -> Composite:
    return composite_of(name).for_inputs(LOW, HIGH)


def close(found: Tensor, wanted: Tensor, tolerance: float) -> bool:
    return float((found - wanted).abs().max()) <= tolerance * float(wanted.abs().max())


def test_reference_knows_every_composite() -> None:
    assert sorted(TABLE) == sorted(COMPOSITES)


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("seed", [0, 1])
def test_composite_agrees_with_dense_matrices(name: str, seed: int) -> None:
    network, batch = build(seed), images((3, 3, 8, 8), seed + 5).clamp(-3.9, 4.4)
    convolution, dense, first = TABLE[name]

    def rules(kind: str, is_first: bool) -> reference.Rule:
        if is_first and first is not None:
            return first
        return convolution if kind == "convolution" else dense

    found = SequentialLRP(network, composite=bounded(name))(batch, 1).relevance
    wanted = [explain_slowly(network, image.numpy(), 1, rules).relevance for image in batch]
    assert close(found, torch.from_numpy(np.stack(wanted)), 1e-11)


@pytest.mark.peers
@pytest.mark.parametrize("name", TABLE)
def test_composite_agrees_with_zennit(name: str) -> None:
    network, batch = build(3), images((4, 3, 8, 8), 4).clamp(-3.9, 4.4)
    found = SequentialLRP(network, composite=bounded(name))(batch, 2).relevance
    wanted = ZennitLRP(network, name, low=LOW, high=HIGH)(batch, 2).relevance
    assert close(found, wanted, 1e-9)


@pytest.mark.peers
@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("epsilon-plus", "epsilon_plus"),
        ("epsilon-plus-flat", "epsilon_plus_flat"),
        ("epsilon-alpha2-beta1", "epsilon_alpha2_beta1"),
        ("epsilon-alpha2-beta1-flat", "epsilon_alpha2_beta1_flat"),
        ("epsilon-gamma-box", "epsilon_gamma_box"),
    ],
)
def test_composite_called_after_zennits_is_zennits(name: str, theirs: str) -> None:
    network, batch = build(6), images((3, 3, 8, 8), 7).clamp(-3.9, 4.4)
    found = SequentialLRP(network, composite=bounded(name))(batch, 0).relevance
    wanted = ZennitLRP(network, f"zennit:{theirs}", low=LOW, high=HIGH)(batch, 0).relevance
    assert close(found, wanted, 1e-9)


@pytest.mark.peers
def test_epsilon_agrees_with_captum() -> None:
    """Captum's epsilon is 1e-9 times the sign; its other rules are other rules for inputs of both signs."""
    from captum.attr import LRP
    from captum.attr._utils.lrp_rules import EpsilonRule

    network, batch = build(2), images((3, 3, 8, 8), 3)
    for module in network.modules():
        setattr(module, "rule", EpsilonRule())  # noqa: B010 - captum reads it there
    wanted = LRP(network).attribute(batch.clone().requires_grad_(), target=1).detach()
    found = SequentialLRP(build(2), composite=composite_of("lrp-0"))(batch, 1).relevance
    assert close(found, wanted, 1e-6)


def test_lrp_0_is_gradient_times_input() -> None:
    network, batch = build(4), images((3, 3, 8, 8), 5).requires_grad_()
    (gradient,) = torch.autograd.grad(network(batch)[:, 1].sum(), batch)
    found = SequentialLRP(network, composite=composite_of("lrp-0"))(batch.detach(), 1).relevance
    assert close(found, (gradient * batch).detach(), 1e-11)


@pytest.mark.parametrize("name", TABLE)
def test_ledger_closes_per_layer(name: str) -> None:
    network, batch = build(8), images((5, 3, 8, 8), 9).clamp(-3.9, 4.4)
    engine = SequentialLRP(network, composite=bounded(name))
    found = engine(batch, 1)
    assert found.absorbed is not None
    assert found.absorbed.shape == (5, len(engine.layer_names)) == (5, 4)
    rest = found.start - found.relevance.flatten(1).sum(1) - found.absorbed.sum(1)
    assert rest.abs().max() <= 1e-9 * found.start.abs().max()


def test_ledger_puts_a_bias_where_it_belongs() -> None:
    network = build(1)
    for layer in network:
        if isinstance(layer, nn.Linear | nn.Conv2d) and layer is not network[6]:
            assert layer.bias is not None
            layer.bias.zero_()
    found = SequentialLRP(network)(images((4, 3, 8, 8), 2), 1)
    assert found.absorbed is not None
    assert found.absorbed[:, [0, 1, 3]].abs().max() < 1e-12
    assert found.absorbed[:, 2].abs().max() > 1e-3


@pytest.mark.parametrize("name", ["epsilon-plus", "epsilon-alpha2-beta1", "epsilon-gamma-box", "preset-a"])
def test_composite_is_not_the_papers(name: str) -> None:
    network, batch = build(5), images((3, 3, 8, 8), 6).clamp(-3.9, 4.4)
    own = SequentialLRP(network, composite=bounded(name))(batch, 1).relevance
    assert not close(own, SequentialLRP(network)(batch, 1).relevance, 1e-3)


def test_alpha_minus_beta_must_be_one() -> None:
    with pytest.raises(ValueError, match="alpha - beta must be 1, got 2 and 2"):
        alpha_beta(torch.ones(1, 1), None, signed=True, alpha=2, beta=2)


def test_box_rule_without_bounds_is_refused() -> None:
    with pytest.raises(DataError, match="smallest and the largest input"):
        composite_of("epsilon-gamma-box").for_inputs(None, None)


def test_unknown_composite_is_refused() -> None:
    with pytest.raises(DataError, match="must be one of paper, lrp-0, .* got 'magic'"):
        composite_of("magic")


POOLS: dict[str, Callable[[], nn.Module]] = {
    "overlapping": lambda: nn.MaxPool2d(3, stride=2),
    "padded": lambda: nn.MaxPool2d(2, padding=1),
    "ceil": lambda: nn.MaxPool2d(3, stride=2, ceil_mode=True),
    "two": lambda: nn.Sequential(nn.MaxPool2d(2), nn.MaxPool2d(2)),
    "average": lambda: nn.AvgPool2d(2),
    "padded average": lambda: nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
    "adaptive": lambda: nn.AdaptiveAvgPool2d(3),
    "mixed": lambda: nn.Sequential(nn.MaxPool2d(2), nn.AvgPool2d(2)),
}


@pytest.mark.parametrize("name", POOLS)
def test_pools_agree_with_zennit(name: str) -> None:
    body = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), POOLS[name](), nn.Flatten()).double()
    width = body(torch.zeros(1, 3, 9, 10, dtype=torch.float64)).shape[1]
    network = nn.Sequential(*body, nn.Linear(width, 3)).double().requires_grad_(False)
    fill(network, 3)
    batch = images((3, 3, 9, 10), 4)
    found, wanted = SequentialLRP(network)(batch, 1), ZennitLRP(network)(batch, 1)
    assert close(found.relevance, wanted.relevance, 1e-9)
    assert torch.allclose(found.logits, network(batch))


@pytest.mark.parametrize("bias", [True, False])
def test_folded_batch_norm_gives_the_same_map_as_the_layers_that_it_stands_for(bias: bool) -> None:
    layers = [nn.Conv2d(3, 5, 3, bias=bias), nn.BatchNorm2d(5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    network = nn.Sequential(*layers, nn.Linear(45, 4, bias=bias), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    fill(network.double(), 1)
    for norm in (network[1], network[6]):
        assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
        assert norm.running_mean is not None and norm.running_var is not None
        norm.running_mean.normal_(0, 0.3, generator=torch.Generator().manual_seed(2))
        norm.running_var.uniform_(0.5, 2.0, generator=torch.Generator().manual_seed(3))
    network = network.eval().requires_grad_(False)
    batch = images((4, 3, 8, 8), 5)
    found = SequentialLRP(network)(batch, 1)
    assert torch.allclose(found.logits, network(batch), rtol=1e-12)
    assert close(found.relevance, ZennitLRP(network)(batch, 1).relevance, 1e-9)


def test_several_targets_cost_one_forward_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    network, batch = build(2), images((2, 3, 8, 8), 3)
    engine = SequentialLRP(network)
    wanted = [engine(batch, target).relevance for target in range(3)]
    calls = []
    forward = SequentialLRP.forward
    monkeypatch.setattr(SequentialLRP, "forward", lambda *a, **k: calls.append(1) or forward(*a, **k))
    found = engine.several(batch, (0, 1, 2))
    assert len(calls) == 1
    assert all(torch.equal(one.relevance, other) for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize("frozen", [0, 1, 2, 3])
def test_difference_through_a_frozen_prefix_is_the_difference_of_the_maps(frozen: int) -> None:
    one, other = build(1), build(2)
    linear = [(a, b) for a, b in zip(one, other, strict=True) if isinstance(a, nn.Conv2d | nn.Linear)]
    for a, b in linear[:frozen]:
        b.load_state_dict(a.state_dict())
    batch = images((3, 3, 8, 8), 5)
    engines = SequentialLRP(one), SequentialLRP(other)
    found = engines[0].difference(engines[1], batch, 1)
    wanted = engines[0](batch, 1).relevance - engines[1](batch, 1).relevance
    assert engines[0].common(engines[1]) == {0: 0, 1: 1, 2: 3, 3: 4}[frozen]  # Flatten stands behind the second
    assert close(found, wanted, 1e-11)


def test_identical_networks_have_no_difference() -> None:
    engines = SequentialLRP(build(1)), SequentialLRP(build(1))
    assert float(engines[0].difference(engines[1], images((3, 3, 8, 8), 5), 1).abs().max()) == 0.0
