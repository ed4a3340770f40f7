"""Participants who rotate through the test part: splits, jobs, measures within folds, and a tiny study end to end."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_test_study import DATABASES, REGIONS, SETTINGS, Made, make_study
from leaving_run import check_bundle, check_checklists, check_export, check_forgetting, check_web
from painlens import tables
from painlens.attributions import load_relevance
from painlens.backbones import load_network
from painlens.concept_test import concept_tests, describe, labelled_faces
from painlens.concept_test.association import measure_auroc
from painlens.concept_test.decodability import decode
from painlens.concept_test.gram import gram_matrix, with_intercept
from painlens.concept_test.material import Material, gather
from painlens.concept_test.tasks import decode_task, tasks_of
from painlens.faces import load_faces
from painlens.predictions import predict_logits
from painlens.splits import assert_rotation, complementary_halves, folds_of, rotate_participants, select, sizes_of
from painlens.study import Split, StudyError, parse_study
from painlens.tables import DataError
from painlens.workflow.estimate import estimate_study
from painlens.workflow.plan import plan
from painlens.workflow.run_folder import RunFolder, prepare_run
from painlens.workflow.stages import Job, job_of, jobs_of
from painlens.workflow.steps import perform
from test_splits import both, faces_of

QUICK = SETTINGS.model_copy(update={"bootstrap": 0, "floor_permutations": 1})
TWO = {
    "study": "rotating",
    "databases": {"a": {"reader": "unbc", "root": "/a"}, "b": {"reader": "biovid", "root": "/b"}},
}


def rotated(faces: pd.DataFrame, folds: int, **split: object) -> pd.DataFrame:
    return rotate_participants(faces, Split.model_validate(split), folds=folds, database="mine")


# Splits ---------------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_everybody_tests_once_and_never_in_their_own_training(data: st.DataObject) -> None:
    people = data.draw(st.integers(3, 20))
    folds = data.draw(st.integers(2, people))
    largest = -(-people // folds)
    validation = data.draw(st.integers(0, max(people - largest - 1, 0)))
    faces = both(people)
    table = rotated(faces, folds, validation=validation, seed=data.draw(st.integers(0, 9)))
    tested: list[str] = []
    for fold in range(1, folds + 1):
        own = {part: set(select(faces, table, part, f"seed=0-fold={fold}")["participant"]) for part in
               ("train", "validation", "test")}  # fmt: skip
        assert not own["test"] & own["train"]
        assert not own["validation"] & (own["train"] | own["test"])
        assert len(own["validation"]) == validation
        assert set.union(*own.values()) == set(faces["participant"])
        tested += own["test"]
    assert sorted(tested) == sorted(set(faces["participant"]))
    sizes = [list(folds_of(table).values()).count(fold) for fold in range(1, folds + 1)]
    assert max(sizes) - min(sizes) <= 1
    assert sizes_of(table)["test"] == (people, 2 * people)


def test_leaving_one_participant_out_is_as_many_folds_as_participants() -> None:
    faces = both(7)
    table = rotated(faces, 7, validation=1)
    for fold in range(1, 8):
        assert select(faces, table, "test", f"seed=0-fold={fold}")["participant"].nunique() == 1
    with pytest.raises(DataError, match="8 folds .* only 7 have a face; leave-one-participant-out takes 7"):
        rotated(faces, 8)


def test_rows_in_another_order_are_dealt_alike() -> None:
    faces = both(9)
    assert rotated(faces, 3).equals(rotated(faces.sample(frac=1, random_state=1), 3))


def test_people_of_one_kind_are_spread_over_the_folds() -> None:
    faces = faces_of({f"p{i}": "p" for i in range(4)} | {f"n{i}": "n" for i in range(4)})
    fold = folds_of(rotated(faces, 2, validation=0))
    assert sum(fold[f"p{i}"] == 1 for i in range(4)) == 2


def test_a_fold_without_a_class_in_training_is_refused() -> None:
    faces = faces_of({"a": "pn", "b": "n", "c": "n", "d": "n"})
    with pytest.raises(DataError, match=r"fold '\d.*no training participant shows the class pain"):
        rotated(faces, 2, validation=0)


def test_halves_show_every_class_in_every_fold() -> None:
    faces = faces_of({f"s{i}": kinds for i, kinds in enumerate(["p", "n"] * 8)})
    table = rotated(faces, 4, validation=0)
    training = [table.loc[table[f"fold={fold}"] == "train", "participant"] for fold in range(1, 5)]
    halves = complementary_halves(faces, splits=3, seed=0, training=training)
    table = table.merge(halves, on="participant")
    for half in range(3):
        for fold in range(1, 5):
            sides = [select(faces, table, "train", f"half={half}{side}-fold={fold}") for side in "ab"]
            assert all(set(side["label"]) == {"pain", "no-pain"} for side in sides)
            both_sides = set(sides[0]["participant"]), set(sides[1]["participant"])
            assert not both_sides[0] & both_sides[1]
            assert set.union(*both_sides) == set(select(faces, table, "train", f"seed=0-fold={fold}")["participant"])


def test_a_table_in_which_somebody_tests_twice_is_refused() -> None:
    table = rotated(both(6), 3)
    with pytest.raises(DataError, match="exactly one fold"):
        assert_rotation(table.assign(**{"fold=1": "test"}))


# The study and its jobs -----------------------------------------------------------------------------------------------


def test_every_fold_of_every_replicate_is_a_training_of_its_own() -> None:
    study = parse_study(TWO | {"replication": {"seeds": 2, "half_splits": 1, "cross_fitting": 3}})
    trainings = [job for job in jobs_of(study) if job.stage == "train" and job.database == "a"]
    trainings = [job for job in trainings if not job.replicate.startswith("shuffled=")]
    assert len(trainings) == (2 + 2) * 3
    assert Job("train", "a", "half=0b-fold=3") in trainings
    assert all(job_of(job.file_name) == job for job in trainings)
    assert study.replicates == ("seed=0", "seed=1", "half=0a", "half=0b")


def test_without_cross_fitting_nothing_is_called_otherwise() -> None:
    study = parse_study(TWO | {"replication": {"seeds": 2, "half_splits": 1}})
    assert study.networks == study.replicates


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"replication": {"cross_fitting": 1}}, "needs 2 folds or more"),
        ({"replication": {"cross_fitting": 2}, "concept_test": {"centring": "fold"}}, "concept_test.centring"),
    ],
)
def test_what_cannot_go_with_it_is_refused(change: dict[str, object], told: str) -> None:
    with pytest.raises(StudyError, match=told):
        parse_study(TWO | change)


def test_listed_test_participants_are_refused() -> None:
    databases = {**TWO["databases"], "a": {"reader": "unbc", "root": "/a", "split": {"test": ["s1"]}}}  # pyright: ignore[reportGeneralTypeIssues]
    with pytest.raises(StudyError, match=r"databases\.a\.split\.test names participants"):
        parse_study(TWO | {"databases": databases, "replication": {"cross_fitting": 2}})


def test_the_estimate_knows_that_everybody_is_tested_and_warns_of_few() -> None:
    plain = TWO | {"trust": {"randomised_labels": 0}}
    few, all_of_them = (
        estimate_study(parse_study(plain | {"replication": {"cross_fitting": folds}}), cores=1) for folds in (0, 5)
    )
    assert any("a: 4 test participants" in line for line in few.assumptions)
    assert not any("test participants" in line for line in all_of_them.assumptions)
    trainings = [table.table.set_index("step")["count"]["train"] for table in (few, all_of_them)]
    assert trainings[1] == 5 * trainings[0]


# Measures within folds ------------------------------------------------------------------------------------------------


def rotating(seed: int = 0, folds: int = 2) -> Made:
    """A made study whose networks of each fold have an offset and a scale of their own."""
    made = make_study(people=10, seed=seed, seeds=2, halves=2)
    people = labelled_faces(made.evidence.concepts)[["database", "participant"]].drop_duplicates(ignore_index=True)
    people = people.assign(fold=1 + people.groupby("database").cumcount() % folds)
    return made.with_evidence(folds=people)


def material_of(made: Made, **changes: object) -> Material:
    return gather(
        replace(made.evidence, **changes), databases=DATABASES, regions=REGIONS, target="pain", smallest_cell=5
    )


def test_the_association_is_the_share_of_pairs_within_folds() -> None:
    material = material_of(rotating())
    found = measure_auroc(material, "eyes-closed")
    present, fold = material.present["eyes-closed"] > 0.5, material.fold
    assert fold is not None
    cells = (material.faces["label"] + material.faces["database"]).to_numpy()
    shares = []
    for cell in np.unique(cells):
        ordered = pairs = 0.0
        for i in np.flatnonzero((cells == cell) & present):
            others = np.flatnonzero((cells == cell) & ~present & (fold == fold[i]))
            ordered += (material.score[0, i] > material.score[0, others]).sum()
            pairs += len(others)
        shares.append(ordered / pairs)
    assert found.values[0, 0] == pytest.approx(np.mean(shares), abs=1e-12)


def test_offsets_of_the_folds_networks_change_no_association() -> None:
    material = material_of(rotating())
    assert material.fold is not None
    moved = replace(material, score=material.score + np.where(material.fold == 2, 40.0, 0.0))
    for concept in REGIONS:
        np.testing.assert_allclose(
            measure_auroc(material, concept).values, measure_auroc(moved, concept).values, atol=1e-12
        )


def test_one_fold_is_the_usual_measure() -> None:
    usual, one = material_of(rotating(), folds=None), material_of(rotating(folds=1))
    np.testing.assert_allclose(measure_auroc(usual, "teeth-visible").values,
                               measure_auroc(one, "teeth-visible").values, atol=1e-12)  # fmt: skip


def test_decodability_is_that_of_each_folds_own_svms() -> None:
    made = rotating()
    material = material_of(made)
    task = next(t for t in tasks_of(material, SETTINGS, 0)[0] if t.folds == "participants")
    assert task.fold is not None
    assert made.evidence.features is not None
    gram = gram_matrix(made.evidence.features("clinical", "seed=0"))[np.ix_(task.rows, task.rows)]
    together = decode_task(gram, task, SETTINGS)
    counts = np.zeros_like(together.counts)
    for name in (1, 2):
        own = np.flatnonzero(task.fold == name)
        people, number = np.unique(task.people.number[own], return_inverse=True)
        apart = decode(
            with_intercept(gram[np.ix_(own, own)]), task.present[own], number, task.first_half[:, own],
            cost=SETTINGS.cost,
        )  # fmt: skip
        counts[:, :, people] = apart.counts
    np.testing.assert_array_equal(together.counts, counts)


def test_the_tables_say_how_it_was_done_and_what_was_refused() -> None:
    made = rotating()
    evidence = replace(made.evidence, gradients=lambda *_: np.zeros(1))
    found = concept_tests(
        evidence, databases=DATABASES, regions=REGIONS, target="pain", settings=QUICK, replication=made.replication,
        seed=0,
    )  # fmt: skip
    assert set(found.verdicts["cross_fitting"]) == {2}
    gradient = found.verdicts[found.verdicts["measure"].str.startswith("gradient:")]
    assert gradient["reason"].str.contains("network of its own").all()
    claimed = found.verdicts[(found.verdicts["measure"] == "auroc") & (found.verdicts["claim"] == "databases")]
    assert claimed["standard_error"].notna().all()
    assert (claimed["participants"] == 20).all()
    notes = [note for one in describe(found.verdicts, target="pain") for note in one.notes]
    assert any(note.startswith("Cross-fitting: every participant was tested once, in one of 2 folds") for note in notes)


def test_too_many_folds_for_the_svms_are_told() -> None:
    material = material_of(rotating(folds=10))
    _, refused = tasks_of(material, SETTINGS, 0)
    assert "fold 5 of the participants" in refused["eyes-closed"]
    assert "take fewer folds" in refused["eyes-closed"]


def test_people_without_a_fold_are_an_error() -> None:
    made = rotating()
    assert made.evidence.folds is not None
    with pytest.raises(DataError, match="labelled faces but no fold"):
        material_of(made, folds=made.evidence.folds.iloc[1:])


# A tiny study end to end ----------------------------------------------------------------------------------------------

DRAWN = {"sequences": 2, "size": 64, "twins": 4}
TINY = {
    "study": "rotating-tiny",
    "databases": {
        "clinical": {
            "reader": "unbc",
            "synthetic": DRAWN | {"seed": 1, "participants": 6, "seconds": 3, "fps": 3},
            "split": {"validation": 1},
        },
        "experimental": {
            "reader": "biovid",
            "synthetic": DRAWN | {"seed": 2, "participants": 6, "fps": 1},
            "frames": {"rule": "at-time", "seconds": 4},
            "split": {"validation": 0},
        },
    },
    "faces": {"size": 32, "detector": "none"},
    "backbone": {"name": "compact", "head": 8},
    "training": {"epochs": 1},
    "concepts": {"eyes-closed": {"definition": "both eyes are closed", "region": "eyes"}},
    "concept_test": {
        "repeats": 5, "participant_repeats": 5, "floor_permutations": 0, "smallest_cell": 1, "bootstrap": 10,
        "layers": ["pool2"], "random_directions": 0,
    },
    "trust": {"faces": 8, "depths": 2},
    "replication": {"seeds": 1, "half_splits": 1, "cross_fitting": 2},
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The finished run, its steps one after the other in this process."""
    study = parse_study(TINY)
    made = prepare_run(study, tmp_path_factory.mktemp("rotating") / "run")
    for job in jobs_of(study):
        perform(job, made)
    return made


