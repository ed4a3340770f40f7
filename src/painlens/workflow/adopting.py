"""A checkpoint of the user's becomes one of the run's networks: adopt."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from painlens import backbones, reproduction, tables
from painlens.backbones import FaceNetwork
from painlens.mapping import class_map
from painlens.study import Model
from painlens.tables import DataError
from painlens.workflow.context import Context, Result
from painlens.workflow.crops import test_faces


def adopt(context: Context) -> Result:
    """Weights in painlens' form, and what was checked about them."""
    study = context.study
    model, seed = study.models[context.database], int(context.replicate.removeprefix("seed="))
    checkpoint = model.checkpoints[seed]
    network = backbones.adopt(model, checkpoint, size=study.faces.size)
    _check_layers(context, network)
    meaning = class_map(model, network.classes, target=study.attribution.target, name=context.database)
    checked = _reproduced(context, model, seed, network.to(backbones.choose_device()))
    outputs = [context.folder / "weights.safetensors", context.folder / "adopted.json"]
    backbones.save_network(network, outputs[0])
    facts = {
        "checkpoint": checkpoint.name,
        "sha256": tables.sha256_of(checkpoint),
        "architecture": network.architecture,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "classes": list(network.classes),
        "meaning": meaning.sentence(),
        "explained": meaning.target,
        "size": network.size,
        "channels": model.channels,
        "mean": list(network.mean),
        "std": list(network.std),
        "reproduced": None if checked is None else vars(checked),
    }
    tables.save_json(facts, outputs[1])
    return Result(outputs, {"reproduced": 0 if checked is None else checked.faces})


def _check_layers(context: Context, network: FaceNetwork) -> None:
    """The layers of the concept test exist, and its gradient is one of all that the network knows of a face."""
    test = context.study.concept_test
    if not context.study.concepts:
        return
    for layer in test.layers:
        backbones.layer_place(network, layer)
    place = backbones.layer_place(network, test.layer)
    if test.gradients and not backbones.is_bottleneck(network, place):
        raise DataError(
            f"not all that '{context.database}' ({network.architecture}) knows of a face passes the layer "
            f"'{test.layer}', so its gradient there is not that of the answer; choose another concept_test.layer, or "
            "set concept_test.gradients to false"
        )


def _reproduced(context: Context, model: Model, seed: int, network: FaceNetwork) -> reproduction.Reproduced | None:
    """Check the network against the predictions that its owner gives, if there are any."""
    if not model.prediction_files:
        return None
    path = model.prediction_files[seed]
    given = reproduction.load_given(path, network.classes)
    faces = test_faces(context)
    rows, known = _rows_of(given, faces.table, path)
    source = f"{model.checkpoints[seed].name} against {path.name}"
    return reproduction.check_reproduced(
        network, faces.crops[rows], given.of(known), tolerance=model.tolerance, source=source
    )


def _rows_of(given: reproduction.Given, table: pd.DataFrame, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the faces that answers are given for, and the answers' own rows; files by name where paths differ."""
    ids = [str(name) for name in table["frame_id"]]
    names = [Path(name).name for name in ids]
    counts, counted = Counter(ids), Counter(names)
    whole = {name: row for row, name in enumerate(ids) if counts[name] == 1}
    last = {name: row for row, name in enumerate(names) if counted[name] == 1}
    found = [whole.get(image, last.get(Path(image).name, -1)) for image in given.images]
    known = np.flatnonzero(np.array(found) >= 0)
    if not len(known):
        raise DataError(
            f"{path}: none of its {len(given.images)} images is among the faces; it names {given.images[0]}, the faces "
            f"are called {', '.join(ids[:3])} ...: use the same names as the manifest"
        )
    return np.array(found)[known], known
