"""From checkpoints and faces to a study that compares them: what `painlens compare` and `painlens.api` share."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from painlens.databases.manifest import NAMES, find_table, read_table
from painlens.study import OWN, Study, StudyError, load_study, parse_study
from painlens.study import Layout as LayoutSettings
from painlens.tables import DataError
from painlens.workflow.run_folder import RunFolder, prepare_run
from painlens.workflow.stages import EMOTION

FACES = "faces"  # name of the one database of a comparison
UNLABELLED = {"unlabelled": "path != ?"}  # every face of a manifest without a column 'label'
BEFORE, AFTER = "before", "after"
USUAL_SIZE = 224
REST = "other"  # what all other classes of a model become where only one is compared
KEPT = ("frames", "faces", "split")  # folders that a comparison within a run takes over


@dataclass(frozen=True)
class Comparison:
    """What a user says about a comparison; everything else has the defaults of a study.

    Attributes
    ----------
    models
        Name -> keys of `painlens.study.Model`.
    faces
        A manifest (CSV, TSV or Parquet), or a folder with one, or a folder of pictures.
    target
        Class whose logit is explained and whose log-odds are compared.
    size
        Side of the models' input; None: that of files of painlens, else 224.
    concepts
        Name -> keys of `painlens.study.Concept`.
    display, publish
        ``all`` or ``none``: whose faces may be shown in the lab, and outside of it.
    """

    models: Mapping[str, Mapping[str, Any]]
    faces: Path
    name: str = "compare"
    target: str | None = None
    size: int | None = None
    detector: str = "none"
    concepts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    display: str = "none"
    publish: str = "none"
    trust_faces: int = 0
    settings: Sequence[str] = ()


def comparison_study(wanted: Comparison) -> Study:
    """The study of a comparison.

    Raises
    ------
    StudyError
        What was said does not make a study.
    DataError
        The faces or a checkpoint of painlens cannot be read.
    """
    from painlens.study.reading import override_setting

    described = {name: _described(model) for name, model in wanted.models.items()}
    models, target = _with_targets(described, wanted.target)
    raw: dict[str, Any] = {
        "study": wanted.name,
        "databases": {FACES: _database(wanted)},
        "models": {name: model["said"] for name, model in models.items()},
        "faces": {"detector": wanted.detector, "size": wanted.size or _size(models)},
        "attribution": {"target": target},
        "trust": {"faces": wanted.trust_faces},
        "concepts": {name: dict(concept) for name, concept in wanted.concepts.items()},
    }
    for setting in wanted.settings:
        override_setting(raw, setting)
    return parse_study(raw, source="compare", folder=Path.cwd())


def _described(said: Mapping[str, Any]) -> dict[str, Any]:
    """A model as the user says it, with what its file says about itself."""
    checkpoint = said["checkpoint"]
    first = Path(checkpoint if isinstance(checkpoint, str | Path) else checkpoint[0])
    classes, size = tuple(said.get("classes", ())), said.get("size")
    if said.get("architecture", OWN) == OWN:
        classes, size = _told_by_file(first, classes, size)
    return {"said": dict(said), "classes": classes, "size": size}


def _told_by_file(path: Path, classes: tuple[str, ...], size: int | None) -> tuple[tuple[str, ...], int | None]:
    """Classes and size of a file that painlens wrote; others are refused with their reason when they are taken over."""
    import json

    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as stream:
            facts = json.loads((stream.metadata() or {}).get("painlens", "{}"))
    except (SafetensorError, OSError, ValueError):
        return classes, size
    return classes or tuple(facts.get("classes", ())), size or facts.get("size")


def _with_targets(models: dict[str, dict[str, Any]], target: str | None) -> tuple[dict[str, dict[str, Any]], str]:
    """Models with a mapping where they answer different classes, and the class of the study that is compared."""
    known = {tuple(sorted(model["classes"])) for model in models.values() if model["classes"]}
    mapped = any(model["said"].get("mapping") for model in models.values())
    target = target or _usual_target(models)
    if len(known) < 2 or mapped:
        return models, target
    two = next((model["classes"] for model in models.values() if len(model["classes"]) == 2), ())
    rest = next((name for name in two if name != target), REST) if target in two else REST
    for name, model in models.items():
        own = model["said"].get("target") or target
        if own not in model["classes"]:
            raise StudyError(
                f"model '{name}' has no class '{own}'; as the models have different classes, say which logits are "
                f"compared with --explain MODEL=CLASS (all other classes then count together), or --mapping; "
                f"{_told(models)}"
            )
        model["said"]["mapping"] = {own: target, "*": rest}
    return models, target


def _usual_target(models: Mapping[str, Mapping[str, Any]]) -> str:
    """The compared class where the user does not name it: pain, or what the last model explains."""
    said = {name: model["said"].get("target") for name, model in models.items()}
    if any("pain" in model["classes"] for name, model in models.items() if not said[name]):
        return "pain"
    named = [own for own in said.values() if own]
    if not named:
        raise StudyError(f"say which class is compared: --target CLASS; {_told(models)}")
    return str(named[-1])


def _told(models: Mapping[str, Mapping[str, Any]]) -> str:
    return "; ".join(f"{name} has {', '.join(model['classes']) or 'unknown classes'}" for name, model in models.items())


def _size(models: Mapping[str, Mapping[str, Any]]) -> int:
    sizes = {model["size"] for model in models.values() if model["size"] is not None}
    if len(sizes) > 1:
        told = ", ".join(f"{name} {model['size']}" for name, model in models.items())
        raise StudyError(
            f"the models take faces of different sizes ({told}): their maps cannot be subtracted pixel by pixel"
        )
    return next(iter(sizes), USUAL_SIZE)


def _database(wanted: Comparison) -> dict[str, Any]:
    """The faces as a database of which everybody is tested."""
    faces = wanted.faces
    if not faces.exists():
        raise DataError(f"faces not found: {faces}; give a manifest (a table with the columns path and participant)")
    own: dict[str, Any] = {
        "split": {"test": "all"},
        "consent": {"display": wanted.display, "publish": wanted.publish},
    }
    if faces.is_dir() and not any((faces / name).is_file() for name in NAMES):
        return own | {"reader": "imagefolder", "root": str(faces.resolve()), "layout": {"participant": "each-file"}}
    root = faces if faces.is_dir() else faces.parent
    layout = LayoutSettings(table=None if faces.is_dir() else faces.name)
    table = read_table(find_table(root, layout, NAMES))
    own |= {"reader": "manifest", "root": str(root.resolve()), "layout": {"table": layout.table}}
    return own if "label" in table else own | {"label": UNLABELLED}


def before_after(run: RunFolder, database: str, *, explain: str, target: str | None, replicate: str) -> Study:
    """The study that compares the emotion network of a run with one of its fine-tuned networks, on the run's faces.

    Parameters
    ----------
    database
        Database that the network was fine-tuned on.
    explain
        Class of the emotion network that stands against the target, such as ``anger``.
    target
        Class of the fine-tuned network; None: the run's own.

    Raises
    ------
    StudyError
        The run has no such database, replicate or network yet.
    """
    study = run.study()
    if study.models or database not in study.databases:
        raise StudyError(f"{run.root} trains no network on '{database}'; it has {', '.join(study.databases)}")
    if replicate not in study.replicates:
        raise StudyError(f"the run has no replicate '{replicate}'; it has {', '.join(study.replicates)}")
    files = {BEFORE: run.folder("pretrain") / "weights.safetensors", AFTER: run.weights(database, replicate)}
    for name, path in files.items():
        if not path.exists():
            raise StudyError(f"the network '{name}' is not there yet ({path}); run `painlens run {run.root}` first")
    described = {name: _described({"checkpoint": str(path)}) for name, path in files.items()}
    own = target or study.attribution.target
    classes = described[BEFORE]["classes"]
    if explain not in classes:
        raise StudyError(
            f"say which class of the emotion network stands against '{own}': --explain before=CLASS with one of "
            f"{', '.join(classes)}{f', got {explain!r}' if explain else ''}"
        )
    described[BEFORE]["said"]["target"] = explain
    described[AFTER]["said"]["target"] = own
    models, own = _with_targets(described, own)
    raw = study.model_dump(mode="json")
    raw |= {
        "study": f"{study.study}-{BEFORE}-{AFTER}",
        "models": {name: model["said"] for name, model in models.items()},
        "pretraining": {},
        "expect": {},
        "concepts": _labelled_concepts(run, study),
    }
    raw["attribution"]["target"] = own
    raw["training"]["class_balance"] = {}
    return parse_study(raw, source="compare")


def _labelled_concepts(run: RunFolder, study: Study) -> dict[str, Any]:
    """The run's concepts; labels that only the run itself knows come from its own table."""
    raw = study.model_dump(mode="json")["concepts"]
    for concept in raw.values():
        if concept["labels"] == "truth" and not all(d.synthetic for d in study.databases.values()):
            raise StudyError(f"{run.root} has concepts with labels 'truth' but databases that are not rendered")
    return raw


