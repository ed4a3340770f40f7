"""What the concept test is given, brought to one order: labelled faces, and the answers of every network to them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64, Int
from scipy.special import logsumexp

from painlens.concept_test.products import ComputedProducts, Products
from painlens.tables import CONCEPTS, PREDICTIONS, DataError, conform

Network = tuple[str, str]  # model (the database it was trained on), replicate (seed=0 ..., half=0a ...)
FACE = ["database", "frame_id"]


@dataclass(frozen=True)
class Evidence:
    """Everything that the concept test reads; tables as in `painlens.tables`.

    Attributes
    ----------
    predictions
        PREDICTIONS of every network on the test faces.
    concepts
        CONCEPTS: labels of the same faces; a missing value leaves the face out for that concept.
    twins
        TWINS: answers to counterfactual pairs, or None where faces were not rendered.
    shares
        SHARES: relevance per facial region, or None.
    action_units
        Columns database, frame_id, au04 ...: intensities of facial action units, or None.
    features
        Features of one network for the rows of `labelled_faces`, as an array (face, ...). It is called once per
        network, one after the other, so that one feature matrix at a time is in memory. None: no decodability.
    gradients
        Gradient of the score (log-odds of the target class) of one network with respect to its features, given these
        features (face, feature), in their shape; called right after `features`. None: no directions.
    layer_parts
        Features of one network at a named layer, in groups of columns (face, part), for the sweep; None: no sweep.
    networks
        The networks that `features` knows. Those whose model is no database of the study (``("emotion", "seed=0")``,
        ``("random", "seed=0")``) are floors.
    products
        Keeps the inner products of features and gradients, or brings those that were kept; then neither `features` nor
        `gradients` is called.
    ratings
        Two raters' labels before adjudication (`painlens.concept_test.reliability.load_ratings`), or None.
    folds
        Columns database, participant, fold: whose faces one network of each replicate answered, where participants
        rotate through the test part (cross-fitting); None: one network answered all.
    """

    predictions: pd.DataFrame
    concepts: pd.DataFrame
    twins: pd.DataFrame | None = None
    shares: pd.DataFrame | None = None
    action_units: pd.DataFrame | None = None
    features: Callable[[str, str], np.ndarray] | None = None
    networks: tuple[Network, ...] = ()
    gradients: Callable[[str, str, np.ndarray], np.ndarray] | None = None
    layer_parts: Callable[[str, str, str], Iterable[np.ndarray]] | None = None
    ratings: pd.DataFrame | None = None
    folds: pd.DataFrame | None = None
    products: Products = ComputedProducts()


@dataclass(frozen=True)
class Material:
    """Evidence in one order of faces and networks, as the measures take it.

    Attributes
    ----------
    faces
        One row per labelled test face: database, frame_id, participant, label; sorted by database and frame.
    networks
        All networks of the study's databases.
    score
        float64 (network, face): log-odds of the target class.
    present
        Concept -> float64 (face,): 1 present, 0 absent, NaN not labelled.
    draws
        Bootstrap draws over test participants that go with every measure.
    fold
        int64 (face,): with cross-fitting the fold whose networks answered, else None. Scores and features of two faces
        can be compared only within a fold: other folds have other networks.
    """

    faces: pd.DataFrame
    networks: tuple[Network, ...]
    score: Float64[np.ndarray, "network face"]
    present: Mapping[str, Float64[np.ndarray, " face"]]
    regions: Mapping[str, str]
    smallest_cell: int
    twins: pd.DataFrame | None = None
    shares: pd.DataFrame | None = None
    action_units: pd.DataFrame | None = None
    draws: int = 0
    fold: Int[np.ndarray, " face"] | None = None

    @property
    def folds(self) -> int:
        """Number of folds; 0 without cross-fitting."""
        return 0 if self.fold is None else len(np.unique(self.fold))


@dataclass(frozen=True)
class People:
    """Participants as numbers from 0, with the database of each.

    Attributes
    ----------
    number
        int64 (face,): the participant of each face.
    database
        Database of each participant; persons of two databases are two persons even under one name.
    """

    number: Int[np.ndarray, " face"]
    database: tuple[str, ...]

    @property
    def leave_one_out(self) -> Float64[np.ndarray, "weighting participant"]:
        """Weights of the participants: first everybody, then everybody but participant 0, 1 ..."""
        n_people = len(self.database)
        return np.vstack([np.ones(n_people), 1.0 - np.eye(n_people)])

    def weightings(self, draws: int) -> Float64[np.ndarray, "weighting participant"]:
        """`leave_one_out`, then as many bootstrap draws of the participants of each database.

        The draws are the same for the same people, so that measures and networks can be compared draw by draw.
        """
        rng = np.random.default_rng(len(self.database))
        drawn = np.zeros((draws, len(self.database)))
        for name in sorted(set(self.database)):
            own = np.flatnonzero(np.asarray(self.database) == name)
            drawn[:, own] = rng.multinomial(len(own), np.full(len(own), 1 / len(own)), size=draws)
        return np.vstack([self.leave_one_out, drawn])


def labelled_faces(concepts: pd.DataFrame) -> pd.DataFrame:
    """Test faces with at least one concept label: database, frame_id, participant, label.

    This is the order of the rows that `Evidence.features` must return: sorted by database and frame id.

    Raises
    ------
    DataError
        A face has two participants or two labels, or no face is labelled at all.
    """
    try:
        known = conform(concepts, CONCEPTS).dropna(subset=["value"])
    except ValueError as error:
        raise DataError(f"concept labels cannot be used: {error}") from None
    faces = known[[*FACE, "participant", "label"]].drop_duplicates().sort_values(FACE, ignore_index=True)
    if faces.empty:
        raise DataError("no face carries a concept label; annotate the test faces first")
    doubled = faces.duplicated(FACE)
    if doubled.any():
        row = faces[doubled].iloc[0]
        raise DataError(
            f"a face must have one participant and one label, but {row['database']}: {row['frame_id']} has several in "
            "the concept labels; correct the file that they came from"
        )
    if faces[["participant", "label"]].isna().any(axis=None):
        raise DataError("labelled faces must have a participant and a label, got missing values in the concept labels")
    return faces


def people_of(faces: pd.DataFrame) -> People:
    """Participants numbered in the order in which they appear, so that their names do not matter."""
    names = faces["database"].astype(str) + "\0" + faces["participant"].astype(str)
    number, _ = pd.factorize(names)
    first = faces["database"].to_numpy()[np.unique(number, return_index=True)[1]]
    return People(number.astype(np.int64), tuple(str(name) for name in first))


def gather(
    evidence: Evidence, *, databases: Sequence[str], regions: Mapping[str, str], target: str, smallest_cell: int,
    draws: int = 0,
) -> Material:  # fmt: skip
    """Bring the evidence to one order.

    Parameters
    ----------
    databases
        The study's databases in its order; models of other names take no part in the comparison.
    regions
        Concept -> facial region that it changes; names the concepts that are tested, in the study's order.
    target
        Class whose log-odds are the score.

    Raises
    ------
    DataError
        A network lacks the answer to a labelled face, the target is no class, or tables contradict each other.
    """
    faces = labelled_faces(evidence.concepts)
    index = pd.MultiIndex.from_frame(faces[FACE])
    present, labels = {}, conform(evidence.concepts, CONCEPTS)
    for concept in regions:
        rows = labels[labels["concept"] == concept]
        values = rows["value"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        present[concept] = pd.Series(values, index=pd.MultiIndex.from_frame(rows[FACE])).reindex(index).to_numpy()
    networks, score = _scores(evidence.predictions, faces, databases, target)
    return Material(
        faces, networks, score, present, dict(regions), smallest_cell,
        evidence.twins, evidence.shares, evidence.action_units, draws, _fold_of(faces, evidence.folds),
    )  # fmt: skip


def without_offsets(
    values: Float64[np.ndarray, "network face"], fold: Int[np.ndarray, " face"] | None
) -> Float64[np.ndarray, "network face"]:
    """Values minus each network's mean; with cross-fitting minus the mean of each fold's network.

    Examples
    --------
    >>> without_offsets(np.array([[1.0, 3.0, 10.0, 20.0]]), np.array([1, 1, 2, 2])).tolist()
    [[-1.0, 1.0, -5.0, 5.0]]
    """
    groups = np.zeros(values.shape[1], np.int64) if fold is None else fold
    centred = np.empty_like(values)
    for group in np.unique(groups):
        own = groups == group
        centred[:, own] = values[:, own] - values[:, own].mean(axis=1, keepdims=True)
    return centred


def _fold_of(faces: pd.DataFrame, folds: pd.DataFrame | None) -> Int[np.ndarray, " face"] | None:
    """Fold of each face's participant."""
    if folds is None:
        return None
    key = ["database", "participant"]
    told = folds.astype({name: str for name in key}).set_index(key)["fold"]
    own = told.reindex(pd.MultiIndex.from_frame(faces[key].astype(str)))
    if own.isna().any():
        row = faces[own.isna().to_numpy()].iloc[0]
        raise DataError(
            f"{row['database']}: participant {row['participant']} has labelled faces but no fold; run `split` again"
        )
    return own.to_numpy(dtype=np.int64)


