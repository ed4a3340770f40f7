"""What must hold between the tables that a bundle starts from, which nothing else computes again.

Predictions, twins, ledgers, shares and labels come from networks and people. An edited number in them changes what
follows from them, or it breaks one of these identities.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from painlens import tables
from painlens.bundle.mismatches import Mismatch
from painlens.study import Study
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import databases_of

FACE = ["database", "frame_id"]
NETWORK = ["model", "replicate"]
SINGLE = 1e-3
"""Relative: sums of float32 numbers, and networks that saw the same face in another batch."""


def broken_laws(root: Path, study: Study) -> Iterator[Mismatch]:
    """Every row of the first tables that contradicts another one."""
    run = RunFolder(root)
    faces = pd.concat([_load(run, "faces", tables.FACES, name) for name in study.databases], ignore_index=True)
    known = faces[[*FACE, "participant", "label"]]
    for name in databases_of(study):
        frames, own = _load(run, "frames", tables.FRAMES, name), _load(run, "faces", tables.FACES, name)
        yield from _same_people(_file(run, "faces", "faces", name), own, frames[frames["kept"]])
    labels = tables.load_table(run.folder("evaluate") / "concepts.parquet", tables.CONCEPTS)
    yield from _same_people(_file(run, "evaluate", "concepts"), labels, known)
    for model in study.compared:
        answers = _load(run, "predict", tables.PREDICTIONS, model)
        file = _file(run, "predict", "predictions", model)
        yield from _same_people(file, answers, known)
        yield from _largest_logit(file, answers)
        yield from _same_networks(file, answers, model, study)
        yield from _probabilities(_file(run, "predict", "twins", model), _load(run, "predict", tables.TWINS, model))
        ledger, shares = (_load(run, "attribute", schema, model) for schema in (tables.LEDGER, tables.SHARES))
        yield from _ledger(_file(run, "attribute", "ledger", model), ledger, answers, study.attribution.target)
        yield from _same_people(_file(run, "attribute", "shares", model), shares, known)
        yield from _shares(_file(run, "attribute", "shares", model), shares, ledger)


def _load(run: RunFolder, stage: str, schema: tables.Schema, name: str) -> pd.DataFrame:
    return tables.load_table(run.folder(stage, name) / f"{schema.name}.parquet", schema)


def _file(run: RunFolder, stage: str, name: str, database: str = "") -> str:
    return (run.folder(stage, database) / f"{name}.parquet").relative_to(run.root).as_posix()


def _same_people(file: str, table: pd.DataFrame, known: pd.DataFrame) -> Iterator[Mismatch]:
    """Every face is a known one, of the same participant with the same label."""
    both = table.merge(known[[*FACE, "participant", "label"]], on=FACE, how="left", suffixes=("", "_known"))
    for column in ("participant", "label"):
        here, there = both[column].fillna("").astype(str), both[f"{column}_known"].fillna("").astype(str)
        for place in np.flatnonzero(here.to_numpy(object) != there.to_numpy(object)).tolist():
            yield Mismatch(file, _face(both, place), column, here.iloc[place], there.iloc[place] or "no such face")


def _largest_logit(file: str, answers: pd.DataFrame) -> Iterator[Mismatch]:
    names = [name for name in answers.columns if name.startswith("logit:")]
    classes = np.array([name.removeprefix("logit:") for name in names], dtype=object)
    said = pd.Series(classes[answers[names].to_numpy(float).argmax(axis=1)], index=answers.index)
    for place in np.flatnonzero((said != answers["predicted"]).to_numpy(bool)).tolist():
        yield Mismatch(
            file, _face(answers, place), "predicted", answers["predicted"].iloc[place], str(said.iloc[place])
        )


def _same_networks(file: str, answers: pd.DataFrame, model: str, study: Study) -> Iterator[Mismatch]:
    """Every replicate of the study answers every face once."""
    faces = answers[FACE].drop_duplicates()
    counts = answers.groupby("replicate").size()
    for replicate in study.replicates:
        if counts.get(replicate, 0) != len(faces):
            yield Mismatch(file, f"{model}, {replicate}", "", f"{counts.get(replicate, 0)} rows", f"{len(faces)} faces")
    for name in sorted({*answers["model"]} - {model}) + sorted({*answers["replicate"]} - {*study.replicates}):
        yield Mismatch(file, name, "model, replicate", name, "no network of the study")


def _probabilities(file: str, twins: pd.DataFrame) -> Iterator[Mismatch]:
    for side in ("without", "with"):
        expected = pd.Series(expit(twins[f"score_{side}"].to_numpy(float)), index=twins.index)
        yield from _differing(file, twins, f"probability_{side}", expected, scale=1.0, key=[*NETWORK, "pair"])


def _ledger(file: str, ledger: pd.DataFrame, answers: pd.DataFrame, target: str) -> Iterator[Mismatch]:
    """The explained logit is the network's answer; the four entries of the ledger add up but for their error."""
    key = [*NETWORK, *FACE]
    both = ledger.merge(answers[[*key, f"logit:{target}"]], on=key, how="left", validate="one_to_one")
    size = np.fmax(1.0, ledger[["logit", "relevance", "bias", "dead"]].abs().max(axis=1))
    yield from _differing(file, ledger, "logit", both[f"logit:{target}"], scale=size, key=key)
    if "error" in ledger:
        rest = ledger["logit"] - ledger[["relevance", "bias", "dead"]].sum(axis=1)
        allowed = ledger["error"].abs() * size
        missed = np.sign(rest) * np.fmax(rest.abs() - allowed, 0.0)
        yield from _differing(file, ledger, "relevance", ledger["relevance"] + missed, scale=size, key=key)


