"""A finished run in seconds: answers and features by formula, every table and manifest by the steps' own code."""

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from concept_test_study import make_study
from painlens import concept_test, tables
from painlens.bundle import archive, contents
from painlens.progress import silent
from painlens.study import Study, parse_study
from painlens.workflow import evaluating, explaining, preparing
from painlens.workflow.context import Context
from painlens.workflow.crops import test_rows as rows_of_test
from painlens.workflow.run_folder import RunFolder, inputs_of, prepare_run
from painlens.workflow.stages import Job, jobs_of, parameters_of, sources_of

TEST_PEOPLE, IMAGES = 4, 12
OTHERS = ("t0", "t1", "t2", "t3", "v0")


def made_run(folder: Path, *, layers: tuple[str, ...] = ()) -> RunFolder:
    """A run with all steps but the report; two databases, two concepts, two seeds and one pair of halves."""
    study = _study(folder, layers)
    run = prepare_run(study, folder / "run")
    made = make_study(seeds=2, halves=1, people=TEST_PEOPLE, images=IMAGES).evidence
    labels = made.concepts.assign(participant=made.concepts["database"].str[0] + made.concepts["frame_id"].str[1])
    known = labels[["database", "frame_id", "participant", "label"]].drop_duplicates(["database", "frame_id"])
    made = replace(made, concepts=labels, predictions=_with_people(made.predictions, known))
    shares = _shares(made, known)
    for job in jobs_of(study):
        if job.stage != "report":
            _perform(job, run, study, _OUTPUTS[job.stage](run, study, job, made, shares))
    return run


def _study(folder: Path, layers: tuple[str, ...]) -> Study:
    (folder / "labels.csv").write_text("database,frame_id,concept,value\n", encoding="utf-8")
    concept = {"definition": "seen", "labels": str(folder / "labels.csv")}
    people = {d: [f"{d[0]}{person}" for person in range(TEST_PEOPLE)] for d in ("clinical", "experimental")}
    return parse_study({
        "study": "made",
        "databases": {
            name: {
                "reader": "manifest", "root": f"/nowhere/{name}", "consent": {"publish": "all"},
                "split": {"test": own, "validation": [f"{name[0]}v0"]},
            }
            for name, own in people.items()
        },
        "concepts": {"eyes-closed": concept | {"region": "eyes"}, "teeth-visible": concept | {"region": "mouth"}},
        "concept_test": {
            "repeats": 5, "participant_repeats": 5, "floor_permutations": 4, "bootstrap": 20, "random_directions": 3,
            "smallest_cell": 2, "layers": list(layers),
        },
        "replication": {"seeds": 2, "half_splits": 1},
    })  # fmt: skip


