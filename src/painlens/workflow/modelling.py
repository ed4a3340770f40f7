"""From faces to networks and their answers: pretrain, train, predict."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from painlens import backbones, predictions, splits, tables, training
from painlens import faces as face_step
from painlens.backbones import VGG, FaceNetwork
from painlens.mapping import ClassMap, check_same_classes, class_map
from painlens.study import Attribution, Training
from painlens.workflow.context import Context, Result
from painlens.workflow.crops import faces_of, load_crops, test_faces
from painlens.workflow.stages import EMOTION, keeps_features

UNTRAINED = ("class-0", "class-1")  # logits of a network that nobody trained; replaced before fine-tuning


def seed_of(*names: object) -> int:
    """A seed of its own for every named thing of a study: ``seed_of(2022, "clinical", "half=0a")``."""
    return int(np.random.SeedSequence([zlib.crc32(str(name).encode()) for name in names]).generate_state(1)[0] >> 1)


def pretrain(context: Context) -> Result:
    """The emotion network: trained here, taken over from a checkpoint, or left with random weights."""
    study, weights = context.study, context.folder / "weights.safetensors"
    seed = seed_of(study.seed, EMOTION)
    if study.pretraining.checkpoint is not None:
        network = backbones.load_pretrained(
            study.pretraining.checkpoint, study.backbone, size=study.faces.size, seed=seed
        )
        backbones.save_network(network, weights)
        return Result([weights])
    if study.pretraining.database is None:
        network = backbones.build_network(study.backbone, classes=UNTRAINED, size=study.faces.size, seed=seed)
        backbones.save_network(network, weights)
        return Result([weights])
    table, split = faces_of(context, EMOTION)
    classes = tuple(sorted(table["label"].unique()))
    network = backbones.build_network(study.backbone, classes=classes, size=study.faces.size, seed=seed)
    return _fit(context, network, table, split, settings=study.pretraining.training, seed=seed)


def train(context: Context) -> Result:
    """Fine-tune all layers of the emotion network on one database, with a new prediction layer."""
    study = context.study
    seed = seed_of(study.seed, context.database, context.replicate)
    network = backbones.load_network(context.run.folder("pretrain") / "weights.safetensors")
    assert isinstance(network, VGG)  # `pretrain` writes no other
    table, split = faces_of(context, context.database)
    classes = tuple(sorted(table["label"].unique()))
    if study.attribution.target not in classes:
        raise tables.DataError(
            f"attribution.target must be a class of every database, got '{study.attribution.target}'; the faces of "
            f"'{context.database}' show {', '.join(classes)}"
        )
    network.replace_head(classes, seed=seed)
    faces = len(splits.select(table, split, "train", context.replicate))
    epochs = epochs_of(study.training, faces, half=context.replicate.startswith("half="))
    if context.replicate.startswith("shuffled="):
        epochs = max(1, round(study.trust.randomised_labels * epochs))
    settings = study.training.model_copy(update={"epochs": epochs})
    return _fit(context, network, table, split, settings=settings, seed=seed)


def epochs_of(settings: Training, faces: int, *, half: bool = False) -> int:
    """Epochs of a training: as many as its steps make, or the study's, doubled on a half of the people.

    >>> epochs_of(Training(steps=180, batch_size=32), 1208), epochs_of(Training(steps=180, batch_size=32), 751)
    (5, 8)
    >>> epochs_of(Training(epochs=5), 600, half=True)
    10
    """
    if settings.steps is not None:
        return max(1, round(settings.steps * settings.batch_size / max(faces, 1)))
    return 2 * settings.epochs if half else settings.epochs


def _fit(
    context: Context, network: VGG, table: pd.DataFrame, split: pd.DataFrame, *, settings: Training, seed: int
) -> Result:
    """Train on the step's own part of a database; write weights, history and curves."""
    database = context.database or EMOTION
    network.to(backbones.choose_device())
    parts = {
        "train": splits.select(table, split, "train", context.replicate),
        "validation": splits.select(table, split, "validation", context.replicate),
    }
    labels = {part: rows["label"].tolist() for part, rows in parts.items()}
    if context.replicate.startswith("shuffled="):  # nothing about the faces can be learnt from permuted labels
        labels["train"] = np.random.default_rng(seed).permutation(labels["train"]).tolist()
    faces = {
        part: training.LabelledFaces(
            load_crops(context, database, rows), training.class_indices(labels[part], classes=network.classes)
        )
        for part, rows in parts.items()
    }
    counts = np.bincount(faces["train"].labels, minlength=len(network.classes))
    weights = training.class_weights(counts, settings.class_balance.get(database))
    checkpoint = context.folder / "checkpoint.safetensors"
    fitted = training.fit(
        network,
        faces["train"],
        validation=faces["validation"] if len(faces["validation"]) else None,
        settings=settings,
        class_weights=weights,
        seed=seed,
        checkpoint=checkpoint,
        progress=context.progress,
    )
    outputs = [context.folder / name for name in ("weights.safetensors", "training.json", "curves.svg")]
    backbones.save_network(network, outputs[0])
    facts = {
        "faces": dict(zip(network.classes, counts.tolist(), strict=True)),
        "class_weights": dict(zip(network.classes, fitted.class_weights, strict=True))
        if fitted.class_weights
        else None,
        "kept_epoch": fitted.kept_epoch,
        "precision": fitted.precision,
        "seed": seed,
    }
    tables.save_json(facts, outputs[1])
    training.plot_curves(fitted.history, outputs[2], kept_epoch=fitted.kept_epoch)
    tables.save_table(fitted.history, context.folder / "history_with_seconds.parquet", tables.HISTORY)
    # The manifest holds what is the same in every run: all but the seconds.
    outputs.append(context.save(fitted.history.assign(seconds=float("nan")), tables.HISTORY))
    checkpoint.unlink(missing_ok=True)
    rows = {"faces": len(parts["train"]), "epochs": len(fitted.history)}
    return Result(outputs, rows, device=str(network.device))


