"""Metrics against scikit-learn, laws of the intervals, and the paper's tables."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from sklearn import metrics as oracle

from painlens.databases.levels import EMOTIONS, PSPI_LEVELS, PSPI_PAIN
from painlens.metrics import (
    PUBLISHED,
    confusion,
    errors_by_concept,
    evaluate,
    in_reading_order,
    paper_tables,
    prevalence,
)
from painlens.metrics.bootstrap import participant_weights, percentile_interval, ratio
from painlens.metrics.classes import READING_ORDER
from painlens.metrics.scores import measure_names
from painlens.study import Database, Synthetic
from painlens.tables import CONFUSION, ERRORS, METRICS, PREDICTIONS, PREVALENCE, DataError, conform

TWO = ("no-pain", "pain")
THREE = ("mild", "none", "severe")


def answers(
    classes: tuple[str, ...] = TWO,
    *,
    models: tuple[str, ...] = ("a",),
    databases: tuple[str, ...] = ("a",),
    replicates: tuple[str, ...] = ("seed=0",),
    people: int = 6,
    faces: int = 20,
    seed: int = 0,
) -> pd.DataFrame:
    """Made predictions; scores are rounded so that there are ties, and people differ."""
    rng = np.random.default_rng(seed)
    parts = []
    for database in databases:
        n = people * faces
        label = rng.integers(0, len(classes), n)
        person = np.repeat(np.arange(people), faces)
        for model in models:
            for replicate in replicates:
                skill = 1.0 + rng.normal(0, 1, people)[person]
                raw = rng.normal(0, 1, (n, len(classes))) + skill[:, None] * np.eye(len(classes))[label]
                logits = np.round(raw * 4) / 4  # quarters: their differences are exact, so ties are ties
                part = pd.DataFrame(
                    {
                        "model": model,
                        "replicate": replicate,
                        "database": database,
                        "frame_id": [f"p{p}/{i}" for i, p in enumerate(person)],
                        "participant": [f"p{p}" for p in person],
                        "label": np.array(classes)[label],
                        "predicted": np.array(classes)[logits.argmax(1)],
                    }
                )
                for place, name in enumerate(classes):
                    part[f"logit:{name}"] = logits[:, place]
                parts.append(part)
    return conform(pd.concat(parts, ignore_index=True), PREDICTIONS)


def evaluated(table: pd.DataFrame, classes: tuple[str, ...] = TWO, *, draws: int = 200, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return evaluate(table, classes=classes, target=classes[-1], confidence=0.95, draws=draws, rng=rng)


def confused(table: pd.DataFrame, classes: tuple[str, ...]) -> pd.DataFrame:
    return confusion(table, classes=classes, confidence=0.95, draws=200, rng=np.random.default_rng(1))


def values_of(table: pd.DataFrame, model: str, replicate: str, database: str, column: str = "value") -> pd.Series:
    rows = table[(table["model"] == model) & (table["replicate"] == replicate) & (table["database"] == database)]
    return rows.set_index("measure")[column]


def by_scikit_learn(table: pd.DataFrame, classes: tuple[str, ...], weights: np.ndarray | None = None) -> pd.Series:
    """All measures of one network by another library."""
    truth, answer = table["label"].to_numpy(str), table["predicted"].to_numpy(str)
    logits = table[[f"logit:{name}" for name in classes]].to_numpy(float)
    odds = logits[:, -1] - logsumexp(logits[:, :-1], axis=1)
    numbers: list[float] = []
    for score in (oracle.precision_score, oracle.recall_score, oracle.f1_score):
        options: dict[str, Any] = {"labels": list(classes), "zero_division": 0, "sample_weight": weights}
        each: Any = score(truth, answer, average=None, **options)  # pyright: ignore[reportArgumentType] - one per class
        numbers += [*each, score(truth, answer, average="macro", **options)]
    numbers.append(oracle.accuracy_score(truth, answer, sample_weight=weights))
    numbers.append(oracle.balanced_accuracy_score(truth, answer, sample_weight=weights))
    numbers.append(oracle.roc_auc_score(truth == classes[-1], odds, sample_weight=weights))
    return pd.Series(numbers, index=list(measure_names(classes)))


# --- the values --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [TWO, THREE])
def test_every_measure_is_scikit_learns(classes: tuple[str, ...]) -> None:
    table = answers(classes)
    got = values_of(evaluated(table, classes), "a", "seed=0", "a")
    expected = by_scikit_learn(table, classes)
    pd.testing.assert_series_equal(got, expected[got.index], check_names=False, check_index_type=False, rtol=1e-12)


@pytest.mark.parametrize("classes", [TWO, THREE])
def test_confusion_is_scikit_learns(classes: tuple[str, ...]) -> None:
    table = answers(classes, replicates=("seed=0", "seed=1"))
    found = confused(table, classes)
    for replicate, own in table.groupby("replicate"):
        expected = oracle.confusion_matrix(own["label"], own["predicted"], labels=list(classes))
        cells = found[found["replicate"] == replicate].set_index(["label", "predicted"])["faces"]
        got = cells.unstack().loc[list(classes), list(classes)].to_numpy(float)
        np.testing.assert_array_equal(got, expected)


def test_confusion_rows_add_up_and_their_intervals_hold_them() -> None:
    table = answers(THREE, models=("a", "b"), databases=("a", "b"), replicates=("seed=0", "seed=1", "half=0a"))
    found = confused(table, THREE)
    pd.testing.assert_frame_equal(found, conform(found, CONFUSION))
    assert set(found["replicate"]) == {"seed=0", "seed=1", "mean"}
    sums = found.groupby(["model", "replicate", "database", "label"])["share"].sum()
    np.testing.assert_allclose(sums, 1.0)
    means = found[found["replicate"] == "mean"]
    assert ((means["low"] <= means["share"]) & (means["share"] <= means["high"])).all()
    assert found.loc[found["replicate"] != "mean", ["low", "high"]].isna().all(axis=None)


def test_a_class_that_nobody_shows_has_no_shares() -> None:
    table = answers(THREE)
    found = confused(table[table["label"] != "mild"], THREE)
    means = found[found["replicate"] == "mean"]
    nobody, shown = means[means["label"] == "mild"], means[means["label"] == "severe"]
    assert nobody["share"].isna().all()
    assert (nobody["of"] == 0).all()
    assert shown["share"].sum() == pytest.approx(1)


def test_the_reading_order_knows_every_level_and_emotion() -> None:
    assert set(READING_ORDER) == {*PSPI_LEVELS, *PSPI_PAIN, *EMOTIONS}
    assert in_reading_order(["weak", "strong", "none", "trace"]) == tuple(PSPI_LEVELS)
    assert in_reading_order(["pain", "no-pain"]) == ("no-pain", "pain")


def test_the_mean_row_is_the_mean_over_seeds() -> None:
    table = answers(replicates=("seed=0", "seed=1", "seed=2"))
    result = evaluated(table)
    seeds = [values_of(result, "a", f"seed={s}", "a") for s in range(3)]
    pd.testing.assert_series_equal(values_of(result, "a", "mean", "a"), sum(seeds[1:], seeds[0]) / 3)


def test_networks_on_halves_are_left_out() -> None:
    whole = answers(replicates=("seed=0",))
    with_halves = pd.concat([whole, answers(replicates=("half=0a", "half=0b"), seed=5)], ignore_index=True)
    pd.testing.assert_frame_equal(evaluated(with_halves), evaluated(whole))


def test_the_order_of_the_rows_has_no_influence() -> None:
    table = answers(models=("a", "b"), databases=("a", "b"), replicates=("seed=0", "seed=1"))
    shuffled = table.sample(frac=1.0, random_state=3).reset_index(drop=True)
    pd.testing.assert_frame_equal(evaluated(table), evaluated(shuffled))


def test_the_result_is_of_its_schema_with_faces_and_people() -> None:
    result = evaluated(answers(models=("a", "b"), databases=("a", "b"), people=4, faces=10))
    pd.testing.assert_frame_equal(result, conform(result, METRICS))
    assert (result["faces"] == 40).all()
    assert (result["participants"] == 4).all()
    # two models with seed and mean, and the baseline, on two databases
    assert len(result) == 2 * (2 * 2 + 1) * len(measure_names(TWO))


def test_a_class_that_is_never_predicted_counts_as_zero_and_is_counted() -> None:
    table = answers(replicates=("seed=0", "seed=1"))
    mute = (table["replicate"] == "seed=1").to_numpy()
    table.loc[mute, "predicted"] = "no-pain"
    result = evaluated(table)
    assert values_of(result, "a", "seed=1", "a")["precision:pain"] == 0.0
    assert values_of(result, "a", "seed=1", "a", "undefined")["precision:pain"] == 1
    undefined = values_of(result, "a", "mean", "a", "undefined")
    assert undefined["precision:pain"] == undefined["precision:macro"] == 1
    assert undefined["recall:pain"] == undefined["f1:pain"] == undefined["accuracy"] == 0


def test_a_class_that_was_not_tested_has_recall_zero_and_no_auroc() -> None:
    table = answers()
    table = table[table["label"] == "no-pain"]
    result = values_of(evaluated(table), "a", "mean", "a")
    undefined = values_of(evaluated(table), "a", "mean", "a", "undefined")
    assert result["recall:pain"] == 0.0
    assert undefined["recall:pain"] == undefined["auroc"] == 1
    assert np.isnan(result["auroc"])
    assert result["balanced-accuracy"] == result["recall:no-pain"]


def test_a_perfect_model_scores_one_and_its_interval_has_no_width() -> None:
    table = answers()
    pain = (table["label"] == "pain").to_numpy()
    table["predicted"] = table["label"]
    table["logit:pain"] = np.where(pain, 5.0, -5.0)
    table["logit:no-pain"] = -table["logit:pain"]
    result = evaluated(table)
    perfect = result[(result["model"] == "a") & (result["replicate"] == "mean")]
    assert (perfect[["value", "low", "high"]] == 1.0).all(axis=None)


def test_the_baseline_answers_the_most_frequent_class() -> None:
    table = answers()
    table.loc[table.index[:80], "label"] = "pain"
    result = values_of(evaluated(table), "majority", "mean", "a")
    share = (table["label"] == "pain").mean()
    assert result["accuracy"] == result["precision:pain"] == pytest.approx(share)
    assert result["recall:pain"] == 1.0
    assert result["recall:no-pain"] == 0.0
    assert result["auroc"] == result["balanced-accuracy"] == 0.5


def test_labels_that_are_no_class_and_lost_faces_are_errors() -> None:
    table = answers(replicates=("seed=0", "seed=1"))
    with pytest.raises(DataError, match="the same faces of 'a', got 239 answers of 2 networks to 120 faces"):
        evaluated(table.iloc[1:])
    table["label"] = "joy"
    with pytest.raises(DataError, match=r"got \['joy'\]"):
        evaluated(table)


def test_no_predictions_give_an_empty_table() -> None:
    assert evaluated(answers().iloc[:0]).empty


# --- the intervals -----------------------------------------------------------------------------------------------


def test_the_interval_is_that_of_an_explicit_bootstrap() -> None:
    """The same draws, with scikit-learn on every resample: faces weighted by how often their person was drawn."""
    table = answers(people=5, faces=16)
    result = evaluated(table, draws=40, seed=9)
    weights = participant_weights(np.random.default_rng(9), 5, draws=40)
    person = pd.Categorical(table["participant"]).codes
    drawn = pd.DataFrame([by_scikit_learn(table, TWO, w[person]) for w in weights])
    for column, level in (("low", 0.025), ("high", 0.975)):
        got = values_of(result, "a", "mean", "a", column)
        np.testing.assert_allclose(got.to_numpy(float), drawn[got.index].quantile(level).to_numpy(float), rtol=1e-9)


def test_intervals_hold_the_value_and_single_seeds_have_none() -> None:
    result = evaluated(answers(people=12))
    mean = result[result["replicate"] == "mean"]
    assert (mean["low"] <= mean["value"]).all()
    assert (mean["value"] <= mean["high"]).all()
    assert result.loc[result["replicate"] == "seed=0", ["low", "high"]].isna().all(axis=None)


def test_more_people_give_narrower_intervals() -> None:
    widths = []
    for people in (5, 40):
        result = evaluated(answers(people=people), draws=400)
        mean = result[(result["model"] == "a") & (result["replicate"] == "mean")].set_index("measure")
        widths.append(mean["high"]["accuracy"] - mean["low"]["accuracy"])
    assert widths[1] < 0.6 * widths[0]


def test_the_interval_covers_the_truth_of_new_people() -> None:
    """Accuracy of people whose own accuracies vary around .7: 95 % intervals should hold it about that often."""
    rng = np.random.default_rng(0)
    people, faces, held = 30, 20, 0
    for _ in range(200):
        own = rng.beta(7, 3, people)
        right = rng.binomial(faces, own)
        weights = participant_weights(rng, people, draws=300)
        low, high = percentile_interval(weights @ right / (faces * people), confidence=0.95, participants=people)
        held += low <= 0.7 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_one_participant_has_no_interval() -> None:
    result = evaluated(answers(people=1))
    assert result[["low", "high"]].isna().all(axis=None)


def test_draws_without_a_class_are_left_out() -> None:
    """Only one of three people shows pain: without that person the measures of pain say nothing."""
    table = answers(people=3, faces=30)
    painless = (table["participant"] != "p0").to_numpy()
    table.loc[painless, "label"] = "no-pain"
    result = values_of(evaluated(table, draws=400), "a", "mean", "a", "low")
    expected = by_scikit_learn(table, TWO)["recall:pain"]
    assert result["recall:pain"] == pytest.approx(expected)


def test_participant_weights_draw_as_many_people_as_there_are() -> None:
    weights = participant_weights(np.random.default_rng(0), 7, draws=50)
    assert weights.shape == (50, 7)
    assert (weights.sum(axis=1) == 7).all()


def test_ratio_fills_only_what_is_undefined() -> None:
    np.testing.assert_array_equal(ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0]), undefined=0.0), [0.5, 0.0])


# --- concepts ----------------------------------------------------------------------------------------------------


def concepts_of(table: pd.DataFrame, *, rate: float = 0.4, unknown: int = 0) -> pd.DataFrame:
    """Labels of one concept on the faces of a predictions table."""
    faces = table.drop_duplicates(["database", "frame_id"])[["database", "frame_id", "participant", "label"]]
    value = pd.array(np.random.default_rng(4).random(len(faces)) < rate, dtype="boolean")
    value[:unknown] = pd.NA
    return faces.assign(concept="eyes-closed", value=value, source="truth").reset_index(drop=True)


def test_prevalence_counts_faces_by_label_and_database() -> None:
    concepts = concepts_of(answers(databases=("a", "b")), unknown=3)
    result = prevalence(concepts, confidence=0.95, draws=200, rng=np.random.default_rng(0))
    pd.testing.assert_frame_equal(result, conform(result, PREVALENCE))
    known = concepts.dropna(subset=["value"])
    expected = known.groupby(["concept", "database", "label"])["value"].agg(["size", "sum"]).reset_index()
    assert result["faces"].tolist() == expected["size"].tolist()
    assert result["present"].tolist() == expected["sum"].tolist()
    np.testing.assert_allclose(result["rate"], result["present"].astype(float) / result["faces"].astype(float))
    assert ((result["low"] < result["rate"]) & (result["rate"] < result["high"])).all()


def test_errors_with_and_without_a_concept() -> None:
    table = answers(models=("a", "b"), databases=("a", "b"), replicates=("seed=0", "seed=1", "half=0a"))
    concepts = concepts_of(table, unknown=3)
    result = errors_by_concept(table, concepts, confidence=0.95, draws=200, rng=np.random.default_rng(0))
    pd.testing.assert_frame_equal(result, conform(result, ERRORS))
    row = result.query("model == 'b' and database == 'a' and label == 'no-pain' and present").iloc[0]
    chosen = concepts.query("database == 'a' and label == 'no-pain' and value == True")["frame_id"]
    rows = table[(table["model"] == "b") & (table["database"] == "a") & table["frame_id"].isin(chosen)]
    by_seed = (rows["predicted"] != rows["label"]).groupby(rows["replicate"]).mean()
    assert row["error_rate"] == pytest.approx(by_seed[["seed=0", "seed=1"]].mean())
    assert row["faces"] == len(chosen)
    assert row["low"] <= row["error_rate"] <= row["high"]
    assert len(result) == 2 * 2 * 2 * 2


def test_concept_tables_do_not_depend_on_the_order_of_rows() -> None:
    table = answers(databases=("a", "b"))
    concepts = concepts_of(table)
    mixed, mixed_concepts = table.sample(frac=1.0, random_state=1), concepts.sample(frac=1.0, random_state=2)
    for first, second in (
        [errors_by_concept(t, c, confidence=0.9, draws=50, rng=np.random.default_rng(0)) for t, c in pair]
        for pair in [((table, concepts), (mixed, mixed_concepts))]
    ):
        pd.testing.assert_frame_equal(first, second)
    one, other = (
        prevalence(c, confidence=0.9, draws=50, rng=np.random.default_rng(0)) for c in (concepts, mixed_concepts)
    )
    pd.testing.assert_frame_equal(one, other)


def test_concepts_of_other_faces_are_an_error_and_no_concepts_none() -> None:
    table = answers()
    concepts = concepts_of(table)
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="none of 120 labels is among 120 predictions"):
        errors_by_concept(table, concepts.assign(frame_id="x"), confidence=0.95, draws=10, rng=rng)
    nothing = concepts.iloc[:0]
    assert errors_by_concept(table, nothing, confidence=0.95, draws=10, rng=rng).empty
    assert prevalence(nothing, confidence=0.95, draws=10, rng=rng).empty


# --- the paper's tables ------------------------------------------------------------------------------------------


def databases_of(*, rendered: bool = False) -> dict[str, Database]:
    source = {"synthetic": Synthetic()} if rendered else {"root": "/data"}
    return {
        "clinical": Database.model_validate({"reader": "unbc", **source}),
        "experimental": Database.model_validate({"reader": "biovid", **source}),
    }


def test_paper_tables_hold_the_means_in_the_papers_layout() -> None:
    names = ("clinical", "experimental")
    metrics = evaluated(answers(models=names, databases=names, replicates=("seed=0", "seed=1")))
    first, second = paper_tables(metrics, classes=TWO, databases=databases_of())
    assert (first.model, second.model) == names
    assert second.yours.index.tolist() == list(names)
    assert second.yours.columns.tolist() == [
        f"{m} {c}" for m in ("P", "R", "F1") for c in ("no-pain", "pain", "avg")
    ] + ["accuracy"]
    expected = values_of(metrics, "experimental", "mean", "clinical")
    row = second.yours.loc["clinical"]
    assert row["R pain"] == expected["recall:pain"]
    assert row["F1 avg"] == expected["f1:macro"]


def test_published_numbers_stand_under_the_studys_names() -> None:
    names = ("clinical", "experimental")
    metrics = evaluated(answers(models=names, databases=names))
    clinical, experimental = paper_tables(metrics, classes=TWO, databases=databases_of())
    assert clinical.published is not None
    assert experimental.published is not None
    assert clinical.published.columns.tolist() == clinical.yours.columns.tolist()
    assert clinical.published.loc["clinical", "P no-pain"] == 0.74
    assert experimental.published.loc["clinical", "R no-pain"] == 0.80
    assert experimental.published.loc["experimental", "accuracy"] == 0.70


@pytest.mark.parametrize("case", ["rendered", "classes", "readers"])
def test_no_published_numbers_beside_something_else(case: str) -> None:
    names = ("clinical", "experimental")
    classes = ("none", "severe") if case == "classes" else TWO
    databases = databases_of(rendered=case == "rendered")
    if case == "readers":
        databases["experimental"] = databases["clinical"]
    metrics = evaluated(answers(classes, models=names, databases=names), classes)
    assert [t.published for t in paper_tables(metrics, classes=classes, databases=databases)] == [None, None]


def test_published_averages_are_the_means_of_the_published_classes() -> None:
    for row in PUBLISHED.values():
        for first in (0, 3, 6):
            assert (row[first] + row[first + 1]) / 2 == pytest.approx(row[first + 2], abs=0.0051)


def test_a_database_that_was_not_evaluated_is_named() -> None:
    metrics = evaluated(answers(models=("clinical",), databases=("clinical",)))
    with pytest.raises(DataError, match="the metrics lack clinical on experimental"):
        paper_tables(metrics, classes=TWO, databases=databases_of())
