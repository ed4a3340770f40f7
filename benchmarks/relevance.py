"""What the pipeline costs beyond the bare passes of the engine: attribution with its file, differences, strips.

Two networks (VGG-16 at 224 pixels) and the same faces go through attribution, relevance files, region shares,
differences in both directions and WebP strips; the other side are the two engines alone on prepared faces in memory.
All take turns, CPU time of one thread. The pipeline runs on few and on more faces: what each face adds and what is done
once (networks are read, checked and tried on one face) are told apart so, and the figure is their sum for a thousand
faces over the bare passes of as many; the median of the rounds.

``lrp.pipeline_vs_bare`` must stay at or below 1.10.

Usage: python -m benchmarks.relevance [--faces 20] [--rounds 3]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import torch

from painlens import attributions, differences
from painlens.attributions import FaceSource, RelevanceHeader
from painlens.attributions.lrp import SequentialLRP
from painlens.backbones import VGG, build_network
from painlens.differences.strips import StripStyle, strips
from painlens.regions import REGIONS
from painlens.study import Attribution, Backbone
from painlens.workflow.explaining import PIXELS_AT_ONCE
from painlens.workflow.memory import keep_freed_memory

CLASSES = ("no-pain", "pain")
SIZE = 224
BATCH = PIXELS_AT_ONCE // SIZE**2
WANTED = 1000  # faces that the figure is about


class Material:
    """Two networks with random weights, and faces of noise with facial regions."""

    def __init__(self, faces: int) -> None:
        rng = np.random.default_rng(0)
        self.networks = [self._network(seed) for seed in (0, 1)]
        self.crops = rng.integers(0, 256, (faces, SIZE, SIZE, 3), dtype=np.uint8)
        self.regions = rng.integers(0, len(REGIONS), (faces, SIZE, SIZE), dtype=np.uint8)
        names = [f"p/s/{number:04d}" for number in range(faces)]
        self.table = pd.DataFrame({"database": "clinical", "frame_id": names, "participant": "p", "label": "pain"})
        self.engines = [SequentialLRP(network.layers()) for network in self.networks]
        self.prepared = self.networks[0].prepare(self.crops)

    def _network(self, seed: int) -> VGG:
        return build_network(Backbone(name="vgg16"), classes=CLASSES, size=SIZE, seed=seed).eval()

    def bare(self) -> None:
        """The passes alone."""
        for engine in self.engines:
            for start in range(0, len(self.crops), BATCH):
                engine(self.prepared[start : start + BATCH], 1)

    def pipeline(self, count: int) -> None:
        """All that the steps 'attribute' and 'differences' and the gallery do with maps of the first faces."""
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / str(number) / "relevance.h5" for number in (0, 1)]
            for number, (path, network) in enumerate(zip(paths, self.networks, strict=True)):
                header = RelevanceHeader(str(number), "seed=0", CLASSES, "pain", "lrp paper float32", "0" * 64)
                source = FaceSource(self.table[:count], self.crops.__getitem__)
                attributions.relevance_file(
                    path, network, source, header=header, settings=Attribution(), batch=BATCH
                )  # fmt: skip
            self._compare(*(attributions.load_relevance(path) for path in paths))

    def _compare(self, one: attributions.StoredRelevance, other: attributions.StoredRelevance) -> None:
        shares = []
        for (rows, a), (_, b) in zip(one.blocks(BATCH), other.blocks(BATCH), strict=True):
            for name, own in (("0", a), ("1", b)):
                of_faces = self.table.iloc[rows]
                table = differences.shares_table(own, self.regions[rows], of_faces, model=name, replicate="seed=0")
                shares.append(table)
            differences.directions(differences.difference(a, b, "paper"))
            for _ in strips(self.crops[rows], a, b, StripStyle("paper")):
                pass
        differences.regions_table(pd.concat(shares), model_a="0", model_b="1", confidence=0.95)


def seconds_of(run: Callable[[], None]) -> float:
    """CPU time of a run."""
    started = time.process_time()
    run()
    return time.process_time() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Cost of the pipeline beyond the bare passes.")
    parser.add_argument("--faces", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()  # as in the steps; it helps both sides
    material, few = Material(chosen.faces), BATCH
    if chosen.faces < 2 * few:
        parser.error(f"--faces must be at least {2 * few}, two batches")
    ratios, once = [], []
    for number in range(chosen.rounds + 1):
        bare = seconds_of(material.bare) / chosen.faces
        short, long = (seconds_of(partial(material.pipeline, count)) for count in (few, chosen.faces))
        each = (long - short) / (chosen.faces - few)
        if number:  # the first round warms up
            once.append(short - few * each)
            ratios.append((once[-1] + WANTED * each) / (WANTED * bare))
    for figure, value, unit in (
        ("lrp.pipeline_vs_bare", median(ratios), f"times, {WANTED} faces"),
        ("lrp.pipeline_set_up_s", median(once), "s of CPU time, two networks"),
    ):
        print(json.dumps({"figure": figure, "value": round(value, 3), "unit": unit}))


if __name__ == "__main__":
    main()
