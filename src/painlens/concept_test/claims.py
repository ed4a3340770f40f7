"""Three claims about the difference of two models, each with its own interval.

* **networks**: these trained networks on these faces. The number itself; nothing varies.
* **people**: these trained networks on other test participants. Participant jackknife. It says nothing about the
  databases: two networks of *one* database differ "significantly" in this sense too.
* **databases**: the two databases and this way of training. Needs networks that were trained again on complementary
  halves of the training participants; without them it is refused.

Decodability also makes a fourth: **fine-tunings**, other seeds and other test participants, the same training
participants. Everything is conditional on the one pre-trained network that all fine-tunings start from.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from jaxtyping import Float64

from painlens.concept_test.measured import Measured
from painlens.concept_test.statistics import equivalence_p, holm, smallest_detectable
from painlens.concept_test.variance import Part, interval, participant_part, retraining_part, seed_part
from painlens.tables import VERDICTS, DataError, conform

NETWORKS, PEOPLE, FINE_TUNINGS, DATABASES = "networks", "people", "fine-tunings", "databases"
FEWEST_PEOPLE = 2  # test participants of a database that a jackknife needs
FEWEST_DEFINED = 0.95  # share of bootstrap draws in which a measure must be defined


def claim_rows(
    measured: Measured, model_a: str, model_b: str, *, confidence: float, fine_tunings: bool = False
) -> list[dict[str, object]]:
    """VERDICTS rows of one pair of models, without the verdict (see `verdict_table`); a positive sign favours A.

    Parameters
    ----------
    confidence
        Level of the intervals, such as .95.
    fine_tunings
        Also make the claim about other seeds and other test participants.

    Raises
    ------
    DataError
        A model has no network that was trained on all of its training participants.
    """
    side_a, side_b = _seeds(measured, model_a), _seeds(measured, model_b)
    mean_a, mean_b = (np.mean(list(side.values()), axis=0) for side in (side_a, side_b))
    difference = mean_a - mean_b
    gaps = [_gaps(measured, model) for model in (model_a, model_b)]
    agreeing, compared = _agreement(side_a, side_b, float(difference[0]))
    shared: dict[str, object] = {
        "measure": measured.measure, "concept": measured.concept, "model_a": model_a, "model_b": model_b,
        "value_a": mean_a[0], "value_b": mean_b[0], "difference": difference[0], "confidence": confidence,
        "seeds": compared, "seeds_agreeing": agreeing, "half_splits": min(len(gap) for gap in gaps),
        "participants": len(measured.database), "null_band": _null_band(gaps), "verdict": "",
        "fewest_participants": min((list(measured.database).count(name) for name in set(measured.database)), default=0),
    }  # fmt: skip
    people, people_reason = _people(difference, measured.database)
    first_a, first_b = (np.array([row[0] for row in side.values()]) for side in (side_a, side_b))
    rows = [shared | {"claim": NETWORKS, "reason": ""}]
    ends = _bootstrap(measured, model_a, model_b, confidence)
    rows.append(shared | _claim(PEOPLE, float(difference[0]), people, people_reason, confidence) | ends)
    if fine_tunings:
        parts, reason = people, people_reason
        if min(len(first_a), len(first_b)) < 2:
            parts, reason = (
                None,
                "other fine-tunings cannot be spoken of with one seed per database: set replication.seeds",
            )
        elif people is not None:
            parts = [*people, seed_part(first_a), seed_part(first_b)]
        rows.append(shared | _claim(FINE_TUNINGS, float(difference[0]), parts, reason, confidence))
    parts, reason = people, people_reason
    if min(len(gap) for gap in gaps) == 0:
        parts, reason = None, _no_halves(gaps, model_a, model_b)
    elif people is not None:
        parts = [*people, retraining_part(first_a, gaps[0]), retraining_part(first_b, gaps[1])]
    rows.append(shared | _claim(DATABASES, float(difference[0]), parts, reason, confidence))
    return rows


def refused_rows(
    measure: str, concept: str, databases: Sequence[str], *, reason: str, confidence: float
) -> list[dict[str, object]]:
    """Rows of a measure that a concept does not allow, so that nothing vanishes without its reason."""
    return [
        {
            "measure": measure, "concept": concept, "model_a": a, "model_b": b, "claim": claim,
            "confidence": confidence, "verdict": "", "reason": reason,
        }
        for a, b in combinations(databases, 2)
        for claim in (NETWORKS, PEOPLE, DATABASES)
    ]  # fmt: skip


def verdict_table(
    rows: Sequence[dict[str, object]],
    *,
    declared: Sequence[str] | None = None,
    equivalence: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """The VERDICTS table: Holm's correction, equivalence, the smallest detectable difference, then the verdict word.

    The verdict is 'a' or 'b' (the model with the larger value) if the adjusted p of the claim about databases is at
    most one minus the confidence; else 'equivalent' if the adjusted p of two one-sided tests against the measure's
    bound is; else 'undecided'. Other claims, and refused ones, make no verdict.

    Parameters
    ----------
    declared
        Measures that were declared beforehand: one family of tests over all of them, all concepts and pairs. Each other
        measure is exploratory, with a family of its own over concepts and pairs. None: every measure is a family.
    equivalence
        Measure -> largest difference that counts as none.
    """
    table = pd.DataFrame(rows).reindex(columns=[*VERDICTS.columns])
    table["family"] = "exploratory"
    if declared is not None:
        table.loc[table["measure"].isin(list(declared)), "family"] = "declared"
    else:
        table["family"] = pd.NA
    table["equivalence_bound"] = table["measure"].map(dict(equivalence or {})).astype(float)
    for index, row in table[table["standard_error"].notna()].iterrows():
        error, df = float(row["standard_error"]), float(row["df"])
        table.loc[index, "smallest_detectable"] = smallest_detectable(error, df, confidence=row["confidence"])
        if pd.notna(row["equivalence_bound"]):
            bound = float(row["equivalence_bound"])
            table.loc[index, "p_equivalence"] = equivalence_p(float(row["difference"]), error, df, bound=bound)
    for name in ("p", "p_equivalence"):
        table["p_holm" if name == "p" else "p_equivalence_holm"] = adjusted_p(table, name, declared=declared)
    level = 1 - table["confidence"].astype(float) + 1e-12
    table["verdict"] = table["verdict"].astype(object)
    judged = (table["claim"] == DATABASES) & table["p"].notna()
    different = judged & (table["p_holm"] <= level)
    table.loc[judged, "verdict"] = "undecided"
    table.loc[judged & (table["p_equivalence_holm"] <= level), "verdict"] = "equivalent"
    table.loc[different & (table["difference"] > 0), "verdict"] = "a"
    table.loc[different & (table["difference"] < 0), "verdict"] = "b"
    return conform(table, VERDICTS)


def adjusted_p(
    rows: pd.DataFrame, column: str = "p", *, declared: Sequence[str] | None, study: str | None = None
) -> Float64[np.ndarray, " row"]:
    """Holm's correction of a column of p values, family by family, as all verdicts and the certificate have it.

    A family is all declared measures together, over all concepts and pairs, under one claim; each other measure is a
    family of its own.

    Parameters
    ----------
    declared
        Measures that were declared beforehand; None: every measure is a family of its own.
    study
        Column that tells studies apart, where the rows are of several.

    Examples
    --------
    >>> measures = ["auroc", "cause", "regression"]
    >>> rows = pd.DataFrame({"measure": measures, "claim": "databases", "p": [0.01, 0.02, 0.03]})
    >>> adjusted_p(rows, declared=["auroc", "cause"]).tolist()
    [0.02, 0.02, 0.03]
    """
    own = rows["measure"].astype(str)
    family = own.where(~own.isin(list(declared or ())), "")
    adjusted = np.full(len(rows), np.nan)
    values = rows[column].to_numpy(dtype=float, na_value=np.nan)
    keys = [family, rows["claim"].astype(str), *([rows[study]] if study is not None else [])]
    for members in rows.reset_index(drop=True).groupby([key.to_numpy() for key in keys], sort=False).indices.values():
        adjusted[members] = holm(values[members])
    return adjusted


def _bootstrap(measured: Measured, model_a: str, model_b: str, confidence: float) -> dict[str, object]:
    """Percentiles of the difference over drawn test participants: a check of the jackknife, none if often undefined."""
    if measured.resampled is None:
        return {}
    rows = {
        model: [i for i, (name, own) in enumerate(measured.networks) if name == model and own.startswith("seed=")]
        for model in (model_a, model_b)
    }
    drawn = measured.resampled[rows[model_a]].mean(axis=0) - measured.resampled[rows[model_b]].mean(axis=0)
    defined = drawn[np.isfinite(drawn)]
    if len(defined) < FEWEST_DEFINED * len(drawn):
        return {}
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return {"bootstrap_low": low, "bootstrap_high": high}


def _seeds(measured: Measured, model: str) -> dict[str, Float64[np.ndarray, " weighting"]]:
    """Networks trained on all training participants."""
    seeds = {name: row for name, row in measured.replicates_of(model).items() if name.startswith("seed=")}
    if not seeds:
        raise DataError(
            f"measure '{measured.measure}' has no network seed=... of model '{model}'; run `train` and `predict` for it"
        )
    return seeds


def _gaps(measured: Measured, model: str) -> Float64[np.ndarray, " split"]:
    """First minus second network of every split into complementary halves."""
    halves = {name: row[0] for name, row in measured.replicates_of(model).items() if name.startswith("half=")}
    splits = sorted({name[:-1] for name in halves})
    whole = [split for split in splits if f"{split}a" in halves and f"{split}b" in halves]
    return np.array([halves[f"{split}a"] - halves[f"{split}b"] for split in whole], dtype=float)


def _null_band(gaps: Sequence[Float64[np.ndarray, " split"]]) -> float:
    """Largest gap between halves of one database, over root 2: half the people vary twice as much in variance."""
    every = np.concatenate(gaps)
    return float(np.abs(every).max() / np.sqrt(2)) if len(every) else np.nan


def _agreement(side_a: dict[str, np.ndarray], side_b: dict[str, np.ndarray], difference: float) -> tuple[int, int]:
    """Seeds whose own difference has the sign of the mean, and seeds that both models have."""
    common = sorted(side_a.keys() & side_b.keys())
    own = np.array([side_a[name][0] - side_b[name][0] for name in common])
    return int((np.sign(own) == np.sign(difference)).sum()), len(common)


def _people(difference: Float64[np.ndarray, " weighting"], database: Sequence[str]) -> tuple[list[Part] | None, str]:
    """The part of the test participants, or why there is none."""
    for name in sorted(set(database)):
        if list(database).count(name) < FEWEST_PEOPLE:
            return None, f"database '{name}' has a single test participant with labelled faces: no jackknife"
    undefined = int((~np.isfinite(difference[1:])).sum())
    if undefined:
        return None, f"the measure is undefined without one of {undefined} test participants: too few carry the concept"
    return [participant_part(difference[1:], database)], ""


def _claim(
    claim: str, difference: float, parts: Sequence[Part] | None, reason: str, confidence: float
) -> dict[str, object]:
    """Columns of one claim; empty with its reason where it is refused."""
    if parts is None:
        return {"claim": claim, "reason": reason}
    found = interval(difference, parts, confidence=confidence)
    return {"claim": claim, "reason": "", **vars(found)}


def _no_halves(gaps: Sequence[np.ndarray], model_a: str, model_b: str) -> str:
    """Why the claim about databases is refused."""
    names = [name for name, gap in zip((model_a, model_b), gaps, strict=True) if not len(gap)]
    verb = "has" if len(names) == 1 else "have"
    return (
        f"no claim about databases: {' and '.join(names)} {verb} no networks trained on complementary halves of the "
        "training participants, so nobody knows how far other participants would change the difference; painlens "
        "trains such networks (replication.half_splits), of given checkpoints it cannot be known"
    )
