"""From answers and labels to findings: evaluate, concepts."""

import shutil
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import pandas as pd

from painlens import backbones, concept_test, metrics, predictions, tables
from painlens.concept_test import Evidence
from painlens.concept_test.by_class import class_association
from painlens.study import Study
from painlens.tables import DataError
from painlens.workflow.context import Context, Result
from painlens.workflow.crops import TestFaces, test_faces, test_rows
from painlens.workflow.explaining import concept_labels, load_all
from painlens.workflow.modelling import answering, folds_of_people, load_features, load_trained, meaning_of, seed_of
from painlens.workflow.stages import EMOTION, keeps_features

DRAWS = 2000  # of the bootstrap over test participants
TESTED = (
    "association", "decodability", "causes", "verdicts", "replication", "directions", "layers", "reliability",
    "label_noise",
)  # fmt: skip
BY_CLASS = tables.CLASS_ASSOCIATION.name


def evaluate(context: Context) -> Result:
    """The paper's tables with intervals, concept prevalence, and errors by presence of a concept."""
    faces = pd.concat([test_rows(context, name) for name in context.study.databases], ignore_index=True)
    labelled = [concept_labels(context, faces, concept) for concept in context.study.concepts]
    concepts = pd.concat([tables.empty(tables.CONCEPTS), *labelled]) if labelled else tables.empty(tables.CONCEPTS)
    found = evaluation(context.study, load_all(context, "predict", tables.PREDICTIONS), concepts, faces)
    outputs = [context.save(concepts, tables.CONCEPTS)]
    outputs += [context.save(table, tables.SCHEMAS[name]) for name, table in found.items()]
    rows = {"metrics": len(found["metrics"]), "labels": int(concepts["value"].notna().sum())}
    return Result(outputs, rows)


def evaluation(
    study: Study, answers: pd.DataFrame, concepts: pd.DataFrame, people: pd.DataFrame | None = None
) -> dict[str, pd.DataFrame]:
    """METRICS, CONFUSION, CALIBRATION, CALIBRATION_CURVE, SUBGROUPS, PREVALENCE and ERRORS by their names.

    Parameters
    ----------
    answers, concepts
        PREDICTIONS of all networks, CONCEPTS of all concepts of the study.
    people
        FACES rows of the test faces, for the groups of people; None: no groups.

    Raises
    ------
    DataError
        The networks of two databases answer with other classes.
    """
    _assert_same_classes(answers)
    classes = metrics.in_reading_order(classes_of(answers))
    rng = np.random.default_rng(seed_of(study.seed, "evaluate"))
    confidence, target = study.replication.confidence, study.attribution.target
    schemas = (tables.METRICS, tables.CONFUSION, tables.CALIBRATION, tables.CALIBRATION_CURVE, tables.SUBGROUPS)
    found = {schema.name: tables.empty(schema) for schema in schemas}
    if study.models:  # faces of others may carry no label, or labels that the models do not answer
        answers = answers[answers["label"].isin(classes)]
    if len(answers):
        found["metrics"] = metrics.evaluate(
            answers, classes=classes, target=target, confidence=confidence, draws=DRAWS, rng=rng
        )
        own = np.random.default_rng(seed_of(study.seed, "confusion"))
        found["confusion"] = metrics.confusion(answers, classes=classes, confidence=confidence, draws=DRAWS, rng=own)
        found |= _beyond_accuracy(study, answers, classes, people)
    if not study.concepts:
        return found | {"prevalence": tables.empty(tables.PREVALENCE), "errors": tables.empty(tables.ERRORS)}
    found["prevalence"] = metrics.prevalence(concepts, confidence=confidence, draws=DRAWS, rng=rng)
    found["errors"] = tables.empty(tables.ERRORS)
    if len(answers):
        found["errors"] = metrics.errors_by_concept(answers, concepts, confidence=confidence, draws=DRAWS, rng=rng)
    return found


def _beyond_accuracy(
    study: Study, answers: pd.DataFrame, classes: tuple[str, ...], people: pd.DataFrame | None
) -> dict[str, pd.DataFrame]:
    """CALIBRATION, CALIBRATION_CURVE and SUBGROUPS by their names."""
    how = {"classes": classes, "target": study.attribution.target, "confidence": study.replication.confidence}
    rng = np.random.default_rng(seed_of(study.seed, "calibration"))
    calibrated, curve = metrics.calibration(answers, **how, draws=DRAWS, rng=rng)
    found = {"calibration": calibrated, "calibration_curve": curve}
    if people is not None:
        rng = np.random.default_rng(seed_of(study.seed, "subgroups"))
        found["subgroups"] = metrics.subgroups(answers, people, **how, draws=DRAWS, rng=rng)
    return found