def test_faces_are_answered_by_networks_that_have_not_seen_the_person(run: RunFolder) -> None:
    study = run.study()
    for model in study.databases:
        answers = tables.load_table(run.folder("predict", model) / "predictions.parquet", tables.PREDICTIONS)
        split = tables.load_table(run.folder("split", model) / "split.parquet", tables.SPLIT)
        faces = tables.load_table(run.folder("faces", model) / "faces.parquet", tables.FACES)
        own = answers[(answers["database"] == model) & (answers["replicate"] == "seed=0")]
        assert sorted(own["frame_id"]) == sorted(faces.loc[faces["found"], "frame_id"])  # everybody, once
        stored = load_relevance(run.folder("attribute", model) / "seed=0" / "relevance.h5")
        fold = own.merge(stored.faces, on=["database", "frame_id"], how="right")["participant_x"].map(folds_of(split))
        logits = own.set_index("frame_id")["logit:pain"]
        for number in (1, 2):
            rows = (faces["found"] & (faces["participant"].map(folds_of(split)) == number)).to_numpy(dtype=bool)
            crops = load_faces(run.folder("faces", model) / "faces.h5", faces.loc[rows, "row"].to_numpy(int)).faces
            network = load_network(run.folder("train", model, f"seed=0-fold={number}") / "weights.safetensors")
            expected = predict_logits(network, crops)[:, network.classes.index("pain")]
            np.testing.assert_allclose(logits[faces.loc[rows, "frame_id"]].to_numpy(), expected, atol=1e-4)
            maps = fold.eq(number).fillna(value=False).to_numpy(dtype=bool)
            assert np.allclose(
                stored.logits[maps, network.classes.index("pain")],
                logits[stored.faces.loc[maps, "frame_id"]].to_numpy(dtype=float), atol=1e-3,
            )  # fmt: skip


