"""From all tables to one page: report."""

import platform
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import numpy as np
import pandas as pd

from painlens import attributions, concept_test, differences, tables
from painlens import faces as face_step
from painlens import report as page
from painlens.certificate.cells import read_certificate
from painlens.consent import withdrawn_people
from painlens.report import AdoptedNetwork, Example, FinishedStep, ReportInputs, TrainedNetwork
from painlens.workflow.context import Context, Result
from painlens.workflow.stages import EMOTION, Job, databases_of, jobs_of

SHOWN_SEED = "seed=0"  # networks whose maps the figures show
LIBRARIES = ("painlens", "torch", "numpy", "opencv-python-headless", "scikit-learn", "numba", "snakemake")


def report(context: Context) -> Result:
    """Write the report, its tables and its figures."""
    written = page.write_report(report_inputs(context), context.folder)
    own = ("run.json", "manifest.json", tables.KNOWN)  # of an earlier report in this folder
    outputs = [path for path in context.folder.rglob("*") if path.is_file() and path.name not in own]
    return Result(outputs, {"bytes": written.stat().st_size})


def report_inputs(context: Context) -> ReportInputs:
    """All that a report, or an export of its tables and figures, is made from."""
    study = context.study
    names = list(databases_of(study))
    verdicts = context.load("concepts", tables.VERDICTS)
    decodability = context.load("concepts", tables.DECODABILITY)
    statements = concept_test.describe(verdicts, target=study.attribution.target, decodability=decodability)
    return ReportInputs(
        study=study,
        statements=tuple(statements),
        frames=_of_all(context, "frames", tables.FRAMES, names),
        faces=_of_all(context, "faces", tables.FACES, names),
        split=_of_all(context, "split", tables.SPLIT, names),
        metrics=context.load("evaluate", tables.METRICS),
        confusion=context.load("evaluate", tables.CONFUSION),
        calibration=context.load("evaluate", tables.CALIBRATION),
        calibration_curve=context.load("evaluate", tables.CALIBRATION_CURVE),
        subgroups=context.load("evaluate", tables.SUBGROUPS),
        prevalence=context.load("evaluate", tables.PREVALENCE),
        errors=context.load("evaluate", tables.ERRORS),
        concepts=context.load("evaluate", tables.CONCEPTS),
        regions=context.load("differences", tables.REGIONS),
        ledger=_of_all(context, "attribute", tables.LEDGER, list(study.compared)),
        association=context.load("concepts", tables.ASSOCIATION),
        class_association=context.load("concepts", tables.CLASS_ASSOCIATION),
        decodability=decodability,
        replication=context.load("concepts", tables.REPLICATION),
        causes=context.load("concepts", tables.CAUSES),
        verdicts=verdicts,
        directions=context.load("concepts", tables.DIRECTIONS),
        layers=context.load("concepts", tables.LAYERS),
        reliability=context.load("concepts", tables.RELIABILITY),
        label_noise=context.load("concepts", tables.LABEL_NOISE),
        trust=context.load("differences", tables.TRUST),
        normalised=context.load("differences", tables.NORMALISED),
        ranking=context.load("differences", tables.RANKING),
        randomised=context.load("differences", tables.RANDOMISED),
        untaught=context.load("differences", tables.UNTAUGHT),
        examples=tuple(_examples(context)),
        mean_maps=_mean_maps(context),
        trainings=tuple(_trainings(context)),
        adopted=tuple(_adopted(context)),
        steps=tuple(_steps(context)),
        withdrawn=withdrawn_people(context.run.root),
        notebook=_notebook(context),
        certificate=read_certificate(),
        versions={"python": platform.python_version(), **{name: metadata.version(name) for name in LIBRARIES}},
    )


def _of_all(context: Context, stage: str, schema: tables.Schema, names: list[str]) -> pd.DataFrame:
    """A stage's tables of several databases, one below the other."""
    return pd.concat([context.load(stage, schema, database=name) for name in names], ignore_index=True)