def classes_of(answers: pd.DataFrame) -> tuple[str, ...]:
    """Classes of predictions, in the order of the networks' logits."""
    columns = (name for name in answers.columns if name.startswith(predictions.LOGIT))
    return tuple(name.removeprefix(predictions.LOGIT) for name in columns)


def _assert_same_classes(answers: pd.DataFrame) -> None:
    """Raise a `DataError` unless all networks answer with the same classes: only then their answers compare."""
    logits = answers.filter(regex=f"^{predictions.LOGIT}")
    known = {str(model): logits.loc[rows].notna().any() for model, rows in answers.groupby("model").groups.items()}
    if all(own.all() for own in known.values()):
        return
    told = "; ".join(
        f"{model}: {', '.join(name.removeprefix(predictions.LOGIT) for name in own.index[own])}"
        for model, own in known.items()
    )
    raise DataError(
        f"all databases of a study must show the same classes, their networks answer {told}; give each database a "
        "'label' rule with the classes that all have"
    )


def concepts(context: Context) -> Result:
    """Association, decodability, cause and verdict of every concept."""
    labels = context.load("evaluate", tables.CONCEPTS)
    folder = context.folder / concept_test.PRODUCTS
    shutil.rmtree(folder, ignore_errors=True)  # of networks that the study no longer has
    kept = concept_test.KeptProducts(folder)
    if context.study.concepts:
        faces = test_faces(context)
        found = tested(context, faces.table, labels, TrainedNetworks(context, faces, labels), kept)
    else:
        found = {name: tables.empty(tables.SCHEMAS[name]) for name in (*TESTED, BY_CLASS)}
    outputs = [context.save(table, tables.SCHEMAS[name]) for name, table in found.items()]
    return Result([*outputs, *kept.files], {"verdicts": len(found["verdicts"])})


class TestedNetworks(Protocol):
    """Networks whose features are decoded, as `Evidence` takes them."""

    names: tuple[tuple[str, str], ...]

    def features(self, model: str, replicate: str) -> np.ndarray:
        """Outputs of the study's layer, in the order of `labelled_faces`."""
        ...

    def gradients(self, model: str, replicate: str, features: np.ndarray) -> np.ndarray:
        """Gradient of the score with respect to these features."""
        ...

    def layer_parts(self, model: str, replicate: str, layer: str) -> Iterator[np.ndarray]:
        """Outputs of another layer, in groups of columns."""
        ...


def tested(
    context: Context,
    faces: pd.DataFrame,
    labels: pd.DataFrame,
    networks: TestedNetworks,
    products: concept_test.Products,
) -> dict[str, pd.DataFrame]:
    """The tables of the concept test by their names.

    Parameters
    ----------
    faces, labels
        FACES rows of the test faces, CONCEPTS of all concepts.
    networks, products
        Where inner products of features come from.
    """
    study = context.study
    twins, ratings = load_all(context, "predict", tables.TWINS), study.concept_test.ratings
    found = concept_test.concept_tests(
        Evidence(
            predictions=load_all(context, "predict", tables.PREDICTIONS),
            concepts=labels,
            twins=twins if len(twins) else None,
            shares=load_all(context, "attribute", tables.SHARES),
            action_units=_action_units(context, faces),
            features=networks.features,
            gradients=networks.gradients,
            layer_parts=networks.layer_parts,
            networks=networks.names,
            ratings=None if ratings is None else concept_test.load_ratings(ratings),
            folds=_folds(context, faces),
            products=products,
        ),
        databases=study.compared,
        regions={name: concept.region for name, concept in study.concepts.items()},
        target=study.attribution.target,
        settings=study.concept_test,
        replication=study.replication,
        seed=study.seed,
        progress=context.progress,
    )
    return {name: getattr(found, name) for name in TESTED} | {BY_CLASS: _by_class(context, faces, labels)}


