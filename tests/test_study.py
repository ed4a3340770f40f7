"""Study files: defaults, strictness, overrides, resolved paths."""

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from painlens.study import Study, StudyError, dump_study, load_study, parse_study

STUDIES = Path(__file__).parents[1] / "studies"
MINIMAL = {"study": "tiny", "databases": {"a": {"reader": "unbc", "root": "a"}, "b": {"reader": "biovid", "root": "b"}}}


def with_(key: str, value: object) -> dict[str, object]:
    """The minimal study with one more top-level key."""
    return {**MINIMAL, key: value}


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_studies_are_valid(path: Path) -> None:
    assert load_study(path).databases


def test_paper_study_holds_the_published_protocol() -> None:
    study = load_study(STUDIES / "paper.yaml")
    assert (study.training.learning_rate, study.training.gamma, study.faces.size) == (0.01, 2.0, 224)
    assert study.databases["clinical"].frames.longest == 5
    assert study.databases["experimental"].split.test == 15
    assert (study.concept_test.repeats, study.replication.seeds) == (500, 5)


def test_a_study_cannot_be_changed() -> None:
    study = parse_study(MINIMAL)
    with pytest.raises(ValidationError, match="frozen"):
        study.seed = 3  # pyright: ignore[reportAttributeAccessIssue] - the point of the test


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (with_("trainig", {}), "unknown key 'trainig'; did you mean 'training'?"),
        (with_("training", {"learnig_rate": 1}), "did you mean 'learning_rate'?"),
        (with_("training", {"augmentation": {"rotation": 3}}), "did you mean 'rotation_deg'?"),
        (with_("pretraining", {"database": {"reader": "affectnet", "rot": "x"}}), "did you mean 'root'?"),
        (with_("training", {"learning_rate": -1}), "'training.learning_rate'.*greater than 0, got -1"),
        (with_("zzz", 1), "valid keys are study, title"),
        ({"databases": MINIMAL["databases"]}, "'study' is missing"),
        (with_("expect", {"favours": {"smile": "a"}}), "expect.favours names 'smile'; valid names are none"),
        (with_("databases", {"a": {"reader": "unbc", "root": "a"}}), "at least two databases, got 1"),
        (with_("databases", {"a": {"reader": "unbc"}, "b": {"reader": "unbc", "root": "b"}}), "either 'root'"),
        (with_("pretraining", {"checkpoint": "x", "database": {"reader": "affectnet", "root": "x"}}), "not both"),
    ],
)
def test_mistakes_are_named_with_a_remedy(raw: dict[str, object], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        parse_study(raw)


def test_overrides_reach_nested_keys(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(MINIMAL))
    study = load_study(path, ["training.epochs=3", "databases.a.split.test=[x, y]"])
    assert study.training.epochs == 3
    assert study.databases["a"].split.test == ("x", "y")


@pytest.mark.parametrize("override", ["training.epochs", "=3", "a b=3"])
def test_malformed_overrides_are_refused(tmp_path: Path, override: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(MINIMAL))
    with pytest.raises(StudyError, match=r"--set expects key\.key=value"):
        load_study(path, [override])


def test_an_override_through_a_value_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(MINIMAL))
    with pytest.raises(StudyError, match="'study' holds 'tiny', not a section"):
        load_study(path, ["study.name=3"])


@pytest.mark.parametrize(("text", "message"), [("- a\n", "must hold keys"), ("a: [", "not a YAML file")])
def test_files_that_are_no_study_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(StudyError, match=message):
        load_study(path)


def test_a_missing_study_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"study file not found: .*absent\.yaml"):
        load_study(tmp_path / "absent.yaml")


def test_relative_paths_are_taken_from_the_study_file(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(MINIMAL))
    assert load_study(path).databases["a"].root == (tmp_path / "a").resolve()


def test_a_dumped_study_reads_back_equal(tmp_path: Path) -> None:
    study = load_study(STUDIES / "demo.yaml")
    path = tmp_path / "study.yaml"
    path.write_text(dump_study(study))
    assert load_study(path) == study


def test_replicates_are_named_by_seed_and_half() -> None:
    study = parse_study(with_("replication", {"seeds": 2, "half_splits": 1}))
    assert study.replicates == ("seed=0", "seed=1", "half=0a", "half=0b")


def test_network_with_permuted_labels_is_trained_and_answers_nobody() -> None:
    study = parse_study(with_("replication", {"seeds": 1, "half_splits": 0}))
    assert study.trainings == (*study.networks, "shuffled=0")
    assert "shuffled=0" not in (*study.replicates, *study.networks)
    crossed = parse_study(with_("replication", {"seeds": 1, "half_splits": 0, "cross_fitting": 3}))
    assert crossed.untaught == ("shuffled=0-fold=1",)


def test_every_field_that_needs_words_has_them() -> None:
    assert Study.model_json_schema()["properties"]["seed"]["description"]
