"""How well linear SVMs find a concept in a network's features, that is: whether the network *embeds* it.

Decodability is not use: random weights decode visible teeth almost as well as trained ones. It stands beside the
association measures together with its floors, and no verdict about use comes from it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int

from painlens.concept_test.gram import FoldGeometry
from painlens.concept_test.statistics import average_precision, f1_from_counts, weighted_auroc
from painlens.concept_test.svm import out_of_fold

SPLITS_PER_PERMUTATION = 2  # repeats that judge one random concept; the observed value averages all repeats


@dataclass(frozen=True)
class Decoding:
    """Out-of-fold answers of 2 R SVMs for one concept and one network.

    Attributes
    ----------
    fold_f1
        float64 (repeat, fold): F1 on the held-out half; NaN where undefined.
    fold_auroc
        float64 (repeat, fold): AUROC of the decisions on the held-out half; NaN where it holds one class only.
    fold_precision
        float64 (repeat, fold): average precision of the decisions on the held-out half; NaN as above.
    counts
        float64 (3, repeat, participant): true positives, false positives, false negatives, both folds together.
    degenerate
        Number of fits that gave every held-out face the same answer.
    """

    fold_f1: Float64[np.ndarray, "repeat fold"]
    fold_auroc: Float64[np.ndarray, "repeat fold"]
    fold_precision: Float64[np.ndarray, "repeat fold"]
    counts: Float64[np.ndarray, "3 repeat participant"]
    degenerate: int

    @property
    def undefined(self) -> int:
        """Folds without any positive answer or face, or whose training half held one class only."""
        return int(np.isnan(self.fold_f1).sum())

    @property
    def mean_fold_f1(self) -> float:
        """Mean F1 over the defined folds; NaN if there are none."""
        return _mean(self.fold_f1)

    @property
    def mean_auroc(self) -> float:
        """Mean AUROC over the defined folds; decisions of different fits have no common scale."""
        return _mean(self.fold_auroc)

    @property
    def mean_precision(self) -> float:
        """Mean average precision over the defined folds."""
        return _mean(self.fold_precision)

    @property
    def pooled_f1(self) -> float:
        """F1 of the pooled out-of-fold decisions, mean over repeats (Forman and Scholz 2010)."""
        return _mean(f1_from_counts(*self.counts.sum(axis=-1)))

    def pooled_f1_without(self) -> Float64[np.ndarray, " weighting"]:
        """Pooled F1 with everybody, then without each participant's held-out answers; the fits stay as they are."""
        n_people = self.counts.shape[-1]
        return self.pooled_f1_of(np.vstack([np.ones(n_people), 1.0 - np.eye(n_people)]))

    def pooled_f1_of(self, weights: Float64[np.ndarray, "weighting participant"]) -> Float64[np.ndarray, " weighting"]:
        """Pooled F1 with the held-out answers of each participant weighted, mean over the defined repeats."""
        by_repeat = f1_from_counts(*(self.counts @ weights.T))
        defined = np.isfinite(by_repeat)
        count = defined.sum(axis=0)
        total = np.where(defined, by_repeat, 0.0).sum(axis=0)
        return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


def decode(
    gram: Float64[np.ndarray, "face face"],
    present: Bool[np.ndarray, " face"],
    participant: Int[np.ndarray, " face"],
    first_half: Bool[np.ndarray, "repeat face"],
    *,
    cost: float,
    geometry: FoldGeometry | None = None,
    engine: str = "pairs",
) -> Decoding:
    """Train and judge 2 R SVMs.

    Parameters
    ----------
    gram
        Inner products of the features, including the intercept; with a `geometry`, which brings its own, without.
    present
        The concept is on the face.
    participant
        Number of the face's participant, from 0 without gaps.
    first_half
        In each repeat fold 0 trains on the True faces and judges the others.
    cost
        C of the SVM.
    geometry, engine
        As in `painlens.concept_test.svm.out_of_fold`.
    """
    found = out_of_fold(gram, present, first_half, cost=cost, geometry=geometry, engine=engine)
    held_out = np.stack([~first_half, first_half], axis=1)
    return Decoding(
        _fold_f1(found.decisions, present, held_out),
        _fold_auroc(found.decisions, present, held_out),
        _fold_precision(found.decisions, present, held_out),
        _counts(found.decisions, np.broadcast_to(present, first_half.shape), participant),
        int(found.degenerate.sum()),
    )


