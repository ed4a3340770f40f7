"""Made studies with small networks: what is drawn, that the numbers are the product's, that runs can be stopped."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from painlens.certificate import features, matching
from painlens.certificate.cells import Cell, Design, Origin, replace_level
from painlens.certificate.designs import (
    CONCEPTS,
    EQUAL_STEPS,
    SIZES,
    MadeDesign,
    Size,
    counted_as,
    counted_designs,
    grid,
)
from painlens.certificate.features import chunk_file, load_chunk, run_features, study_rows
from painlens.certificate.made_decodability import decode_study
from painlens.certificate.made_faces import HABIT, N_FEATURES, draw_faces
from painlens.certificate.made_study import draw_study, face_table, material_of
from painlens.certificate.measuring import measure_study, networks_among
from painlens.certificate.small_networks import BATCH, HIDDEN, RATE, shared_start, train_small_network
from painlens.concept_test import MEASURES
from painlens.concept_test.variance import retraining_part
from painlens.tables import DataError

TINY = Size("tiny", (8, 10), (5, 6))
PLANTED = MadeDesign("planted", "strong", TINY, seeds=2, halves=2)
NULL = MadeDesign("null", "none", TINY, seeds=2, halves=2)
ABOUT_DATABASES = "databases"


def test_concepts_are_as_frequent_as_planned() -> None:
    rates = ((0.88, 0.06), (0.3, 0.3), (0.5, 0.0))
    faces = draw_faces(3000, 20, rates, confounded=False, rng=np.random.default_rng(0))
    for concept, pair in enumerate(rates):
        for rate, rows in zip(pair, (faces.pain, ~faces.pain), strict=True):
            odds = np.log(rate / (1 - rate)) if rate else -np.inf
            expected, _ = integrate.quad(_shown, -8, 8, args=(odds,))
            assert faces.present[rows, concept].mean() == pytest.approx(expected, abs=0.01)


def _shown(habit: float, odds: float) -> float:
    return float(stats.norm.pdf(habit) / (1 + np.exp(-(odds + HABIT * habit))))


@pytest.mark.parametrize("confounded", [True, False])
def test_only_confounded_concepts_come_with_other_facial_actions(confounded: bool) -> None:
    rates = ((0.5, 0.5),) * 3
    faces = draw_faces(400, 20, rates, confounded=confounded, rng=np.random.default_rng(1))
    actions = faces.units.mean(axis=1)
    gap = actions[faces.pain & faces.present[:, 0]].mean() - actions[faces.pain & ~faces.present[:, 0]].mean()
    assert (gap > 0.1) if confounded else (abs(gap) < 0.05)


def test_the_compiled_training_is_plain_gradient_descent() -> None:
    faces = draw_faces(4, 15, ((0.5, 0.1),) * 3, confounded=False, rng=np.random.default_rng(2))
    start = shared_start(N_FEATURES)
    found = train_small_network(faces.features, faces.pain, start, epochs=3, rng=np.random.default_rng(3))
    rng = np.random.default_rng(3)
    first, bias, offset = start.astype(float), np.zeros(HIDDEN), 0.0
    head = rng.normal(0, 0.3, HIDDEN)
    order = np.arange(60)
    for _ in range(3):
        for k in range(59, 0, -1):
            other = int(rng.random() * (k + 1))
            order[[k, other]] = order[[other, k]]
        for begin in range(0, 60, BATCH):
            rows = order[begin : begin + BATCH]
            hidden = np.maximum(faces.features[rows] @ first + bias, 0)
            error = (1 / (1 + np.exp(-(hidden @ head + offset))) - faces.pain[rows]) / len(rows)
            back = np.outer(error, head) * (hidden > 0)
            head = head - RATE * hidden.T @ error
            offset -= RATE * error.sum()
            first, bias = first - RATE * faces.features[rows].T @ back, bias - RATE * back.sum(axis=0)
    np.testing.assert_allclose(found.first, first, atol=1e-4)
    np.testing.assert_allclose([*found.head, found.offset], [*head, offset], atol=1e-4)


@pytest.mark.parametrize("design", [PLANTED, replace(NULL, confounded=True, images=16)], ids=lambda d: d.name)
def test_every_measure_is_what_the_concept_test_makes_of_the_tables(design: MadeDesign) -> None:
    study = draw_study(design, np.random.default_rng(4))
    found, refused = measure_study(study)
    material = material_of(study)
    assert {one.measure for one in found} == {"auroc", "regression", "regression:adjusted", "cause"}
    assert not refused
    for one in found:
        theirs = MEASURES[one.measure](material, one.concept)
        assert theirs is not None
        np.testing.assert_allclose(one.values, theirs.values, atol=1e-9)
        assert (one.database, one.networks) == (theirs.database, theirs.networks)


def test_twins_differ_in_the_concept_alone() -> None:
    study = draw_study(PLANTED, np.random.default_rng(5))
    twins = study.twins(1)
    shown = study.present[twins.row, 1]
    own = study.score[:, twins.row]
    np.testing.assert_allclose(np.where(shown, twins.score[:, 1], twins.score[:, 0]), own, atol=1e-5)


def test_fewer_networks_are_the_first_ones() -> None:
    measured = measure_study(draw_study(replace(PLANTED, seeds=3, halves=3), np.random.default_rng(6)))[0][0]
    fewer = networks_among(measured, seeds=2, halves=1)
    assert [name for model, name in fewer.networks if model == "a"] == ["seed=0", "seed=1", "half=0a", "half=0b"]
    np.testing.assert_array_equal(fewer.replicates_of("b")["half=0a"], measured.replicates_of("b")["half=0a"])


def test_the_variance_of_the_claim_is_the_sum_of_its_stored_sources() -> None:
    rows = study_rows(PLANTED, 0, 1)[PLANTED]
    for _, row in rows[rows["claim"] == ABOUT_DATABASES].iterrows():
        total = row["people_a"] + row["people_b"]
        for model in "ab":  # as many mean squares as the real function would see
            seeds = np.array([1.0, -1.0]) * np.sqrt(row[f"seeds_{model}"] / 2)
            total += retraining_part(seeds, np.full(2, 2 * np.sqrt(row[f"halves_{model}"]))).variance
        assert row["standard_error"] ** 2 == pytest.approx(total, rel=1e-6)


def test_a_planted_bias_is_found_in_its_direction_and_the_null_is_not() -> None:
    design = MadeDesign("planted", "strong", SIZES["forty"], seeds=2, halves=3)
    for study in range(3):
        rows = study_rows(design, study, 7)[design]
        own = rows[(rows["measure"] == "auroc") & (rows["claim"] == ABOUT_DATABASES)].set_index("concept")
        assert own["low"].to_dict()["eyes-closed"] > 0
        assert own["high"].to_dict()["teeth-visible"] < 0


def test_intervals_over_people_alone_cry_wolf_and_the_claim_about_databases_does_not() -> None:
    design = MadeDesign("null", "none", SIZES["ten"], seeds=2, halves=3)
    rows = pd.concat([study_rows(design, study, 8)[design] for study in range(40)])
    rejected = rows[rows["measure"] == "cause"].groupby("claim")["p"].agg(lambda p: (p <= 0.05).mean())
    assert rejected["people"] > 0.5
    # 120 concepts of 40 studies; those of one study depend on each other, so no more than 40 count
    assert rejected[ABOUT_DATABASES] <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 40)


def test_the_papers_test_rejects_networks_of_databases_drawn_alike() -> None:
    design = replace(NULL, size=SIZES["ten"], seeds=1, halves=0)
    p = {"paper": [], "corrected": []}
    for study in range(8):
        decoded = decode_study(draw_study(design, np.random.default_rng(study)), np.random.default_rng(study))
        assert {one.concept for one in decoded.measured} == set(CONCEPTS)
        p["paper"] += [paired.p for paired in decoded.paired.values()]
        p["corrected"] += [paired.nadeau_bengio_p for paired in decoded.paired.values()]
    assert np.mean(np.array(p["paper"]) < 0.05) > 0.5
    assert np.mean(np.array(p["corrected"]) < 0.05) < 0.25


def test_studies_depend_on_design_number_and_seed_only(tmp_path: Path) -> None:
    designs = [PLANTED, NULL]
    for name, processes in (("one", 1), ("two", 2)):
        run_features(tmp_path / name, designs, studies=4, seed=3, processes=processes, chunk_size=2)
    for design in designs:
        for chunk in range(2):
            one, two = (load_chunk(chunk_file(tmp_path / name, design, chunk)) for name in ("one", "two"))
            pd.testing.assert_frame_equal(one, two)
    first, other = (load_chunk(chunk_file(tmp_path / "one", PLANTED, chunk)) for chunk in range(2))
    assert (set(first["study"]), set(other["study"])) == ({0, 1}, {2, 3})
    assert not np.allclose(first["value_a"].dropna(), other["value_a"].dropna())


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    run_features(tmp_path, [NULL], studies=2, seed=3, chunk_size=1)
    paths = [chunk_file(tmp_path, NULL, chunk) for chunk in range(2)]
    before = [path.read_bytes() for path in paths]
    paths[1].unlink()
    kept = paths[0].stat().st_mtime_ns
    told: list[tuple[int, int]] = []

    def listen(done: int, total: int, note: str = "") -> None:
        assert isinstance(note, str)
        told.append((done, total))

    run_features(tmp_path, [NULL], studies=3, seed=3, chunk_size=1, progress=listen)
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert [path.read_bytes() for path in paths] == before
    assert paths[0].stat().st_mtime_ns == kept
    assert not list(tmp_path.rglob(".*"))


def test_studies_of_another_procedure_are_not_mixed_in(tmp_path: Path) -> None:
    run_features(tmp_path, [NULL], studies=1, seed=3, chunk_size=1)
    with pytest.raises(DataError, match="another version of the procedure"):
        run_features(tmp_path, [NULL], studies=2, seed=4, chunk_size=1)


def test_a_broken_chunk_is_told(tmp_path: Path) -> None:
    path = chunk_file(tmp_path, NULL, 0)
    path.parent.mkdir()
    path.write_bytes(b"no parquet")
    with pytest.raises(DataError, match="cannot be read"):
        load_chunk(path)
    pd.DataFrame({"study": [1]}).to_parquet(path)
    with pytest.raises(DataError, match="no made studies"):
        load_chunk(path)


def test_a_concept_that_the_faces_do_not_allow_keeps_its_rows() -> None:
    design = replace(NULL, base_rate=0.001)
    rows = study_rows(design, 0, 1)[design]
    own = rows[(rows["measure"] == "auroc") & (rows["concept"] == "smile")]
    assert set(own["claim"]) == {"people", "fine-tunings", ABOUT_DATABASES}
    assert own["p"].isna().all()


def test_many_networks_are_counted_as_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = MadeDesign("null", "strong", TINY, seeds=5, halves=8)
    designs = counted_as(wide)
    assert len({design.name for design in designs}) == len(designs) > 10
    monkeypatch.setattr(features, "counted_as", lambda design: [design, replace(design, seeds=2, halves=2)])
    rows = study_rows(replace(wide, seeds=3, halves=3), 0, 1)
    fewer = rows[replace(wide, seeds=2, halves=2)]
    assert set(fewer["claim"]) == {ABOUT_DATABASES}
    every = rows[replace(wide, seeds=3, halves=3)]
    both = fewer.merge(every, on=["measure", "concept", "claim"], suffixes=("", "_of_all"))
    assert len(both) == len(fewer) == 2 * len(CONCEPTS)
    assert (both["halves_a"] != both["halves_a_of_all"]).all()
    assert (both["seeds_b"] != both["seeds_b_of_all"]).all()


def test_the_grid_names_each_design_once_and_holds_what_is_certified() -> None:
    designs = grid()
    assert len({design.name for design in counted_designs()}) == len(counted_designs())
    assert {design.size.name for design in designs} == set(SIZES)
    assert SIZES["paper"] == Size("paper", (20, 47), (4, 15))
    assert {(d.kind, d.strength) for d in designs} >= {
        ("null", "none"), ("null", "strong"), ("planted", "weak"), ("planted", "medium"), ("planted", "strong"),
    }  # fmt: skip
    assert {design.confounded for design in designs} == {True, False}


def test_databases_of_a_null_study_are_drawn_alike_and_planted_ones_are_not() -> None:
    for design in grid():
        same = design.rates(0) == design.rates(1)
        assert same == (design.kind == "null")
        assert design.rates(0)[2] == design.rates(1)[2]
        assert [design.is_planted(c) for c in CONCEPTS] == [not same, not same, False]


def test_test_faces_have_people_of_both_databases_in_order() -> None:
    table = face_table(PLANTED)
    assert table.groupby("database")["participant"].nunique().to_dict() == {"a": 5, "b": 6}
    assert not table.duplicated(["database", "frame_id"]).any()
    assert (table.groupby("participant")["label"].value_counts() == PLANTED.images // 2).all()


def test_verdicts_are_withheld_where_the_made_studies_fail() -> None:
    size = matching.Size(20, 47, 4, 15, 3, 4)
    designs = {name: make_design(size, training) for name, training in (("good", EQUAL_STEPS), ("bad", "8 epochs"))}
    cells = [make_cell("good", rejections=40), make_cell("bad", rejections=700)]
    origin = Origin(date="2026-01-01", version="0", command="none", studies=2000)
    record = replace_level(None, "features", origin=origin, designs=designs, cells=cells)
    permission = matching.verdict_allowed(record, size)
    assert (permission.allowed, permission.near) == (True, True)
    refused = matching.verdict_allowed(record, size, training="8 epochs")
    assert not refused.allowed
    assert "700 of 1000" in refused.reasons[0]
    by_chance = make_cell("good", rejections=40).model_copy(update={"studies": 100, "rejections": 8, "covered": 92})
    few = record.model_copy(update={"cells": (by_chance,)})
    assert matching.verdict_allowed(few, size).allowed  # .08 of 100 may be .05
    far = matching.verdict_allowed(record, matching.Size(200, 200, 50, 50, 3, 4), training="8 epochs")
    assert (far.allowed, far.near) == (True, False)


def make_design(size: matching.Size, training: str) -> Design:
    return Design(**vars(size), bias=0.0, cue=0.8, settings={"training": training})


def make_cell(design: str, *, rejections: int) -> Cell:
    return Cell(
        level="features", kind="null", design=design, concept="smile", expected="none", measure="auroc",
        claim=ABOUT_DATABASES, confidence=0.95, studies=1000, rejections=rejections,
        covered=1000 - rejections, truth=0.0,
    )  # fmt: skip
