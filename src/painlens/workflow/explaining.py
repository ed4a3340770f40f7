"""From networks to relevance and its differences: attribute, differences."""

import hashlib
from itertools import combinations

import numpy as np
import pandas as pd

from painlens import attributions, differences, tables
from painlens.annotations import suggested
from painlens.annotations.labels import labels_from_file, labels_from_store, labels_from_truth
from painlens.attributions import FaceSource, RelevanceHeader, StoredRelevance
from painlens.consent import permitted, withdrawn_people
from painlens.differences import ConceptWeights, Resampling
from painlens.study import Attribution, Study
from painlens.workflow.context import Context, Result
from painlens.workflow.crops import TestFaces, test_faces
from painlens.workflow.modelling import answering, explained_by, load_trained, seed_of
from painlens.workflow.stages import is_store, people_files_of

PIXELS_AT_ONCE = 64 * 64 * 64  # of a batch of faces: about 0.5 GiB on a VGG-16; the maps do not depend on it
SHOWN_PER_DATABASE = 6  # faces of each database in the paper's figure


def attribute(context: Context) -> Result:
    """Relevance of all networks of one database: maps of the seeds, region shares and ledgers of all."""
    faces = test_faces(context)
    known = faces.table[["database", "frame_id", "participant", "label"]]
    source = FaceSource(known, faces.crops.__getitem__, faces.regions.__getitem__)
    outputs, shares, ledgers = [], [], []
    replicates = context.study.replicates
    for done, replicate in enumerate(replicates):
        first = load_trained(context, context.database, context.study.networks_of(replicate)[0])
        settings = explained_by(context, context.database, first)
        # faces of others may carry labels that are no classes of the network: none, or those of another question
        shown = () if not context.study.models else tuple(sorted(set(known["label"].astype(str))))
        path = context.folder / replicate / "relevance.h5"
        path.parent.mkdir(exist_ok=True)
        attributions.relevance_file_of_folds(
            path,
            answering(context, context.database, replicate, faces.table),
            source,
            header=_header(context, settings, replicate, first.classes, shown),
            settings=settings,
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


def _header(
    context: Context, settings: Attribution, replicate: str, classes: tuple[str, ...], labels: tuple[str, ...]
) -> RelevanceHeader:
    """Whose relevance a file holds."""
    networks = [context.run.weights(context.database, name) for name in context.study.networks_of(replicate)]
    digests = [tables.sha256_of(path) for path in networks]
    together = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    return RelevanceHeader(
        model=context.database,
        replicate=replicate,
        classes=classes,
        labels=labels,
        target=settings.target,
        method=_method(settings),
        weights=together,
    )


def _method(settings: Attribution) -> str:
    """Everything that changes the numbers, e.g. "lrp paper float32"."""
    if settings.method in ("lrp", "zennit"):
        return f"{settings.method} {settings.composite} {settings.precision}"
    drawn = f"steps={settings.steps} samples={settings.samples} noise={settings.noise} patch={settings.patch}"
    return f"{settings.method} {drawn}"


def _shares(context: Context, stored: StoredRelevance, faces: TestFaces, replicate: str) -> list[pd.DataFrame]:
    """SHARES rows of one network, a block of faces at a time."""
    place = {"model": context.database, "replicate": replicate}
    unit = differences.logit_unit(stored.ledger["logit"].to_numpy(dtype=float))
    return [
        differences.shares_table(maps, faces.regions[rows], stored.faces.iloc[rows], **place, unit=unit)
        for rows, maps in stored.blocks(batch_of(context.study))
    ]


def compare(context: Context) -> Result:
    """Regions of every pair of models, mean and concept-conditioned maps, trust checks, faces of the paper's figure."""
    from painlens.workflow.trusting import check_maps  # only this step runs networks on changed faces

    study, faces = context.study, test_faces(context)
    labels = {name: concept_labels(context, faces.table, name) for name in study.concepts}
    found = difference_tables(context, faces.table, labels)
    outputs = [context.save(found[name], tables.SCHEMAS[name]) for name in ("regions", "normalised", "ranking")]
    checked = check_maps(context, faces)
    outputs += [
        context.save(checked.badges, tables.TRUST),
        context.save(checked.curve, tables.RANDOMISED),
        context.save(checked.floor, tables.UNTAUGHT),
    ]
    for name in ("candidates", "shown"):
        path = context.folder / f"{name}.parquet"
        with tables.atomic_path(path) as temporary:
            found[name].to_parquet(temporary, index=False)
        outputs.append(path)
    maps, weights = context.folder / "mean_maps.npz", _conditions(study, faces.table, labels)
    with tables.atomic_path(maps) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **_mean_maps(context, study, faces, weights))
    outputs.append(maps)
    return Result(outputs, {"regions": len(found["regions"]), "shown": len(found["shown"])})


