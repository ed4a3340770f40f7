"""What training costs beyond the arithmetic of the network: `fit` over a bare loop, in the same process.

`fit` reads uint8 faces, augments, clips gradients, counts, and writes a checkpoint every epoch; the bare loop repeats
forward, backward and update on normalised batches that lie ready in memory. Both take turns, and the figure is the
median of the rounds' ratios, so that a busy machine slows both. Network: the demo's, at 64 x 64.

``train.vs_bare_loop`` must stay at or below 1.10.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from painlens.backbones import VGG, build_network, choose_precision
from painlens.study import Backbone, Training
from painlens.training import LabelledFaces, fit, focal_loss

CLASSES = ("no-pain", "pain")
SIZE = 64


def made_faces(faces: int) -> LabelledFaces:
    """Noise with random labels: nothing can be learnt, so gradients keep an ordinary size."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (faces, SIZE, SIZE, 3), dtype=np.uint8)
    return LabelledFaces(pixels, rng.permutation(np.arange(faces) % 2))


def new_network() -> VGG:
    """The demo's network with random weights."""
    return build_network(Backbone(name="compact", head=128), classes=CLASSES, size=SIZE, seed=0)


def time_fit(data: LabelledFaces, settings: Training, folder: Path) -> float:
    """Seconds of a whole call of `fit`."""
    network = new_network()
    checkpoint = folder / "checkpoint"
    checkpoint.unlink(missing_ok=True)
    began = time.perf_counter()
    fit(network, data, validation=None, settings=settings, class_weights=None, seed=0, checkpoint=checkpoint)
    return time.perf_counter() - began


def time_bare_loop(data: LabelledFaces, settings: Training) -> float:
    """Seconds of as many steps of forward, backward and update on resident, normalised batches."""
    network = new_network().train().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - missing in torch's overloads
    dtype = choose_precision(settings.precision, network.device)
    batches = np.array_split(np.arange(len(data)), -(-len(data) // settings.batch_size))
    ready = [
        (network.prepare(data.take(b)).contiguous(memory_format=torch.channels_last), torch.from_numpy(data.labels[b]))
        for b in batches
    ]
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=settings.learning_rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    began = time.perf_counter()
    for _ in range(settings.epochs):
        for images, labels in ready:
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
                logits = network.quick(images)
            focal_loss(logits.float(), labels, gamma=settings.gamma).backward()
            optimizer.step()
    return time.perf_counter() - began


def main() -> None:
    """Print the figures as JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=640)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = made_faces(options.faces)
    settings = Training(epochs=options.epochs)
    seconds_of_fit, seconds_of_loop = [], []
    with tempfile.TemporaryDirectory() as folder:
        time_fit(data, settings, Path(folder))  # the first round compiles kernels and grows the heap
        time_bare_loop(data, settings)
        for _ in range(options.rounds):
            seconds_of_fit.append(time_fit(data, settings, Path(folder)))
            seconds_of_loop.append(time_bare_loop(data, settings))
    ratio = float(np.median(np.divide(seconds_of_fit, seconds_of_loop)))
    rate = options.faces * options.epochs / float(np.median(seconds_of_fit))
    for figure, value, unit in (("train.vs_bare_loop", ratio, "ratio"), ("train.faces_per_s", rate, "faces/s")):
        print(json.dumps({"figure": figure, "value": value, "unit": unit}))


if __name__ == "__main__":
    main()
