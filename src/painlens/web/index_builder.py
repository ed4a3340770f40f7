"""Tables of a run -> the arrays of `painlens.web.index`; runs in a child process of the server, for it loads pandas."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from painlens import hypotheses, splits, tables
from painlens.metrics import in_reading_order
from painlens.regions import REGIONS
from painlens.study import Study
from painlens.web.index import NORMALISATIONS, UNKNOWN, Index
from painlens.workflow.run_folder import RunFolder

KEY = ["database", "frame_id"]
ENTRIES = ["logit", "relevance", "bias", "dead"]


def build_index(run: RunFolder) -> Index:
    """The arrays of a run; steps that have not run yet leave theirs empty.

    Raises
    ------
    DataError
        The run has no test faces, or a table cannot be read.
    """
    study = run.study()
    faces = _test_faces(run, study)
    place = pd.MultiIndex.from_frame(faces[KEY].astype(str))
    models = study.compared
    answers, classes = _answers(run, study, place)
    seeds = tuple(name for name in study.replicates if name.startswith("seed="))
    shares, ledger, map_row = _relevance(run, models, seeds, place)
    text = {name: _text(faces[name]) for name in ("database", "frame_id", "participant", "sequence", "label")}
    return Index(
        **text,
        consent=(faces["consent_display"].astype(str) == "true").to_numpy(dtype=bool),
        row=faces["row"].to_numpy(dtype=np.int64),
        predicted=answers[0],
        probability=answers[1],
        map_row=map_row,
        shares=shares,
        ledger=ledger,
        present=_present(run, study, place),
        models=models,
        replicates=study.replicates,
        seeds=seeds,
        classes=classes,
        concepts=tuple(study.concepts),
        target=study.attribution.target,
        candidates=_candidates(run),
    )


def _text(column: pd.Series) -> NDArray[np.str_]:
    return column.astype("string").fillna("").to_numpy(dtype=str)


def _test_faces(run: RunFolder, study: Study) -> pd.DataFrame:
    parts = []
    for name in study.databases:
        table = tables.load_table(run.folder("faces", name) / "faces.parquet", tables.FACES)
        split = tables.load_table(run.folder("split", name) / "split.parquet", tables.SPLIT)
        parts.append(splits.select(table[table["found"]].reset_index(drop=True), split, part="test"))
    return pd.concat(parts, ignore_index=True)


def _optional(path: Path, schema: tables.Schema) -> pd.DataFrame | None:
    return tables.load_table(path, schema) if path.exists() else None


def _answers(
    run: RunFolder, study: Study, place: pd.MultiIndex
) -> tuple[tuple[NDArray[np.int8], NDArray[np.float32]], tuple[str, ...]]:
    """Predicted classes and probabilities of the target, and the names of the classes."""
    replicates, target = study.replicates, study.attribution.target
    shape = (len(study.compared), len(replicates), len(place))
    predicted, probability = np.full(shape, UNKNOWN, np.int8), np.full(shape, np.nan, np.float32)
    classes: tuple[str, ...] = ()
    for m, model in enumerate(study.compared):
        table = _optional(run.folder("predict", model) / "predictions.parquet", tables.PREDICTIONS)
        if table is None:
            continue
        prefix = "logit:"
        classes = in_reading_order(name.removeprefix(prefix) for name in table.columns if name.startswith(prefix))
        logits = [f"{prefix}{name}" for name in classes]
        for r, replicate in enumerate(replicates):
            own = table[table["replicate"] == replicate]
            order = pd.MultiIndex.from_frame(own[KEY].astype(str)).get_indexer(place)
            there = order >= 0
            values = own[logits].to_numpy(dtype=np.float64)[order[there]]
            values = np.exp(values - values.max(axis=1, keepdims=True))
            share = values / values.sum(axis=1, keepdims=True)
            if target in classes:
                probability[m, r, there] = share[:, classes.index(target)]
            predicted[m, r, there] = share.argmax(axis=1)
    return (predicted, probability), classes


def _relevance(
    run: RunFolder, models: tuple[str, ...], seeds: tuple[str, ...], place: pd.MultiIndex
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.int32]]:
    """Region shares, ledger and rows of the maps of all seeds."""
    shape = (len(models), len(seeds), len(place))
    shares = np.full((len(NORMALISATIONS), *shape, len(REGIONS)), np.nan, np.float32)
    ledger = np.full((*shape, len(ENTRIES)), np.nan)
    map_row = np.full(shape, UNKNOWN, np.int32)
    for m, model in enumerate(models):
        folder = run.folder("attribute", model)
        share_table = _optional(folder / "shares.parquet", tables.SHARES)
        ledger_table = _optional(folder / "ledger.parquet", tables.LEDGER)
        for s, seed in enumerate(seeds):
            if share_table is not None:
                own = share_table[share_table["replicate"] == seed].set_index([*KEY, "region"])
                for n, how in enumerate(NORMALISATIONS):
                    wide = own[how].unstack("region").reindex(place).reindex(columns=list(REGIONS))
                    shares[n, m, s] = wide.to_numpy(dtype=np.float32)
            if ledger_table is not None:
                own = ledger_table[ledger_table["replicate"] == seed].set_index(KEY)
                ledger[m, s] = own[ENTRIES].reindex(place).to_numpy(dtype=np.float64)
            map_row[m, s] = _rows_of_maps(folder / seed / "relevance.h5", place)
    return shares, ledger, map_row


def _rows_of_maps(path: Path, place: pd.MultiIndex) -> NDArray[np.int32]:
    """Row of every face in a relevance file, -1 where it has none or there is no such file."""
    if not path.exists():
        return np.full(len(place), UNKNOWN, np.int32)
    try:  # not through `painlens.attributions`, whose import of PyTorch takes longer than all of this
        with h5py.File(path, "r") as file:
            names = [_texts(file, name) for name in KEY]
            written = np.asarray(file["painlens/written"]) == 1
    except (OSError, KeyError, AttributeError):
        return np.full(len(place), UNKNOWN, np.int32)  # shown as not computed
    found = pd.MultiIndex.from_arrays(names).get_indexer(place)
    return np.where((found >= 0) & written[found], found, UNKNOWN).astype(np.int32)


def _texts(file: h5py.File, name: str) -> NDArray[np.str_]:
    """A text dataset about the faces of a relevance file."""
    data = file[f"painlens/{name}"]
    if not isinstance(data, h5py.Dataset):
        raise KeyError(name)
    return np.asarray(data.asstr()[:], dtype=str)


def _present(run: RunFolder, study: Study, place: pd.MultiIndex) -> NDArray[np.int8]:
    """Labels of the study's concepts."""
    present = np.full((len(study.concepts), len(place)), UNKNOWN, np.int8)
    table = _optional(run.folder("evaluate") / "concepts.parquet", tables.CONCEPTS)
    if table is not None:
        for c, concept in enumerate(study.concepts):
            own = table[table["concept"] == concept].set_index(KEY)["value"].reindex(place)
            present[c] = own.astype("Int8").fillna(UNKNOWN).to_numpy(dtype=np.int8)
    return present


def _candidates(run: RunFolder) -> list[dict[str, object]]:
    """Ranked candidates from the region statistics of the differences step."""
    regions = _optional(run.folder("differences") / "regions.parquet", tables.REGIONS)
    return [] if regions is None else hypotheses.rank_candidates(regions)