def predict(context: Context) -> Result:
    """Answers of all networks of one database to the test faces and twins of every database."""
    faces = test_faces(context)
    answers, twin_answers, outputs = [], [], []
    replicates = context.study.replicates
    _check_classes(context)
    for done, replicate in enumerate(replicates):
        own, rows = [], []
        for network, mine in answering(context, context.database, replicate, faces.table):
            meaning = meaning_of(context, context.database, network)
            if keeps_features(context.study):
                logits, features = predictions.logits_and_features(network, faces.crops[mine])
                outputs.append(save_features(context, replicate, features))
            else:
                logits = predictions.predict_logits(network, faces.crops[mine])
            table = faces.table.iloc[mine].reset_index(drop=True)
            names = {"model": context.database, "replicate": replicate}
            own.append(predictions.predictions_table(table, meaning.merge(logits), classes=meaning.classes, **names))
            rows.append(mine)
        answers.append(pd.concat(own, ignore_index=True).iloc[np.argsort(np.concatenate(rows))])
        twin_answers.append(_answers_to_twins(context, replicate))
        context.progress(done + 1, len(replicates), "networks")
    path = context.save(pd.concat(answers, ignore_index=True), tables.PREDICTIONS)
    twins = context.save(pd.concat(twin_answers, ignore_index=True), tables.TWINS)
    return Result([path, twins, *outputs], {"answers": sum(map(len, answers)), "twins": sum(map(len, twin_answers))})


def answering(
    context: Context, model: str, replicate: str, people: pd.DataFrame
) -> Iterator[tuple[FaceNetwork, np.ndarray]]:
    """The networks of a replicate, each with the rows that it answers.

    One network for all rows; with cross-fitting a network per fold, which has seen none of the people of its rows.
    `people` has the columns database and participant.
    """
    fold = folds_of_people(context, people)
    for number, name in enumerate(context.study.networks_of(replicate), start=1):
        yield load_trained(context, model, name), np.flatnonzero(fold == number)


