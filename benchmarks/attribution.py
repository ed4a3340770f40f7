"""Cost of relevance on the paper's network, in forward passes of the same network rather than in seconds.

VGG-16 with random weights, faces of 224 x 224, one process, one thread, CPU time. Every round runs all variants in
turn, and a figure is the median of the rounds' ratios, so that a busy machine slows both sides alike.

The forward pass is the network's own, without gradients, once as torch lays it out and once channels last; the figure
counts in the faster of the two, and the other is printed beside it. Zennit and captum run in both layouts as well.
Against captum its faster one counts; Zennit's stock composite counts as it runs on a network as torch lays it out, and
``_faster_layout`` is the same against the layout that its users would have to choose for it. Memory is the peak above
the state before, at batch 8, as the kernel counts it.

Figures that end with ``kept_memory`` are the same ratios as the steps run, with the memory that is freed kept for all
sides (`painlens.workflow.memory`). Zennit's stock composite then comes down to its six passes and the engine to three,
so that the one is hardly more than two times as fast as the other; with the C library's own ways Zennit loses more.

Usage: python -m benchmarks.attribution [--rounds 12] [--peer-rounds 5] [--batch 2]
"""

import argparse
import ctypes
import gc
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from captum.attr import LRP as CaptumLRP  # noqa: N811 - its own name
from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule, EpsilonRule
from torch import Tensor, nn
from torchvision.models import vgg16
from zennit.attribution import Gradient
from zennit.composites import EpsilonPlus

from painlens.attributions.lrp import SequentialLRP
from painlens.attributions.zennit import ZennitLRP
from painlens.workflow.memory import keep_freed_memory

TARGET = 1
Run = Callable[[Tensor], object]


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


class WithoutFlatten(nn.Module):
    """The same network with a function in the place of `nn.Flatten`, for which captum has no rule."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.features, self.pool, _, self.classifier = network.children()

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits."""
        return self.classifier(torch.flatten(self.pool(self.features(inputs)), 1))


def forward_passes(network: nn.Sequential) -> dict[str, Run]:
    """The network's own forward pass in both layouts of memory."""
    layouts = _in_both_layouts(network)

    def forward(layout: str, inputs: Tensor) -> object:
        with torch.no_grad():
            return layouts[layout](_laid_out(inputs, layout))

    return {f"forward {name}": lambda inputs, name=name: forward(name, inputs) for name in layouts}


def peers(network: nn.Sequential) -> dict[str, Run]:
    """Zennit's stock composite, the paper's composite by Zennit, captum's rule, and the engine in bfloat16."""
    layouts = _in_both_layouts(network)
    preview, general = SequentialLRP(network, rule_dtype=torch.bfloat16), ZennitLRP(network)

    def stock(layout: str, inputs: Tensor) -> object:
        with Gradient(layouts[layout], EpsilonPlus()) as attributor:
            inputs = _laid_out(inputs.clone(), layout)
            return attributor(inputs, lambda logits: torch.eye(2)[[TARGET] * len(logits)])

    def captum(layout: str, inputs: Tensor) -> object:
        for module in layouts[layout].modules():  # captum takes the rules away after every call
            if isinstance(module, nn.Conv2d | nn.Linear):
                rule = Alpha1_Beta0_Rule() if isinstance(module, nn.Conv2d) else EpsilonRule()
                setattr(module, "rule", rule)  # noqa: B010 - captum reads it there
        inputs = _laid_out(inputs.clone(), layout).requires_grad_()
        return CaptumLRP(WithoutFlatten(layouts[layout])).attribute(inputs, target=TARGET)

    runs: dict[str, Run] = {
        "lrp bfloat16": lambda inputs: preview(inputs, TARGET),
        "zennit": lambda inputs: general(inputs, TARGET),
    }
    for name in layouts:
        runs[f"zennit stock {name}"] = lambda inputs, name=name: stock(name, inputs)
        runs[f"captum {name}"] = lambda inputs, name=name: captum(name, inputs)
    return runs