def _by_class(context: Context, faces: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """The association of every class's score with every concept."""
    study, answers = context.study, load_all(context, "predict", tables.PREDICTIONS)
    return class_association(
        Evidence(predictions=answers, concepts=labels, folds=_folds(context, faces)),
        databases=tuple(study.databases),
        regions={name: concept.region for name, concept in study.concepts.items()},
        classes=classes_of(answers),
        smallest_cell=study.concept_test.smallest_cell,
        draws=study.concept_test.bootstrap,
        confidence=study.replication.confidence,
    )


def tested_networks(study: Study) -> tuple[tuple[str, str], ...]:
    """Model and replicate of all compared networks, and of the two floors: pre-trained, random weights.

    Models of others have no common start; random concepts are their floor.
    """
    trained = [(model, replicate) for model in study.compared for replicate in study.replicates]
    return tuple(trained) if study.models else (*trained, (EMOTION, "seed=0"), ("random", "seed=0"))


class TrainedNetworks:
    """Features and gradients of all trained networks and the two floors on the labelled faces, one at a time."""

    def __init__(self, context: Context, faces: TestFaces, labels: pd.DataFrame) -> None:
        self._context, self._settings = context, context.study.concept_test
        self.names = tested_networks(context.study)
        key = ["database", "frame_id"]
        place = pd.Series(np.arange(len(faces.table)), index=pd.MultiIndex.from_frame(faces.table[key].astype(str)))
        self._people = concept_test.labelled_faces(labels)
        order = self._people[key].astype(str)
        self._rows = place.loc[pd.MultiIndex.from_frame(order)].to_numpy()
        self._crops = faces.crops[self._rows]
        self._loaded: tuple[tuple[str, str], backbones.FaceNetwork] | None = None

    def features(self, model: str, replicate: str) -> np.ndarray:
        """Outputs of the study's layer, in the order of `labelled_faces`; with cross-fitting of each fold's network."""
        kept = load_features(self._context, model, replicate) if keeps_features(self._context.study) else None
        if kept is not None:
            return kept[self._rows]
        found: np.ndarray | None = None
        for network, rows in self._answering(model, replicate):
            own = predictions.layer_features(network, self._crops[rows], self._settings.layer)
            if found is None:
                found = np.empty((len(self._crops), *own.shape[1:]), own.dtype)
            found[rows] = own
        assert found is not None  # every replicate has a network
        return found

    def gradients(self, model: str, replicate: str, features: np.ndarray) -> np.ndarray:
        """Gradient of the score with respect to these features."""
        target = self._context.study.attribution.target
        network = self._network(model, replicate)
        meaning = meaning_of(self._context, model, network)
        return predictions.score_gradients(
            network, features, layer=self._settings.layer, target=target, mapping=meaning
        )

    def layer_parts(self, model: str, replicate: str, layer: str) -> Iterator[np.ndarray]:
        """Outputs of another layer, in groups of columns."""
        networks = [
            (predictions.layer_parts(network, self._crops[rows], layer, among=len(self._crops)), rows)
            for network, rows in self._answering(model, replicate)
        ]
        for parts in zip(*(one for one, _ in networks), strict=True):
            whole = np.empty((len(self._crops), *parts[0].shape[1:]), parts[0].dtype)
            for part, (_, rows) in zip(parts, networks, strict=True):
                whole[rows] = part
            yield whole

    def _answering(self, model: str, replicate: str) -> Iterator[tuple[backbones.FaceNetwork, np.ndarray]]:
        """Networks and the labelled faces that they answer."""
        if model in self._context.study.databases and self._context.study.replication.cross_fitting:
            yield from answering(self._context, model, replicate, self._people)
        else:
            yield self._network(model, replicate), np.arange(len(self._crops))

    def _network(self, model: str, replicate: str) -> backbones.FaceNetwork:
        """The network, kept until another one is asked for."""
        if self._loaded is None or self._loaded[0] != (model, replicate):
            self._loaded = (model, replicate), self._load(model, replicate)
        return self._loaded[1]

    def _load(self, model: str, replicate: str) -> backbones.FaceNetwork:
        study = self._context.study
        if model == EMOTION:
            return backbones.load_network(self._context.run.folder("pretrain") / "weights.safetensors")
        if model == "random":
            seed = seed_of(study.seed, "random")
            return backbones.build_network(study.backbone, classes=("a", "b"), size=study.faces.size, seed=seed)
        return load_trained(self._context, model, replicate)


def _folds(context: Context, faces: pd.DataFrame) -> pd.DataFrame | None:
    """Fold of every test participant where they rotate through the test part."""
    if not context.study.replication.cross_fitting:
        return None
    people = faces[["database", "participant"]].drop_duplicates(ignore_index=True)
    return people.assign(fold=folds_of_people(context, people))


def _action_units(context: Context, faces: pd.DataFrame) -> pd.DataFrame | None:
    """Action units of the test faces where all databases are rendered; the truth of both has the same units."""
    parts = []
    for database in context.study.databases:
        truth = context.truth_of(database)
        if truth is None:
            return None
        table = pd.read_parquet(truth / "frames.parquet")
        units = [name for name in table.columns if name.startswith("au")]
        own = faces.loc[faces["database"] == database, ["database", "frame_id"]]
        parts.append(own.merge(table[["frame_id", *units]], on="frame_id", how="left", validate="one_to_one"))
    return pd.concat(parts, ignore_index=True)