def rows_of(material: Material, concept: str) -> tuple[Int[np.ndarray, " row"], Bool[np.ndarray, " row"]]:
    """Rows of the faces that are labelled for a concept, and whether it is present on them."""
    value = material.present[concept]
    rows = np.flatnonzero(np.isfinite(value))
    return rows, value[rows] > 0.5


def _scores(
    predictions: pd.DataFrame, faces: pd.DataFrame, databases: Sequence[str], target: str
) -> tuple[tuple[Network, ...], np.ndarray]:
    """Networks in the study's order and the log-odds of the target class, (network, face)."""
    try:
        predictions = conform(predictions, PREDICTIONS)
    except ValueError as error:
        raise DataError(f"predictions cannot be used: {error}") from None
    classes = [name.removeprefix("logit:") for name in predictions.columns if name.startswith("logit:")]
    if target not in classes or len(classes) < 2:
        raise DataError(f"attribution.target must be one of the predicted classes {classes}, got '{target}'")
    logits = predictions[[f"logit:{name}" for name in classes]].to_numpy(dtype=float)
    own = classes.index(target)
    log_odds = logits[:, own] - logsumexp(np.delete(logits, own, axis=1), axis=1)
    wide = predictions[["model", "replicate", *FACE]].assign(score=log_odds)
    wide = wide.pivot(index=["model", "replicate"], columns=FACE, values="score")
    wide = wide.reindex(columns=pd.MultiIndex.from_frame(faces[FACE]))
    found: list[Network] = [(str(model), str(replicate)) for model, replicate in wide.index]
    networks = tuple(sorted((n for n in found if n[0] in databases), key=lambda n: (databases.index(n[0]), n[1])))
    absent = [name for name in databases if name not in {model for model, _ in networks}]
    if absent:
        raise DataError(f"predictions hold no network of {', '.join(absent)}; run `predict` for every database")
    score = wide.loc[list(networks)].to_numpy(dtype=float)
    _check_scores(score, networks, faces)
    _check_labels(predictions, faces)
    return networks, score


