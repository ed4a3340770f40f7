"""Descent takes the steps of torch's own optimiser, and goes on from a kept momentum."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from painlens.training.descent import GradientDescent


def network() -> nn.Sequential:
    torch.manual_seed(4)
    made = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 6, 2))
    return made.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - missing in torch's overloads


def differentiate(module: nn.Module, step: int) -> None:
    module.zero_grad(set_to_none=True)
    faces = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(step))
    module(faces).square().sum().backward()


@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.9, 0.0), (0.9, 0.01), (0.0, 0.0), (0.0, 0.1)])
def test_steps_are_those_of_torch(momentum: float, weight_decay: float) -> None:
    ours, theirs = network(), network()
    descent = GradientDescent(ours, momentum=momentum, weight_decay=weight_decay)
    oracle = torch.optim.SGD(theirs.parameters(), lr=1.0, momentum=momentum, weight_decay=weight_decay, fused=True)
    for step, rate in enumerate((0.01, 0.02, 0.005)):
        differentiate(ours, step)
        differentiate(theirs, step)
        descent.step(rate)
        oracle.param_groups[0]["lr"] = rate
        oracle.step()
    for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(own, other)
    assert not any(torch.equal(a, b) for a, b in zip(ours.parameters(), network().parameters(), strict=True))


def test_a_kept_momentum_goes_on() -> None:
    whole, first = network(), network()
    descent, before = (GradientDescent(n, momentum=0.9, weight_decay=0.01) for n in (whole, first))
    for step in range(4):
        differentiate(whole, step)
        descent.step(0.01)
    for step in range(2):
        differentiate(first, step)
        before.step(0.01)
    second = network()
    second.load_state_dict(first.state_dict())
    after = GradientDescent(second, momentum=0.9, weight_decay=0.01)
    after.restore({name: velocity.clone() for name, velocity in before.velocities.items()})
    for step in range(2, 4):
        differentiate(second, step)
        after.step(0.01)
    for own, other in zip(whole.parameters(), second.parameters(), strict=True):
        assert torch.equal(own, other)


def test_a_parameter_that_takes_no_part_is_named() -> None:
    ours = network()
    with pytest.raises(ValueError, match=r"0\.weight has no gradient"):
        GradientDescent(ours, momentum=0.9, weight_decay=0.0).step(0.1)


def test_training_does_not_load_the_compiler() -> None:
    """A process of its own, since other tests load it."""
    program = """
import sys
import numpy as np
from painlens.backbones import build_network
from painlens.study import Backbone, Training
from painlens.training import LabelledFaces, fit
network = build_network(Backbone(name="compact", head=8), classes=("no", "yes"), size=32, seed=1)
network.replace_head(("no pain", "pain"), seed=2)
faces = LabelledFaces(np.zeros((4, 32, 32, 3), np.uint8), np.array([0, 1, 0, 1]))
fit(network, faces, validation=None, settings=Training(epochs=1), class_weights=None, seed=1, checkpoint=None)
print([name for name in ("sympy", "torch._dynamo") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
