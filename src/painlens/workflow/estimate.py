"""What a study will roughly cost: time, memory and disk per step, before it runs.

The models are simple and stated here: multiply-adds of the network for training, predictions and relevance, a price
per frame or face for the rest. Expect to be wrong by a factor of two either way. Prices are those of one core of the
two-core machine of docs/measurements.md; torch is not imported, the Snakefile asks this module for memory.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from painlens.study import FEWEST_TESTED, Backbone, Study, Training
from painlens.workflow.expected import Expected, expected_faces
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import EMOTION, SOURCES, databases_of, jobs_of

if TYPE_CHECKING:  # a run with nothing to do asks this module for words alone
    import pandas as pd

# Measured on two cores, see docs/measurements.md.
START_S = 4.0  # start of one command, imports included
RENDER_S = 0.0087  # a rendered face of 128 pixels; grows with size to the power 1.65 (8.7, 12, 17 ms at 128, 160, 192)
DETECT_S = 0.075  # Haar cascade on a frame of 512 pixels; grows with the number of pixels
READ_S = 0.015  # reading and decoding one frame of an owner's database
MACS_PER_S = 4e10  # multiply-adds of 3 x 3 convolutions, float32, one core, training or relevance
SVM_S = 5e-9  # one fit of the linear SVM on n faces: 5e-9 n^2 s (.8, 4.4, 11.9 ms at n = 400, 900, 1500)
FIGURE_S = 0.05  # one strip of the report
BACKWARD = 3  # training costs three forward passes
RELEVANCE = 3  # so does relevance: forward, z+ forward, one transposed pass
GIB = 2.0**30
MIB = 2.0**20
BASE_GIB = 0.6  # a Python process with torch

# name -> channels of the convolutions per block, and the number of dense layers before the logits
NETWORKS: dict[str, tuple[tuple[tuple[int, ...], ...], int]] = {
    "vgg16": (((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3), 2),
    "compact": (((16,), (32, 32), (64, 64), (96, 96)), 1),
}


@dataclass(frozen=True)
class NetworkSize:
    """Of one network: multiply-adds of a forward pass, weights, output values of all layers, last-pool features."""

    macs: int
    weights: int
    values: int
    features: int


def network_size(backbone: Backbone, *, size: int, classes: int = 2) -> NetworkSize:
    """Size of a network on faces of `size` x `size` pixels.

    >>> round(network_size(Backbone(name="vgg16", head=4096), size=224, classes=1000).macs / 1e9, 1)  # published: 15.5
    15.5
    """
    blocks, hidden = NETWORKS[backbone.name]
    macs = weights = values = 0
    channels, side = 3, size
    for block in blocks:
        for width in block:
            weights += (9 * channels + 1) * width
            macs += 9 * channels * width * side**2
            values += 2 * width * side**2  # the convolution and its ReLU
            channels = width
        side //= 2
        values += channels * side**2
    features = inputs = channels * side**2
    for width in [backbone.head] * hidden + [classes]:
        weights += (inputs + 1) * width
        macs += inputs * width
        values += width
        inputs = width
    return NetworkSize(macs, weights, values, features)


def _backbone(study: Study) -> Backbone:
    """The network of a study; of models from elsewhere a VGG-16, the largest that is usual, where it is not known."""
    names = {model.architecture for model in study.models.values()}
    if not names:
        return study.backbone
    return Backbone(name="compact") if names == {"compact"} else Backbone(name="vgg16", head=4096)


@dataclass(frozen=True)
class Estimate:
    """A table (step, count, seconds, memory_gib, disk_gib), the sums, and what was assumed.

    `seconds` is wall-clock time of all jobs of the step with `cores` processes, `memory_gib` the need of one process.
    """

    table: "pd.DataFrame"
    cores: int
    seconds: float
    memory_gib: float
    disk_gib: float
    assumptions: tuple[str, ...]


@dataclass(frozen=True)
class _Sizes:
    """What the cost models are made of."""

    study: Study
    network: NetworkSize
    faces: dict[str, Expected]

    @property
    def test(self) -> int:
        """Test faces of the compared databases."""
        return sum(self.faces[name].test for name in self.study.databases)

    @property
    def crop_bytes(self) -> float:
        """A stored face: three colours and the region map."""
        return 4.0 * self.study.faces.size**2


@dataclass(frozen=True)
class _Cost:
    seconds: float
    disk: float = 0.0


def estimate_study(study: Study, *, cores: int | None = None, run: RunFolder | None = None) -> Estimate:
    """Rough cost of all steps on the processor; frames that `run` has listed already are counted, not guessed."""
    import pandas as pd

    processes = cores or os.cpu_count() or 1
    faces = _expected(study, run)
    sizes = _Sizes(study, network_size(_backbone(study), size=study.faces.size), faces)
    jobs, rows = jobs_of(study), []
    for stage in SOURCES:
        own = [job for job in jobs if job.stage == stage]
        if not own:
            continue
        costs = [_COSTS[stage](sizes, job.database) for job in own]
        side_by_side = max(processes // 2, 1) if stage in {"synthesize", "faces"} else processes
        waves = ceil(len(own) / min(side_by_side, len(own)))
        inner = min(2, processes) if stage in {"synthesize", "faces"} else 1
        rows.append(
            {
                "step": stage,
                "count": len(own),
                "seconds": waves * (START_S + sum(cost.seconds for cost in costs) / len(own) / inner),
                "memory_gib": memory_mib(stage, study) / 1024,
                "disk_gib": sum(cost.disk for cost in costs) / GIB,
            }
        )
    table = pd.DataFrame(rows)
    known = tuple(
        f"{n}: {f.kept:,} of {f.listed:,} frames, {f.test:,} for the test ({f.source})" for n, f in faces.items()
    )
    known += tuple(
        f"{name}: {faces[name].tested} test participants; with fewer than {FEWEST_TESTED} an interval over people is "
        "uncertain: test more, or let all rotate through the test part (replication.cross_fitting)"
        for name in study.databases
        if faces[name].tested < FEWEST_TESTED and study.databases[name].split.published is None
    )
    return Estimate(
        table,
        processes,
        float(table["seconds"].sum()),
        float(table["memory_gib"].max()),
        float(table["disk_gib"].sum()),
        known,
    )


def _expected(study: Study, run: RunFolder | None = None) -> dict[str, Expected]:
    """Sizes of all databases."""
    rotating = study.replication.cross_fitting > 0
    return {
        name: expected_faces(database, name=name, run=run, everybody=rotating and name != EMOTION)
        for name, database in databases_of(study).items()
    }


def memory_mib(stage: str, study: Study) -> int:
    """Memory that one process of a stage needs at its peak, roughly; Snakemake starts no more jobs than fit."""
    network, gib = network_size(_backbone(study), size=study.faces.size), BASE_GIB
    if stage in {"train", "pretrain"}:
        training = study.training if stage == "train" else study.pretraining.training
        gib += (4 * 4 * network.weights + 4 * network.values * training.batch_size) / GIB
    elif stage in {"predict", "attribute", "adopt"}:
        gib += (4 * 2 * network.weights + 4 * 2 * network.values * 8) / GIB
    elif stage == "concepts":
        sizes = _expected(study)
        faces = sum(sizes[name].test for name in study.databases)
        gib += (4 * 2 * network.weights + 4 * network.features * faces + 2 * 4 * faces**2) / GIB
    return ceil(gib * 1024)


def _trained(sizes: _Sizes, training: Training, faces: int) -> float:
    shown = training.steps * training.batch_size if training.steps is not None else faces * training.epochs
    return BACKWARD * sizes.network.macs * shown / MACS_PER_S


def _synthesize(sizes: _Sizes, name: str) -> _Cost:
    drawn = databases_of(sizes.study)[name].synthetic
    assert drawn is not None  # jobs_of lists rendered databases only
    twins = 0 if name == EMOTION else 2 * drawn.twins * max(len(sizes.study.concepts), 1)
    frames = sizes.faces[name].rendered + twins
    return _Cost(frames * RENDER_S * (drawn.size / 128) ** 1.65, frames * 1.5 * drawn.size**2)


def _faces(sizes: _Sizes, name: str) -> _Cost:
    drawn, kept = databases_of(sizes.study)[name].synthetic, sizes.faces[name].kept
    detect = DETECT_S * ((drawn.size if drawn else 512) / 512) ** 2 if sizes.study.faces.detector != "none" else 0.0
    return _Cost(kept * (detect + READ_S), kept * sizes.crop_bytes)


def _pretrain(sizes: _Sizes, _: str) -> _Cost:
    faces = sizes.faces[EMOTION].learned if EMOTION in sizes.faces else 0
    return _Cost(_trained(sizes, sizes.study.pretraining.training, faces), 3 * 4 * sizes.network.weights)


def _train(sizes: _Sizes, name: str) -> _Cost:
    """A half of the people takes twice the epochs: the same price as the whole. A fold leaves some people out."""
    folds, own = sizes.study.replication.cross_fitting, sizes.faces[name]
    learned = round(own.kept * (folds - 1) / folds) if folds else own.learned
    return _Cost(_trained(sizes, sizes.study.training, learned), 3 * 4 * sizes.network.weights)


def _predict(sizes: _Sizes, _: str) -> _Cost:
    answers = sizes.test * len(sizes.study.replicates)
    return _Cost(answers * sizes.network.macs / MACS_PER_S, answers * 200)


def _attribute(sizes: _Sizes, _: str) -> _Cost:
    maps = sizes.test * len(sizes.study.replicates)
    return _Cost(RELEVANCE * maps * sizes.network.macs / MACS_PER_S, maps * 4.0 * sizes.study.faces.size**2)


def _differences(sizes: _Sizes, _: str) -> _Cost:
    maps = sizes.test * len(sizes.study.replicates) * len(sizes.study.compared)
    return _Cost(maps * 1e-3 + sizes.test * FIGURE_S / 5, sizes.test * 4000.0)


def _concepts(sizes: _Sizes, _: str) -> _Cost:
    test, study = sizes.study.concept_test, sizes.study
    seeds = [name for name in study.replicates if name.startswith("seed=")]
    floors = 0 if study.models else 2  # the emotion network and random weights
    networks = len(study.compared) * len(seeds) + floors
    sweep = test.participant_repeats * len(test.layers)
    fits = 2 * (test.repeats + test.participant_repeats + test.floor_permutations + sweep)
    fits *= networks * len(study.concepts)
    features = networks * (1 + len(test.layers)) * sizes.test * sizes.network.macs / MACS_PER_S
    return _Cost(fits * SVM_S * sizes.test**2 + features)


_COSTS: dict[str, Callable[[_Sizes, str], _Cost]] = {
    "synthesize": _synthesize,
    "frames": lambda sizes, name: _Cost(sizes.faces[name].listed * 2e-4, sizes.faces[name].listed * 100.0),
    "faces": _faces,
    "split": lambda _sizes, _name: _Cost(0.1),
    "adopt": lambda sizes, _: _Cost(5.0, 4.0 * sizes.network.weights),
    "pretrain": _pretrain,
    "train": _train,
    "predict": _predict,
    "evaluate": lambda _sizes, _name: _Cost(10.0),
    "attribute": _attribute,
    "differences": _differences,
    "concepts": _concepts,
    "report": lambda sizes, _: _Cost(10.0 + sizes.test * FIGURE_S / 10, sizes.test * 10_000.0),
}


def print_estimate(estimate: Estimate) -> None:
    """Show an estimate on stdout."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"Roughly, with {estimate.cores} processes", caption="Wrong by a factor of two is possible.")
    for heading in ("step", "jobs", "time", "memory of one", "disk"):
        table.add_column(heading, justify="left" if heading == "step" else "right")
    for row in estimate.table.to_dict("records"):
        seconds, memory, disk = float(row["seconds"]), float(row["memory_gib"]), float(row["disk_gib"])
        table.add_row(str(row["step"]), str(row["count"]), duration(seconds), f"{memory:.1f} GiB", f"{disk:.2f} GiB")
    table.add_section()
    jobs, memory = int(estimate.table["count"].sum()), min(estimate.cores, 2) * estimate.memory_gib
    table.add_row("all", str(jobs), duration(estimate.seconds), "", f"{estimate.disk_gib:.2f} GiB")
    console = Console()
    console.print(table)
    for line in estimate.assumptions:
        console.print(f"  {line}", highlight=False)
    console.print(
        f"  Two networks side by side need about {memory:.1f} GiB. All times are for the processor; "
        "a graphics card trains and explains roughly 30 to 100 times faster than one core.",
        highlight=False,
    )


def duration(seconds: float) -> str:
    """A time for people.

    >>> duration(42.4), duration(150), duration(8000), duration(400_000)
    ('42 s', '2.5 min', '2.2 h', '4.6 days')
    """
    for unit, length in (("days", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
