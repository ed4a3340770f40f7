"""The whole concept test on made studies: what is planted is found, and names, order and sides do not matter."""

import numpy as np
import pandas as pd
import pytest

from concept_test_study import ALIKE, DATABASES, PLANTED, REGIONS, SETTINGS, Made, make_study
from painlens.concept_test import ConceptTests, concept_tests, describe, judge, labelled_faces
from painlens.study import Expectation
from painlens.tables import ASSOCIATION, CAUSES, DECODABILITY, REPLICATION, VERDICTS, DataError, conform


def _run(study: Made, **changes: object) -> ConceptTests:
    return concept_tests(study.evidence, **(study.arguments() | changes))  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def planted() -> ConceptTests:
    return _run(make_study(PLANTED))


@pytest.fixture(scope="module")
def small() -> Made:
    return make_study(PLANTED, seeds=2, halves=1)


def _databases(result: ConceptTests) -> pd.DataFrame:
    table = result.verdicts
    return table[table["claim"] == "databases"].set_index(["measure", "concept"]).sort_index()


def test_planted_directions_are_found_by_every_measure(planted: ConceptTests) -> None:
    verdicts = _databases(planted)["verdict"].unstack("concept")
    assert set(verdicts.index) == {
        "auroc", "regression", "regression:adjusted", "relevance:max", "cause", "decodability:participants",
    }  # fmt: skip
    assert (verdicts["eyes-closed"] == "a").all()
    assert (verdicts["teeth-visible"] == "b").all()


def test_planted_directions_meet_the_expectation(planted: ConceptTests) -> None:
    expected = Expectation(favours={"eyes-closed": "clinical", "teeth-visible": "experimental"})
    assert all(finding.met for finding in judge(planted.verdicts, expected))


def test_databases_that_are_alike_are_not_called_different() -> None:
    study = make_study(ALIKE, seed=3)
    result = _run(study.with_evidence(features=None, networks=()))
    findings = judge(result.verdicts, Expectation(no_difference=tuple(REGIONS)))
    assert all(finding.met for finding in findings)
    told = describe(result.verdicts, target="pain")
    assert all(statement.verdict in ("undecided", "equivalent") for statement in told)


def test_tables_conform_to_their_schemas(planted: ConceptTests) -> None:
    for table, schema in (
        (planted.association, ASSOCIATION),
        (planted.decodability, DECODABILITY),
        (planted.causes, CAUSES),
        (planted.verdicts, VERDICTS),
        (planted.replication, REPLICATION),
    ):
        assert len(table) > 0
        pd.testing.assert_frame_equal(conform(table, schema), table)


def test_decodability_has_rows_for_floors_and_seeds_and_both_kinds_of_halves(planted: ConceptTests) -> None:
    table = planted.decodability
    assert set(table["model"]) == {*DATABASES, "emotion"}
    assert set(table["folds"]) == {"images", "participants"}
    assert not table["replicate"].str.startswith("half=").any()
    by_person = table[table["folds"] == "participants"]
    assert by_person["random_concept_f1"].notna().all()
    assert (by_person["random_concept_f1_95"] >= by_person["random_concept_f1"]).all()


def test_concepts_that_neither_model_embeds_are_told(planted: ConceptTests) -> None:
    told = describe(planted.verdicts, target="pain", decodability=planted.decodability)
    assert not any("neither model" in note for statement in told for note in statement.notes)
    nothing = planted.decodability.assign(pooled_f1=0.0)
    told = describe(planted.verdicts, target="pain", decodability=nothing)
    assert all(any("neither model" in note for note in statement.notes) for statement in told)


def test_replication_stands_for_each_seed_pair_and_says_what_it_is(planted: ConceptTests) -> None:
    table = planted.replication
    assert len(table) == 2 * 2 * 3  # concepts, kinds of halves, seeds
    assert set(table["label"]) == {"replication, not inferential"}


def test_exchanging_the_databases_flips_signs_and_keeps_p(small: Made) -> None:
    forth, back = _databases(_run(small)), _databases(_run(small, databases=DATABASES[::-1]))
    np.testing.assert_allclose(forth["difference"], -back["difference"], atol=1e-12)
    np.testing.assert_allclose(forth["p"], back["p"], rtol=1e-6)
    assert list(forth["verdict"]) == [{"a": "b", "b": "a"}.get(word, word) for word in back["verdict"]]


def test_shuffled_rows_and_renamed_participants_change_nothing(small: Made) -> None:
    evidence = small.evidence
    names = {name: f"x{index * 5 % 14}" for index, name in enumerate(sorted(set(evidence.concepts["participant"])))}

    def disguise(table: pd.DataFrame | None) -> pd.DataFrame:
        assert table is not None
        renamed = table.assign(participant=table["participant"].map(lambda name: names.get(name, name)))
        return renamed.sample(frac=1, random_state=1)

    changed = small.with_evidence(
        predictions=disguise(evidence.predictions),
        concepts=disguise(evidence.concepts),
        twins=disguise(evidence.twins),
        shares=disguise(evidence.shares),
    )
    before, after = _run(small), _run(changed)
    pd.testing.assert_frame_equal(before.verdicts, after.verdicts, atol=1e-9)
    pd.testing.assert_frame_equal(before.decodability, after.decodability, atol=1e-9)


def test_the_same_seed_gives_the_same_tables(small: Made) -> None:
    first, second = _run(small), _run(small)
    pd.testing.assert_frame_equal(first.decodability, second.decodability)
    pd.testing.assert_frame_equal(first.verdicts, second.verdicts)


