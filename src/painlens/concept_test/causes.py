"""The causal effect of a concept on a network, from counterfactual twins: one face without and with the concept.

Where faces are rendered this is the truth that every other measure is judged by. No statistics stand between the
question "does the answer depend on the concept" and this number.
"""

import numpy as np
import pandas as pd

from painlens.concept_test.folds import Untestable
from painlens.concept_test.material import Material, people_of
from painlens.concept_test.measured import Measured, weighted_means
from painlens.tables import CAUSES, TWINS, DataError, conform

ALL = "all"


def cause_table(twins: pd.DataFrame) -> pd.DataFrame:
    """Rows of the CAUSES table: mean change of probability and log-odds when the concept appears.

    One row per network, concept and database, and one for `all`: the unweighted mean over the databases.
    """
    changes = _changes(twins)
    keys = ["model", "replicate", "concept"]
    by_database = (
        changes.groupby([*keys, "database"], sort=True)
        .agg(
            effect=("effect", "mean"),
            effect_score=("effect_score", "mean"),
            pairs=("pair", "size"),
            participants=("participant", "nunique"),
        )
        .reset_index()
    )
    over_all = (
        by_database.groupby(keys, sort=True)
        .agg(
            effect=("effect", "mean"),
            effect_score=("effect_score", "mean"),
            pairs=("pairs", "sum"),
            participants=("participants", "sum"),
        )
        .reset_index()
        .assign(database=ALL)
    )
    return conform(pd.concat([by_database, over_all], ignore_index=True), CAUSES)


def measure_cause(material: Material, concept: str) -> Measured | None:
    """Mean change of the target class's probability when the concept appears, mean over databases; None without twins.

    Raises
    ------
    Untestable
        There are twins, but none of this concept.
    """
    if material.twins is None:
        return None
    changes = _changes(material.twins)
    models = {model for model, _ in material.networks}
    own = changes[(changes["concept"] == concept) & changes["model"].isin(models)]
    if own.empty:
        raise Untestable(f"there are no counterfactual twins of concept '{concept}'")
    wide = own.pivot(index=["model", "replicate"], columns=["database", "participant", "pair"], values="effect")
    wide = wide.sort_index(axis=1)
    networks = tuple(network for network in material.networks if network in wide.index)
    effect = wide.loc[list(networks)].to_numpy(dtype=float)
    if not np.isfinite(effect).all():
        raise DataError(
            f"twins of concept '{concept}': {int((~np.isfinite(effect)).sum())} answers are missing or not finite; "
            "every network must answer to the same pairs: run `predict` again"
        )
    pairs = wide.columns.to_frame(index=False)
    people = people_of(pairs)
    weights = people.weightings(material.draws)
    groups = [np.asarray(rows) for _, rows in sorted(pairs.groupby("database").indices.items())]
    means = [weighted_means(effect[:, rows], people.number[rows], weights) for rows in groups]
    return Measured.split(
        "cause", concept, networks, np.mean(means, axis=0), people, "counterfactual twins", len(pairs)
    )


def _changes(twins: pd.DataFrame) -> pd.DataFrame:
    """Twins with the change of probability and of log-odds."""
    try:
        twins = conform(twins, TWINS)
    except ValueError as error:
        raise DataError(f"twins cannot be used: {error}") from None
    return twins.assign(
        effect=twins["probability_with"] - twins["probability_without"],
        effect_score=twins["score_with"] - twins["score_without"],
    )
