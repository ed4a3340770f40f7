"""The face frame, the strips of a gallery, and the table that chooses a normalisation."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from painlens.differences import (
    ConceptWeights,
    Resampling,
    best_normalisation,
    normalised_table,
    ranking_table,
    to_face_frame,
)
from painlens.differences.strips import FOOT, PANEL, StripStyle, common_scales, strip, strips
from painlens.regions import REGIONS, template_landmarks

SIZE = 48


def blob(centre: np.ndarray) -> np.ndarray:
    rows, columns = np.mgrid[:SIZE, :SIZE]
    return np.exp(-((columns - centre[0]) ** 2 + (rows - centre[1]) ** 2) / 8).astype("f4")


@pytest.mark.parametrize(("turn_deg", "scale", "move"), [(0, 1, (3, -2)), (20, 1, (0, 0)), (-15, 0.8, (2, 2))])
def test_relevance_at_a_landmark_comes_to_its_place_in_the_template(
    turn_deg: float, scale: float, move: tuple[float, float]
) -> None:
    template = template_landmarks(SIZE, 0.5)
    angle, middle = np.deg2rad(turn_deg), (SIZE - 1) / 2
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (template - middle) @ turn.T + middle + move
    found = to_face_frame(blob(points[30])[None], points[None], margin=0.5)[0]
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert abs(column - template[30, 0]) <= 1
    assert abs(row - template[30, 1]) <= 1
    assert found.sum() == pytest.approx(blob(points[30]).sum(), rel=0.02)


def test_face_without_landmarks_stays_where_it_is() -> None:
    own = blob(np.array([20.0, 20.0]))[None]
    assert np.array_equal(to_face_frame(own, np.full((1, 68, 2), np.nan), margin=0.0), own)


def face() -> np.ndarray:
    return np.full((SIZE, SIZE, 3), 120, np.uint8)


def test_strip_has_five_panels_and_a_foot() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, SIZE, SIZE)).astype("f4")
    assert strip(face(), a, b, StripStyle("max")).shape == (PANEL + FOOT, 5 * PANEL, 3)


def test_exchanged_models_mirror_the_strip() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, SIZE, SIZE)).astype("f4")
    one, other = (strip(face(), x, y, StripStyle("paper"))[:PANEL] for x, y in ((a, b), (b, a)))
    panels = [[picture[:, i * PANEL : (i + 1) * PANEL] for i in range(5)] for picture in (one, other)]
    for left, right in ((0, 0), (1, 2), (2, 1), (3, 4), (4, 3)):
        assert np.array_equal(panels[0][left], panels[1][right])


def test_identical_models_give_empty_directions() -> None:
    own = blob(np.array([20.0, 20.0]))
    picture = strip(face(), own, own, StripStyle("raw"))[:PANEL, 3 * PANEL :]
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 1


def test_scale_is_printed_and_changes_with_the_maps() -> None:
    own, other = blob(np.array([20.0, 20.0])), np.zeros((SIZE, SIZE), "f4")
    feet = [strip(face(), scale * own, other, StripStyle("raw"))[PANEL:] for scale in (1.0, 100.0)]
    assert not np.array_equal(feet[0], feet[1])


def test_strip_in_units_of_the_logit_is_that_of_the_divided_maps() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, SIZE, SIZE)).astype("f4")
    own = strip(face(), a, b, StripStyle("logit", units=(2.0, 8.0)))[:PANEL]
    assert np.array_equal(own, strip(face(), a / 2, b / 8, StripStyle("raw"))[:PANEL])


def test_strips_are_webp_without_metadata() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 3, SIZE, SIZE)).astype("f4")
    files = list(strips(np.stack([face()] * 3), a, b, StripStyle("max", scales=common_scales([(a, b)], "max"))))
    assert len(files) == 3
    with Image.open(io.BytesIO(files[0])) as picture:
        assert (picture.format, picture.size) == ("WEBP", (5 * PANEL, PANEL + FOOT))
        assert not picture.getexif()


def tables_of_a_planted_study(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Model a gives eyes relevance when the concept is there, b does not; b's logits are fifty times as large."""
    rng = np.random.default_rng(seed)
    shares, ledger, twins = [], [], []
    for model, use, unit in (("a", 1.0, 1.0), ("b", 0.0, 50.0)):
        for replicate in ("seed=0", "seed=1", "half=0a", "half=0b", "half=1a", "half=1b"):
            for number in range(20):
                eyes = unit * (use * (number % 2) + 0.1 * rng.standard_normal() + 0.5)
                for region in REGIONS:
                    raw = eyes if region == "eyes" else unit * 0.2
                    shares.append((model, replicate, number, region, raw, raw / unit, raw / unit))
                ledger.append((model, replicate, number, unit * (1 + 0.1 * rng.standard_normal())))
            effect = use + 0.05 * rng.standard_normal()
            twins += [(model, replicate, number, 0.0, effect) for number in range(4)]
    share = pd.DataFrame(shares, columns=["model", "replicate", "number", "region", "raw", "max", "sum-abs"])
    share = share.assign(
        database="d", frame_id=share["number"].map("f{:03d}".format), participant="p", label="pain", area=0.1
    )
    logs = pd.DataFrame(ledger, columns=["model", "replicate", "number", "logit"])
    logs = logs.assign(database="d", frame_id=logs["number"].map("f{:03d}".format), relevance=0.0, bias=0.0, dead=0.0)
    pairs = pd.DataFrame(twins, columns=["model", "replicate", "number", "score_without", "score_with"])
    pairs = pairs.assign(
        database="d", pair=pairs["number"].astype(str), participant="p", concept="eyes-closed",
        probability_without=0.5, probability_with=0.6,
    )  # fmt: skip
    return share.drop(columns="number"), logs.drop(columns="number"), pairs.drop(columns="number")


