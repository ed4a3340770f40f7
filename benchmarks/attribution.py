"""Cost of relevance on the paper's network, in forward passes of the same network rather than in seconds.

VGG-16 with random weights, faces of 224 x 224, one process, one thread; every round runs all variants in turn, so that
a busy machine slows them alike. Prints one JSON line per figure: the median over rounds.

Usage: python benchmarks/attribution.py [--rounds 12] [--batch 2]
"""

import argparse
import json
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor, nn
from torchvision.models import vgg16
from zennit.attribution import Gradient
from zennit.composites import EpsilonPlus

from painlens.attributions.lrp import SequentialLRP
from painlens.attributions.zennit import ZennitLRP

TARGET = 1


def build(seed: int) -> nn.Sequential:
    """VGG-16 with two logits, Kaiming weights and biases N(0, 0.1), as one sequence."""
    with torch.device("meta"):
        network = vgg16(weights=None, num_classes=2)
    network = network.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            scale = 0.1 if parameter.ndim == 1 else (2 / parameter[0].numel()) ** 0.5
            parameter.normal_(0.0, scale, generator=generator)
    return (
        nn.Sequential(network.features, network.avgpool, nn.Flatten(), network.classifier).eval().requires_grad_(False)
    )


def variants(network: nn.Sequential) -> dict[str, Callable[[Tensor], object]]:
    """What is timed."""
    engine, preview = SequentialLRP(network), SequentialLRP(network, rule_dtype=torch.bfloat16)
    general = ZennitLRP(network)

    def forward(inputs: Tensor) -> object:
        with torch.inference_mode():
            return network(inputs)

    def stock(inputs: Tensor) -> object:
        with Gradient(network, EpsilonPlus()) as attributor:
            return attributor(inputs.clone(), lambda logits: torch.eye(2)[[TARGET] * len(logits)])

    return {
        "forward": forward,
        "lrp": lambda inputs: engine(inputs, TARGET),
        "lrp_bfloat16": lambda inputs: preview(inputs, TARGET),
        "zennit": lambda inputs: general(inputs, TARGET),
        "zennit_stock": stock,
    }


def measure(runs: dict[str, Callable[[Tensor], object]], inputs: Tensor, rounds: int) -> dict[str, float]:
    """Median seconds of each variant over interleaved rounds, after one round to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            started = time.perf_counter()
            run(inputs)
            if number:
                seconds[name].append(time.perf_counter() - started)
    return {name: median(values) for name, values in seconds.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Cost of relevance in forward passes.")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--batch", type=int, default=2, help="faces at once")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    inputs = torch.randn(chosen.batch, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    seconds = measure(variants(build(seed=0)), inputs, chosen.rounds)
    figures = {
        "lrp.forward_equivalents": (seconds["lrp"] / seconds["forward"], "forward passes"),
        "lrp.forward_equivalents_bfloat16": (seconds["lrp_bfloat16"] / seconds["forward"], "forward passes"),
        "lrp.forward_equivalents_zennit": (seconds["zennit"] / seconds["forward"], "forward passes"),
        "lrp.speedup_vs_zennit": (seconds["zennit_stock"] / seconds["lrp"], "times"),
        "lrp.faces_per_second": (chosen.batch / seconds["lrp"], "faces/s"),
    }
    for figure, (value, unit) in figures.items():
        print(json.dumps({"figure": figure, "value": round(value, 3), "unit": unit}))


if __name__ == "__main__":
    main()
