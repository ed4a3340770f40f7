"""The trust checks: each must tell a good map from a bad one on networks whose truth is known."""

import numpy as np
import pandas as pd
import pytest

from painlens.differences import trust

SIZE = 32


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def crops(n: int, seed: int = 0) -> np.ndarray:
    return rng(seed).integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)


def looks_at(rows: slice, columns: slice) -> tuple[trust.Logit, np.ndarray]:
    """A "network" whose logit is the contrast in one place, and the map that says so."""
    true = np.zeros((SIZE, SIZE))
    true[rows, columns] = 1.0

    def logit(faces: np.ndarray) -> np.ndarray:
        place = faces[:, rows, columns].astype(float).reshape(len(faces), -1)
        return place.std(axis=1)

    return logit, true


def test_similarity_ignores_units_and_signs_of_the_whole_map() -> None:
    maps = rng().normal(size=(4, SIZE, SIZE))
    assert trust.similarity(maps, -3 * maps) == pytest.approx([1.0] * 4)
    assert np.abs(trust.similarity(maps, rng(1).normal(size=maps.shape))).max() < 0.5


def test_network_that_answers_nearly_the_same_does_not_drown_the_other() -> None:
    """The spread of a logit over the faces is no unit: here it is a thousandth of what hidden patches do."""
    logit_a, map_a = looks_at(slice(0, 16), slice(0, 16))
    _, map_b = looks_at(slice(16, 32), slice(16, 32))
    found = np.stack([map_a - map_b] * 12)
    faces = np.repeat(crops(1), 12, axis=0)
    faces[:, 0, 0] += np.arange(12, dtype=np.uint8)[:, None]  # hardly a spread, but the same fall for all
    assert logit_a(faces).std() < 0.01 * logit_a(faces).mean()
    moved = trust.difference_faithfulness(faces, found, (logit_a, lambda given: np.zeros(len(given))))
    for values in moved.values():  # moved by its own patches only, a root mean square of f / sqrt 2
        assert values.mean() == pytest.approx(2**0.5, rel=0.1)


def test_maps_that_learnt_the_labels_are_unlike_one_that_did_not() -> None:
    base = rng(7).normal(size=(8, SIZE, SIZE))
    taught = [base + 0.1 * rng(i).normal(size=base.shape) for i in range(3)]
    assert trust.taught(taught, rng(9).normal(size=base.shape)).min() > 0.3
    assert np.abs(trust.taught(taught, base + 0.1 * rng(8).normal(size=base.shape))).max() < 0.1
    assert np.isnan(trust.taught(taught[:1], base)).all()


def test_similarity_of_an_empty_map_is_unknown() -> None:
    assert np.isnan(trust.similarity(np.zeros((1, SIZE, SIZE)), rng().normal(size=(1, SIZE, SIZE)))).all()


def test_true_map_is_faithful_and_its_opposite_is_not() -> None:
    logit, true = looks_at(slice(0, 16), slice(0, 16))
    faces = crops(12)
    good = trust.faithfulness(faces, np.stack([true] * 12), logit, rng=rng())
    bad = trust.faithfulness(faces, np.stack([-true] * 12), logit, rng=rng())
    for check in ("deletion", "insertion"):
        assert good[check].min() > 0 > bad[check].max()


def test_difference_moves_both_logits_as_claimed() -> None:
    (logit_a, map_a), (logit_b, map_b) = looks_at(slice(0, 16), slice(0, 16)), looks_at(slice(16, 32), slice(16, 32))
    faces, found = crops(12), np.stack([map_a - map_b] * 12)
    right = trust.difference_faithfulness(faces, found, (logit_a, logit_b))
    swapped = trust.difference_faithfulness(faces, -found, (logit_b, logit_a))
    wrong = trust.difference_faithfulness(faces, -found, (logit_a, logit_b))
    for check in ("difference deletion", "difference insertion"):
        assert right[check].min() > 0 > wrong[check].max()
        assert swapped[check] == pytest.approx(right[check], rel=1e-9)  # A and B exchanged


def test_stable_map_moves_with_the_face_and_a_fixed_one_does_not() -> None:
    faces = np.zeros((6, SIZE, SIZE, 3), np.uint8)
    for number, face in enumerate(faces):
        face[4 + number : 12 + number, 6:20] = 200
    assert trust.stability(faces, trust.edges(faces), trust.edges).min() > 0.8
    noise = iter(rng(2).normal(size=(3, 6, SIZE, SIZE)))
    assert trust.stability(faces, next(noise), lambda _: next(noise)).max() < 0.6


def test_edges_do_not_know_the_network() -> None:
    faces = crops(3)
    assert trust.similarity(trust.edges(faces), trust.edges(faces)) == pytest.approx([1.0] * 3)


def test_agreement_within_and_between() -> None:
    base = {name: rng(seed).normal(size=(8, SIZE, SIZE)) for seed, name in enumerate("ab")}
    maps = [(name, base[name] + 0.1 * rng(9 + i).normal(size=base[name].shape)) for i, name in enumerate("aabb")]
    found = trust.agreement(maps)
    assert found["same"].min() > 0.8
    assert np.abs(found["other"]).max() < 0.6


def test_null_pairs_are_not_beyond_the_null_band() -> None:
    maps = [(name, rng(i).normal(size=(30, SIZE, SIZE))) for i, name in enumerate("aabb")]
    found = trust.agreement(maps)
    row = trust.summary("beyond the null band", found["same"] - found["other"], people(30), confidence=0.95, rng=rng())
    assert row["badge"] != "pass"


def people(n: int) -> pd.Series:
    return pd.Series([f"p{i // 3}" for i in range(n)])


@pytest.mark.parametrize(
    ("check", "centre", "badge"),
    [
        ("randomised network", 0.1, "pass"), ("randomised network", 1.0, "fail"), ("small shifts", 0.9, "pass"),
        ("small shifts", 0.2, "fail"), ("deletion", 0.0, "unclear"),
    ],
)  # fmt: skip
def test_badges(check: str, centre: float, badge: str) -> None:
    values = centre + 0.05 * rng(3).standard_normal(30)
    values -= values.mean() - centre
    row = trust.summary(check, values, people(30), confidence=0.95, rng=rng())
    assert row["badge"] == badge
    assert row["faces"] == 30
    assert row["participants"] == 10


def test_bootstrap_agrees_with_the_standard_error_of_people() -> None:
    """Equal faces per person: the interval must be about 1.96 standard errors of the people's means."""
    means = rng(4).standard_normal(200)
    values = np.repeat(means, 3)
    low, high = trust.bootstrap(values, pd.Series(np.repeat(np.arange(200), 3)), confidence=0.95, rng=rng())
    assert (high - low) / 2 == pytest.approx(1.96 * means.std() / np.sqrt(200), rel=0.1)
    assert low < means.mean() < high


def test_one_person_gives_no_interval_and_no_badge() -> None:
    row = trust.summary("deletion", np.ones(3), pd.Series(["p"] * 3), confidence=0.95, rng=rng())
    assert row["badge"] == "unclear"
