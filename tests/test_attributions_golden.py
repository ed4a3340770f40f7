"""Golden maps: those of another program, and our own; and controls that must not pass for them."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from painlens.attributions.lrp import SequentialLRP
from painlens.attributions.zennit import ZennitLRP

GOLDEN = Path(__file__).parent / "golden"
# iNNvestigate 2.1.2 on TensorFlow 2.14.1, float32: LRP(model, rule=[(is_dense_layer, "Z"), (is_conv_layer, "ZPlus")],
# neuron_selection_mode="index"); random weights and inputs, no two values of a pool window nearer than 1.8e-4
OWN = GOLDEN / "lrp_small_network.npz"
BACKENDS: dict[str, Callable[[nn.Sequential], Any]] = {"lrp": SequentialLRP, "zennit": ZennitLRP}
CONTROLS = ("control_alpha1beta0_bias", "control_zplusfast", "control_sequential_preset_a")


def load(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f"innvestigate_{name}.npz") as data:
        return dict(data)


def network_of(data: dict[str, np.ndarray]) -> nn.Sequential:
    """The network of a golden file, from its list of layers and its weights."""
    config = json.loads(str(data["config"]))
    layers: list[nn.Module] = []
    channels, size = 3, int(config["size"])
    for step in config["features"]:
        if step == "M":
            layers.append(nn.MaxPool2d(2))
            size //= 2
        else:
            layers += [nn.Conv2d(channels, step, 3, padding=1), nn.ReLU()]
            channels = step
    layers.append(nn.Flatten())
    width = channels * size * size
    for units in config["dense"]:
        layers += [nn.Linear(width, units), nn.ReLU()]
        width = units
    network = nn.Sequential(*layers[:-1])
    network.load_state_dict({key[2:]: torch.from_numpy(data[key]) for key in data if key.startswith("w.")})
    return network.eval()


def agrees(maps: np.ndarray, golden: np.ndarray) -> bool:
    """The check that every backend must pass: the cosine within 1e-8 of 1, errors within 1e-5 of the largest value."""
    a, b = maps.reshape(len(maps), -1).astype("f8"), golden.reshape(len(golden), -1).astype("f8")
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    error = np.abs(a - b).max(1) / np.abs(b).max(1)
    return bool(cosine.min() >= 1 - 1e-8 and error.max() <= 1e-5)


@pytest.mark.peers
@pytest.mark.parametrize("name", ["tiny", "vgglike"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_backend_reproduces_innvestigate(backend: str, name: str) -> None:
    data = load(name)
    found = BACKENDS[backend](network_of(data))(torch.from_numpy(data["input"]), int(data["target"]))
    assert found.logits.numpy() == pytest.approx(data["logits"], abs=1e-5)
    assert agrees(found.relevance.numpy(), data["relevance"])


@pytest.mark.peers
@pytest.mark.parametrize("name", ["tiny", "vgglike"])
@pytest.mark.parametrize("control", CONTROLS)
def test_control_fails_the_same_check(control: str, name: str) -> None:
    data = load(name)
    assert not agrees(data[control], data["relevance"])


@pytest.mark.peers
@pytest.mark.parametrize("name", ["tiny", "vgglike"])
def test_ledger_closes_on_the_golden_networks(name: str) -> None:
    data = load(name)
    found = SequentialLRP(network_of(data))(torch.from_numpy(data["input"]), int(data["target"]))
    missing = found.start - found.relevance.flatten(1).sum(1) - found.bias - found.dead
    assert (missing.abs() <= 1e-5 * found.start.abs()).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_backend_reproduces_own_golden_maps(backend: str) -> None:
    with np.load(OWN) as file:
        data = dict(file)
    found = BACKENDS[backend](network_of(data))(torch.from_numpy(data["input"]), torch.from_numpy(data["target"]))
    assert agrees(found.relevance.numpy(), data["relevance"])
    assert found.logits.numpy() == pytest.approx(data["logits"], abs=1e-5)


def test_own_golden_maps_tell_a_wrong_rule_from_the_right_one() -> None:
    """Gradient times input is what plain LRP-0 gives; it must not pass for the composite."""
    with np.load(OWN) as file:
        data = dict(file)
    inputs = torch.from_numpy(data["input"]).requires_grad_()
    logits = network_of(data)(inputs)
    chosen = logits.gather(1, torch.from_numpy(data["target"])[:, None])
    (gradient,) = torch.autograd.grad(chosen.sum(), inputs)
    assert not agrees((inputs * gradient).detach().numpy(), data["relevance"])


@pytest.mark.slow
def test_vgg16_in_float32_agrees_with_a_float64_reference() -> None:
    """Near-tied pool winners differ between the precisions, so the cosine is asked for and not the largest error."""
    from torchvision.models import vgg16

    with torch.device("meta"):
        network = vgg16(weights=None, num_classes=2)
    network = network.to_empty(device="cpu").eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            scale = 0.1 if parameter.ndim == 1 else (2 / parameter[0].numel()) ** 0.5
            parameter.normal_(0.0, scale, generator=generator)
    inputs = torch.randn(1, 3, 224, 224, generator=generator)
    layers = [*network.features.children(), network.avgpool, nn.Flatten(), *network.classifier.children()]
    found = SequentialLRP(layers)(inputs, 1)
    wanted, logit = relevance_by_gradients(nn.Sequential(*layers).double(), inputs.double(), 1)
    assert float(found.start) == pytest.approx(logit, rel=1e-4)
    assert torch.cosine_similarity(found.relevance.double().flatten(), wanted.flatten(), dim=0).item() >= 0.999999
    rest = found.start - found.relevance.flatten(1).sum(1) - found.bias - found.dead
    assert float(rest.abs() / found.start.abs()) < 1e-5


def relevance_by_gradients(layers: nn.Sequential, inputs: torch.Tensor, target: int) -> tuple[torch.Tensor, float]:
    """The composite layer by layer from its definition, transposed maps by autograd; and the logit."""
    values = [inputs]
    with torch.no_grad():
        for layer in layers.children():
            values.append(layer(values[-1].clone()))  # torchvision's ReLUs work in place
    relevance = torch.zeros_like(values[-1])
    relevance[:, target] = values[-1][:, target]
    for layer, before in zip(reversed(list(layers.children())), reversed(values[:-1]), strict=True):
        if isinstance(layer, nn.Conv2d):
            positive, negative = layer.weight.detach().clamp(min=0), layer.weight.detach().clamp(max=0)
            relevance = passed(
                partial(contributions, positive=positive, negative=negative),
                (before.clamp(min=0), before.clamp(max=0)),
                relevance,
            )
        elif isinstance(layer, nn.Linear):
            relevance = passed(layer, (before,), relevance)
        elif isinstance(layer, nn.MaxPool2d | nn.AdaptiveAvgPool2d | nn.Flatten):
            entering = before.clone().requires_grad_()
            (relevance,) = torch.autograd.grad(layer(entering), entering, relevance)
    return relevance, float(values[-1][0, target])


def contributions(
    up: torch.Tensor, down: torch.Tensor, *, positive: torch.Tensor, negative: torch.Tensor
) -> torch.Tensor:
    """What speaks for the units: positive inputs by positive weights, negative by negative ones."""
    return F.conv2d(up, positive, padding=1) + F.conv2d(down, negative, padding=1)


def passed(
    layer: Callable[..., torch.Tensor], parts: tuple[torch.Tensor, ...], relevance: torch.Tensor
) -> torch.Tensor:
    """Relevance of a linear layer's inputs: each part times what the transposed layer gives of R / z."""
    entering = [part.clone().requires_grad_() for part in parts]
    z = layer(*entering)
    share = torch.where(z.detach() != 0, relevance / z.detach(), 0.0)
    transposed = torch.autograd.grad(z, entering, share)
    return sum((part * found for part, found in zip(parts, transposed, strict=True)), torch.zeros_like(parts[0]))
