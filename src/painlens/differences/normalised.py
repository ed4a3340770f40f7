"""Which normalisation before subtraction tells planted from null best, and goes along with the truth."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from jaxtyping import Float64

from painlens.differences.concepts import ConceptWeights
from painlens.differences.maps import logit_unit
from painlens.tables import LEDGER, NORMALISED, SHARES, TWINS, conform

FACE = ["database", "frame_id"]
NETWORK = ["model", "replicate"]
COMPARED = ("raw", "logit", "max", "sum-abs")  # "paper" subtracts raw maps: the same measurement as "raw"
DIVIDED_BY_SUM = "sum"  # shown as the one that goes against the truth


def normalised_table(
    shares: pd.DataFrame,
    ledger: pd.DataFrame,
    twins: pd.DataFrame,
    weights: Mapping[str, ConceptWeights],
    regions: Mapping[str, str],
) -> pd.DataFrame:
    """Rows of NORMALISED: for each normalisation, concept and pair of models what planted and null pairs give.

    The measure is the relevance of the concept's region on faces with the concept minus faces without it, within label
    and database. Null pairs are complementary halves of one database (their gap divided by the square root of 2, since
    half the people vary twice as much), or its seeds where there are no halves. The truth are counterfactual twins.

    Parameters
    ----------
    shares, ledger, twins
        SHARES, LEDGER and TWINS rows of all models and replicates; twins may be empty.
    weights
        Concept -> `concept_weights` of the faces in the order of their first network in `shares`.
    regions
        Concept -> facial region.

    Notes
    -----
    "raw" is also the paper's; "logit" divides by the root mean square of the network's logit over the test faces, a
    number per network; "max" and "sum-abs" divide every map by its largest or summed absolute value; "sum" divides by
    its signed sum and is shown because it fails.
    """
    shares, ledger, twins = conform(shares, SHARES), conform(ledger, LEDGER), conform(twins, TWINS)
    rows = []
    for concept, chosen in weights.items():
        own = measure_units(shares, ledger, regions[concept])
        truth = _truth(twins, concept)
        for how in (*COMPARED, DIVIDED_BY_SUM):
            measure = _measured(own[how], chosen.weights)
            rows += _pairs(measure, truth, normalisation=how, concept=concept)
    return conform(pd.DataFrame(rows, columns=list(NORMALISED.columns)), NORMALISED)


def measure_units(shares: pd.DataFrame, ledger: pd.DataFrame, region: str) -> pd.DataFrame:
    """Relevance of one region under every normalisation, indexed by model, replicate, database and frame_id.

    Beside a column for each normalisation those of the face: participant and label.
    """
    total = shares.groupby([*NETWORK, *FACE], sort=False)["raw"].sum()
    units = {network: logit_unit(own["logit"].to_numpy(dtype=float)) for network, own in ledger.groupby(NETWORK)}
    own = shares[shares["region"] == region].set_index([*NETWORK, *FACE])
    own = own.assign(**{
        "logit": own["raw"] / [units[model, replicate] for model, replicate, *_ in own.index],
        DIVIDED_BY_SUM: own["raw"] / total.reindex(own.index).where(lambda s: s != 0),
    })  # fmt: skip
    return own[["participant", "label", *COMPARED, DIVIDED_BY_SUM]]


def counted_concepts(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of NORMALISED that decide which normalisation is best.

    With twins, those concepts count whose twins differ between the models by more than the median; normalisations that
    go against the truth are out. A ratio of 0 or without null pairs decides nothing.
    """
    known = table.dropna(subset=["ratio"])
    if known["truth"].notna().any():
        known = known[known["truth"].abs() >= known["truth"].abs().median()]
        agreeing = known.groupby("normalisation")["agrees"].mean()
        known = known[known["normalisation"].isin(agreeing.index[agreeing > 0])]
    return known[known["ratio"] > 0]


