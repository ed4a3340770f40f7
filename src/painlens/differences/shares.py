"""Relevance per facial region: of single faces, and the difference of two models with its interval."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float64, UInt8
from scipy import stats

from painlens.differences.maps import LOGIT, NORMALISATIONS, Maps
from painlens.differences.resampling import mean_intervals, people_of
from painlens.regions import REGIONS as REGION_NAMES
from painlens.regions import region_areas, region_shares
from painlens.tables import REGIONS, SHARES, DataError, conform

FACE = ["database", "frame_id"]
ALL = "all"


def shares_table(
    maps: Maps,
    regions: UInt8[np.ndarray, "face height width"],
    faces: pd.DataFrame,
    *,
    model: str,
    replicate: str,
    unit: float | None = None,
) -> pd.DataFrame:
    """Rows of the SHARES table for one network: relevance summed over every region of every face.

    Sums are linear: over all regions they give the sum of the map, so those of "raw" are the ledger's relevance.

    Parameters
    ----------
    maps
        (n, height, width), raw; a block at a time for many faces.
    regions
        uint8 (n, height, width), index into `regions.REGIONS`.
    faces
        Columns database, frame_id, participant, label, in the order of the maps.
    unit
        `logit_unit` of the network, for the column "logit"; without it there is none.
    """
    if not len(maps) == len(regions) == len(faces):
        raise ValueError(
            f"maps, regions and faces must have one row per face, got {len(maps)}, {len(regions)}, {len(faces)}"
        )
    raw = region_shares(maps, regions)
    size = np.abs(maps)
    units = {"raw": np.ones(len(maps)), "max": size.max((1, 2)), "sum-abs": size.sum((1, 2), dtype=np.float64)}
    columns = {"area": region_areas(regions)}
    for how in NORMALISATIONS:
        of_map = units[how][:, None]
        columns[how] = np.divide(raw, of_map, out=np.zeros_like(raw), where=of_map > 0)
    if unit is not None:
        columns[LOGIT] = raw / unit if unit > 0 else np.zeros_like(raw)
    table = faces[[*FACE, "participant", "label"]].reset_index(drop=True)
    table = table.loc[table.index.repeat(len(REGION_NAMES))].reset_index(drop=True)
    table = table.assign(model=model, replicate=replicate, region=list(REGION_NAMES) * len(faces))
    return conform(table.assign(**{name: values.ravel() for name, values in columns.items()}), SHARES)


def regions_table(
    shares: pd.DataFrame,
    *,
    model_a: str,
    model_b: str,
    confidence: float,
    draws: int = 0,
    rng: np.random.Generator | None = None,
) -> pd.DataFrame:
    """Rows of the REGIONS table: mean relevance of two models in every region, and the difference A - B.

    Faces weigh equally; the networks of all seeds are averaged per face, those of halves are left out. The interval is
    a t interval from the jackknife over test participants, stratified by database, with Satterthwaite's degrees of
    freedom: it says how the difference of **these networks** would vary with other people in the test, and nothing
    about networks that were trained again. It is missing where a database has fewer than two participants. A bootstrap
    over participants, drawn within their database, gives a second interval of the difference and those of both means.

    Parameters
    ----------
    shares
        Rows of SHARES of both models, on the same faces.
    confidence
        Of the intervals, e.g. .95.
    draws, rng
        Of the bootstrap; without draws its columns are missing.

    Raises
    ------
    DataError
        The models have shares of different faces, or none.
    """
    by_face = _by_face(shares, model_a, model_b)
    quantile = 0.5 + confidence / 2
    rows = []
    for database, label, chosen in _scopes(by_face.faces):
        faces = by_face.faces[chosen]
        for how, values in by_face.values.items():
            a, b = values[model_a][chosen], values[model_b][chosen]
            middle = (a - b).mean(axis=0)
            half = _half_width(a - b, faces, quantile)
            ends = _bootstrapped(a, b, faces, draws=draws, confidence=confidence, rng=rng)
            for index, region in enumerate(by_face.regions):
                rows.append({
                    "model_a": model_a, "model_b": model_b, "normalisation": how, "database": database, "label": label,
                    "region": region, "mean_a": a[:, index].mean(), "mean_b": b[:, index].mean(),
                    "difference": middle[index], "low": middle[index] - half[index],
                    "high": middle[index] + half[index], "faces": len(faces),
                    "participants": len(faces[["database", "participant"]].drop_duplicates()),
                    **{name: values[index] for name, values in ends.items()},
                })  # fmt: skip
    return conform(pd.DataFrame(rows), REGIONS)


def _bootstrapped(
    a: Float64[np.ndarray, "face region"],
    b: Float64[np.ndarray, "face region"],
    faces: pd.DataFrame,
    *,
    draws: int,
    confidence: float,
    rng: np.random.Generator | None,
) -> dict[str, Float64[np.ndarray, " region"]]:
    """Ends of the bootstrap's intervals: of the difference and of both means, all under the same draws."""
    if not draws or rng is None:
        return {}
    people = people_of(faces)
    low, high = mean_intervals(np.hstack([a - b, a, b]), people, draws=draws, confidence=confidence, rng=rng)
    lows, highs = np.split(low, 3), np.split(high, 3)
    found = {}
    for name, own_low, own_high in zip(("bootstrap", "a", "b"), lows, highs, strict=True):
        found |= {f"low_{name}": own_low, f"high_{name}": own_high}
    return found