def planted_table() -> pd.DataFrame:
    weights = np.where(np.arange(20) % 2 == 1, 0.1, -0.1)
    chosen = {"eyes-closed": ConceptWeights(weights, ("pain x d",), 20)}
    return normalised_table(*tables_of_a_planted_study(), chosen, {"eyes-closed": "eyes"})


def test_normalisations_that_share_a_unit_find_the_planted_difference() -> None:
    rows = {row["normalisation"]: row for row in planted_table().to_dict("records")}
    for how in ("max", "logit"):
        assert rows[how]["difference"] == pytest.approx(1.0, abs=0.15)
        assert rows[how]["agrees"] > 0.9
        assert rows[how]["ratio"] > 10
    assert rows["raw"]["ratio"] < 2  # the large logits' noise drowns it
    assert rows["max"]["truth"] == pytest.approx(1.0, abs=0.1)


def test_best_normalisation_is_one_that_shares_a_unit() -> None:
    assert best_normalisation(planted_table()) in ("max", "sum-abs", "logit")
    assert best_normalisation(planted_table().iloc[:0]) == ""


def ranked(draws: int = 200, people: int = 10) -> pd.DataFrame:
    """RANKING rows of the planted study, whose faces belong to some people."""
    shares, ledger, twins = tables_of_a_planted_study()
    number = shares["frame_id"].str[1:].astype(int)
    shares = shares.assign(participant=(number // 2 % people).map("p{}".format))
    weights = np.where(np.arange(20) % 2 == 1, 0.1, -0.1)
    chosen, regions = {"eyes-closed": ConceptWeights(weights, ("pain x d",), 20)}, {"eyes-closed": "eyes"}
    found = normalised_table(shares, ledger, twins, chosen, regions)
    resampling = Resampling(draws, 0.95, np.random.default_rng(1))
    return ranking_table(shares, ledger, found, chosen, regions, resampling=resampling)


def test_scores_of_the_ranking_are_the_geometric_means_of_the_table() -> None:
    table, ranking = planted_table(), ranked()
    own = ranking.set_index("normalisation")["score"]
    ratios = table.set_index("normalisation")["ratio"]
    assert len(own) >= 3
    assert own.to_dict() == pytest.approx({name: ratios[name] for name in own.index})
    assert ranking.loc[ranking["place"] == "leads", "normalisation"].item() == best_normalisation(table)


def test_equal_normalisations_are_not_told_apart_and_a_far_one_is() -> None:
    """By the maximum and by the sum the planted study gives the same numbers; raw maps are drowned by one network."""
    ranking = ranked().set_index("normalisation")
    assert set(ranking.loc[["max", "sum-abs"], "place"]) == {"leads", "not told apart"}
    assert ranking.loc[["max", "sum-abs"], "behind"].tolist() == pytest.approx([1.0, 1.0])
    assert ranking.loc["raw", "place"] == "behind"
    assert (ranking["behind"] >= 1).all()


def test_one_person_ranks_without_interval() -> None:
    ranking = ranked(people=1)
    assert ranking["behind_low"].isna().all()
    assert "behind" not in set(ranking["place"])


def test_ranking_needs_null_pairs() -> None:
    assert ranked(draws=0).empty
