"""The concept test on tables: does a model's answer go along with a concept, does it embed it, do two models differ."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from painlens import concept_test as measures
from painlens.api.display import list_html, table_html
from painlens.study import ConceptTest, Replication


@dataclass(frozen=True)
class ConceptResult:
    """What the concept test finds.

    Attributes
    ----------
    sentences
        One per concept and pair of models.
    tables
        Name -> table, as in a run: verdicts, association, decodability ...
    """

    sentences: tuple[str, ...]
    tables: Mapping[str, pd.DataFrame] = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """The verdicts."""
        return self.tables["verdicts"]

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return list_html(self.sentences) + table_html(self.to_frame())


def concept_test(
    predictions: pd.DataFrame,
    labels: pd.DataFrame,
    *,
    regions: Mapping[str, str],
    features: Mapping[str, NDArray[np.float32]] | None = None,
    target: str = "pain",
    settings: ConceptTest | None = None,
    seed: int = 0,
) -> ConceptResult:
    """Does a model's answer go along with a concept, does it embed it, and do two models differ.

    Parameters
    ----------
    predictions
        PREDICTIONS of all networks, as ``load_run(...).table("predictions")``.
    labels
        CONCEPTS: database, frame_id, participant, label, concept, value.
    regions
        Concept -> facial region; names what is tested.
    features
        Model -> features (face, feature) of its network seed=0, in the order of
        `painlens.concept_test.labelled_faces(labels)`; None: no decodability.
    target
        Class whose log-odds are the score.
    settings
        Layer, repeats, measures; default: a study's.
    seed
        Of halves and random concepts.

    Raises
    ------
    DataError
        The tables contradict each other; a concept that its faces do not allow to test is told in the verdicts.
    """
    models = tuple(dict.fromkeys(str(name) for name in predictions["model"]))
    evidence = measures.Evidence(
        predictions=predictions,
        concepts=labels,
        features=None if features is None else lambda model, _: features[model],
        networks=() if features is None else tuple((model, "seed=0") for model in models),
    )
    found = measures.concept_tests(
        evidence, databases=models, regions=regions, target=target, settings=settings or ConceptTest(),
        replication=Replication(), seed=seed,
    )  # fmt: skip
    said = measures.describe(found.verdicts, target=target, decodability=found.decodability)
    return ConceptResult(tuple(one.headline for one in said), vars(found))
