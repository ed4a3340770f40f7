"""What `painlens compare` costs beyond the work that nobody can spare: two VGG-16 of the paper on the same faces.

Two checkpoints with random weights and 200 rendered faces of 224 pixels are written to a folder, with labels of one
concept (closed eyes, from the rendering). Then, in this process and with all cores:

* the comparison: everything that `painlens compare --a A --b B --faces MANIFEST --concept ...` does once its arguments
  are read, from the checkpoints to the report;
* the bare work, on arrays in memory: one forward pass of both networks over all faces (answers and features together),
  LRP of both networks, Gram matrices and support vector machines of the concept.

``compare.vs_bare`` is the time of the first over that of the second and must stay at or below 1.15. What is compiled at
first use is compiled before.

    python -m benchmarks.compare [--faces 200] [--rounds 3] [--size 224]
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import pandas as pd

from painlens import attributions, backbones, comparing, concept_test, predictions, tables
from painlens.concept_test.decodability_tables import tabulate_decodability
from painlens.concept_test.material import gather
from painlens.faces import load_faces
from painlens.study import Backbone, Study, Synthetic
from painlens.synthetic import synthesize
from painlens.workflow.compiling import compile_concept_test
from painlens.workflow.explaining import batch_of
from painlens.workflow.in_process import run_here
from painlens.workflow.memory import keep_freed_memory
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import Job
from painlens.workflow.steps import Outcome

MODELS = {"a": 1, "b": 2}  # name -> seed of the weights
CONCEPT, REGION = "eyes-closed", "eyes"
PEOPLE, SEQUENCES, FPS = 10, 5, 2


def write_faces(folder: Path, faces: int, size: int) -> tuple[Path, Path]:
    """Rendered faces with a manifest, and a table with the labels of the concept; returns both paths."""
    seconds = max(2.0, -(-faces // (PEOPLE * SEQUENCES)) / FPS + 1.0)
    rendering = Synthetic(
        seed=1, participants=PEOPLE, sequences=SEQUENCES, seconds=seconds, fps=FPS, size=size, twins=0
    )
    synthesize(rendering, reader="unbc", name="faces", root=folder / "rendered", truth=folder / "truth")
    truth = pd.read_parquet(folder / "truth" / "frames.parquet")
    truth = truth.iloc[np.linspace(0, len(truth) - 1, min(faces, len(truth))).astype(int)].reset_index(drop=True)
    (folder / "faces").mkdir()
    rows, labels = [], []
    for number, frame in enumerate(truth.to_dict("records")):
        picture = cv2.imread(str(folder / "rendered" / str(frame["path"])))
        assert picture is not None
        name = f"{number:05d}.png"
        cv2.imwrite(str(folder / "faces" / name), cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA))
        label = "pain" if number % 2 else "no-pain"
        rows.append({"path": name, "participant": frame["participant"], "label": label, "consent": "true"})
        labels.append(
            {"database": comparing.FACES, "frame_id": name, "concept": CONCEPT, "value": frame[f"concept:{CONCEPT}"]}
        )
    manifest, table = folder / "faces" / "manifest.csv", folder / "labels.csv"
    pd.DataFrame(rows).to_csv(manifest, index=False)
    pd.DataFrame(labels).to_csv(table, index=False)
    return manifest, table


def write_networks(folder: Path, backbone: Backbone, size: int) -> dict[str, Path]:
    """Name -> checkpoint with random weights."""
    written = {}
    for name, seed in MODELS.items():
        network = backbones.build_network(backbone, classes=("no-pain", "pain"), size=size, seed=seed)
        written[name] = folder / f"{name}.safetensors"
        backbones.save_network(network, written[name])
    return written


def comparison(folder: Path, faces: int, size: int, backbone: Backbone) -> Study:
    """The study of the comparison, with all of its files."""
    manifest, labels = write_faces(folder, faces, size)
    models = {name: {"checkpoint": str(path)} for name, path in write_networks(folder, backbone, size).items()}
    concepts = {CONCEPT: {"definition": "both eyes are closed", "region": REGION, "labels": str(labels)}}
    wanted = comparing.Comparison(models=models, faces=manifest, size=size, concepts=concepts, publish="all")
    return comparing.comparison_study(wanted)


def timed_comparison(study: Study, folder: Path) -> tuple[RunFolder, dict[str, float]]:
    """The finished comparison, and the seconds of each of its steps with the whole under an empty name."""
    steps: dict[str, float] = {}

    def note(job: Job, outcome: Outcome, count: int, total: int) -> None:  # noqa: ARG001 - what `run_here` tells
        steps[job.name] = outcome.seconds

    began = time.perf_counter()
    run = comparing.open_comparison(study, folder)
    run_here(run, ended=note)
    return run, steps | {"": time.perf_counter() - began}


def bare_seconds(study: Study, run: RunFolder) -> dict[str, float]:
    """Seconds of forward passes, LRP and support vector machines alone."""
    stored = run.folder("faces", comparing.FACES)
    table = tables.load_table(stored / "faces.parquet", tables.FACES)
    crops = load_faces(stored / "faces.h5", table["row"].to_numpy(int)).faces
    labels = tables.load_table(run.folder("evaluate") / "concepts.parquet", tables.CONCEPTS)
    answers = pd.concat(
        tables.load_table(run.folder("predict", name) / "predictions.parquet", tables.PREDICTIONS) for name in MODELS
    )
    features, seconds = {}, {"forward": 0.0, "lrp": 0.0, "svm": 0.0}
    for name in MODELS:
        network = backbones.load_network(run.weights(name, "seed=0"))
        began = time.perf_counter()
        features[name] = predictions.logits_and_features(network, crops)[1]
        seconds["forward"] += time.perf_counter() - began
        began = time.perf_counter()
        attributions.attribute(network, crops, settings=study.attribution, batch=batch_of(study))
        seconds["lrp"] += time.perf_counter() - began
    place = pd.Series(range(len(table)), index=table["frame_id"].astype(str))
    rows = place.loc[concept_test.labelled_faces(labels)["frame_id"].astype(str)].to_numpy()
    networks = tuple((name, "seed=0") for name in MODELS)
    evidence = concept_test.Evidence(
        answers, labels, features=lambda model, _: features[model][rows], networks=networks
    )
    settings = study.concept_test
    began = time.perf_counter()
    material = gather(
        evidence, databases=tuple(MODELS), regions={CONCEPT: REGION}, target=study.attribution.target,
        smallest_cell=settings.smallest_cell, draws=settings.bootstrap,
    )  # fmt: skip
    tabulate_decodability(evidence, material, databases=tuple(MODELS), settings=settings, seed=study.seed)
    seconds["svm"] = time.perf_counter() - began
    return seconds


def main() -> None:
    """Print the figures as JSON lines, the parts on the terminal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=200)
    parser.add_argument("--size", type=int, default=224, help="side of a face in pixels")
    parser.add_argument("--rounds", type=int, default=3, help="the median of their ratios counts")
    parser.add_argument("--backbone", choices=("vgg16", "compact"), default="vgg16")
    options = parser.parse_args()
    keep_freed_memory()
    compile_concept_test()
    ratios, whole = [], []
    with tempfile.TemporaryDirectory() as folder:
        study = comparison(Path(folder), options.faces, options.size, Backbone(name=options.backbone))
        for number in range(options.rounds):
            run, steps = timed_comparison(study, Path(folder) / f"run-{number}")
            bare = bare_seconds(study, run)
            whole.append(steps.pop(""))
            ratios.append(whole[-1] / sum(bare.values()))
            told = {name: round(value, 2) for name, value in (steps | bare).items()}
            print(f"{whole[-1]:.1f} s, bare {sum(bare.values()):.1f} s: {told}", file=sys.stderr, flush=True)
    for figure, value, unit in (("vs_bare", median(ratios), "ratio"), ("seconds", median(whole), "s")):
        print(json.dumps({"figure": f"compare.{figure}", "value": value, "unit": unit}))


if __name__ == "__main__":
    main()
