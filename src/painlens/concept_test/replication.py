"""The paper's test of one network against one network: a replication, not inference.

2 x R linear SVMs on random halves of the faces, mean F1 of the two folds, paired t-test over the R repeats. Given the
faces, the mean over repeats tends to a constant that is not zero even for exchangeable networks, so t grows with the
square root of R: in null simulations with R = 500 it had a standard deviation of 34 to 36. It is printed as what it is;
Nadeau and Bengio's corrected test on fold differences stands beside it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64

from painlens.concept_test.decodability import Decoding, decode
from painlens.concept_test.folds import image_halves
from painlens.concept_test.gram import with_intercept
from painlens.concept_test.statistics import alpaydin, dietterich, nadeau_bengio, naive_paired_t
from painlens.tables import REPLICATION, conform, empty

LABEL = "replication, not inferential"


@dataclass(frozen=True)
class PairedTest:
    """Two networks compared over the same halves; a positive difference or t favours A.

    Attributes
    ----------
    f1_a, f1_b
        Mean fold F1.
    t, p, d
        Naive paired t over repeat means, its p and Cohen's d. Not inferential.
    nadeau_bengio_t, nadeau_bengio_p
        Corrected resampled test on fold differences.
    undefined_repeats
        Repeats left out because a fold of one of the networks was undefined.
    dietterich_t, dietterich_p, alpaydin_f, alpaydin_p
        The 5 x 2 tests on the first five defined repeats; NaN where they were not asked for.
    """

    f1_a: float
    f1_b: float
    difference: float
    repeats: int
    t: float
    p: float
    d: float
    nadeau_bengio_t: float
    nadeau_bengio_p: float
    undefined_repeats: int
    dietterich_t: float = np.nan
    dietterich_p: float = np.nan
    alpaydin_f: float = np.nan
    alpaydin_p: float = np.nan
    label: str = LABEL

    def to_frame(self, *, concept: str, model_a: str, model_b: str, replicate: str, folds: str) -> pd.DataFrame:
        """One row of the REPLICATION table."""
        names = {"concept": concept, "model_a": model_a, "model_b": model_b, "replicate": replicate, "folds": folds}
        return conform(pd.DataFrame([names | asdict(self)]), REPLICATION)


def compare_decodings(a: Decoding, b: Decoding, *, tests: Sequence[str] = ()) -> PairedTest:
    """Paired tests on the fold F1 of two networks over the same halves.

    Parameters
    ----------
    tests
        ``dietterich`` and ``alpaydin`` add the 5 x 2 tests.
    """
    defined = np.isfinite(a.fold_f1).all(axis=1) & np.isfinite(b.fold_f1).all(axis=1)
    own, other = a.fold_f1[defined], b.fold_f1[defined]
    missing = int((~defined).sum())
    if len(own) < 2:
        return PairedTest(a.mean_fold_f1, b.mean_fold_f1, np.nan, len(own), *[np.nan] * 5, undefined_repeats=missing)
    t, p, d = naive_paired_t(own - other)
    corrected_t, corrected_p = nadeau_bengio(own - other)
    mean_a, mean_b = float(own.mean()), float(other.mean())
    found = PairedTest(mean_a, mean_b, mean_a - mean_b, len(own), t, p, d, corrected_t, corrected_p, missing)
    if len(own) < 5:
        return found
    if "dietterich" in tests:
        five_t, five_p = dietterich(own - other)
        found = replace(found, dietterich_t=five_t, dietterich_p=five_p)
    if "alpaydin" in tests:
        five_f, five_p = alpaydin(own - other)
        found = replace(found, alpaydin_f=five_f, alpaydin_p=five_p)
    return found


def paper_replication(
    gram_a: Float64[np.ndarray, "face face"],
    gram_b: Float64[np.ndarray, "face face"],
    present: Bool[np.ndarray, " face"],
    *,
    repeats: int,
    cost: float,
    stratified: bool,
    rng: np.random.Generator,
) -> PairedTest:
    """The paper's complete test of two networks: 2 networks x R repeats x 2 folds.

    Parameters
    ----------
    gram_a, gram_b
        Inner products of the features of the same faces in the two networks, *without* intercept.
    repeats
        R; the paper's is 500.
    """
    first_half = image_halves(present, repeats=repeats, stratified=stratified, rng=rng)
    everybody = np.zeros(len(present), np.int64)
    a, b = (decode(with_intercept(gram), present, everybody, first_half, cost=cost) for gram in (gram_a, gram_b))
    return compare_decodings(a, b)


def replication_table(rows: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The REPLICATION table of several tests."""
    return conform(pd.concat(list(rows), ignore_index=True), REPLICATION) if len(rows) else empty(REPLICATION)