def test_the_run_makes_the_claim_about_databases_and_the_report_tells_the_design(run: RunFolder) -> None:
    verdicts = tables.load_table(run.folder("concepts") / "verdicts.parquet", tables.VERDICTS)
    assert set(verdicts["cross_fitting"]) == {2}
    cause = verdicts[(verdicts["measure"] == "cause") & (verdicts["claim"] == "databases")]
    assert cause["standard_error"].notna().all()
    page = run.report.read_text(encoding="utf-8")
    assert "rotate through the test part in 2 folds" in page


def test_a_finished_run_has_nothing_to_do(run: RunFolder) -> None:
    assert plan(run, run.study()) == []


def test_what_leaves_a_run_with_rotating_people(run: RunFolder, tmp_path: Path) -> None:
    check_bundle(run, tmp_path)
    check_export(run, tmp_path)
    cards = check_checklists(run)
    assert "each of 2 networks whose people rotate" in cards and "nobody is answered by a network" in cards


def test_the_web_shows_a_run_with_rotating_people(run: RunFolder, tmp_path: Path) -> None:
    check_web(run, tmp_path)


def test_a_rotating_person_is_forgotten(run: RunFolder, tmp_path: Path) -> None:
    split = tables.load_table(run.folder("split", "clinical") / "split.parquet", tables.SPLIT)
    check_forgetting(run, tmp_path, str(split["participant"].iloc[0]))