def _with_people(table: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    key = ["database", "frame_id"]
    return table.drop(columns=["participant", "label"]).merge(known, on=key, how="left", validate="many_to_one")


def _shares(made: concept_test.Evidence, known: pd.DataFrame) -> pd.DataFrame:
    """Shares of all regions: what is left of a map lies outside the eyes and the mouth."""
    assert made.shares is not None
    inside = _with_people(made.shares, known).assign(raw=lambda t: t["raw"] / 5, area=0.1)
    outside = inside[inside["region"] == "eyes"].assign(region="outside", area=0.8, raw=0.25)
    shares = pd.concat([inside, outside], ignore_index=True)
    return shares.assign(**{"max": 3 * shares["raw"], "sum-abs": shares["raw"] / 2})


def _perform(job: Job, run: RunFolder, study: Study, outputs: list[Path]) -> None:
    place = (job.database, job.replicate)
    inputs = inputs_of(job.stage, study, run, *place)
    begun = tables.begin(
        job.stage, parameters=parameters_of(job.stage, study, *place), inputs=inputs, modules=sources_of(job.stage)
    )  # fmt: skip
    tables.write_manifest(run.folder(job.stage, *place), begun, outputs=outputs, rows={})


def _context(run: RunFolder, study: Study, job: Job) -> Context:
    folder = run.folder(job.stage, job.database, job.replicate)
    folder.mkdir(parents=True, exist_ok=True)
    return Context(run, study, folder, job.database, job.replicate, 1, silent)


def _frames(run: RunFolder, study: Study, job: Job, made: concept_test.Evidence, _: pd.DataFrame) -> list[Path]:
    context = _context(run, study, job)
    own = made.predictions[made.predictions["database"] == job.database].drop_duplicates("frame_id")
    rows = [
        {"frame_id": row["frame_id"], "participant": row["participant"], "label": row["label"]}
        for row in own.to_dict("records")
    ]
    rows += [
        {"frame_id": f"{name}/s/{n}", "participant": f"{job.database[0]}{name}", "label": ("pain", "no-pain")[n % 2]}
        for name in OTHERS for n in range(4)
    ]  # fmt: skip
    table = pd.DataFrame(rows).assign(
        database=job.database, sequence="s", path=lambda t: t["frame_id"] + ".png", frame_index=0, time_s=np.nan,
        kept=True, reason="", consent_display="true", consent_publish="true",
    )  # fmt: skip
    return [context.save(table, tables.FRAMES)]


def _faces(run: RunFolder, study: Study, job: Job, *_: object) -> list[Path]:
    context = _context(run, study, job)
    frames = context.load("frames", tables.FRAMES, database=job.database)
    columns = ["frame_id", "database", "participant", "sequence", "label", "consent_display", "consent_publish"]
    table = frames[columns].assign(
        found=True, reason="", row=range(len(frames)), n_boxes=1, box_x=0.0, box_y=0.0, box_w=9.0, box_h=9.0,
        detector="made", landmarks="owner",
    )  # fmt: skip
    return [context.save(table, tables.FACES)]


def _split(run: RunFolder, study: Study, job: Job, *_: object) -> list[Path]:
    context = _context(run, study, job)
    return [context.save(preparing.divided(context), tables.SPLIT)]


def _weights(run: RunFolder, study: Study, job: Job, *_: object) -> list[Path]:
    """A file that is no table and stays out of a bundle."""
    path = _context(run, study, job).folder / "weights.safetensors"
    path.write_bytes(job.name.encode())
    return [path]


def _predict(run: RunFolder, study: Study, job: Job, made: concept_test.Evidence, _: pd.DataFrame) -> list[Path]:
    context = _context(run, study, job)
    assert made.twins is not None
    own = (table[table["model"] == job.database] for table in (made.predictions, made.twins))
    return [context.save(t, s) for t, s in zip(own, (tables.PREDICTIONS, tables.TWINS), strict=True)]


def _evaluate(run: RunFolder, study: Study, job: Job, made: concept_test.Evidence, _: pd.DataFrame) -> list[Path]:
    context = _context(run, study, job)
    answers = explaining.load_all(context, "predict", tables.PREDICTIONS)
    found = evaluating.evaluation(study, answers, made.concepts) | {"concepts": made.concepts}
    return [context.save(table, tables.SCHEMAS[name]) for name, table in found.items()]


def _attribute(run: RunFolder, study: Study, job: Job, made: concept_test.Evidence, shares: pd.DataFrame) -> list[Path]:
    context, key = _context(run, study, job), ["model", "replicate", "database", "frame_id"]
    own = shares[shares["model"] == job.database]
    ledger = own.groupby(key, sort=False)["raw"].sum().rename("relevance").reset_index()
    ledger = ledger.merge(made.predictions[[*key, "logit:pain"]], on=key).rename(columns={"logit:pain": "logit"})
    ledger = ledger.assign(bias=ledger["logit"] - ledger["relevance"], dead=0.0, error=0.0)
    return [context.save(own, tables.SHARES), context.save(ledger, tables.LEDGER)]


def _differences(run: RunFolder, study: Study, job: Job, made: concept_test.Evidence, _: pd.DataFrame) -> list[Path]:
    context = _context(run, study, job)
    labels = {name: made.concepts[made.concepts["concept"] == name] for name in study.concepts}
    found = explaining.difference_tables(context, _test_faces(context), labels)
    outputs = []
    for name, table in found.items():
        path = context.folder / f"{name}.parquet"
        if name in tables.SCHEMAS:
            outputs.append(context.save(table, tables.SCHEMAS[name]))
        else:
            table.to_parquet(path, index=False)
            outputs.append(path)
    return outputs


def _concepts(run: RunFolder, study: Study, job: Job, made: concept_test.Evidence, _: pd.DataFrame) -> list[Path]:
    context = _context(run, study, job)
    kept = concept_test.KeptProducts(context.folder / concept_test.PRODUCTS)
    labels = context.load("evaluate", tables.CONCEPTS)
    found = evaluating.tested(context, _test_faces(context), labels, _Formulas(study, made), kept)
    return [*(context.save(table, tables.SCHEMAS[name]) for name, table in found.items()), *kept.files]


def _test_faces(context: Context) -> pd.DataFrame:
    return pd.concat([rows_of_test(context, name) for name in context.study.databases], ignore_index=True)


class _Formulas:
    """Features and gradients of the made networks."""

    def __init__(self, study: Study, made: concept_test.Evidence) -> None:
        self.names = evaluating.tested_networks(study)
        self._made = made

    def features(self, model: str, replicate: str) -> np.ndarray:
        assert self._made.features is not None
        emotion = model in ("emotion", "random")
        found = self._made.features("emotion", "seed=0") if emotion else self._made.features(model, replicate)
        return (found[:, :40] * (2 if model == "random" else 1)).astype(np.float32)

    def gradients(self, model: str, replicate: str, features: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng(len(model) + len(replicate))
        return rng.normal(size=features.shape[1]).astype(np.float32) + 0.1 * features

    def layer_parts(self, model: str, replicate: str, layer: str):  # noqa: ANN201 - an iterator of arrays
        features = self.features(model, replicate)
        yield features[:, :10]
        yield features[:, 10:20] + len(layer)


_OUTPUTS: dict[str, Callable[..., list[Path]]] = {
    "frames": _frames, "faces": _faces, "split": _split, "pretrain": _weights, "train": _weights,
    "predict": _predict, "evaluate": _evaluate, "attribute": _attribute, "differences": _differences,
    "concepts": _concepts,
}  # fmt: skip


def sealed_again(bundle: Path, target: Path, change: Callable[[Path], None]) -> Path:
    """A bundle whose contents were changed by a thief who sets all digests right: listing and manifests."""
    folder = target.with_suffix(".d")
    with zipfile.ZipFile(bundle) as opened:
        opened.extractall(folder)
    change(folder)
    _correct_manifests(folder)
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    listing = tables.load_json(folder / archive.LISTING)
    listing["files"] = {name: tables.sha256_of(folder / name) for name in names if name != archive.LISTING}
    tables.save_json(listing, folder / archive.LISTING)
    archive.write_archive(target, {name: folder / name for name in names})
    return target


def _correct_manifests(folder: Path) -> None:
    """Digests of outputs and of inputs, in the order of the way."""
    run = RunFolder(folder)
    study = run.study()
    for job in contents.bundled_jobs(run, study):
        place = run.manifest(job)
        manifest = tables.load_json(place)
        for name in manifest["outputs"]:
            if (place.parent / name).exists():
                manifest["outputs"][name] = hashlib.sha256((place.parent / name).read_bytes()).hexdigest()
        tables.save_json(manifest, place)
        inputs = inputs_of(job.stage, study, run, job.database, job.replicate)
        here = {name: path for name, path in inputs.items() if path.exists() and path.is_relative_to(folder)}
        begun = tables.begin(job.stage, parameters={}, inputs=here, modules=())
        manifest["inputs"] |= begun.inputs
        tables.save_json(manifest, place)
