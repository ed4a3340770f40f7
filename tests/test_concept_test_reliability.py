"""Agreement of two raters, and the association under label noise."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from concept_test_study import DATABASES, PLANTED, REGIONS, SETTINGS, make_study
from painlens.concept_test import concept_tests
from painlens.concept_test.material import Material, gather
from painlens.concept_test.reliability import load_ratings, tabulate_label_noise, tabulate_reliability
from painlens.study import Study, parse_study
from painlens.tables import DataError
from painlens.workflow.stages import Job, parameters_of, people_files

CONCEPT = "eyes-closed"


@pytest.fixture(scope="module")
def material() -> Material:
    study = make_study(PLANTED, seeds=2, halves=1)
    return gather(study.evidence, databases=DATABASES, regions=REGIONS, target="pain", smallest_cell=5)


def _ratings(material: Material, error: float, seed: int = 0) -> pd.DataFrame:
    """Two raters who each err at random in a share of the faces."""
    rng = np.random.default_rng(seed)
    parts = []
    for rater in ("anna", "ben"):
        truth = material.present[CONCEPT] > 0.5
        wrong = rng.random(len(truth)) < error
        parts.append(material.faces[["database", "frame_id"]].assign(concept=CONCEPT, rater=rater, value=truth ^ wrong))
    return pd.concat(parts, ignore_index=True).astype({"value": "boolean"})


def test_kappa_equals_scikit_learn_and_its_interval_holds_it(material: Material) -> None:
    ratings = _ratings(material, 0.08)
    row = tabulate_reliability(material, ratings, confidence=0.95, seed=0).iloc[0]
    sides = [own["value"].to_numpy(dtype=bool) for _, own in ratings.groupby("rater")]
    assert row["kappa"] == pytest.approx(cohen_kappa_score(*sides))
    assert row["low"] < row["kappa"] < row["high"]
    both = (sides[0] & sides[1]).sum()
    assert row["yes_kept"] == pytest.approx(2 * both / (sides[0].sum() + sides[1].sum()))
    assert row["agreement"] == pytest.approx((sides[0] == sides[1]).mean())


def test_perfect_raters_bring_no_noise(material: Material) -> None:
    table = tabulate_reliability(material, _ratings(material, 0.0), confidence=0.95, seed=0)
    row = tabulate_label_noise(material, table, DATABASES, draws=5, seed=0).iloc[0]
    assert table["kappa"].iloc[0] == 1.0
    assert row["noisy"] == pytest.approx(row["difference"])
    assert row["low"] == row["high"]


def test_noise_shrinks_the_difference_and_the_more_the_less_raters_agree(material: Material) -> None:
    found = []
    for error in (0.02, 0.15):
        table = tabulate_reliability(material, _ratings(material, error), confidence=0.95, seed=0)
        found.append(tabulate_label_noise(material, table, DATABASES, draws=60, seed=0).iloc[0])
    assert abs(found[1]["noisy"]) < abs(found[0]["noisy"]) < abs(found[0]["difference"])
    assert found[0]["same_sign"] == 1.0


def test_ratings_come_into_the_results_of_the_test() -> None:
    study = make_study(PLANTED, seeds=2, halves=1).with_evidence(features=None, networks=())
    material = gather(study.evidence, databases=DATABASES, regions=REGIONS, target="pain", smallest_cell=5)
    noisy = study.with_evidence(ratings=_ratings(material, 0.05))
    settings = SETTINGS.model_copy(update={"label_noise_draws": 10})
    result = concept_tests(noisy.evidence, **(noisy.arguments() | {"settings": settings}))  # pyright: ignore[reportArgumentType]
    assert list(result.reliability["concept"]) == [CONCEPT]
    assert int(result.label_noise["draws"].iloc[0]) == 10
    without = concept_tests(study.evidence, **study.arguments())  # pyright: ignore[reportArgumentType]
    assert without.reliability.empty
    assert without.label_noise.empty


def test_ratings_of_unknown_frames_are_refused(material: Material) -> None:
    ratings = _ratings(material, 0.0).assign(frame_id=lambda t: "x" + t["frame_id"])
    with pytest.raises(DataError, match="no labelled test faces"):
        tabulate_reliability(material, ratings, confidence=0.95, seed=0)


HEADER = "database,frame_id,concept,rater,value\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("database,frame_id,concept,value\n", "'rater'"),
        (HEADER + "c,f,eyes,anna,maybe\n", "line 2: value must be yes, no or unsure"),
        (HEADER + "c,f,eyes,anna,yes\nc,f,eyes,anna,no\n", "line 3: rater 'anna' labels frame f twice"),
        (HEADER + "c,f,eyes,anna,yes\n", "two raters, concept 'eyes' has 1"),
        (HEADER + "c,f,eyes,a,yes\nc,f,eyes,b,no\nc,f,eyes,c,no\n", "without an adjudicator's"),
        ("", "not a CSV file"),
    ],
)
def test_files_of_ratings_that_cannot_be_used_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        load_ratings(path)
    with pytest.raises(DataError, match="missing"):
        load_ratings(tmp_path / "absent.csv")


def test_a_file_of_ratings_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text(HEADER + "c,f,eyes,anna,Yes\nc,f,eyes,ben,unsure\n")
    table = load_ratings(path)
    assert table["value"].tolist()[0] is True
    assert pd.isna(table["value"][1])


def test_a_file_of_ratings_is_an_input_of_the_step_by_its_content(tmp_path: Path) -> None:
    def made(place: Path) -> Study:
        databases = {n: {"reader": "unbc", "root": "/x"} for n in DATABASES}
        return parse_study({"study": "s", "databases": databases, "concept_test": {"ratings": str(place)}})

    here, there = made(tmp_path / "a.csv"), made(tmp_path / "b.csv")
    assert people_files(Job("concepts"), here)["ratings"] == tmp_path / "a.csv"
    assert "ratings" not in people_files(Job("evaluate"), here)
    assert parameters_of("concepts", here) == parameters_of("concepts", there)