def _examples(context: Context) -> Iterator[Example]:
    """Faces of the paper's figure with both models' maps, in the order of the differences step."""
    shown = pd.read_parquet(context.run.folder("differences") / "shown.parquet")
    answers = _of_all(context, "predict", tables.PREDICTIONS, list(context.study.compared))
    answers = answers[answers["replicate"] == SHOWN_SEED].set_index(["model", "database", "frame_id"])["predicted"]
    crops = _of_all(context, "faces", tables.FACES, list(context.study.databases)).set_index(["database", "frame_id"])
    maps = {}
    for model in context.study.compared:
        path = context.run.folder("attribute", model) / SHOWN_SEED / "relevance.h5"
        stored = attributions.load_relevance(path)
        place = {(row.database, row.frame_id): number for number, row in enumerate(stored.faces.itertuples())}
        maps[model] = (stored, place, differences.logit_unit(stored.ledger["logit"].to_numpy(dtype=float)))
    for face in shown.to_dict("records"):
        key = (face["database"], face["frame_id"])
        crop = crops.loc[key]
        store = context.run.folder("faces", face["database"]) / "faces.h5"
        pair, units = {}, {}
        for side in ("model_a", "model_b"):
            stored, place, units[side] = maps[face[side]]
            pair[side] = stored.maps(slice(place[key], place[key] + 1))[0]
        yield Example(
            model_a=face["model_a"],
            model_b=face["model_b"],
            database=face["database"],
            frame_id=face["frame_id"],
            label=face["label"],
            face=face_step.load_faces(store, [int(crop["row"])]).faces[0],
            map_a=pair["model_a"],
            map_b=pair["model_b"],
            answers={model: str(answers[(model, *key)]) for model in (face["model_a"], face["model_b"])},
            consent_display=str(crop["consent_display"]),
            consent_publish=str(crop["consent_publish"]),
            region=face["region"],
            unit_a=units["model_a"],
            unit_b=units["model_b"],
        )


def _mean_maps(context: Context) -> dict[str, np.ndarray]:
    """Mean maps of the differences step."""
    with np.load(context.run.folder("differences") / "mean_maps.npz", allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _trainings(context: Context) -> Iterator[TrainedNetwork]:
    """All trainings of the run that left a history, the emotion network's first."""
    networks = [(EMOTION, SHOWN_SEED, context.run.folder("pretrain"))]
    networks += [
        (model, replicate, context.run.folder("train", model, replicate))
        for model in context.study.compared
        for replicate in context.study.networks
    ]
    for model, replicate, folder in networks:
        if (folder / "history.parquet").exists():
            facts = tables.load_json(folder / "training.json")
            history = tables.load_table(folder / "history.parquet", tables.HISTORY)
            yield TrainedNetwork(model, replicate, history, facts["faces"], facts["class_weights"], facts["kept_epoch"])


def _adopted(context: Context) -> Iterator[AdoptedNetwork]:
    """What is known of networks that were trained elsewhere."""
    for model in context.study.models:
        for replicate in context.study.replicates:
            facts = tables.load_json(context.run.folder("adopt", model, replicate) / "adopted.json")
            shown = {name: facts[name] for name in ("checkpoint", "sha256", "architecture", "parameters", "meaning")}
            yield AdoptedNetwork(
                model, replicate, **shown, explained=facts["explained"], normalisation=_normalisation(facts),
                reproduced=_reproduced(facts["reproduced"]),
            )  # fmt: skip


def _normalisation(facts: dict[str, Any]) -> str:
    """Such as ``RGB, mean .485 .456 .406, deviation .229 .224 .225``."""
    mean, std = (" ".join(f"{value:.4g}" for value in facts[name]) for name in ("mean", "std"))
    return f"{facts['channels'].upper()}, mean {mean}, deviation {std} (of RGB in 0 to 1)"


def _reproduced(found: dict[str, Any] | None) -> str:
    if found is None:
        return "not checked: no predictions were given"
    return f"{found['faces']} given answers ({found['kind']}), largest deviation {found['largest']:.2g}"


def _notebook(context: Context) -> dict[str, Any] | None:
    """What people believed beforehand, if they wrote it down."""
    path = context.run.root / "hypotheses.json"
    return tables.load_json(path) if path.exists() else None


def _steps(context: Context) -> Iterator[FinishedStep]:
    """Durations and digests of all earlier steps."""
    for job in jobs_of(context.study):
        if job == Job("report"):
            continue
        manifest = context.run.manifest(job)
        seconds = tables.load_json(manifest.parent / "run.json")["seconds"]
        yield FinishedStep(job.name, seconds, tables.sha256_of(manifest))
