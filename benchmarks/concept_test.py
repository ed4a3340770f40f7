"""Time of the paper's complete concept test: two networks, 500 repeats, two folds, 900 faces, 25,088 features.

Prints JSON lines ``{"figure", "value", "unit", ...}``:

* ``concept.paper_test``: seconds from features to the paired test, compilation excluded;
* ``concept.speedup_vs_linearsvc``: time of scikit-learn's ``LinearSVC(dual=True, loss="hinge")`` on the raw features,
  extrapolated from a few fits to all 2,000, over that time;
* ``concept.vs_limit``: that time over the time of reading the features once and forming both Gram matrices.

    python -m benchmarks.concept_test [--faces 900] [--features 25088] [--repeats 500] [--library-fits 6]
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
from sklearn.svm import LinearSVC

from painlens.concept_test.folds import image_halves
from painlens.concept_test.gram import gram_matrix
from painlens.concept_test.replication import paper_replication


def main() -> None:
    """Run the benchmark and print its lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=900)
    parser.add_argument("--features", type=int, default=25_088)
    parser.add_argument("--repeats", type=int, default=500)
    parser.add_argument("--library-fits", type=int, default=6)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    present = np.arange(options.faces) % 4 == 0
    first, second = (made_features(present, options.features, rng) for _ in range(2))
    warm = gram_matrix(first[:40, :50])
    paper_replication(warm, warm, present[:40], repeats=2, cost=1.0, stratified=True, rng=rng)  # compile

    def paper_test() -> None:
        paper_replication(
            gram_matrix(first),
            gram_matrix(second),
            present,
            repeats=options.repeats,
            cost=1.0,
            stratified=True,
            rng=rng,
        )

    own_s = seconds(paper_test)
    limit_s = seconds(lambda: [gram_matrix(first), gram_matrix(second)])
    fits = 4 * options.repeats
    library_s = library_seconds(first, present, options.library_fits, rng) * fits
    size = {"faces": options.faces, "features": options.features, "fits": fits}
    report("concept.paper_test", own_s, "s", **size)
    report("concept.speedup_vs_linearsvc", library_s / own_s, "x", library_s=library_s, measured=options.library_fits)
    report("concept.vs_limit", own_s / limit_s, "x", limit_s=limit_s)


def made_features(present: np.ndarray, n_features: int, rng: np.random.Generator) -> np.ndarray:
    """Features like those behind the last pooling layer: 78 % zeros, some of them a little larger with the concept."""
    features = rng.standard_normal((len(present), n_features), dtype=np.float32) - np.float32(0.77)
    features[:, : n_features // 5] += (0.08 * np.where(present, 1, -1)[:, None]).astype(np.float32)
    return np.maximum(features, 0)


def library_seconds(features: np.ndarray, present: np.ndarray, fits: int, rng: np.random.Generator) -> float:
    """Seconds of one fit and its held-out decisions by scikit-learn on raw features, mean of a few."""
    halves = image_halves(present, repeats=fits, stratified=True, rng=rng)

    def fit_all() -> None:
        for half in halves:
            machine = LinearSVC(C=1.0, loss="hinge", dual=True, tol=1e-4, max_iter=10**6, random_state=0)  # pyright: ignore[reportArgumentType] - dual takes bool
            machine.fit(features[half], present[half]).decision_function(features[~half])

    return seconds(fit_all) / fits


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock time of a piece of work."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def report(figure: str, value: float, unit: str, **details: float) -> None:
    """One JSON line."""
    print(json.dumps({"figure": figure, "value": round(value, 4), "unit": unit} | details))


if __name__ == "__main__":
    main()
