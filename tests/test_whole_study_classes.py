"""Whole studies with more than two classes and more than two databases, from rendered faces to the report."""

import base64
import io
import re
import shutil
from collections.abc import Iterator
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from leaving_run import check_bundle, check_checklists, check_export, check_forgetting, check_web
from painlens import tables
from painlens.attributions import load_relevance
from painlens.differences.colours import ONE_SIDED, SIGNED, SIGNED_ON_DARK, colour_table
from painlens.faces import load_faces
from painlens.predictions import log_odds
from painlens.regions import REGIONS
from painlens.study import parse_study
from painlens.workflow.run_folder import RunFolder, prepare_run
from painlens.workflow.stages import Job
from whole_here import perform_only, run_here

SMALL = {
    "pretraining": {},
    "faces": {"size": 48, "detector": "none"},
    "backbone": {"name": "compact", "head": 16},
    "concept_test": {
        "repeats": 5, "participant_repeats": 5, "floor_permutations": 2, "smallest_cell": 1, "random_directions": 2,
        "bootstrap": 20,
    },
    "replication": {"seeds": 1, "half_splits": 1},
    "trust": {"faces": 8, "depths": 2},
}  # fmt: skip
EMOTIONS = ("neutral", "happy", "fear", "pain")
LEVELS = ("none", "trace", "weak", "strong")


def posed(seed: int) -> dict[str, Any]:
    """A rendered manifest of people who show four classes."""
    drawn = {"seed": seed, "participants": 6, "sequences": 2, "size": 96, "twins": 2, "classes": list(EMOTIONS)}
    drawn |= {"bias": {"eyes-closed": {"pain": 0.5, "no_pain": 0.5}}}
    return {
        "reader": "manifest",
        "synthetic": drawn,
        "consent": {"publish": "all"},
        "split": {"test": 3, "validation": 1},
    }


EMOTION_STUDY: dict[str, Any] = SMALL | {
    "study": "tiny-emotions",
    "databases": {name: posed(seed) for seed, name in enumerate(("actors", "volunteers", "patients"))},
    "training": {"epochs": 1, "class_balance": {"actors": {"beta": 0.99}}},
    "attribution": {"target": "pain"},
    "concepts": {"eyes-closed": {"definition": "both eyes are closed", "region": "eyes"}},
    "report": {"faces": "none"},
}
TEETH = {"teeth-visible": {"pain": 0.5, "no_pain": 0.5}}
LEVEL_STUDY: dict[str, Any] = SMALL | {
    "study": "tiny-levels",
    "databases": {
        "clinical": {
            "reader": "unbc",
            "classes": "pain-levels",
            "synthetic": {"seed": 1, "participants": 8, "sequences": 2, "seconds": 4, "fps": 4, "size": 96, "twins": 2,
                          "bias": TEETH},
            "split": {"test": 3, "validation": 1},
        },
        "experimental": {
            "reader": "biovid",
            "classes": "pain-levels",
            "synthetic": {
                "seed": 2, "participants": 8, "sequences": 2, "bias": TEETH, "fps": 0.5, "size": 96, "twins": 2,
                "classes": ["BL1", "PA1", "PA2", "PA3", "PA4"],
            },
            "frames": {"rule": "at-time", "seconds": 4},
            "split": {"test": 3, "validation": 1},
        },
    },
    "training": {"epochs": 1, "class_balance": {"clinical": {"beta": 0.999}}},
    "attribution": {"target": "strong"},
    "concepts": {"teeth-visible": {"definition": "teeth are visible", "region": "mouth"}},
}  # fmt: skip