def random_concept_floor(  # noqa: PLR0913 - the arguments of `decode`, and how concepts are drawn
    gram: Float64[np.ndarray, "face face"],
    present: Bool[np.ndarray, " face"],
    participant: Int[np.ndarray, " face"],
    first_half: Bool[np.ndarray, "repeat face"],
    *,
    cost: float,
    permutations: int,
    rng: np.random.Generator,
    prepare: Callable[[Bool[np.ndarray, "repeat face"]], FoldGeometry | None] = lambda _: None,
    engine: str = "pairs",
) -> Float64[np.ndarray, " permutation"]:
    """Pooled F1 of concepts that mean nothing: the labels permuted within each participant.

    Every participant keeps the rate of the concept, so knowing the person does not count as knowing the concept.
    Halves of participants keep their positives too, so the same halves serve; each random concept is judged by the next
    two repeats in turn, which widens the distribution a little.

    Parameters
    ----------
    prepare
        Geometry of the folds of given halves, as in `decode`; None: the matrix as it is, with its intercept.
    """
    if permutations == 0:
        return np.empty(0)
    random_concept = np.array([_permuted_within(present, participant, rng) for _ in range(permutations)])
    labels = np.repeat(random_concept, SPLITS_PER_PERMUTATION, axis=0)
    halves = first_half[np.arange(len(labels)) % len(first_half)]
    decisions = out_of_fold(gram, labels, halves, cost=cost, geometry=prepare(halves), engine=engine).decisions
    f1 = f1_from_counts(*_counts(decisions, labels, participant).sum(axis=-1))
    return np.array([_mean(own) for own in f1.reshape(permutations, SPLITS_PER_PERMUTATION)])


def _permuted_within(present: np.ndarray, participant: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Labels exchanged among the faces of each participant."""
    by_person = np.argsort(participant, kind="stable")
    shuffled = np.lexsort((rng.random(len(present)), participant))
    permuted = np.empty_like(present)
    permuted[by_person] = present[shuffled]
    return permuted


def _counts(decisions: np.ndarray, present: np.ndarray, participant: np.ndarray) -> np.ndarray:
    """True and false positives, false negatives, (3, repeat, participant); NaN in a repeat with an undefined fit."""
    owner = np.eye(int(participant.max()) + 1)[participant]
    says_yes = decisions > 0
    kinds = (says_yes & present, says_yes & ~present, ~says_yes & present)
    counts = np.stack([kind @ owner for kind in kinds])
    counts[:, np.isnan(decisions).any(axis=1)] = np.nan
    return counts


def _fold_f1(decisions: np.ndarray, present: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """F1 of each held-out half, (repeat, fold)."""
    says_yes = decisions > 0
    kinds = (says_yes & present, says_yes & ~present, ~says_yes & present)
    f1 = f1_from_counts(*((kind[:, None, :] & held_out).sum(axis=-1).astype(float) for kind in kinds))
    f1[(np.isnan(decisions)[:, None, :] & held_out).any(axis=-1)] = np.nan
    return f1


def _fold_auroc(decisions: np.ndarray, present: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """AUROC of each held-out half, (repeat, fold)."""
    face = np.arange(len(present))
    defined = np.nan_to_num(decisions)
    auroc = np.stack(
        [
            weighted_auroc(own[None], present, face, sides.astype(float))[0]
            for own, sides in zip(defined, held_out, strict=True)
        ]
    )
    auroc[(np.isnan(decisions)[:, None, :] & held_out).any(axis=-1)] = np.nan
    return auroc


def _fold_precision(decisions: np.ndarray, present: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """Average precision of each held-out half, (repeat, fold)."""
    judged = held_out.reshape(-1, len(present))
    precision = average_precision(np.nan_to_num(decisions).repeat(2, axis=0), present, judged).reshape(-1, 2)
    precision[(np.isnan(decisions)[:, None, :] & held_out).any(axis=-1)] = np.nan
    return precision


def _mean(values: np.ndarray) -> float:
    """Mean of the defined values; NaN if there are none."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else float("nan")
