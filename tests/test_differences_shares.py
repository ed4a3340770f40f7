"""Relevance per region: sums, means with their intervals, candidates and faces for a figure."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from difference_cases import face_table, random_maps, random_regions, study_shares
from painlens.consent import Purpose
from painlens.differences import NORMALISATIONS, normalise, pick_faces, region_candidates, regions_table, shares_table
from painlens.regions import REGIONS
from painlens.tables import DataError


def test_shares_over_all_regions_sum_to_the_map() -> None:
    faces = face_table({"x": 3}, 2)
    maps, regions = random_maps(6, 0), random_regions(6, 1)
    table = shares_table(maps, regions, faces, model="a", replicate="seed=0")
    total = table.groupby("frame_id")[["area", *NORMALISATIONS]].sum()
    assert total["area"].to_numpy() == pytest.approx(np.ones(6))
    for how in NORMALISATIONS:
        assert total[how].to_numpy() == pytest.approx(normalise(maps, how).sum((1, 2), dtype="f8"), abs=1e-6)


def test_shares_of_one_region_are_its_pixels() -> None:
    faces = face_table({"x": 1}, 2)
    maps, regions = random_maps(2, 0), random_regions(2, 1)
    table = shares_table(maps, regions, faces, model="a", replicate="seed=0")
    chosen = table[(table["region"] == "mouth") & (table["frame_id"] == faces["frame_id"][1])]
    assert chosen["raw"].item() == pytest.approx(maps[1][regions[1] == REGIONS.index("mouth")].sum(), rel=1e-5)


def test_mirroring_faces_and_regions_changes_no_share() -> None:
    faces = face_table({"x": 3}, 2)
    maps, regions = random_maps(6, 0), random_regions(6, 1)
    straight = shares_table(maps, regions, faces, model="a", replicate="seed=0")
    mirrored = shares_table(maps[:, :, ::-1], regions[:, :, ::-1], faces, model="a", replicate="seed=0")
    assert straight["raw"].to_numpy() == pytest.approx(mirrored["raw"].to_numpy())


def test_empty_map_gives_shares_of_zero() -> None:
    table = shares_table(
        np.zeros((1, 8, 8)), random_regions(1, 0), face_table({"x": 1}, 1), model="a", replicate="seed=0"
    )
    assert not table[list(NORMALISATIONS)].to_numpy().any()


def test_regions_table_holds_plain_means() -> None:
    shares = study_shares(face_table({"x": 3, "y": 4}, 4))
    table = regions_table(shares, model_a="a", model_b="b", confidence=0.95)
    chosen = (table["normalisation"] == "max") & (table["database"] == "x") & (table["label"] == "pain")
    row = table[chosen & (table["region"] == "mouth")].iloc[0]
    own = shares[(shares["database"] == "x") & (shares["label"] == "pain") & (shares["region"] == "mouth")]
    assert row["mean_a"] == pytest.approx(own[own["model"] == "a"]["max"].mean())
    assert row["mean_b"] == pytest.approx(own[own["model"] == "b"]["max"].mean())
    assert row["difference"] == pytest.approx(row["mean_a"] - row["mean_b"])
    assert (row["faces"], row["participants"]) == (6, 3)


def test_regions_table_has_every_scope_once() -> None:
    table = regions_table(study_shares(face_table({"x": 2, "y": 2}, 2)), model_a="a", model_b="b", confidence=0.95)
    scopes = table.groupby(["database", "label"]).size()
    assert len(scopes) == 9
    assert set(scopes) == {len(REGIONS) * len(NORMALISATIONS)}


def test_exchanged_models_mirror_the_interval() -> None:
    shares = study_shares(face_table({"x": 3, "y": 3}, 2))
    ab = regions_table(shares, model_a="a", model_b="b", confidence=0.9)
    ba = regions_table(shares, model_a="b", model_b="a", confidence=0.9)
    assert ab["difference"].to_numpy() == pytest.approx(-ba["difference"].to_numpy())
    assert ab["low"].to_numpy() == pytest.approx(-ba["high"].to_numpy())


def test_interval_of_one_database_with_equal_faces_is_students() -> None:
    """With as many faces for everybody the jackknife is the t interval of the participants' means."""
    shares = study_shares(face_table({"x": 6}, 3))
    table = regions_table(shares, model_a="a", model_b="b", confidence=0.95)
    row = table[(table["normalisation"] == "raw") & (table["region"] == "eyes")].iloc[0]
    own = shares[shares["region"] == "eyes"].pivot_table(index="participant", columns="model", values="raw")
    gap = (own["a"] - own["b"]).to_numpy(dtype=float)
    wanted = stats.ttest_1samp(gap, 0).confidence_interval(0.95)
    assert (row["low"], row["high"]) == pytest.approx((wanted.low, wanted.high))