def _check_scores(score: np.ndarray, networks: tuple[Network, ...], faces: pd.DataFrame) -> None:
    """Every network must have a finite answer to every labelled face."""
    bad = np.argwhere(~np.isfinite(score))
    if len(bad):
        network, face = bad[0]
        row = faces.iloc[face]
        raise DataError(
            f"{'/'.join(networks[network])} has no finite answer to the labelled face {row['database']}: "
            f"{row['frame_id']} ({len(bad)} answers are missing in all); concepts and predictions must "
            "be about the same test faces: run `predict` again"
        )


def _check_labels(predictions: pd.DataFrame, faces: pd.DataFrame) -> None:
    """Labels and participants of the two tables must agree."""
    told = predictions[[*FACE, "participant", "label"]].drop_duplicates(FACE)
    both = faces.merge(told, on=FACE, suffixes=("", "_predicted"))
    differ = both[(both["label"] != both["label_predicted"]) | (both["participant"] != both["participant_predicted"])]
    if len(differ):
        row = differ.iloc[0]
        raise DataError(
            f"{row['database']}: {row['frame_id']} is '{row['label']}' of participant {row['participant']} in the "
            f"concept labels but '{row['label_predicted']}' of {row['participant_predicted']} in the predictions; both "
            "must come from the same frames table"
        )
