"""From networks to relevance and its differences: attribute, differences."""

from itertools import combinations

import numpy as np
import pandas as pd

from painlens import annotations, attributions, differences, tables
from painlens.attributions import RelevanceHeader, StoredRelevance
from painlens.differences import ConceptWeights
from painlens.study import Study
from painlens.workflow.context import Context, Result
from painlens.workflow.crops import TestFaces, test_faces
from painlens.workflow.modelling import load_trained

PIXELS_AT_ONCE = 64 * 64 * 64  # of a batch of faces: about 0.5 GiB on a VGG-16; the maps do not depend on it
SHOWN_PER_DATABASE = 6  # faces of each database in the paper's figure


def attribute(context: Context) -> Result:
    """Relevance of all networks of one database: maps of the seeds, region shares and ledgers of all."""
    faces = test_faces(context)
    known = faces.table[["database", "frame_id", "participant", "label"]]
    outputs, shares, ledgers = [], [], []
    replicates = context.study.replicates
    for done, replicate in enumerate(replicates):
        network = load_trained(context, context.database, replicate)
        header = _header(context, replicate, network.classes)
        path = context.folder / replicate / "relevance.h5"
        path.parent.mkdir(exist_ok=True)
        attributions.relevance_file(
            path,
            network,
            known,
            lambda rows: faces.crops[rows],
            header=header,
            settings=context.study.attribution,
            batch=batch_of(context.study),
        )
        stored = attributions.load_relevance(path)
        shares += _shares(context, stored, faces, replicate)
        ledgers.append(stored.ledger)
        if replicate.startswith("seed="):
            outputs.append(path)
        else:  # the maps of halves serve the region shares only, and would be most of a run's size
            path.unlink()
            path.parent.rmdir()
        context.progress(done + 1, len(replicates), "networks")
    outputs.append(context.save(pd.concat(shares, ignore_index=True), tables.SHARES))
    outputs.append(context.save(pd.concat(ledgers, ignore_index=True), tables.LEDGER))
    return Result(outputs, {"maps": sum(map(len, ledgers))})


def batch_of(study: Study) -> int:
    """Faces in memory at once."""
    return max(1, PIXELS_AT_ONCE // study.faces.size**2)


def _header(context: Context, replicate: str, classes: tuple[str, ...]) -> RelevanceHeader:
    """Whose relevance a file holds."""
    folder = context.run.folder("train", context.database, replicate)
    settings = context.study.attribution
    return RelevanceHeader(
        model=context.database,
        replicate=replicate,
        classes=classes,
        target=settings.target,
        method=f"{settings.method} {settings.composite} {settings.precision}",
        weights=tables.sha256_of(folder / "weights.safetensors"),
    )


def _shares(context: Context, stored: StoredRelevance, faces: TestFaces, replicate: str) -> list[pd.DataFrame]:
    """SHARES rows of one network, a block of faces at a time."""
    model = context.database
    return [
        differences.shares_table(maps, faces.regions[rows], stored.faces.iloc[rows], model=model, replicate=replicate)
        for rows, maps in stored.blocks(batch_of(context.study))
    ]


def compare(context: Context) -> Result:
    """Regions of every pair of models, mean and concept-conditioned maps, the faces of the paper's figure."""
    study = context.study
    faces = test_faces(context)
    shares = load_all(context, "attribute", tables.SHARES)
    answers = load_all(context, "predict", tables.PREDICTIONS)
    confidence = study.replication.confidence
    regions, candidates, shown = [], [], []
    for a, b in combinations(study.databases, 2):
        table = differences.regions_table(shares, model_a=a, model_b=b, confidence=confidence)
        regions.append(table)
        candidates.append(differences.region_candidates(table, normalisation="max", database="all", label="all"))
        picked = differences.pick_faces(
            shares,
            answers,
            faces.table,
            models=(a, b),
            replicate="seed=0",
            normalisation="max",
            per_database=SHOWN_PER_DATABASE,
            consent="publish",
        )
        shown.append(picked.assign(model_a=a, model_b=b))
        context.progress(len(regions), len(study.databases) * (len(study.databases) - 1) // 2, "pairs")
    outputs = [context.save(pd.concat(regions, ignore_index=True), tables.REGIONS)]
    for name, parts in (("candidates", candidates), ("shown", shown)):
        path = context.folder / f"{name}.parquet"
        with tables.atomic_path(path) as temporary:
            pd.concat(parts, ignore_index=True).to_parquet(temporary, index=False)
        outputs.append(path)
    maps = context.folder / "mean_maps.npz"
    with tables.atomic_path(maps) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **_mean_maps(context, study, faces.table))
    outputs.append(maps)
    return Result(outputs, {"regions": sum(map(len, regions)), "shown": sum(map(len, shown))})


def _mean_maps(context: Context, study: Study, faces: pd.DataFrame) -> dict[str, np.ndarray]:
    """Max-normalised maps of every model, mean over seeds: of all faces, and conditioned on every concept.

    Keys are ``<model>/all`` and ``<model>/<concept>``; concepts that no cell allows have none.
    """
    seeds = [name for name in study.replicates if name.startswith("seed=")]
    conditions: dict[str, np.ndarray] = {"all": np.full(len(faces), 1.0 / len(faces))}
    for concept in study.concepts:
        found = _conditioned(context, faces, concept)
        if found is not None:
            conditions[concept] = found.weights
    maps = {}
    for model in study.databases:
        folder = context.run.folder("attribute", model)
        stored = [attributions.load_relevance(folder / seed / "relevance.h5") for seed in seeds]
        for name, weights in conditions.items():
            own = [differences.weighted_map(one.blocks(batch_of(study)), weights, "max") for one in stored]
            maps[f"{model}/{name}"] = np.mean(own, axis=0).astype(np.float32)
    return maps


def _conditioned(context: Context, faces: pd.DataFrame, concept: str) -> ConceptWeights | None:
    """Weights of faces with a concept against faces without it."""
    labels = concept_labels(context, faces, concept).set_index(["database", "frame_id"])["value"]
    present = labels.reindex(pd.MultiIndex.from_frame(faces[["database", "frame_id"]])).array
    return differences.concept_weights(faces.assign(present=present), smallest=context.study.concept_test.smallest_cell)


def concept_labels(context: Context, faces: pd.DataFrame, concept: str) -> pd.DataFrame:
    """CONCEPTS rows of one concept for test faces, from the truth or from the file that the study names."""
    source = context.study.concepts[concept].labels
    if source != "truth":
        return annotations.labels_from_file(faces, source, concept)
    truths = {d: pd.read_parquet(t / "frames.parquet") for d in context.study.databases if (t := context.truth_of(d))}
    return annotations.labels_from_truth(faces, truths, concept)


def load_all(context: Context, stage: str, schema: tables.Schema) -> pd.DataFrame:
    """The tables that a stage wrote for every database, one below the other."""
    parts = [context.load(stage, schema, database=name) for name in context.study.databases]
    return pd.concat(parts, ignore_index=True)