def region_candidates(regions: pd.DataFrame, *, normalisation: str, database: str, label: str) -> pd.DataFrame:
    """Regions as candidate hypotheses, the clearest difference first; a person decides what to test.

    The rank follows |difference| over the half width of its interval. It is a way to order what to look at, on the
    very faces that the maps come from: no test, and no claim about databases.

    Parameters
    ----------
    regions
        Rows of REGIONS; `normalisation`, `database` and `label` choose among them ("all" for all).

    Returns
    -------
    Columns rank (from 1, for each pair of models), model_a, model_b, region, favours (the model that gives the region
    more relevance), difference, low, high, strength.
    """
    chosen = regions[
        (regions["normalisation"] == normalisation) & (regions["database"] == database) & (regions["label"] == label)
    ].copy()
    half = (chosen["high"] - chosen["low"]) / 2
    chosen["strength"] = (chosen["difference"].abs() / half.where(half > 0)).astype("float64")
    chosen["favours"] = chosen["model_a"].where(chosen["difference"] > 0, chosen["model_b"])
    order = ["model_a", "model_b", "strength", "region"]
    chosen = chosen.sort_values(order, ascending=[True, True, False, True], na_position="last")
    chosen["rank"] = chosen.groupby(["model_a", "model_b"]).cumcount() + 1
    columns = ["rank", "model_a", "model_b", "region", "favours", "difference", "low", "high", "strength"]
    return chosen[columns].reset_index(drop=True)


@dataclass(frozen=True)
class _ByFace:
    """Shares averaged over seeds: normalisation -> model -> (face, region)."""

    faces: pd.DataFrame
    regions: tuple[str, ...]
    values: dict[str, dict[str, Float64[np.ndarray, "face region"]]]


def _by_face(shares: pd.DataFrame, model_a: str, model_b: str) -> _ByFace:
    pair = [model_a, model_b]
    seeds = shares[shares["model"].isin(pair) & shares["replicate"].str.startswith("seed=")]
    faces = seeds[[*FACE, "participant", "label"]].drop_duplicates(FACE).sort_values(FACE).reset_index(drop=True)
    regions = tuple(name for name in REGION_NAMES if name in set(seeds["region"]))
    units = [*NORMALISATIONS, *([LOGIT] if LOGIT in seeds and seeds[LOGIT].notna().all() else [])]
    mean = seeds.groupby(["model", *FACE, "region"])[units].mean()
    values = {}
    for how in units:
        wide = mean[how].unstack("region")
        values[how] = {}
        for model in pair:
            if model not in wide.index.get_level_values("model"):
                raise DataError(f"there are no relevance shares of a seed of model '{model}'; run 'attribute' for it")
            of_model = wide.loc[model].reindex(pd.MultiIndex.from_frame(faces[FACE]))[list(regions)]
            values[how][model] = of_model.to_numpy(dtype=float)
            missing = int(np.isnan(values[how][model]).any(axis=1).sum())
            if missing:
                raise DataError(
                    f"{missing} faces have relevance of only one of the models {model_a} and {model_b}; "
                    "run 'attribute' for both on the same test faces"
                )
    return _ByFace(faces, regions, values)


def _scopes(faces: pd.DataFrame) -> Iterator[tuple[str, str, np.ndarray]]:
    """Every database and all, crossed with every label and all, where there are faces."""
    for database in (ALL, *sorted(faces["database"].unique())):
        for label in (ALL, *sorted(faces["label"].unique())):
            chosen = np.ones(len(faces), dtype=bool)
            if database != ALL:
                chosen &= (faces["database"] == database).to_numpy(dtype=bool)
            if label != ALL:
                chosen &= (faces["label"] == label).to_numpy(dtype=bool)
            if chosen.any():
                yield database, label, chosen


def _half_width(
    values: Float64[np.ndarray, "face region"], faces: pd.DataFrame, quantile: float
) -> Float64[np.ndarray, " region"]:
    """Half width of the t interval of the mean, from the stratified jackknife over participants."""
    people, number = np.unique(
        faces["database"].astype(str) + "\n" + faces["participant"].astype(str), return_inverse=True
    )
    sums = np.zeros((len(people), values.shape[1]))
    np.add.at(sums, number, values)
    counts = np.bincount(number).astype(float)
    strata = np.array([name.split("\n")[0] for name in people])
    if min(int((strata == name).sum()) for name in set(strata)) < 2:
        return np.full(values.shape[1], np.nan)
    without = (sums.sum(axis=0) - sums) / (counts.sum() - counts)[:, None]
    variance, spread = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for name in set(strata):
        own = without[strata == name]
        part = (len(own) - 1) / len(own) * ((own - own.mean(axis=0)) ** 2).sum(axis=0)
        variance += part
        spread += part**2 / (len(own) - 1)
    df = np.divide(variance**2, spread, out=np.ones_like(variance), where=spread > 0)
    return stats.t.ppf(quantile, df) * np.sqrt(variance)