@pytest.fixture(scope="module")
def emotions(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Pain beside three emotions in three databases, without faces in the report."""
    return run_here(EMOTION_STUDY, tmp_path_factory.mktemp("emotions") / "run")


@pytest.fixture(scope="module")
def levels(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Four levels of pain in two databases."""
    return run_here(LEVEL_STUDY, tmp_path_factory.mktemp("levels") / "run")


def table_of(run: RunFolder, stage: str, schema: tables.Schema, database: str = "") -> pd.DataFrame:
    return tables.load_table(run.folder(stage, database) / f"{schema.name}.parquet", schema)


def check_answers(run: RunFolder, classes: tuple[str, ...]) -> None:
    """Every network answers all test faces with one logit per class, and only with these classes."""
    for model in run.study().databases:
        answers = table_of(run, "predict", tables.PREDICTIONS, model)
        assert {str(name) for name in answers if str(name).startswith("logit:")} == {
            f"logit:{name}" for name in classes
        }
        assert set(answers["label"]) == set(classes)
        assert set(answers["predicted"]) <= set(classes)
        assert answers.groupby("replicate")["frame_id"].count().nunique() == 1


def check_confusion(run: RunFolder, classes: tuple[str, ...]) -> None:
    """K x K cells of every model on every database; rows add up to 1, the diagonal is the recall."""
    confusion = table_of(run, "evaluate", tables.CONFUSION)
    measured = table_of(run, "evaluate", tables.METRICS)
    names = list(run.study().databases)
    means = confusion[confusion["replicate"] == "mean"]
    cells = means[["model", "database", "label", "predicted"]].itertuples(index=False, name=None)
    assert set(cells) == set(product(names, names, classes, classes))
    assert (means.groupby(["model", "database", "label"])["share"].sum() - 1).abs().max() < 1e-12
    recall = measured[(measured["replicate"] == "mean") & measured["measure"].str.startswith("recall:")]
    wanted = {(m, d, name.removeprefix("recall:")): v for m, d, name, v in _rows(recall, "measure", "value")}
    for model, tested, label, share in _rows(means[means["label"] == means["predicted"]], "label", "share"):
        assert share == pytest.approx(wanted[model, tested, label])
    order = [name for name in measured["measure"].unique() if name.startswith("f1:")]
    assert order == [*(f"f1:{name}" for name in classes), "f1:macro"]


def _rows(table: pd.DataFrame, *columns: str) -> Iterator[tuple[Any, ...]]:
    yield from table[["model", "database", *columns]].itertuples(index=False, name=None)


def check_findings(run: RunFolder, classes: tuple[str, ...]) -> None:
    """Every concept and pair of databases has a verdict or a reason; cells and class scores know all classes."""
    names, concepts = list(run.study().databases), run.study().concepts
    verdicts = table_of(run, "concepts", tables.VERDICTS)
    headline = verdicts[(verdicts["measure"] == "auroc") & (verdicts["claim"] == "databases")]
    pairs = {(c, a, b) for c in concepts for a, b in combinations(names, 2)}
    assert set(zip(headline["concept"], headline["model_a"], headline["model_b"], strict=True)) == pairs
    assert (headline["verdict"].isin(["a", "b", "equivalent", "undecided"]) | (headline["reason"] != "")).all()
    by_class = table_of(run, "concepts", tables.CLASS_ASSOCIATION)
    assert set(by_class["class"]) == set(classes)
    regions = table_of(run, "differences", tables.REGIONS)
    assert set(regions["label"]) == {*classes, "all"}
    cells = {cell.partition(" x ")[0] for cell in "; ".join(by_class["cells"]).split("; ")}
    assert cells <= set(classes)
    assert len(cells) > 2  # a verdict over K labels, not over two


def check_target(run: RunFolder, model: str, target: str) -> None:
    """The explained logit is the target's, whatever the classes."""
    stored = load_relevance(run.folder("attribute", model) / "seed=0" / "relevance.h5")
    answers = table_of(run, "predict", tables.PREDICTIONS, model)
    own = answers[answers["replicate"] == "seed=0"].set_index(["database", "frame_id"])
    ledger = stored.ledger.set_index(["database", "frame_id"])["logit"]
    expected = own.loc[ledger.index, f"logit:{target}"]
    np.testing.assert_allclose(ledger.to_numpy(), expected.to_numpy(), rtol=1e-4, atol=1e-5)


# --- pain beside emotions, three databases -------------------------------------------------------------------------


def test_networks_answer_with_all_emotions(emotions: RunFolder) -> None:
    check_answers(emotions, EMOTIONS)


def test_confusion_of_emotions_is_complete(emotions: RunFolder) -> None:
    check_confusion(emotions, EMOTIONS)


def test_three_databases_give_three_pairs_of_verdicts(emotions: RunFolder) -> None:
    check_findings(emotions, EMOTIONS)


def test_the_auroc_is_that_of_the_target_against_the_rest(emotions: RunFolder) -> None:
    from sklearn.metrics import roc_auc_score

    metrics = table_of(emotions, "evaluate", tables.METRICS).set_index(["model", "replicate", "database", "measure"])
    answers = table_of(emotions, "predict", tables.PREDICTIONS, "actors")
    own = answers[(answers["replicate"] == "seed=0") & (answers["database"] == "volunteers")]
    odds = log_odds(own[[f"logit:{name}" for name in EMOTIONS]].to_numpy(), EMOTIONS, "pain")
    expected = roc_auc_score(own["label"] == "pain", odds)
    assert metrics.loc[("actors", "seed=0", "volunteers", "auroc"), "value"] == pytest.approx(expected)


def test_relevance_follows_the_target(emotions: RunFolder, tmp_path: Path) -> None:
    check_target(emotions, "actors", "pain")
    copy = tmp_path / "copy"
    shutil.copytree(emotions.root, copy)
    other = prepare_run(parse_study(EMOTION_STUDY | {"attribution": {"target": "happy"}}), copy)
    perform_only(other, Job("attribute", "actors"))
    check_target(other, "actors", "happy")


def test_a_report_without_faces_holds_colours_of_maps_alone(emotions: RunFolder) -> None:
    pictures = list(embedded(emotions.report.read_text(encoding="utf-8")))
    assert len(pictures) > len(emotions.study().databases)
    for picture in pictures:
        assert colours_of(picture) <= palette()
    assert not [path for path in emotions.folder("report").rglob("*") if path.suffix in (".png", ".jpg", ".webp")]
    assert not [path for path in emotions.folder("report").rglob("*.svg") if "<image" in path.read_text("utf-8")]
    assert "not shown: the study shows no face" in emotions.report.read_text(encoding="utf-8")


def test_the_same_report_with_faces_would_be_noticed(emotions: RunFolder, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(emotions.root, copy)
    shown = prepare_run(parse_study(EMOTION_STUDY | {"report": {"faces": "consented"}}), copy)
    if not len(pd.read_parquet(shown.folder("differences") / "shown.parquet")):
        pytest.skip("no test face was classified correctly by two models, so no face can be shown")
    perform_only(shown, Job("report"))
    pictures = list(embedded(shown.report.read_text(encoding="utf-8")))
    faces = np.concatenate([_crops(shown, name) for name in shown.study().databases])
    same = [any(picture.shape == face.shape and (picture == face).all() for face in faces) for picture in pictures]
    assert any(same)
    assert all(colours_of(picture) <= palette() for picture, is_face in zip(pictures, same, strict=True) if not is_face)


# --- levels of pain -------------------------------------------------------------------------------------------------


def test_networks_answer_with_all_levels(levels: RunFolder) -> None:
    check_answers(levels, LEVELS)


def test_confusion_of_levels_is_complete_and_in_order(levels: RunFolder) -> None:
    check_confusion(levels, LEVELS)


def test_levels_are_tested_and_explained(levels: RunFolder) -> None:
    check_findings(levels, LEVELS)
    check_target(levels, "experimental", "strong")


def test_levels_follow_pspi_and_heat(levels: RunFolder) -> None:
    clinical = table_of(levels, "frames", tables.FRAMES, "clinical")
    kept = clinical[clinical["kept"]]
    expected = kept["pspi"].clip(upper=3).map(dict(enumerate(LEVELS)))
    assert (kept["label"] == expected).all()
    heat = table_of(levels, "frames", tables.FRAMES, "experimental")
    assert heat.loc[heat["kept"], "label"].value_counts().to_dict() == {
        "weak": 32,
        "none": 16,
        "trace": 16,
        "strong": 16,
    }


def test_class_weights_have_one_entry_per_level(levels: RunFolder) -> None:
    facts = tables.load_json(levels.folder("train", "clinical", "seed=0") / "training.json")
    assert set(facts["class_weights"]) == set(LEVELS)
    assert sum(facts["class_weights"].values()) == pytest.approx(len(LEVELS))
    rarest = min(facts["faces"], key=facts["faces"].get)
    assert facts["class_weights"][rarest] == max(facts["class_weights"].values())


def test_the_report_of_levels_shows_who_is_taken_for_whom(levels: RunFolder) -> None:
    page = levels.report.read_text(encoding="utf-8")
    assert "Which class is taken for which" in page
    assert "The score of every class" in page
    report = levels.folder("report")
    assert (report / "figures" / "confusion-clinical-experimental.svg").exists()
    first = pd.read_csv(report / "tables" / "table-1.csv")
    assert first["class"].tolist() == [*LEVELS, "avg"] * 2
    means = first.groupby("test faces")[["precision", "recall", "F1"]].apply(lambda t: t.iloc[:-1].mean() - t.iloc[-1])
    np.testing.assert_allclose(means, 0, atol=1e-9)  # printed with ten digits
    assert "nan" not in re.sub(r"<svg.*?</svg>|data:[^\"]*", "", page, flags=re.DOTALL).lower().split()


# --- pictures -------------------------------------------------------------------------------------------------------


def embedded(page: str) -> Iterator[NDArray[np.uint8]]:
    """Every picture inside a page, uint8 RGB."""
    found = re.findall(r"data:image/[a-z+]+;base64,([A-Za-z0-9+/=]+)", page)
    assert len(found) == page.count("data:image/")
    for text in found:
        yield np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB"))


def colours_of(picture: NDArray[np.uint8]) -> set[tuple[int, ...]]:
    return {tuple(colour) for colour in np.unique(picture.reshape(-1, 3), axis=0).tolist()}


def palette() -> set[tuple[int, ...]]:
    """All colours of the colour tables of maps."""
    names = (SIGNED, SIGNED_ON_DARK, ONE_SIDED)
    return {tuple(colour) for name in names for colour in np.asarray(colour_table(name)).tolist()}


def _crops(run: RunFolder, database: str) -> NDArray[np.uint8]:
    rows = table_of(run, "faces", tables.FACES, database)
    return load_faces(run.folder("faces", database) / "faces.h5", rows["row"].dropna().to_numpy(int)).faces


def test_what_leaves_a_run_with_levels_of_pain(levels: RunFolder, tmp_path: Path) -> None:
    check_bundle(levels, tmp_path)
    assert {"table-1.tex", "calibration-clinical.pdf", "confusion-clinical-clinical.pdf"} <= check_export(
        levels, tmp_path
    )
    check_checklists(levels)
    check_web(levels, tmp_path)
    people = table_of(levels, "split", tables.SPLIT, "experimental")["participant"]
    check_forgetting(levels, tmp_path, str(people.iloc[0]))


def test_maps_are_checked_against_permuted_labels(levels: RunFolder) -> None:
    folder = levels.folder("differences")
    checks = tables.load_table(folder / "trust.parquet", tables.TRUST)
    assert set(checks.loc[checks["check"] == "randomised labels", "method"]) == {"lrp", "edges"}
    curve = tables.load_table(folder / "randomised.parquet", tables.RANDOMISED)
    assert (curve.loc[curve["method"] == "edges", "similarity"] > 1 - 1e-9).all()
    assert len(tables.load_table(folder / "untaught.parquet", tables.UNTAUGHT)) == 2 * len(REGIONS)
    for name in levels.study().databases:
        right, permuted = (
            tables.load_json(levels.folder("train", name, replicate) / "training.json")
            for replicate in ("seed=0", "shuffled=0")
        )
        assert permuted["faces"] == right["faces"]  # permuted, not drawn anew
