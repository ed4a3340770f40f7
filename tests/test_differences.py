"""Differences of relevance: laws of subtraction and of sums, intervals against other ways of computing them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from difference_cases import random_maps
from painlens.differences import (
    NORMALISATIONS,
    concept_conditioned,
    concept_weights,
    difference,
    directions,
    logit_unit,
    mean_maps,
    normalise,
    weighted_map,
)
from painlens.tables import DataError

MAPS = arrays(np.float64, (3, 4, 5), elements=st.floats(-100, 100, width=32))
HOWS = ["paper", *NORMALISATIONS]


@given(MAPS)
def test_largest_absolute_value_becomes_one(maps: np.ndarray) -> None:
    largest = np.abs(normalise(maps, "max")).max(axis=(1, 2))
    empty = ~maps.any(axis=(1, 2))
    assert largest == pytest.approx(np.where(empty, 0.0, 1.0))


@given(MAPS)
def test_absolute_values_sum_to_one(maps: np.ndarray) -> None:
    total = np.abs(normalise(maps, "sum-abs")).sum(axis=(1, 2))
    assert total == pytest.approx(np.where(maps.any(axis=(1, 2)), 1.0, 0.0))


@given(MAPS, st.floats(0.1, 10))
@pytest.mark.parametrize("how", ["max", "sum-abs"])
def test_normalised_map_does_not_know_the_scale_of_the_logit(how: str, maps: np.ndarray, factor: float) -> None:
    assert normalise(factor * maps, how) == pytest.approx(normalise(maps, how), abs=1e-9)


def test_logit_normalisation_shares_a_unit_between_networks() -> None:
    """Fifty times the logits give the same maps after division; within a network faces keep their proportions."""
    maps, logits = np.random.default_rng(0).normal(size=(4, 6, 6)), np.array([1.0, -2.0, 3.0, 0.5])
    own = normalise(maps, "logit", unit=logit_unit(logits))
    assert own == pytest.approx(normalise(50 * maps, "logit", unit=logit_unit(50 * logits)))
    assert own[1] / own[0] == pytest.approx(maps[1] / maps[0])
    left = difference(maps, 50 * maps, "logit", units=(logit_unit(logits), logit_unit(50 * logits)))
    assert left == pytest.approx(np.zeros_like(maps), abs=1e-14)
    assert not normalise(maps, "logit", unit=0.0).any()
    with pytest.raises(ValueError, match="needs the network's unit"):
        normalise(maps, "logit")


def test_unknown_normalisation_is_refused() -> None:
    with pytest.raises(DataError, match="must be one of raw, max, sum-abs, logit, got 'sum'"):
        normalise(random_maps(1, 0), "sum")


@given(MAPS, MAPS)
@pytest.mark.parametrize("how", HOWS)
def test_exchanged_models_flip_the_sign(how: str, a: np.ndarray, b: np.ndarray) -> None:
    assert np.array_equal(difference(a, b, how), -difference(b, a, how))


@pytest.mark.parametrize("how", HOWS)
def test_equal_models_do_not_differ(how: str) -> None:
    assert not difference(random_maps(3, 0), random_maps(3, 0), how).any()


def test_paper_subtracts_raw_maps() -> None:
    a, b = random_maps(3, 0), random_maps(3, 1)
    assert np.array_equal(difference(a, b, "paper"), a - b)


def test_maps_of_other_faces_are_refused() -> None:
    with pytest.raises(ValueError, match="same faces"):
        difference(random_maps(3, 0), random_maps(2, 0), "raw")


@given(MAPS)
def test_directions_lie_between_zero_and_one_and_exclude_each_other(maps: np.ndarray) -> None:
    found = directions(maps)
    both = np.stack([found.a_over_b, found.b_over_a])
    assert both.min() >= 0 and both.max() <= 1
    assert not (both[0] * both[1]).any()
    assert np.maximum(*both).max(axis=(1, 2)) == pytest.approx(maps.any(axis=(1, 2)).astype(float))


@given(MAPS)
def test_directions_and_their_scale_give_the_difference_back(maps: np.ndarray) -> None:
    found = directions(maps)
    back = (found.a_over_b - found.b_over_a) * found.scale[:, None, None]
    assert back == pytest.approx(maps, rel=1e-9, abs=1e-9)


@given(MAPS)
def test_exchanged_models_exchange_the_directions(maps: np.ndarray) -> None:
    assert np.array_equal(directions(maps).a_over_b, directions(-maps).b_over_a)


def test_mirrored_faces_give_mirrored_differences() -> None:
    a, b = random_maps(3, 0), random_maps(3, 1)
    straight = directions(difference(a, b, "max")).a_over_b
    mirrored = directions(difference(a[:, :, ::-1], b[:, :, ::-1], "max")).a_over_b
    assert np.array_equal(mirrored, straight[:, :, ::-1])


def test_mean_of_maps_is_the_mean() -> None:
    maps = random_maps(7, 0)
    assert mean_maps(maps, "raw") == pytest.approx(maps.mean(axis=0), abs=1e-6)


@pytest.mark.parametrize("how", NORMALISATIONS)
def test_weighted_map_does_not_depend_on_the_blocks(how: str) -> None:
    maps, weights = random_maps(7, 0), np.random.default_rng(1).normal(size=7)
    blocks = [(slice(0, 3), maps[:3]), (slice(3, 7), maps[3:])]
    assert weighted_map(blocks, weights, how) == pytest.approx(weighted_map([(slice(0, 7), maps)], weights, how))


def test_difference_of_mean_maps_is_the_mean_difference() -> None:
    a, b = random_maps(5, 0), random_maps(5, 1)
    assert mean_maps(a, "max") - mean_maps(b, "max") == pytest.approx(difference(a, b, "max").mean(axis=0), abs=1e-6)


def concept_faces() -> pd.DataFrame:
    """Two usable cells; one with the concept from a single participant; one with too few faces."""
    rows = []
    for database, label, people in (("x", "pain", 2), ("y", "pain", 2), ("x", "no-pain", 1)):
        rows += [
            (database, label, f"{database}{p}", shown) for p in range(people) for shown in [True] * 3 + [False] * 5
        ]
    rows += [("y", "no-pain", f"y{p}", shown) for p in range(2) for shown in [True, False]]
    return pd.DataFrame(rows, columns=["database", "label", "participant", "present"])


def test_concept_cells_need_faces_and_participants_of_both_kinds() -> None:
    found = concept_weights(concept_faces(), smallest=5)
    assert found is not None
    assert found.cells == ("pain x x", "pain x y")
    assert found.faces == 32


def test_concept_weights_compare_ones_with_minus_ones() -> None:
    found = concept_weights(concept_faces(), smallest=5)
    assert found is not None
    assert found.weights[found.weights > 0].sum() == pytest.approx(1)
    assert found.weights[found.weights < 0].sum() == pytest.approx(-1)


def test_conditioned_map_is_the_mean_over_cells_of_present_minus_absent() -> None:
    faces = concept_faces()
    maps = random_maps(len(faces), 0)
    cells = [(faces["database"] == d) & (faces["label"] == "pain") for d in "xy"]
    wanted = [maps[c & faces["present"]].mean(0) - maps[c & ~faces["present"]].mean(0) for c in cells]
    found = concept_conditioned(maps, faces, how="raw", smallest=5)
    assert found == pytest.approx(np.mean(wanted, axis=0), abs=1e-6)


def test_what_a_label_or_a_database_adds_to_all_maps_cancels() -> None:
    faces = concept_faces()
    maps = random_maps(len(faces), 0).astype("f8")
    offset = faces["database"].map({"x": 3.0, "y": -2.0}) + faces["label"].map({"pain": 1.0, "no-pain": 7.0})
    shifted = maps + offset.to_numpy()[:, None, None]
    before = concept_conditioned(maps, faces, how="raw", smallest=5)
    assert before is not None
    assert concept_conditioned(shifted, faces, how="raw", smallest=5) == pytest.approx(before)


def test_faces_that_nobody_could_label_take_no_part() -> None:
    faces = concept_faces()
    unknown = pd.concat([faces, faces.head(4).assign(present=None)], ignore_index=True)
    found, wanted = concept_weights(unknown, smallest=5), concept_weights(faces, smallest=5)
    assert found is not None and wanted is not None
    assert found.weights[: len(faces)].tolist() == wanted.weights.tolist()
    assert not found.weights[len(faces) :].any()


def test_no_usable_cell_gives_no_map() -> None:
    faces = concept_faces()
    assert concept_conditioned(random_maps(len(faces), 0), faces, how="raw", smallest=50) is None