def test_interval_over_two_databases_is_stratified() -> None:
    """The variance is that of two strata: what the databases differ by does not widen the interval."""
    faces = face_table({"x": 5, "y": 5}, 2)
    shares = study_shares(faces)
    shifted = shares.copy()
    shifted.loc[(shares["database"] == "x") & (shares["model"] == "a"), "raw"] += 100.0
    width = [
        (t["high"] - t["low"])[(t["normalisation"] == "raw") & (t["database"] == "all")].to_numpy()
        for t in (regions_table(s, model_a="a", model_b="b", confidence=0.95) for s in (shares, shifted))
    ]
    assert width[0] == pytest.approx(width[1])


def test_one_participant_gives_no_interval() -> None:
    table = regions_table(study_shares(face_table({"x": 1}, 4)), model_a="a", model_b="b", confidence=0.95)
    assert table["low"].isna().all()
    assert table["difference"].notna().all()


def test_networks_of_halves_take_no_part() -> None:
    shares = study_shares(face_table({"x": 3}, 2))
    half = shares[shares["replicate"] == "seed=0"].assign(replicate="half=0a", raw=1e9)
    table = regions_table(pd.concat([shares, half]), model_a="a", model_b="b", confidence=0.95)
    assert table["mean_a"].max() < 1e6


def test_models_on_different_faces_are_refused() -> None:
    shares = study_shares(face_table({"x": 3}, 2))
    lacking = shares[~((shares["model"] == "b") & (shares["frame_id"] == "p0/s/000"))]
    with pytest.raises(DataError, match="1 faces have relevance of only one of the models a and b"):
        regions_table(lacking, model_a="a", model_b="b", confidence=0.95)


def test_model_without_shares_is_refused() -> None:
    with pytest.raises(DataError, match="no relevance shares of a seed of model 'c'"):
        regions_table(study_shares(face_table({"x": 2}, 1)), model_a="a", model_b="c", confidence=0.95)


def test_planted_region_is_the_first_candidate() -> None:
    table = regions_table(study_shares(face_table({"x": 5, "y": 5}, 4)), model_a="a", model_b="b", confidence=0.95)
    found = region_candidates(table, normalisation="max", database="all", label="all")
    assert (found["region"][0], found["favours"][0], found["rank"][0]) == ("mouth", "a", 1)
    assert found["strength"].is_monotonic_decreasing
    assert len(found) == len(REGIONS)


def predictions_for(faces: pd.DataFrame, wrong: dict[str, str]) -> pd.DataFrame:
    """Right answers of both models, except of `wrong`: model -> frame id."""
    parts = []
    for model in "ab":
        table = faces[["database", "frame_id", "participant", "label"]].assign(model=model, replicate="seed=0")
        miss = table["frame_id"] == wrong.get(model)
        parts.append(table.assign(predicted=table["label"].where(~miss, "other"), **{"logit:pain": 0.0}))
    return pd.concat(parts, ignore_index=True)


def picked(
    faces: pd.DataFrame, wrong: dict[str, str], consent: Purpose = "display", per_database: int = 2
) -> pd.DataFrame:
    return pick_faces(
        study_shares(faces), predictions_for(faces, wrong), faces, models=("a", "b"), replicate="seed=0",
        normalisation="max", per_database=per_database, consent=consent,
    )  # fmt: skip


def test_picked_faces_are_one_per_participant_and_enough_per_database() -> None:
    found = picked(face_table({"x": 4, "y": 3}, 3), {})
    assert found["database"].tolist() == ["x", "x", "y", "y"]
    assert not found.duplicated(["database", "participant"]).any()


