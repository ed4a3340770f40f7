"""A made-up run of any size for the web tests and benchmarks: drawn faces, seeded maps, all tables by the real code."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from painlens import attributions, differences, tables
from painlens.attributions import Relevance, RelevanceHeader
from painlens.attributions.store import RelevanceWriter
from painlens.faces.store import write_faces
from painlens.regions import region_map, template_landmarks
from painlens.study import Study, parse_study
from painlens.workflow.run_folder import RunFolder, prepare_run

CLASSES = ("no-pain", "pain")
DATABASES = ("clinical", "experimental")
CONCEPTS = {"eyes-closed": "eyes", "teeth-visible": "mouth"}


def web_study(seeds: int = 2, size: int = 32, **changes: object) -> Study:
    """A study of two rendered databases."""
    raw: dict[str, object] = {
        "study": "made-up",
        "title": "Made-up run",
        "databases": {name: {"reader": "manifest", "root": f"/data/{name}"} for name in DATABASES},
        "concepts": {name: {"definition": f"{name} <seen>", "region": region} for name, region in CONCEPTS.items()},
        "replication": {"seeds": seeds, "half_splits": 0},
        "faces": {"size": size},
    }
    return parse_study(raw | changes)


def made_run(
    root: Path,
    *,
    faces: int = 24,
    people: int = 6,
    seeds: int = 2,
    size: int = 32,
    relevance: bool = True,
    withheld: tuple[str, ...] = ("clinical-p001",),
    seed: int = 0,
) -> Path:
    """A run folder.

    Parameters
    ----------
    faces, people
        Test faces and test participants of both databases together.
    withheld
        Participants whose flag forbids showing; the others may be shown.
    """
    study = web_study(seeds, size)
    run = prepare_run(study, root)
    rng = np.random.default_rng(seed)
    known = pd.concat([_faces(run, name, faces // 2, people // 2, size, withheld, rng) for name in DATABASES])
    for model in DATABASES:
        _predictions(run, study, model, known, rng)
        if relevance:
            _relevance(run, study, model, known, size, rng)
    _concepts(run, known, rng)
    if relevance:
        _regions(run)
    return run.root


def _faces(
    run: RunFolder, database: str, count: int, people: int, size: int, withheld: tuple[str, ...],
    rng: np.random.Generator,
) -> pd.DataFrame:  # fmt: skip
    """Crops, FACES and SPLIT of one database; one more participant is in training and never shown."""
    names = [f"{database}-p{i:03d}" for i in range(people)]
    who = [names[i * people // count] for i in range(count)]
    table = pd.DataFrame({
        "frame_id": [f"{p}/clip/{i:05d}" for i, p in enumerate(who)],
        "database": database,
        "participant": who,
        "sequence": "clip",
        "label": np.where(np.arange(count) % 2, "pain", "no-pain"),
        "found": True,
        "reason": "",
        "row": np.arange(count),
        "n_boxes": 1,
        **{name: 0.0 for name in ("box_x", "box_y", "box_w", "box_h")},
        "detector": "none",
        "landmarks": "template",
        "consent_display": ["false" if p in withheld else "true" for p in who],
        "consent_publish": "unknown",
    })  # fmt: skip
    trained = table.iloc[:1].assign(frame_id=f"{database}-train/0", participant=f"{database}-train", row=count)
    table = pd.concat([table, trained], ignore_index=True)
    folder = run.folder("faces", database)
    tables.save_table(table, folder / "faces.parquet", tables.FACES)
    split = pd.DataFrame({"database": database, "participant": [*names, f"{database}-train"]})
    split = split.assign(part=["test"] * people + ["train"], faces=1)
    tables.save_table(split, run.folder("split", database) / "split.parquet", tables.SPLIT)
    points = template_landmarks(size, 0.2)
    regions = region_map(points, size)
    with write_faces(folder / "faces.h5", size) as writer:
        for start in range(0, count + 1, 500):
            n = min(500, count + 1 - start)
            writer.append(
                faces=drawn_faces(n, size, rng),
                regions=np.repeat(regions[None], n, axis=0),
                landmarks=np.repeat(points[None].astype(np.float32), n, axis=0),
            )
    return table[table["participant"] != f"{database}-train"]


def drawn_faces(count: int, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Ovals with eyes and mouth in changing tones, uint8 (face, height, width, 3)."""
    y, x = np.mgrid[:size, :size] / size
    oval = ((x - 0.5) / 0.4) ** 2 + ((y - 0.5) / 0.5) ** 2 < 1
    dark = np.zeros((size, size), bool)
    for cx, cy, wide, high in ((0.3, 0.4, 0.08, 0.04), (0.7, 0.4, 0.08, 0.04), (0.5, 0.78, 0.15, 0.05)):
        dark |= ((x - cx) / wide) ** 2 + ((y - cy) / high) ** 2 < 1
    tone = rng.uniform(120, 220, (count, 1, 1, 1)) * np.array([1.0, 0.82, 0.7])
    picture = np.where(oval[None, ..., None], tone, 60.0) + rng.normal(0, 6, (count, size, size, 3))
    picture[:, dark] *= 0.4
    return np.clip(picture, 0, 255).astype(np.uint8)


