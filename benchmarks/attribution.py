"""Cost of relevance on the paper's network, in forward passes of the same network rather than in seconds.

VGG-16 with random weights, faces of 224 x 224, one process, one thread; every round runs all variants in turn, so that
a busy machine slows them alike. Prints one JSON line per figure: the median over rounds.

`lrp.pipeline_vs_bare` takes two networks and the same faces through attribution, its file, differences and strips,
against the bare passes of the engine. Memory is the peak above the state before, at batch 8, as the kernel counts it.

Usage: python benchmarks/attribution.py [--rounds 12] [--batch 2] [--faces 16]
"""

import argparse
import gc
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import torch
from captum.attr import LRP as CaptumLRP  # noqa: N811 - its own name
from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule, EpsilonRule
from torch import Tensor, nn
from torchvision.models import vgg16
from zennit.attribution import Gradient
from zennit.composites import EpsilonPlus

from painlens import attributions, differences
from painlens.attributions import FaceSource, RelevanceHeader
from painlens.attributions.lrp import SequentialLRP
from painlens.attributions.zennit import ZennitLRP
from painlens.backbones import build_network
from painlens.differences.strips import StripStyle, strips
from painlens.study import Attribution, Backbone

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

    def captum(inputs: Tensor) -> object:
        for module in network.modules():  # captum takes the rules away after every call
            if isinstance(module, nn.Conv2d | nn.Linear):
                rule = Alpha1_Beta0_Rule() if isinstance(module, nn.Conv2d) else EpsilonRule()
                setattr(module, "rule", rule)  # noqa: B010 - captum reads it there
        return CaptumLRP(network).attribute(inputs.clone().requires_grad_(), target=TARGET)

    return {
        "forward": forward,
        "lrp": lambda inputs: engine(inputs, TARGET),
        "lrp_bfloat16": lambda inputs: preview(inputs, TARGET),
        "zennit": lambda inputs: general(inputs, TARGET),
        "zennit_stock": stock,
        "captum": captum,
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


def peak_mib(run: Callable[[Tensor], object], inputs: Tensor) -> float:
    """Largest memory of the process during a run, above that before it; Linux only."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak so far
    before = _memory("VmRSS")
    run(inputs)
    return (_memory("VmHWM") - before) / 1024


def _memory(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return float(next(line for line in lines if line.startswith(name)).split()[1])


def pipeline(count: int, rounds: int) -> float:
    """CPU time of two networks and `count` faces through all steps, over that of the bare passes; median of rounds."""
    settings, classes = Attribution(), ("no-pain", "pain")
    networks = [build_network(Backbone(name="vgg16"), classes=classes, size=224, seed=s).eval() for s in (0, 1)]
    crops = np.random.default_rng(0).integers(0, 256, (count, 224, 224, 3), dtype=np.uint8)
    table = pd.DataFrame({
        "database": "clinical", "frame_id": [f"p/s/{i:03d}" for i in range(count)], "participant": "p",
        "label": "pain",
    })  # fmt: skip
    engines = [SequentialLRP(network.layers()) for network in networks]
    prepared = networks[0].prepare(crops)

    def bare() -> None:
        for engine in engines:
            for start in range(0, count, 5):
                engine(prepared[start : start + 5], TARGET)

    def everything(folder: Path) -> None:
        stored = []
        for number, network in enumerate(networks):
            header = RelevanceHeader(str(number), "seed=0", classes, "pain", "lrp paper float32", "0" * 64)
            path = folder / str(number) / "relevance.h5"
            attributions.relevance_file(
                path, network, FaceSource(table, crops.__getitem__), header=header, settings=settings, batch=5
            )
            stored.append(attributions.load_relevance(path))
        regions = np.zeros(crops.shape[:3], np.uint8)
        for (rows, a), (_, b) in zip(stored[0].blocks(16), stored[1].blocks(16), strict=True):
            for own, name in ((a, "0"), (b, "1")):
                differences.shares_table(own, regions[rows], table.iloc[rows], model=name, replicate="seed=0")
            differences.directions(differences.difference(a, b, "paper"))
            for _ in strips(crops[rows], a, b, StripStyle("paper")):
                pass

    ratios = []
    for _ in range(rounds):
        seconds = []
        for run in (bare, None):
            started = time.process_time()
            if run is not None:
                run()
            else:
                with tempfile.TemporaryDirectory() as folder:
                    everything(Path(folder))
            seconds.append(time.process_time() - started)
        ratios.append(seconds[1] / seconds[0])
    return median(ratios)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Cost of relevance in forward passes.")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--batch", type=int, default=2, help="faces at once")
    parser.add_argument("--faces", type=int, default=16, help="faces through the whole pipeline")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    inputs = torch.randn(chosen.batch, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    runs = variants(build(seed=0))
    seconds = measure(runs, inputs, chosen.rounds)
    eight = torch.randn(8, 3, 224, 224, generator=torch.Generator().manual_seed(2))
    memory = {name: peak_mib(runs[name], eight) for name in ("lrp", "zennit_stock")}
    figures = {
        "lrp.forward_equivalents": (seconds["lrp"] / seconds["forward"], "forward passes"),
        "lrp.forward_equivalents_bfloat16": (seconds["lrp_bfloat16"] / seconds["forward"], "forward passes"),
        "lrp.forward_equivalents_zennit": (seconds["zennit"] / seconds["forward"], "forward passes"),
        "lrp.speedup_vs_zennit": (seconds["zennit_stock"] / seconds["lrp"], "times"),
        "lrp.speedup_vs_captum": (seconds["captum"] / seconds["lrp"], "times"),
        "lrp.memory_vs_zennit": (memory["lrp"] / memory["zennit_stock"], "of its peak"),
        "lrp.pipeline_vs_bare": (pipeline(chosen.faces, rounds=3), "times the CPU time"),
        "lrp.faces_per_second": (chosen.batch / seconds["lrp"], "faces/s"),
    }
    for figure, (value, unit) in figures.items():
        print(json.dumps({"figure": figure, "value": round(value, 3), "unit": unit}))


if __name__ == "__main__":
    main()