def best_normalisation(table: pd.DataFrame) -> str:
    """The normalisation that recovers planted truth best: largest geometric mean of the ratios; "" without rows.

    Which rows count is told in `counted_concepts`, and how certain the choice is in `ranking_table`.
    """
    ratios = counted_concepts(table)
    if ratios.empty:
        return ""
    logs = ratios.assign(log=np.log(ratios["ratio"].to_numpy(dtype=float)))
    return str(logs.groupby("normalisation")["log"].mean().idxmax())


def _measured(values: "pd.Series[float]", weights: Float64[np.ndarray, " face"]) -> "pd.Series[float]":
    """Weighted sum over faces, for every network."""
    wide = values.unstack(FACE, sort=False)
    return pd.Series(np.nan_to_num(wide.to_numpy(dtype=float)) @ weights, index=wide.index)


def _truth(twins: pd.DataFrame, concept: str) -> "pd.Series[float]":
    """Mean change of the log-odds when the concept appears, for every network."""
    own = twins[twins["concept"] == concept]
    return (own["score_with"] - own["score_without"]).groupby([own["model"], own["replicate"]]).mean()


def _pairs(
    measure: "pd.Series[float]", truth: "pd.Series[float]", *, normalisation: str, concept: str
) -> list[dict[str, object]]:
    seeds = measure[measure.index.get_level_values("replicate").str.startswith("seed=")].groupby("model").mean()
    true_seeds = truth[truth.index.get_level_values("replicate").str.startswith("seed=")].groupby("model").mean()
    of_seeds = {str(model): float(value) for model, value in seeds.items()}
    true_of = {str(model): float(value) for model, value in true_seeds.items()}
    null = _null_rms(measure)
    both = pd.concat([measure, truth], axis=1, keys=["measure", "truth"]).dropna()
    spread = len(both) > 2 and both.std().min() > 0
    agrees = float(np.corrcoef(both.to_numpy(dtype=float).T)[0, 1]) if spread else np.nan
    rows = []
    for a, b in combinations(of_seeds, 2):
        found = of_seeds[a] - of_seeds[b]
        true = true_of[a] - true_of[b] if {a, b} <= set(true_of) else np.nan
        rows.append({
            "normalisation": normalisation, "concept": concept, "model_a": a, "model_b": b, "difference": found,
            "null_rms": null, "ratio": abs(found) / null if null > 0 else np.nan, "truth": true, "agrees": agrees,
        })  # fmt: skip
    return rows


def _null_rms(measure: "pd.Series[float]") -> float:
    """Root mean square of the differences between networks of one database; NaN without such a pair."""
    first, second, scale = null_pairs(pd.MultiIndex.from_tuples(measure.index.tolist(), names=NETWORK))
    values = measure.to_numpy(dtype=float)
    return float(np.sqrt(np.mean(np.square((values[first] - values[second]) * scale)))) if len(first) else np.nan


def null_pairs(networks: pd.MultiIndex) -> tuple[np.ndarray, np.ndarray, Float64[np.ndarray, " pair"]]:
    """Pairs of networks of one database: places of the first and of the second, and the factor of their gap.

    Complementary halves where a database has them, with 1 / sqrt(2); else all pairs of its networks, with 1.
    """
    place = {(str(model), str(replicate)): number for number, (model, replicate) in enumerate(networks)}
    pairs: list[tuple[int, int, float]] = []
    for model in dict.fromkeys(name for name, _ in place):
        names = [replicate for own, replicate in place if own == model]
        splits = [name[:-1] for name in names if name.startswith("half=") and name.endswith("a")]
        pairs += [(place[model, f"{s}a"], place[model, f"{s}b"], 0.5**0.5) for s in splits]
        if not splits:
            pairs += [(place[model, a], place[model, b], 1.0) for a, b in combinations(names, 2)]
    first, second, scale = (np.array([pair[number] for pair in pairs]) for number in range(3))
    return first.astype(int), second.astype(int), scale.astype(float)