def test_picked_faces_show_the_strongest_difference_first() -> None:
    faces = face_table({"x": 4}, 3)
    found = picked(faces, {}, per_database=9)
    shares = study_shares(faces)
    own = shares[(shares["replicate"] == "seed=0") & (shares["region"] != "outside")]
    gap = own.pivot(index=["frame_id", "region"], columns="model", values="max")
    strongest = (gap["a"] - gap["b"]).abs().max()
    assert abs(found["difference"][0]) == pytest.approx(strongest)
    assert found["difference"].abs().is_monotonic_decreasing


def test_favoured_model_has_the_sign_of_the_difference() -> None:
    found = picked(face_table({"x": 4}, 3), {}, per_database=9)
    assert ((found["difference"] > 0) == (found["favours"] == "a")).all()


def test_wrongly_classified_faces_are_not_picked() -> None:
    faces = face_table({"x": 2}, 1)
    assert picked(faces, {"b": "p0/s/000"})["frame_id"].tolist() == ["p1/s/000"]


def test_faces_without_consent_are_not_picked() -> None:
    faces = face_table({"x": 3}, 1)
    assert len(picked(faces, {}, "publish")) == 0
    faces.loc[1, "consent_publish"] = "true"
    assert picked(faces, {}, "publish")["participant"].tolist() == ["p1"]


def test_picked_faces_do_not_depend_on_the_order_of_rows() -> None:
    faces = face_table({"x": 4, "y": 3}, 3)
    shares, predictions = study_shares(faces), predictions_for(faces, {})
    settings = {"models": ("a", "b"), "replicate": "seed=0", "normalisation": "max", "per_database": 2}
    straight = pick_faces(shares, predictions, faces, consent="display", **settings)
    shuffled = pick_faces(
        shares.sample(frac=1, random_state=1), predictions.sample(frac=1, random_state=2),
        faces.sample(frac=1, random_state=3), consent="display", **settings,
    )  # fmt: skip
    assert straight.equals(shuffled)


def test_unknown_kind_of_consent_is_refused() -> None:
    with pytest.raises(DataError, match="display or publish, got 'any'"):
        picked(face_table({"x": 2}, 1), {}, "any")  # pyright: ignore[reportArgumentType] - what is refused


def test_bootstrap_agrees_with_the_jackknife_and_brackets_the_means() -> None:
    shares = study_shares(face_table({"x": 30, "y": 30}, 2))
    table = regions_table(shares, model_a="a", model_b="b", confidence=0.95, draws=2000, rng=np.random.default_rng(0))
    own = table[(table["normalisation"] == "raw") & (table["database"] == "all") & (table["label"] == "all")]
    widths = (own["high_bootstrap"] - own["low_bootstrap"]) / (own["high"] - own["low"])
    assert widths.to_numpy() == pytest.approx(1.0, abs=0.15)
    for mean, low, high in (("mean_a", "low_a", "high_a"), ("mean_b", "low_b", "high_b")):
        assert ((table[low] <= table[mean]) & (table[mean] <= table[high])).all()


def test_bootstrap_needs_two_people_per_database() -> None:
    shares = study_shares(face_table({"x": 1, "y": 5}, 4))
    table = regions_table(shares, model_a="a", model_b="b", confidence=0.95, draws=50, rng=np.random.default_rng(0))
    assert table.loc[table["database"] == "all", "low_a"].isna().all()
    assert table.loc[table["database"] == "y", "low_a"].notna().all()


def test_shares_in_units_of_the_logit_are_a_normalisation_of_the_regions() -> None:
    faces = face_table({"x": 3, "y": 3}, 2)
    shares = study_shares(faces)
    units = {"a": 2.0, "b": 8.0}
    shares["logit"] = shares["raw"] / shares["model"].map(units).astype(float)
    table = regions_table(shares, model_a="a", model_b="b", confidence=0.95)
    raw, own = (table[table["normalisation"] == how].reset_index(drop=True) for how in ("raw", "logit"))
    for side, model in (("mean_a", "a"), ("mean_b", "b")):
        assert own[side].to_numpy(dtype=float) == pytest.approx(raw[side].to_numpy(dtype=float) / units[model])