def test_answers_and_labels_alone_are_enough(small: Made) -> None:
    bare = small.with_evidence(twins=None, shares=None, action_units=None, features=None, networks=())
    result = _run(bare)
    assert set(result.verdicts["measure"]) == {"auroc", "regression"}
    assert result.decodability.empty
    assert result.causes.empty
    assert any("association" in note for note in describe(result.verdicts, target="pain")[0].notes)


def test_a_concept_that_cannot_be_tested_does_not_stop_the_others(small: Made) -> None:
    concepts = small.evidence.concepts.copy()
    concepts.loc[concepts["concept"] == "teeth-visible", "value"] = False
    result = _run(small.with_evidence(concepts=concepts))
    verdicts = _databases(result)
    refused = verdicts.xs("teeth-visible", level="concept").drop("cause")
    assert (refused["verdict"] == "").all()
    assert (refused["reason"].str.len() > 20).all()
    assert verdicts.loc[("auroc", "eyes-closed"), "verdict"] == "a"
    assert any("could not be compared" in s.headline for s in describe(result.verdicts, target="pain"))


def test_three_databases_are_compared_pairwise(small: Made) -> None:
    evidence = small.evidence
    third = evidence.predictions[evidence.predictions["model"] == "clinical"].assign(model="ward")
    both = pd.concat([evidence.predictions, third], ignore_index=True)
    bare = small.with_evidence(predictions=both, twins=None, shares=None, features=None, networks=())
    table = _run(bare, databases=(*DATABASES, "ward")).verdicts
    pairs = set(zip(table["model_a"], table["model_b"], strict=True))
    assert pairs == {("clinical", "experimental"), ("clinical", "ward"), ("experimental", "ward")}


def test_features_with_another_number_of_rows_are_refused(small: Made) -> None:
    broken = small.with_evidence(features=lambda *_: np.zeros((3, 5)), networks=(("clinical", "seed=0"),))
    with pytest.raises(DataError, match="one row per labelled face"):
        _run(broken)


def test_one_feature_matrix_at_a_time_is_asked_for(small: Made) -> None:
    asked = []
    original = small.evidence.features
    assert original is not None

    def features(model: str, replicate: str) -> np.ndarray:
        asked.append((model, replicate))
        return original(model, replicate)

    steps = []
    study = small.with_evidence(features=features)
    _run(study, progress=lambda done, total, note="": steps.append((done, total)))  # noqa: ARG005 - shape of Progress
    assert asked == list(small.evidence.networks)
    assert steps[-1] == (len(asked), len(asked))


def test_rows_of_features_are_sorted_by_database_and_frame(small: Made) -> None:
    faces = labelled_faces(small.evidence.concepts.sample(frac=1, random_state=0))
    assert faces[["database", "frame_id"]].equals(faces[["database", "frame_id"]].sort_values(["database", "frame_id"]))


def test_settings_of_the_made_study_are_small() -> None:
    assert SETTINGS.repeats * SETTINGS.participant_repeats <= 25  # keeps this file quick


def test_the_sweep_decodes_every_layer_in_seeds_and_floors(small: Made) -> None:
    features = small.evidence.features
    assert features is not None

    def parts(model: str, replicate: str, layer: str) -> list[np.ndarray]:
        whole = features(model, replicate)
        return [np.zeros_like(whole)] if layer == "dead" else np.array_split(whole, 3, axis=1)

    settings = SETTINGS.model_copy(update={"layers": ("dead", "pool3")})
    table = _run(small.with_evidence(layer_parts=parts), settings=settings).layers
    assert set(table["layer"]) == {"dead", "pool3"}
    assert set(table["model"]) == {*DATABASES, "emotion"}
    assert not table["replicate"].str.startswith("half=").any()
    dead = table[table["layer"] == "dead"]
    assert (dead["degenerate_fits"] == 2 * SETTINGS.participant_repeats).all()
    whole = _run(small).decodability.query("folds == 'participants'").set_index(["concept", "model", "replicate"])
    alive = table[table["layer"] == "pool3"].set_index(["concept", "model", "replicate"])
    np.testing.assert_allclose(alive["pooled_f1"], whole.loc[alive.index, "pooled_f1"], atol=1e-6)


@pytest.mark.parametrize(
    "changes", [{"rows": "unit"}, {"centring": "fold"}, {"scaling": "norm"}, {"solver": "liblinear"}], ids=str
)
def test_treatments_of_features_and_the_second_engine_find_what_is_planted(
    small: Made, changes: dict[str, str]
) -> None:
    found = _databases(_run(small, settings=SETTINGS.model_copy(update=changes)))
    assert float(found["difference"].to_dict()["decodability:participants", "eyes-closed"]) > 0.1


def test_the_second_engine_gives_the_same_table(small: Made) -> None:
    own = _run(small).decodability
    other = _run(small, settings=SETTINGS.model_copy(update={"solver": "liblinear"})).decodability
    np.testing.assert_allclose(own["pooled_f1"], other["pooled_f1"], atol=0.01)


def test_five_by_two_tests_come_when_asked_for(small: Made) -> None:
    assert _run(small).replication["dietterich_p"].isna().all()
    settings = SETTINGS.model_copy(update={"paired_tests": ("dietterich", "alpaydin")})
    table = _run(small, settings=settings).replication
    assert table[["dietterich_p", "alpaydin_p"]].notna().all(axis=None)
