"""One measure of one concept for all networks, with everybody and with each participant left out in turn."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int

from painlens.concept_test.material import Network, People


@dataclass(frozen=True)
class Measured:
    """What a claim about a difference needs to know of a measure.

    Attributes
    ----------
    measure, concept
        Names, as in the tables.
    networks
        Model and replicate of each row of `values`.
    values
        float64 (network, 1 + participant): column 0 with all test participants, column 1 + p without participant p.
    database
        Database of each test participant: the strata of the jackknife.
    cells
        Label x database cells that were used, as text.
    faces
        Number of faces (or counterfactual pairs) in them.
    resampled
        float64 (network, draw): the measure on drawn participants, the same draws for all networks; None without.
    """

    measure: str
    concept: str
    networks: tuple[Network, ...]
    values: Float64[np.ndarray, "network weighting"]
    database: tuple[str, ...]
    cells: str
    faces: int
    resampled: Float64[np.ndarray, "network draw"] | None = None

    @classmethod
    def split(  # noqa: PLR0913 - the attributes
        cls, measure: str, concept: str, networks: tuple[Network, ...],
        values: Float64[np.ndarray, "network weighting"], people: People, cells: str, faces: int,
    ) -> "Measured":  # fmt: skip
        """From values for the weightings of `People.weightings`: with everybody, without each one, then the draws."""
        own = 1 + len(people.database)
        drawn = values[:, own:] if values.shape[1] > own else None
        return cls(measure, concept, networks, values[:, :own], people.database, cells, faces, drawn)

    def replicates_of(self, model: str) -> dict[str, Float64[np.ndarray, " weighting"]]:
        """Replicate -> values of the networks of one model."""
        return {
            replicate: row for (name, replicate), row in zip(self.networks, self.values, strict=True) if name == model
        }


def means_without(
    values: Float64[np.ndarray, "network face"], participant: Int[np.ndarray, " face"], n_people: int
) -> Float64[np.ndarray, "network weighting"]:
    """Mean over the faces: first of everybody, then without participant 0, 1 ...; NaN where nobody is left.

    Examples
    --------
    >>> means_without(np.array([[1.0, 2.0, 6.0]]), np.array([0, 0, 1]), 2).tolist()
    [[3.0, 6.0, 1.5]]
    """
    owner = np.zeros((len(participant), n_people))
    owner[np.arange(len(participant)), participant] = 1.0
    sums, counts = values @ owner, owner.sum(axis=0)
    total = values.sum(axis=1, keepdims=True)
    left = np.concatenate([[len(participant)], len(participant) - counts])
    remaining = np.hstack([total, total - sums])
    return np.divide(remaining, left, out=np.full(remaining.shape, np.nan), where=left > 0)


def weighted_means(
    values: Float64[np.ndarray, "network face"],
    participant: Int[np.ndarray, " face"],
    weights: Float64[np.ndarray, "weighting participant"],
) -> Float64[np.ndarray, "network weighting"]:
    """Mean over the faces, each weighted as its participant; NaN where nobody has weight.

    Examples
    --------
    >>> weighted_means(np.array([[1.0, 2.0, 6.0]]), np.array([0, 0, 1]), np.array([[1.0, 1.0], [2.0, 1.0]])).tolist()
    [[3.0, 2.4]]
    """
    owner = np.zeros((len(participant), weights.shape[1]))
    owner[np.arange(len(participant)), participant] = 1.0
    total, counts = values @ owner @ weights.T, owner.sum(axis=0) @ weights.T
    return np.divide(total, counts, out=np.full(total.shape, np.nan), where=counts > 0)


def association_table(measured: list[Measured]) -> pd.DataFrame:
    """Rows of the ASSOCIATION table: the value of every network."""
    rows = [
        {
            "measure": one.measure,
            "concept": one.concept,
            "model": model,
            "replicate": replicate,
            "value": value,
            "cells": one.cells,
            "faces": one.faces,
            "participants": len(one.database),
        }
        for one in measured
        for (model, replicate), value in zip(one.networks, one.values[:, 0], strict=True)
    ]
    return pd.DataFrame(rows)