def _in_both_layouts(network: nn.Sequential) -> dict[str, nn.Module]:
    other = build(seed=0)
    other.load_state_dict(network.state_dict())
    return {"default": network, "channels last": other.to(memory_format=torch.channels_last)}  # pyright: ignore[reportCallIssue] - missing in torch's overloads


def _laid_out(inputs: Tensor, layout: str) -> Tensor:
    return inputs.contiguous(memory_format=torch.channels_last) if layout == "channels last" else inputs


def measure(runs: dict[str, Run], inputs: Tensor, rounds: int) -> dict[str, list[float]]:
    """Seconds of CPU time of each variant in each round, after one round to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            started = time.process_time()
            run(inputs)
            if number:
                seconds[name].append(time.process_time() - started)
    return seconds


def ratio(seconds: dict[str, list[float]], over: str, under: str) -> float:
    """Median of the rounds' ratios."""
    return median(a / b for a, b in zip(seconds[over], seconds[under], strict=True))


def faster(seconds: dict[str, list[float]], kind: str) -> str:
    """The layout in which a kind of run is faster."""
    return min((name for name in seconds if name.startswith(kind)), key=lambda name: median(seconds[name]))


def peak_mib(run: Run, inputs: Tensor) -> float:
    """Largest memory of the process during a run, above that before it; Linux only."""
    run(inputs)  # what is set up once is not counted
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak so far
    before = _memory("VmRSS")
    run(inputs)
    return (_memory("VmHWM") - before) / 1024


def _memory(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return float(next(line for line in lines if line.startswith(name)).split()[1])


def compared(
    own: dict[str, Run], passes: dict[str, Run], others: dict[str, Run], inputs: Tensor, chosen: argparse.Namespace
) -> dict[str, tuple[float, str]]:
    """Figures of the engine against forward passes, Zennit and captum."""
    seconds = measure(passes | own, inputs, chosen.rounds)
    against = measure(own | passes | others, inputs, chosen.peer_rounds)
    stock, captum, plain = (faster(against, kind) for kind in ("zennit stock", "captum", "forward"))
    return {
        "lrp.forward_equivalents": (ratio(seconds, "lrp", faster(seconds, "forward")), "forward passes"),
        "lrp.forward_equivalents_default_layout": (ratio(seconds, "lrp", "forward default"), "forward passes"),
        "lrp.forward_equivalents_bfloat16": (ratio(against, "lrp bfloat16", plain), "forward passes"),
        "lrp.forward_equivalents_zennit": (ratio(against, "zennit", plain), "forward passes"),
        "lrp.speedup_vs_zennit": (ratio(against, "zennit stock default", "lrp"), "times"),
        "lrp.speedup_vs_zennit_faster_layout": (ratio(against, stock, "lrp"), "times"),
        "lrp.speedup_vs_captum": (ratio(against, captum, "lrp"), "times"),
        "lrp.faces_per_second": (chosen.batch / median(seconds["lrp"]), "faces/s of CPU time"),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Cost of relevance in forward passes.")
    parser.add_argument("--rounds", type=int, default=12, help="of the engine against the forward pass")
    parser.add_argument("--peer-rounds", type=int, default=5, help="of the engine against Zennit and captum")
    parser.add_argument("--batch", type=int, default=2, help="faces at once")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    network = build(seed=0)
    engine = SequentialLRP(network)
    own: dict[str, Run] = {"lrp": lambda inputs: engine(inputs, TARGET)}
    passes, others = forward_passes(network), peers(network)
    eight = torch.randn(8, 3, 224, 224, generator=torch.Generator().manual_seed(2))
    memory = {name: peak_mib((own | others)[name], eight) for name in ("lrp", "zennit stock default")}
    inputs = torch.randn(chosen.batch, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    figures = {"lrp.memory_vs_zennit": (memory["lrp"] / memory["zennit stock default"], "of its peak")}
    figures |= compared(own, passes, others, inputs, chosen)
    keep_freed_memory()
    for name, value in compared(own, passes, others, inputs, chosen).items():
        figures[f"{name}_kept_memory"] = value
    for figure, (value, unit) in figures.items():
        print(json.dumps({"figure": figure, "value": round(value, 3), "unit": unit}))


if __name__ == "__main__":
    main()
