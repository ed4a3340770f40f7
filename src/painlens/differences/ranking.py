"""Which normalisation leads in a study, and which of the others this study cannot tell from it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int

from painlens.differences.concepts import ConceptWeights
from painlens.differences.normalised import counted_concepts, measure_units, null_pairs
from painlens.differences.resampling import People, people_of
from painlens.tables import NORMALISED, RANKING, conform

FACE = ["database", "frame_id"]


@dataclass(frozen=True)
class Resampling:
    """How uncertainty is estimated: number of draws, confidence of the intervals, and the source of randomness."""

    draws: int
    confidence: float
    rng: np.random.Generator


def ranking_table(
    shares: pd.DataFrame,
    ledger: pd.DataFrame,
    normalised: pd.DataFrame,
    weights: Mapping[str, ConceptWeights],
    regions: Mapping[str, str],
    *,
    resampling: Resampling,
) -> pd.DataFrame:
    """Rows of RANKING: the score of each normalisation, and how far it is behind the leading one.

    The score is the geometric mean of planted over null that `normalised_table` gives, over the concepts and pairs that
    count. Test participants are drawn with replacement within their database, and so are its null pairs, few as they
    are; all normalisations see the same draws, so that what is uncertain for all alike does not hide their order.
    A normalisation whose interval of "behind" holds 1 is **not told apart** from the leader.

    Parameters
    ----------
    shares, ledger
        SHARES and LEDGER rows of all models and replicates.
    normalised
        What `normalised_table` made of them.
    weights, regions
        As there.
    """
    normalised = conform(normalised, NORMALISED)
    counted = counted_concepts(normalised)
    if counted.empty or resampling.draws == 0:
        return conform(pd.DataFrame(columns=list(RANKING.columns)), RANKING)
    names = [str(name) for name in counted["normalisation"].unique()]
    pairs = counted[["concept", "model_a", "model_b"]].drop_duplicates().itertuples(index=False, name=None)
    material = [_Concept.of(measure_units(shares, ledger, regions[c]), weights[c], a, b) for c, a, b in pairs]
    people, count = material[0].people, material[0].null_pairs
    as_is = np.ones((1, len(people))), np.arange(count)[None]
    whole = np.mean([own.log_ratios(names, *as_is)[0] for own in material], axis=0)
    names, whole = (
        [name for name, score in zip(names, whole, strict=True) if np.isfinite(score)],
        whole[np.isfinite(whole)],
    )
    if not names:
        return conform(pd.DataFrame(columns=list(RANKING.columns)), RANKING)
    drawn = _drawn_scores(material, names, people, resampling)
    leader = int(np.argmax(whole))
    alpha = (1 - resampling.confidence) / 2
    rows = []
    for number in np.argsort(-whole):
        behind = drawn[:, leader] - drawn[:, number]
        low, high, gap_low, gap_high = _ends(drawn[:, number], alpha) + _ends(behind, alpha)
        apart = bool(gap_low > 0)
        rows.append({
            "normalisation": names[number], "score": np.exp(whole[number]), "low": np.exp(low), "high": np.exp(high),
            "behind": np.exp(whole[leader] - whole[number]), "behind_low": np.exp(gap_low),
            "behind_high": np.exp(gap_high),
            "place": "leads" if number == leader else "behind" if apart else "not told apart",
            "participants": len(people), "null_pairs": count,
        })  # fmt: skip
    return conform(pd.DataFrame(rows), RANKING)


def _ends(values: Float64[np.ndarray, " draw"], alpha: float) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [alpha, 1 - alpha])
    return float(low), float(high)


def _drawn_scores(
    material: list["_Concept"], names: list[str], people: People, resampling: Resampling
) -> Float64[np.ndarray, "draw normalisation"]:
    """Scores under each draw of people and of null pairs; NaN rows where people are too few."""
    if not people.enough:
        return np.full((resampling.draws, len(names)), np.nan)
    times = people.drawn(resampling.draws, resampling.rng)
    pairs = _drawn_pairs(material[0].networks, resampling)
    return np.mean([own.log_ratios(names, times, pairs) for own in material], axis=0)


def _drawn_pairs(networks: pd.MultiIndex, resampling: Resampling) -> Int[np.ndarray, "draw pair"]:
    """Null pairs of each draw: drawn with replacement among those of the same database."""
    databases = networks.get_level_values("model")[null_pairs(networks)[0]]
    chosen = np.zeros((resampling.draws, len(databases)), dtype=int)
    for name in databases.unique():
        own = np.flatnonzero(databases == name)
        chosen[:, own] = resampling.rng.choice(own, (resampling.draws, len(own)))
    return chosen


@dataclass(frozen=True)
class _Concept:
    """One concept and one pair of models: the region's relevance of each network on each face, by normalisation."""

    values: Mapping[str, Float64[np.ndarray, "network face"]]
    networks: pd.MultiIndex
    weights: Float64[np.ndarray, " face"]
    cells: np.ndarray  # number of each face's cell and side: label x database, with or without the concept
    people: People
    pair: tuple[str, str]

    @classmethod
    def of(cls, units: pd.DataFrame, found: ConceptWeights, model_a: str, model_b: str) -> "_Concept":
        """From rows of `measure_units` in the order of the weights."""
        wide = {str(how): units[how].unstack(FACE, sort=False) for how in units if how not in ("participant", "label")}
        first = next(iter(wide.values()))
        told = units.reset_index().drop_duplicates(FACE)[[*FACE, "participant", "label"]]
        faces = told.set_index(FACE).reindex(first.columns).reset_index()
        keys = [faces["label"].astype(str), faces["database"].astype(str), pd.Series(np.sign(found.weights))]
        cells, _ = pd.MultiIndex.from_arrays(keys).factorize()
        values = {how: np.nan_to_num(table.to_numpy(dtype=float)) for how, table in wide.items()}
        networks = pd.MultiIndex.from_tuples([(str(m), str(r)) for m, r in first.index], names=["model", "replicate"])
        return cls(values, networks, found.weights, np.asarray(cells), people_of(faces), (model_a, model_b))

    @property
    def null_pairs(self) -> int:
        """Number of pairs of networks of one database."""
        return len(null_pairs(self.networks)[0])

    def log_ratios(
        self, names: list[str], times: Float64[np.ndarray, "draw participant"], pairs: Int[np.ndarray, "draw pair"]
    ) -> Float64[np.ndarray, "draw normalisation"]:
        """Log of planted over null for each normalisation, under draws of people and of null pairs; NaN for 0."""
        weights = self._reweighted(times)
        first, second, scale = null_pairs(self.networks)
        models = self.networks.get_level_values("model")
        seeds = self.networks.get_level_values("replicate").str.startswith("seed=")
        a, b = ((models == name) & seeds for name in self.pair)
        logs = []
        for how in names:
            measure = weights @ self.values[how].T
            gaps = np.take_along_axis((measure[:, first] - measure[:, second]) * scale, pairs, axis=1)
            null = np.sqrt((gaps**2).mean(axis=1))
            planted = np.abs(measure[:, a].mean(axis=1) - measure[:, b].mean(axis=1))
            known = (planted > 0) & (null > 0)
            logs.append(np.log(np.divide(planted, null, out=np.full_like(null, np.nan), where=known)))
        return np.stack(logs, axis=1)

    def _reweighted(self, times: Float64[np.ndarray, "draw participant"]) -> Float64[np.ndarray, "draw face"]:
        """Weights of the faces when people count as often as they are drawn: each cell's side keeps its sum."""
        own = self.weights * times[:, self.people.of_face]
        sides = np.eye(int(self.cells.max()) + 1)[self.cells]
        after = own @ sides
        factor = np.divide(self.weights @ sides, after, out=np.zeros_like(after), where=after != 0)
        return own * factor[:, self.cells]
