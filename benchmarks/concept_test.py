"""Time of the paper's complete concept test: two networks, 500 repeats, two folds, 900 faces, 25,088 features.

Features are made like those behind the last pooling layer of a network: rectified sums of latent causes (the person,
the pose, the expression, the concept) whose sizes fall off slowly, and noise; 78 % zeros. ``--kind noise`` makes them
of noise alone, where every face becomes a support vector.

Prints JSON lines ``{"figure", "value", "unit", ...}``:

* ``concept.paper_test``: seconds from features to the paired test, compilation excluded;
* ``concept.speedup_vs_linearsvc``: time of scikit-learn's ``LinearSVC(dual=True, loss="hinge")`` on the raw features,
  extrapolated from a few fits to all 2,000, over that time;
* ``concept.vs_limit``: that time over the time of reading the features once and forming both Gram matrices; the median
  over a few pairs of measurements taken one after the other;
* ``concept.identical_decisions``: share of out-of-fold decisions that have the sign of LinearSVC's (tolerance 1e-8): on
  the raw features in a few fits, on Cholesky rows of the Gram matrix in the others.

    python -m benchmarks.concept_test [--faces 900] [--features 25088] [--repeats 500] [--library-fits 6] [--oracle 40]
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
from sklearn.svm import LinearSVC

from painlens.concept_test.folds import image_halves
from painlens.concept_test.gram import gram_matrix, rows_with_gram, with_intercept
from painlens.concept_test.replication import paper_replication
from painlens.concept_test.svm import out_of_fold

PAIRS = 3  # of measurements for the ratio to the limit
LATENTS = 200
FALL = 0.5  # latent cause k has size k to the power of minus this
NOISE = 0.15  # standard deviation of the noise, the latent part having 1
CONCEPT = 0.05  # size of the concept's part
ZEROS = 0.77  # threshold in standard deviations that leaves 78 % zeros


def main() -> None:
    """Run the benchmark and print its lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=900)
    parser.add_argument("--features", type=int, default=25_088)
    parser.add_argument("--repeats", type=int, default=500)
    parser.add_argument("--library-fits", type=int, default=6)
    parser.add_argument("--oracle", type=int, default=40, help="repeats that are compared with LinearSVC")
    parser.add_argument("--kind", choices=("network", "noise"), default="network")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    present = rng.permutation(np.arange(options.faces) % 4 == 0)
    make = network_features if options.kind == "network" else noise_features
    first, second = (make(present, options.features, rng) for _ in range(2))
    warm = gram_matrix(first[:40, :50])
    paper_replication(warm, warm, present[:40], repeats=2, cost=1.0, stratified=True, rng=rng)  # compile

    def paper_test() -> None:
        grams = gram_matrix(first), gram_matrix(second)
        found = paper_replication(*grams, present, repeats=options.repeats, cost=1.0, stratified=True, rng=rng)
        assert found.undefined_repeats == 0

    times = [(seconds(paper_test), seconds(lambda: [gram_matrix(first), gram_matrix(second)])) for _ in range(PAIRS)]
    own_s, limit_s = np.median(np.array(times), axis=0)
    fits = 4 * options.repeats
    library_s = library_seconds(first, present, options.library_fits, rng) * fits
    size = {"faces": options.faces, "features": options.features, "fits": fits, "kind": options.kind}
    report("concept.paper_test", own_s, "s", **size)
    report("concept.speedup_vs_linearsvc", library_s / own_s, "x", library_s=library_s, measured=options.library_fits)
    report("concept.vs_limit", float(np.median([own / limit for own, limit in times])), "x", limit_s=limit_s)
    same, judged = identical_decisions(first, present, options.oracle, options.library_fits, rng)
    report("concept.identical_decisions", same / judged, "share", judged=judged, different=judged - same)


def network_features(present: np.ndarray, n_features: int, rng: np.random.Generator) -> np.ndarray:
    """Rectified sums of latent causes, half of them the person's, and of the concept; 45 persons."""
    n_faces = len(present)
    size = (1 + np.arange(LATENTS)) ** -FALL
    person = rng.normal(size=(45, LATENTS))[np.arange(n_faces) * 45 // n_faces]
    latent = ((0.7 * person + 0.7 * rng.normal(size=person.shape)) * size).astype(np.float32)
    features = latent @ rng.standard_normal((LATENTS, n_features), dtype=np.float32)
    features /= features.std()
    features += np.float32(CONCEPT) * np.where(present, 1, -1)[:, None] * rng.standard_normal(n_features, np.float32)
    features += np.float32(NOISE) * rng.standard_normal(features.shape, dtype=np.float32)
    return np.maximum(features - np.float32(ZEROS) * features.std(), 0)


def noise_features(present: np.ndarray, n_features: int, rng: np.random.Generator) -> np.ndarray:
    """Rectified noise, some of it a little larger with the concept."""
    features = rng.standard_normal((len(present), n_features), dtype=np.float32) - np.float32(ZEROS)
    features[:, : n_features // 5] += (0.08 * np.where(present, 1, -1)[:, None]).astype(np.float32)
    return np.maximum(features, 0)


def library_seconds(features: np.ndarray, present: np.ndarray, fits: int, rng: np.random.Generator) -> float:
    """Seconds of one fit and its held-out decisions by scikit-learn on raw features, mean of a few."""
    halves = image_halves(present, repeats=fits, stratified=True, rng=rng)

    def fit_all() -> None:
        for half in halves:
            library_decisions(features, present, half, tolerance=1e-4)

    return seconds(fit_all) / fits


def identical_decisions(
    features: np.ndarray, present: np.ndarray, repeats: int, raw: int, rng: np.random.Generator
) -> tuple[int, int]:
    """Decisions with the sign of LinearSVC's, and decisions in all; the first `raw` repeats on the raw features."""
    halves = image_halves(present, repeats=repeats, stratified=True, rng=rng)
    gram = gram_matrix(features)
    own = out_of_fold(with_intercept(gram), present, halves, cost=1.0).decisions > 0
    rows = rows_with_gram(gram)
    same = judged = 0
    for repeat, half in enumerate(halves):
        for train in (half, ~half):
            used = features if repeat < raw else rows
            theirs = library_decisions(used, present, train, tolerance=1e-8) > 0
            same += int((theirs == own[repeat, ~train]).sum())
            judged += int((~train).sum())
    return same, judged


def library_decisions(features: np.ndarray, present: np.ndarray, train: np.ndarray, *, tolerance: float) -> np.ndarray:
    """Held-out decisions of one LinearSVC."""
    machine = LinearSVC(C=1.0, loss="hinge", dual=True, tol=tolerance, max_iter=10**6, random_state=0)  # pyright: ignore[reportArgumentType] - dual takes bool
    return machine.fit(features[train], present[train]).decision_function(features[~train])


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock time of a piece of work."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def report(figure: str, value: float, unit: str, **details: float | str) -> None:
    """One JSON line."""
    print(json.dumps({"figure": figure, "value": round(float(value), 6), "unit": unit} | details), flush=True)


if __name__ == "__main__":
    main()
