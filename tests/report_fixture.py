"""Made-up inputs of a report: seeded, every table conforms to its schema, every face is a drawing."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from painlens import tables
from painlens.concept_test import describe
from painlens.regions import REGIONS
from painlens.report import Example, FinishedStep, ReportInputs, TrainedNetwork
from painlens.study import Study, parse_study

CLASSES = ("no-pain", "pain")
CONCEPTS = {"eyes-closed": "eyes", "teeth-visible": "mouth", "smile": "mouth"}
READERS = ("unbc", "biovid", "manifest")
ONE_CONCEPT = {"eyes-closed": {"definition": "both eyes are closed", "region": "eyes"}}
PEOPLE = {"train": 12, "validation": 2, "test": 11}
PER_PERSON = 4


def made_study(databases: Sequence[str] = ("clinical", "experimental"), **changes: object) -> Study:
    """A study of rendered databases; `changes` replace its sections."""
    raw: dict[str, object] = {
        "study": "made-up",
        "title": "Made-up numbers & drawings",
        "databases": {
            name: {"reader": READERS[i % 2], "synthetic": {"seed": i}, "consent": {"publish": "all"}}
            for i, name in enumerate(databases)
        },
        "concepts": {name: {"definition": f"{name} <seen>", "region": r} for name, r in CONCEPTS.items()},
        "replication": {"seeds": 3, "half_splits": 2},
        "faces": {"size": 48},
        "expect": {"favours": {"eyes-closed": databases[0]}},
    }
    return parse_study(raw | changes)


def made_inputs(
    study: Study | None = None, *, twins: bool = True, consent: str = "true", seed: int = 0
) -> ReportInputs:
    """Inputs of a report about a study.

    Parameters
    ----------
    twins
        Whether planted truth exists.
    consent
        Consent flag of every face.
    """
    study = study or made_study()
    rng = np.random.default_rng(seed)
    names = tuple(study.databases)
    frames, faces, split = _people(names, consent)
    verdicts = _verdicts(study, rng, twins=twins)
    decodability = _decodability(study, rng)
    statements = describe(verdicts, target="pain", decodability=decodability)
    return ReportInputs(
        study=study,
        statements=tuple(statements),
        frames=frames,
        faces=faces,
        split=split,
        metrics=_metrics(study, rng),
        prevalence=_prevalence(study, rng),
        errors=_errors(study, rng),
        regions=_regions(names, rng),
        ledger=_ledger(study, rng),
        concepts=_concepts(study, faces, rng),
        association=_association(study, rng),
        decodability=decodability,
        replication=_replication(study, rng),
        causes=_causes(study, rng) if twins else tables.empty(tables.CAUSES),
        verdicts=verdicts,
        examples=_examples(names, faces, consent, rng),
        mean_maps=_mean_maps(study, rng),
        trainings=_trainings(study, rng),
        steps=tuple(FinishedStep(f"train/{name}/seed=0", 61.5, f"{i:064x}") for i, name in enumerate(names, start=7)),
        versions={"painlens": "0.1.0", "torch": "2.8.0"},
    )


def small_study(databases: Sequence[str] = ("clinical", "experimental"), **changes: object) -> Study:
    """One concept and one network of each kind: a page that is quick to write."""
    plain: dict[str, object] = {"concepts": ONE_CONCEPT, "replication": {"seeds": 1, "half_splits": 1}, "expect": {}}
    return made_study(databases, **plain | changes)


def small_inputs(*, twins: bool = True, consent: str = "true") -> ReportInputs:
    """Inputs of a page that is quick to write."""
    return made_inputs(small_study(), twins=twins, consent=consent)


def drawn_face(rng: np.random.Generator, *, size: int = 48) -> NDArray[np.uint8]:
    """A drawing of a face, uint8 RGB (size, size, 3)."""
    y, x = np.mgrid[0:size, 0:size] / size
    picture = np.full((size, size, 3), 205.0)
    tone = rng.uniform((150, 105, 80), (235, 195, 165))
    picture[((x - 0.5) / 0.36) ** 2 + ((y - 0.52) / 0.45) ** 2 < 1] = tone
    for side in (-1, 1):
        picture[((x - 0.5 - 0.15 * side) / 0.07) ** 2 + ((y - 0.42) / 0.035) ** 2 < 1] = (50, 40, 38)
    picture[((x - 0.5) / 0.14) ** 2 + ((y - 0.75) / 0.04) ** 2 < 1] = tone * (0.75, 0.45, 0.45)
    return np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


def drawn_map(rng: np.random.Generator, places: Sequence[tuple[float, float, float]], *, size: int = 48) -> np.ndarray:
    """Relevance with blobs at (x, y, strength), float32 (size, size)."""
    y, x = np.mgrid[0:size, 0:size] / size
    blobs = sum(s * np.exp(-(((x - cx) ** 2 + (y - cy) ** 2) / 0.008)) for cx, cy, s in places)
    return (0.01 * (blobs + rng.normal(0, 0.08, (size, size)))).astype(np.float32)


EYES, MOUTH = ((0.35, 0.42, 1.0), (0.65, 0.42, 1.0)), ((0.5, 0.75, 1.2),)


def _people(names: Sequence[str], consent: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    frames, faces, split = [], [], []
    for name in names:
        number = 0
        for part, people in PEOPLE.items():
            for _ in range(people):
                person = f"{name[:2]}{number:02d}"
                number += 1
                split.append({"database": name, "participant": person, "part": part, "faces": PER_PERSON})
                for i in range(PER_PERSON + 2):
                    frame = {
                        "frame_id": f"{person}/s0/{i:03d}", "database": name, "participant": person, "sequence": "s0",
                        "path": f"{person}/{i}.png", "frame_index": i, "time_s": float(i), "label": CLASSES[i % 2],
                        "kept": i <= PER_PERSON, "reason": "" if i <= PER_PERSON else "repeats the PSPI before",
                        "consent_display": "true", "consent_publish": consent,
                    }  # fmt: skip
                    frames.append(frame)
                    if frame["kept"]:
                        faces.append(_face_row(frame, found=i < PER_PERSON))
    return (
        tables.conform(pd.DataFrame(frames), tables.FRAMES),
        tables.conform(pd.DataFrame(faces), tables.FACES),
        tables.conform(pd.DataFrame(split), tables.SPLIT),
    )


def _face_row(frame: dict[str, object], *, found: bool) -> dict[str, object]:
    kept = ("frame_id", "database", "participant", "sequence", "label", "consent_display", "consent_publish")
    box = dict.fromkeys(("box_x", "box_y", "box_w", "box_h"), 40.0)
    found_or_not = {"found": found, "reason": "" if found else "no face found", "n_boxes": int(found)}
    row = {"row": 0 if found else None, "detector": "haar", "landmarks": "truth"}
    return {name: frame[name] for name in kept} | box | found_or_not | row


def _around(rng: np.random.Generator, value: float, width: float = 0.05) -> dict[str, float]:
    value = float(np.clip(value + rng.normal(0, width / 5), 0.01, 0.99))
    return {"value": value, "low": max(0.0, value - width), "high": min(1.0, value + width)}


def _metrics(study: Study, rng: np.random.Generator) -> pd.DataFrame:
    measures = [f"{k}:{c}" for k in ("precision", "recall", "f1") for c in (*CLASSES, "macro")]
    rows = []
    for tested in study.databases:
        for model in (*study.databases, "majority"):
            level = {"majority": 0.55, tested: 0.9}.get(model, 0.7)
            for measure in (*measures, "accuracy", "balanced-accuracy", "auroc"):
                key = {"model": model, "database": tested, "measure": measure, "faces": 44, "participants": 11}
                rows.append(key | {"replicate": "mean", "undefined": 0} | _around(rng, level))
                if model != "majority":
                    for seed in range(study.replication.seeds):
                        alone = {"value": _around(rng, level)["value"], "low": np.nan, "high": np.nan}
                        rows.append(key | {"replicate": f"seed={seed}", "undefined": 0} | alone)
    return tables.conform(pd.DataFrame(rows), tables.METRICS)


def _prevalence(study: Study, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for concept in study.concepts:
        for database in study.databases:
            for label in CLASSES:
                found = _around(rng, rng.uniform(0.1, 0.9), 0.08)
                rows.append({"concept": concept, "database": database, "label": label, "faces": 22, "present": 9,
                             "rate": found["value"], "low": found["low"], "high": found["high"]})  # fmt: skip
    return tables.conform(pd.DataFrame(rows, columns=[*tables.PREVALENCE.columns]), tables.PREVALENCE)


def _errors(study: Study, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for concept in study.concepts:
        for model in study.databases:
            for database in study.databases:
                for label in CLASSES:
                    for present in (True, False):
                        found = _around(rng, rng.uniform(0.05, 0.6), 0.1)
                        rows.append({"model": model, "concept": concept, "database": database, "label": label,
                                     "present": present, "faces": 11, "error_rate": found["value"], "low": found["low"],
                                     "high": found["high"]})  # fmt: skip
    return tables.conform(pd.DataFrame(rows, columns=[*tables.ERRORS.columns]), tables.ERRORS)


def _regions(names: Sequence[str], rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for a, b in combinations(names, 2):
        for how in ("raw", "max", "sum-abs"):
            for database in ("all", *names):
                for label in ("all", *CLASSES):
                    for region in REGIONS:
                        mean_a, mean_b = rng.normal(10, 6, 2)
                        rows.append({"model_a": a, "model_b": b, "normalisation": how, "database": database,
                                     "label": label, "region": region, "mean_a": mean_a, "mean_b": mean_b,
                                     "difference": mean_a - mean_b, "low": mean_a - mean_b - 3,
                                     "high": mean_a - mean_b + 3, "faces": 44, "participants": 11})  # fmt: skip
    return tables.conform(pd.DataFrame(rows), tables.REGIONS)


def _ledger(study: Study, rng: np.random.Generator) -> pd.DataFrame:
    rows = [
        {"model": model, "replicate": "seed=0", "database": model, "frame_id": f"f{i}", "logit": logit,
         "relevance": 0.9 * logit, "bias": 0.08 * logit, "dead": 0.02 * logit}
        for model in study.databases for i, logit in enumerate(rng.normal(1.5, 0.5, 8))
    ]  # fmt: skip
    return tables.conform(pd.DataFrame(rows), tables.LEDGER)


def _concepts(study: Study, faces: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    parts = [tables.empty(tables.CONCEPTS)]
    found = faces[faces["found"]]
    for concept in study.concepts:
        own = found[["database", "frame_id", "participant", "label"]]
        parts.append(own.assign(concept=concept, value=rng.random(len(own)) < 0.4, source="truth"))
    return tables.conform(pd.concat(parts[1:] or parts, ignore_index=True), tables.CONCEPTS)


def _effect(study: Study, model: str, concept: str) -> float:
    """What is planted: each database has one concept of its own."""
    place = list(study.databases).index(model)
    return 0.3 if list(study.concepts).index(concept) == place else 0.02


def _association(study: Study, rng: np.random.Generator) -> pd.DataFrame:
    rows = [
        {"measure": measure, "concept": concept, "model": model, "replicate": replicate,
         "value": 0.52 + _effect(study, model, concept) + rng.normal(0, 0.03), "cells": "pain x clinical", "faces": 44,
         "participants": 22}
        for measure in ("auroc", "regression") for concept in study.concepts for model in study.databases
        for replicate in study.replicates
    ]  # fmt: skip
    return tables.conform(pd.DataFrame(rows, columns=[*tables.ASSOCIATION.columns]), tables.ASSOCIATION)


def _causes(study: Study, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for model in study.databases:
        for replicate in study.replicates:
            for concept in study.concepts:
                effect = _effect(study, model, concept) + rng.normal(0, 0.02)
                key = {"model": model, "replicate": replicate, "concept": concept, "database": "all"}
                counts = {"pairs": 40, "participants": 20}
                rows.append(key | {"effect": effect, "effect_score": 3 * effect} | counts)
    return tables.conform(pd.DataFrame(rows, columns=[*tables.CAUSES.columns]), tables.CAUSES)


def _verdicts(study: Study, rng: np.random.Generator, *, twins: bool) -> pd.DataFrame:
    halves = study.replication.half_splits
    measures = ["auroc", "regression", "relevance:max", "decodability:participants", *(["cause"] if twins else [])]
    refused = "no claim about databases: no network was trained on halves; set replication.half_splits to 1 or more"
    rows = []
    for concept in study.concepts:
        for measure in measures:
            for a, b in combinations(study.databases, 2):
                start = 0.5 if measure in ("auroc", "decodability:participants") else 0.0
                value_a, value_b = (start + _effect(study, m, concept) + rng.normal(0, 0.01) for m in (a, b))
                row = {"measure": measure, "concept": concept, "model_a": a, "model_b": b, "value_a": value_a,
                       "value_b": value_b, "difference": value_a - value_b, "confidence": 0.95, "seeds": 3,
                       "seeds_agreeing": 3, "half_splits": halves, "participants": 22,
                       "null_band": 0.07 if halves else np.nan, "verdict": "", "reason": ""}  # fmt: skip
                claims = {"people": 0.03, "databases": 0.05}
                claims |= {"fine-tunings": 0.04} if measure.startswith("decodability") else {}
                rows.append(row | {"claim": "networks"})
                for claim, error in claims.items():
                    if claim == "databases" and not halves:
                        rows.append(row | {"claim": claim, "reason": refused})
                        continue
                    d = value_a - value_b
                    word = "undecided" if abs(d) < 2 * error else "a" if d > 0 else "b"
                    rows.append(row | {"claim": claim, "low": d - 2 * error, "high": d + 2 * error,
                                       "standard_error": error, "df": 12.5, "p": 0.0004 if abs(d) > 0.1 else 0.41,
                                       "p_holm": 0.0012 if abs(d) > 0.1 else 0.82,
                                       "verdict": word if claim == "databases" else ""})  # fmt: skip
    return tables.conform(pd.DataFrame(rows).reindex(columns=[*tables.VERDICTS.columns]), tables.VERDICTS)


def _decodability(study: Study, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for concept in study.concepts:
        for folds in ("images", "participants"):
            networks = [(m, r) for m in study.databases for r in study.replicates]
            for model, replicate in (*networks, ("emotion", "seed=0"), ("random", "seed=0")):
                f1 = 0.78 + rng.normal(0, 0.03)
                rows.append({"concept": concept, "model": model, "replicate": replicate, "folds": folds, "repeats": 100,
                             "fold_f1": f1 - 0.01, "pooled_f1": f1, "auroc": f1 + 0.05, "always_positive_f1": 0.44,
                             "random_concept_f1": 0.35, "random_concept_f1_95": 0.47, "undefined_folds": 0, "cost": 1.0,
                             "feature_norm": 23.4, "faces": 88, "positives": 31, "participants": 22})  # fmt: skip
    return tables.conform(pd.DataFrame(rows, columns=[*tables.DECODABILITY.columns]), tables.DECODABILITY)


def _replication(study: Study, rng: np.random.Generator) -> pd.DataFrame:
    rows = [
        {"concept": concept, "model_a": a, "model_b": b, "replicate": f"seed={seed}", "folds": folds, "f1_a": 0.81,
         "f1_b": 0.78, "difference": 0.03 + rng.normal(0, 0.005), "repeats": 500, "t": 42.2, "p": 1e-30, "d": 1.9,
         "nadeau_bengio_t": 1.1, "nadeau_bengio_p": 0.27, "undefined_repeats": 0,
         "label": "replication, not inferential"}
        for concept in study.concepts for a, b in combinations(study.databases, 2)
        for seed in range(study.replication.seeds) for folds in ("images", "participants")
    ]  # fmt: skip
    return tables.conform(pd.DataFrame(rows, columns=[*tables.REPLICATION.columns]), tables.REPLICATION)


def _examples(names: Sequence[str], faces: pd.DataFrame, consent: str, rng: np.random.Generator) -> tuple[Example, ...]:
    found = faces[faces["found"]].groupby("database").head(3)
    return tuple(
        Example(a, b, row["database"], row["frame_id"], row["label"], drawn_face(rng), drawn_map(rng, EYES),
                drawn_map(rng, MOUTH), {a: "pain", b: "no-pain"}, "true", consent, "eyes")
        for a, b in combinations(names, 2) for _, row in found.iterrows()
    )  # fmt: skip


def _mean_maps(study: Study, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {
        f"{model}/{name}": 10 * drawn_map(rng, EYES if number == 0 else MOUTH)
        for number, model in enumerate(study.databases)
        for name in ("all", *study.concepts)
    }


def _trainings(study: Study, rng: np.random.Generator) -> tuple[TrainedNetwork, ...]:
    epochs = np.arange(1, 13)
    trainings = []
    for model in study.databases:
        for replicate in study.replicates:
            loss = 0.2 + 0.5 / epochs + rng.normal(0, 0.01, len(epochs))
            history = pd.DataFrame({
                "epoch": epochs, "learning_rate": 0.01, "train_loss": loss, "train_accuracy": 1 - loss / 2,
                "validation_loss": loss + 0.05, "validation_accuracy": 0.95 - loss / 2,
                "validation_macro_f1": 0.94 - loss / 2, "seconds": np.nan,
            })  # fmt: skip
            weights = {"no-pain": 1.004, "pain": 0.996} if model == next(iter(study.databases)) else None
            trainings.append(
                TrainedNetwork(model, replicate, tables.conform(history, tables.HISTORY), {"no-pain": 300, "pain": 410},
                               weights, 12)
            )  # fmt: skip
    return tuple(trainings)