def difference_tables(
    context: Context, faces: pd.DataFrame, labels: dict[str, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    """REGIONS, NORMALISED, and the candidates and faces to show, by their names; no pixel is read.

    Parameters
    ----------
    faces
        FACES rows of the test faces.
    labels
        Concept -> its CONCEPTS rows.
    """
    study = context.study
    shares = load_all(context, "attribute", tables.SHARES)
    answers = load_all(context, "predict", tables.PREDICTIONS)
    publish = np.where(permitted(faces, "publish", withdrawn=withdrawn_people(context.run.root)), "true", "false")
    regions, candidates, shown = [], [], []
    for a, b in combinations(study.compared, 2):
        table = differences.regions_table(
            shares, model_a=a, model_b=b, confidence=study.replication.confidence, draws=study.differences.bootstrap,
            rng=np.random.default_rng(seed_of(study.seed, "regions", a, b)),
        )  # fmt: skip
        regions.append(table)
        candidates.append(differences.region_candidates(table, normalisation="max", database="all", label="all"))
        picked = differences.pick_faces(
            shares,
            answers,
            faces.assign(consent_publish=publish),
            models=(a, b),
            replicate="seed=0",
            normalisation="max",
            per_database=SHOWN_PER_DATABASE,
            consent="publish",
        )
        shown.append(picked.assign(model_a=a, model_b=b))
        context.progress(len(regions), len(study.compared) * (len(study.compared) - 1) // 2, "pairs")
    normalised, ranking = _normalised(context, shares, _conditions(study, faces, labels))
    return {
        "regions": pd.concat(regions, ignore_index=True),
        "normalised": normalised,
        "ranking": ranking,
        "candidates": pd.concat(candidates, ignore_index=True),
        "shown": pd.concat(shown, ignore_index=True),
    }


def _normalised(
    context: Context, shares: pd.DataFrame, weights: dict[str, ConceptWeights]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """NORMALISED rows, what each normalisation finds on planted and on null pairs, and RANKING rows."""
    ledger = load_all(context, "attribute", tables.LEDGER)
    parts = [context.load("predict", tables.TWINS, database=name) for name in context.study.compared]
    regions = {name: concept.region for name, concept in context.study.concepts.items()}
    found = differences.normalised_table(shares, ledger, pd.concat(parts, ignore_index=True), weights, regions)
    study = context.study
    rng = np.random.default_rng(seed_of(study.seed, "normalisations"))
    resampling = Resampling(study.differences.bootstrap, study.replication.confidence, rng)
    return found, differences.ranking_table(shares, ledger, found, weights, regions, resampling=resampling)


def _mean_maps(
    context: Context, study: Study, faces: TestFaces, concepts: dict[str, ConceptWeights]
) -> dict[str, np.ndarray]:
    """Max-normalised maps of every model in the face frame, mean over seeds: of all faces, and conditioned on concepts.

    Keys are ``<model>/all`` and ``<model>/<concept>``; concepts that no cell allows have none.
    """
    seeds = [name for name in study.replicates if name.startswith("seed=")]
    conditions = {"all": np.full(len(faces.table), 1.0 / len(faces.table))}
    conditions |= {name: found.weights for name, found in concepts.items()}
    weights = np.stack(list(conditions.values()))
    maps = {}
    for model in study.compared:
        folder = context.run.folder("attribute", model)
        total = np.zeros((len(weights), study.faces.size, study.faces.size))
        for seed in seeds:
            for rows, own in attributions.load_relevance(folder / seed / "relevance.h5").blocks(batch_of(study)):
                framed = differences.to_face_frame(
                    differences.normalise(own, "max"), faces.landmarks[rows], margin=study.faces.margin
                )
                total += np.tensordot(weights[:, rows], framed.astype(np.float64), 1)
        for name, mean in zip(conditions, total / len(seeds), strict=True):
            maps[f"{model}/{name}"] = mean.astype(np.float32)
    return maps


def _conditions(study: Study, faces: pd.DataFrame, labels: dict[str, pd.DataFrame]) -> dict[str, ConceptWeights]:
    """Concept -> weights of faces with it against faces without it; without the concepts that no cell allows."""
    key = ["database", "frame_id"]
    found = {}
    for name, own in labels.items():
        present = own.set_index(key)["value"].reindex(pd.MultiIndex.from_frame(faces[key])).array
        weights = differences.concept_weights(faces.assign(present=present), smallest=study.concept_test.smallest_cell)
        if weights is not None:
            found[name] = weights
    return found


def concept_labels(context: Context, faces: pd.DataFrame, concept: str) -> pd.DataFrame:
    """CONCEPTS rows of one concept for test faces: from the truth, from people, or suggested, as the study says."""
    source = context.study.concepts[concept].labels
    if source == "suggested":
        guesses = [
            tables.load_table(context.run.folder("faces", name) / "suggestions.parquet", tables.SUGGESTIONS)
            for name in context.study.databases
        ]
        return suggested.labels_from_suggestions(faces, pd.concat(guesses, ignore_index=True), concept)
    if source != "truth":
        taken = context.run.root / people_files_of(context.study)[f"labels:{concept}"]
        return labels_from_store(faces, taken, concept) if is_store(source) else labels_from_file(faces, taken, concept)
    truths = {d: pd.read_parquet(t / "frames.parquet") for d in context.study.databases if (t := context.truth_of(d))}
    return labels_from_truth(faces, truths, concept)


def load_all(context: Context, stage: str, schema: tables.Schema) -> pd.DataFrame:
    """The tables that a stage wrote for every model, one below the other."""
    parts = [context.load(stage, schema, database=name) for name in context.study.compared]
    return pd.concat(parts, ignore_index=True)
