"""Linear systems side by side: LAPACK's solutions, whatever the faces and the geometry of the folds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from painlens.concept_test.conjugate import Shared, Systems
from painlens.concept_test.gram import FoldGeometry, in_fold

FACES, FITS = 120, 5


def gram_of(seed: int, *, dimensions: int = 400) -> np.ndarray:
    """Inner products with a few large eigenvalues and a long tail, as those of a network's features."""
    rng = np.random.default_rng(seed)
    causes = rng.normal(size=(FACES, 60)) * (1 + np.arange(60)) ** -0.5
    features = causes @ rng.normal(size=(60, dimensions)) + 0.3 * rng.normal(size=(FACES, dimensions)) + 0.5
    return features @ features.T


def solved(systems: Systems, right: np.ndarray, free: np.ndarray, aim: float) -> tuple[np.ndarray, np.ndarray]:
    start, rest = np.zeros_like(right), right * free
    worst = systems.solve(start, np.zeros_like(right), rest, free, aim)
    return start, worst


def faces_of(seed: int, share: float = 0.5) -> np.ndarray:
    return (np.random.default_rng(seed).random((FITS, FACES)) < share).astype(np.float32)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), share=st.sampled_from([0.1, 0.4, 0.9]))
def test_solutions_are_those_of_lapack(seed: int, share: float) -> None:
    gram, free = gram_of(seed), faces_of(seed, share)
    right = np.random.default_rng(seed).choice([-1.0, 1.0], size=free.shape).astype(np.float32)
    systems = Systems.of(Shared.of(gram, np.zeros(FACES)), FoldGeometry.plain((1, FACES), fits=FITS), np.zeros(FACES))
    found, _ = solved(systems, right, free, 1e-6)
    for own, x, b in zip(free > 0, found, right, strict=True):
        wanted = np.linalg.solve(gram[np.ix_(own, own)], b[own])
        np.testing.assert_allclose(x[own], wanted, atol=2e-3 * np.abs(wanted).max(initial=0))
        assert not x[~own].any()


@pytest.mark.parametrize(("centre", "scale"), [(True, False), (False, True), (True, True)])
def test_every_fold_has_its_own_geometry(centre: bool, scale: bool) -> None:
    gram, free = gram_of(1), faces_of(2)
    halves = np.random.default_rng(3).random((FITS, FACES)) < 0.5
    geometry = in_fold(gram, halves, centre=centre, scale=scale).of_fits(np.arange(0, 2 * FITS, 2))
    middle = geometry.shift.mean(axis=0)
    systems = Systems.of(Shared.of(gram, middle), geometry, middle)
    found, _ = solved(systems, np.ones_like(free), free, 1e-6)
    for fit, own in enumerate(free > 0):
        inner = geometry.gram_of(gram, fit)[np.ix_(own, own)]
        rest = inner @ (found[fit, own] / geometry.factor[fit]) - 1.0
        assert np.abs(rest).max() < 5e-3


def test_changed_numbers_change_the_products_as_a_product_does() -> None:
    gram, changed = gram_of(1), faces_of(2, 0.05)
    for geometry in (
        FoldGeometry.plain((1, FACES), fits=FITS),
        in_fold(gram, faces_of(3) > 0, centre=True, scale=True).of_fits(slice(0, FITS)),
    ):
        middle = geometry.shift.mean(axis=0)
        systems = Systems.of(Shared.of(gram, middle), geometry, middle)
        products = systems.product(np.ones_like(changed))
        systems.move(products, changed)
        np.testing.assert_allclose(products, systems.product(1 + changed), rtol=1e-4, atol=1e-2)


def test_leading_eigenvectors_save_most_of_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    gram, free = gram_of(1), faces_of(2)
    steps: dict[int, int] = {}
    for vectors in (1, 24):
        monkeypatch.setattr("painlens.concept_test.conjugate.VECTORS", vectors)
        shared = Shared.of(gram, np.zeros(FACES))
        systems = Systems.of(shared, FoldGeometry.plain((1, FACES), fits=FITS), np.zeros(FACES))
        for steps[vectors] in range(1, 60):
            monkeypatch.setattr("painlens.concept_test.conjugate.MOST_STEPS", steps[vectors])
            if (solved(systems, np.ones_like(free), free, 1e-3)[1] <= 1e-3).all():
                break
    assert steps[24] < 0.6 * steps[1]


def test_systems_without_a_solution_are_told_and_give_numbers() -> None:
    """Twenty dimensions for sixty faces: the rest stays."""
    gram, free = gram_of(1, dimensions=20), faces_of(2)
    systems = Systems.of(Shared.of(gram, np.zeros(FACES)), FoldGeometry.plain((1, FACES), fits=FITS), np.zeros(FACES))
    right = np.random.default_rng(0).choice([-1.0, 1.0], size=free.shape).astype(np.float32)
    found, worst = solved(systems, right, free, 1e-4)
    assert np.isfinite(found).all()
    assert (worst > 1e-2).all()