def folds_of_people(context: Context, people: pd.DataFrame) -> np.ndarray:
    """Fold of each row's participant, from 1; 1 for everybody without cross-fitting.

    People without a part have no face and so trained nothing: the first fold answers them.
    """
    fold = np.ones(len(people), np.int64)
    if context.study.replication.cross_fitting:
        for database in context.study.databases:
            known = splits.folds_of(context.load("split", tables.SPLIT, database=database))
            own = np.flatnonzero((people["database"] == database).to_numpy(dtype=bool))
            fold[own] = [known.get(str(who), 1) for who in people["participant"].iloc[own]]
    return fold


def load_trained(context: Context, model: str, network: str) -> FaceNetwork:
    """A compared network (one of `study.networks`), on the device that this machine has."""
    return backbones.load_network(context.run.weights(model, network)).to(backbones.choose_device())


def meaning_of(context: Context, model: str, network: FaceNetwork) -> ClassMap:
    """What the logits of a compared network mean in the study's classes."""
    given = context.study.models.get(model)
    return class_map(given, network.classes, target=context.study.attribution.target, name=model)


def explained_by(context: Context, model: str, network: FaceNetwork) -> Attribution:
    """The study's attribution with the network's own name of the explained class."""
    settings = context.study.attribution
    return settings.model_copy(update={"target": meaning_of(context, model, network).target})


def save_features(context: Context, replicate: str, features: np.ndarray) -> Path:
    """Keep last-pool features of the test faces for the concept test."""
    path = context.folder / f"features+{replicate}.npy"
    with tables.atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, features, allow_pickle=False)
    return path


def load_features(context: Context, model: str, replicate: str) -> np.ndarray | None:
    """Features that the answers kept, in the order of the test faces, or None."""
    path = context.run.folder("predict", model) / f"features+{replicate}.npy"
    return np.load(path, mmap_mode="r", allow_pickle=False) if path.exists() else None


def _check_classes(context: Context) -> None:
    """Networks of others answer the same classes."""
    study = context.study
    maps = {}
    for name, model in study.models.items():
        facts = tables.load_json(context.run.folder("adopt", name, study.replicates[0]) / "adopted.json")
        maps[name] = class_map(model, tuple(facts["classes"]), target=study.attribution.target, name=name)
    if maps:
        check_same_classes(maps)


def _answers_to_twins(context: Context, replicate: str) -> pd.DataFrame:
    """TWINS rows of one replicate for all rendered databases."""
    parts = [tables.empty(tables.TWINS)]
    for database in context.study.databases:
        folder = context.run.folder("faces", database)
        if not (folder / "twins.parquet").exists():
            continue
        pairs = pd.read_parquet(folder / "twins.parquet")
        pairs = pairs[pairs["found"]].reset_index(drop=True).assign(database=database)
        names = {"model": context.database, "replicate": replicate}
        for network, mine in answering(context, context.database, replicate, pairs):
            own = pairs.iloc[mine].reset_index(drop=True)
            meaning = meaning_of(context, context.database, network)
            answer = _scores(network, meaning, folder / "twins.h5", own, context.study.attribution.target)
            parts.append(own[["pair", "participant", "concept", "database"]].assign(**names, **answer))
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)


def _scores(
    network: FaceNetwork, meaning: ClassMap, store: Path, pairs: pd.DataFrame, target: str
) -> dict[str, np.ndarray]:
    """Log-odds and probability of the target class without and with the concept."""
    answer: dict[str, np.ndarray] = {}
    sides = face_step.load_rows(store, pairs["row"].to_numpy(int), names=("without", "with"))
    for side, pictures in sides.items():
        logits = meaning.merge(predictions.predict_logits(network, pictures))
        score = predictions.log_odds(logits, classes=meaning.classes, target=target)
        answer[f"score_{side}"] = score
        answer[f"probability_{side}"] = 1.0 / (1.0 + np.exp(-score))
    return answer