def _predictions(run: RunFolder, study: Study, model: str, faces: pd.DataFrame, rng: np.random.Generator) -> None:
    parts = []
    for replicate in study.replicates:
        score = rng.normal(0, 1.5, len(faces)) + np.where(faces["label"] == "pain", 1.5, -1.5)
        own = faces[["database", "frame_id", "participant", "label"]].assign(model=model, replicate=replicate)
        own["predicted"] = np.where(score > 0, "pain", "no-pain")
        parts.append(own.assign(**{"logit:no-pain": -score / 2, "logit:pain": score / 2}))
    path = run.folder("predict", model) / "predictions.parquet"
    tables.save_table(pd.concat(parts, ignore_index=True), path, tables.PREDICTIONS)


def _relevance(
    run: RunFolder, study: Study, model: str, faces: pd.DataFrame, size: int, rng: np.random.Generator
) -> None:
    """Maps with a hot spot on the eyes (clinical) or the mouth (experimental)."""
    known = faces[["database", "frame_id", "participant", "label"]].reset_index(drop=True)
    y, x = np.mgrid[:size, :size] / size
    where = ((0.3, 0.4), (0.7, 0.4)) if model == "clinical" else ((0.5, 0.78),)
    spots = [np.exp(-(((x - cx) ** 2 + (y - cy) ** 2) / 0.01)) for cx, cy in where]
    spot = np.sum(spots, axis=0).astype(np.float32)
    regions = region_map(template_landmarks(size, 0.2), size)
    shares, ledgers = [], []
    for replicate in study.replicates:
        path = run.folder("attribute", model) / replicate / "relevance.h5"
        header = RelevanceHeader(model, replicate, CLASSES, "pain", "made up", "0" * 64)
        with RelevanceWriter(path, header, known, size=(size, size)) as writer:
            for rows in list(writer.pending(500)):
                n = rows.stop - rows.start
                strength = rng.uniform(0.2, 1.0, (n, 1, 1)).astype(np.float32)
                maps = spot * strength + rng.normal(0, 0.05, (n, size, size)).astype(np.float32)
                sums = maps.sum(axis=(1, 2), dtype=np.float64)
                none = np.zeros(n)
                logits, unbooked = np.zeros((n, 2), np.float32), np.zeros((n, 0))
                writer.write(rows, Relevance(maps, logits, sums + 0.1, sums, none + 0.1, none, unbooked))
                block = np.repeat(regions[None], n, axis=0)
                own = known.iloc[rows]
                shares.append(differences.shares_table(maps, block, own, model=model, replicate=replicate))
            writer.finish()
        ledgers.append(attributions.load_relevance(path).ledger)
    folder = run.folder("attribute", model)
    units = [differences.logit_unit(own["logit"].to_numpy(dtype=float)) for own in ledgers]
    table = pd.concat(shares, ignore_index=True)
    table["logit"] = table["raw"] / table["replicate"].map(dict(zip(study.replicates, units, strict=True))).astype(
        float
    )
    tables.save_table(table, folder / "shares.parquet", tables.SHARES)
    tables.save_table(pd.concat(ledgers, ignore_index=True), folder / "ledger.parquet", tables.LEDGER)


def _concepts(run: RunFolder, faces: pd.DataFrame, rng: np.random.Generator) -> None:
    parts = []
    for concept in CONCEPTS:
        own = faces[["database", "frame_id", "participant", "label"]].assign(concept=concept, source="truth")
        value = pd.array(rng.random(len(faces)) < 0.5, dtype="boolean")
        value[::7] = pd.NA
        parts.append(own.assign(value=value))
    path = run.folder("evaluate") / "concepts.parquet"
    tables.save_table(pd.concat(parts, ignore_index=True), path, tables.CONCEPTS)


def _regions(run: RunFolder) -> None:
    shares = [tables.load_table(run.folder("attribute", m) / "shares.parquet", tables.SHARES) for m in DATABASES]
    table = differences.regions_table(
        pd.concat(shares, ignore_index=True), model_a=DATABASES[0], model_b=DATABASES[1], confidence=0.95
    )
    tables.save_table(table, run.folder("differences") / "regions.parquet", tables.REGIONS)


torch.set_num_threads(1)