def take_over(source: RunFolder, target: RunFolder, *, link: bool = False) -> None:
    """Copy what a run has prepared (frames, faces, split, rendered databases) into the folder of a comparison.

    Steps check themselves by their manifests, so that they find their results there. Notes about people who must not
    be read or shown come along. The comparison is independent of the run: neither can change the other, and whoever
    must be forgotten has to be forgotten in both. With `link` folders are linked: enough to plan, not to run.
    """
    take = os.symlink if link else shutil.copytree
    study = source.study()
    places = [f"{stage}/database={name}" for stage in KEPT for name in study.databases]
    places += [f"databases/{name}" for name in study.databases] + ["forgotten"]
    for place in places:
        if (source.root / place).is_dir() and not (target.root / place).exists():
            (target.root / place).parent.mkdir(parents=True, exist_ok=True)
            take(source.root / place, target.root / place)
    if (source.root / "withdrawn.json").exists():
        shutil.copy2(source.root / "withdrawn.json", target.root / "withdrawn.json")


def open_comparison(study: Study, folder: Path | None, *, write: bool = True) -> RunFolder:
    """The run folder of a comparison; without `write` nothing is written."""
    return prepare_run(study, folder or Path("runs") / study.study, write=write)


def continue_comparison(folder: Path, settings: Sequence[str], *, write: bool = True) -> RunFolder:
    """The folder of a comparison that was begun, with changed settings; without `write` nothing is written.

    Raises
    ------
    StudyError
        The folder holds no comparison.
    """
    if not (folder / "study.yaml").exists():
        raise StudyError(f"{folder} is no run of painlens: it has no study.yaml; start one with --a, --b and --faces")
    study = load_study(folder / "study.yaml", settings)
    if not study.models:
        raise StudyError(
            f"{folder} trains its own networks and is no comparison of given models; `painlens run {folder}` continues "
            f"it, --before-after DATABASE compares its {EMOTION} network with a fine-tuned one"
        )
    return prepare_run(study, folder, write=write)