def _shares(file: str, shares: pd.DataFrame, ledger: pd.DataFrame) -> Iterator[Mismatch]:
    """Regions cover the face; their relevance adds up to the map's; normalised values are multiples of the raw ones."""
    key = [*NETWORK, *FACE]
    sums = shares.groupby(key, sort=False, observed=True)[["area", "raw"]].sum().reset_index()
    whole = sums.merge(ledger[[*key, "relevance"]], on=key, how="left", validate="one_to_one")
    largest = shares["raw"].abs().groupby([shares[name] for name in key], sort=False).max().to_numpy()
    yield from _differing(file, sums, "area", pd.Series(1.0, index=sums.index), scale=1.0, key=key)
    yield from _differing(file, sums, "raw", whole["relevance"], scale=np.fmax(1.0, largest), key=key)
    by_face = [shares[name] for name in key]
    for name in ("max", "sum-abs"):
        total = shares[[name, "raw"]].abs().groupby(by_face, sort=False).transform("sum")
        factor = (total[name] / total["raw"]).where(total["raw"] > 0, 0.0)
        yield from _differing(file, shares, name, shares["raw"] * factor, scale=total[name], key=[*key, "region"])


def _differing(  # noqa: PLR0913 - what is compared, and how it is told
    file: str, table: pd.DataFrame, column: str, expected: pd.Series, *, scale: float | pd.Series | np.ndarray,
    key: list[str],
) -> Iterator[Mismatch]:  # fmt: skip
    """Rows in which a column is further from what is expected than single precision explains."""
    here, there = table[column].to_numpy(float), expected.to_numpy(float)
    wrong = ~(np.abs(here - there) <= SINGLE * np.asarray(scale)) & ~(np.isnan(here) & np.isnan(there))
    for place in np.flatnonzero(wrong).tolist():
        row = ", ".join(str(table[name].iloc[place]) for name in key)
        yield Mismatch(file, row, column, repr(float(here[place])), f"about {there[place]:.6g}")


def _face(table: pd.DataFrame, place: int) -> str:
    names = [name for name in ("concept", *NETWORK, *FACE) if name in table]
    return ", ".join(str(table[name].iloc[place]) for name in names)
