"""Reports of all kinds of studies: whose face is shown, what is refused, what is told to be missing."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from painlens.concept_test import describe
from painlens.concept_test.claims import refused_rows, verdict_table
from painlens.report import ReportInputs, write_report
from painlens.report.blocks import Text, blocks_of, tables_of
from painlens.report.consent import publishable
from painlens.report.page import TEMPLATES
from painlens.report.pictures import data_address
from painlens.report.sections import build_sections
from painlens.report.sections.compared import compared
from painlens.report.sections.concepts import concepts
from painlens.report.sections.made import portable_yaml
from painlens.report.sections.performance import performance
from painlens.study import Study
from painlens.tables import DataError
from report_fixture import drawn_face, made_inputs, made_study, small_inputs, small_study
from report_page import Page

LARGEST_BYTES = 15_000_000


@pytest.mark.parametrize("flag", ["false", "unknown", "", "True", "yes"])
def test_only_the_word_true_allows_publication(flag: str) -> None:
    inputs = small_inputs()
    first, *others = inputs.examples
    shown = publishable((replace(first, consent_publish=flag), *others), inputs.faces)
    assert shown.examples == tuple(others)
    assert shown.withheld == 1


def test_face_without_consent_never_occurs(tmp_path: Path) -> None:
    inputs = small_inputs()
    first, *others = inputs.examples
    withheld = replace(first, consent_publish="false")
    path = write_report(replace(inputs, examples=(withheld, *others)), tmp_path)
    text = path.read_text(encoding="utf-8")
    assert data_address(others[0].face) in text
    assert data_address(first.face) not in text
    assert "1 face is not shown: consent to publication is missing or unknown." in text


def test_face_is_withheld_where_only_the_table_of_faces_forbids_it(tmp_path: Path) -> None:
    inputs = small_inputs()
    faces = inputs.faces.assign(consent_publish="unknown")
    text = write_report(replace(inputs, faces=faces), tmp_path).read_text(encoding="utf-8")
    assert not any(data_address(example.face) in text for example in inputs.examples)
    assert f"{len(inputs.examples)} faces are not shown" in text


def test_face_that_the_table_does_not_know_is_withheld() -> None:
    inputs = small_inputs()
    stranger = replace(inputs.examples[0], frame_id="nobody/s0/000")
    assert publishable((stranger,), inputs.faces).examples == ()


def test_report_without_any_face_says_so_and_keeps_no_earlier_picture(tmp_path: Path) -> None:
    picture = tmp_path / "figures" / "figure-1.png"
    picture.parent.mkdir()
    picture.write_bytes(b"an earlier report's")
    text = write_report(small_inputs(consent="unknown"), tmp_path).read_text(encoding="utf-8")
    assert '<div class="withheld"><p><strong>withheld</strong> 6 faces are not shown' in text
    assert not picture.exists()


def test_three_databases_are_compared_in_pairs(tmp_path: Path) -> None:
    inputs = made_inputs(small_study(("clinical", "experimental", "third-place")))
    page = Page(write_report(inputs, tmp_path).read_text(encoding="utf-8"))
    captions = [table["caption"][0] for table in page.tables]
    assert [c for c in captions if re.match(r"Table \d\.", c)] == [
        "Table 1. The clinical model", "Table 2. The experimental model", "Table 3. The third-place model",
    ]  # fmt: skip
    assert len(inputs.statements) == 3
    assert len([1 for tag, attrs in page.tags if tag == "article" and attrs["class"] == "verdict"]) == 3


def test_without_twins_no_truth_is_drawn(tmp_path: Path) -> None:
    text = write_report(small_inputs(twins=False), tmp_path).read_text(encoding="utf-8")
    assert "planted truth:" not in text
    assert "Planted truth" not in text


def test_without_halves_the_claim_is_refused_with_its_reason(tmp_path: Path) -> None:
    study = small_study(replication={"seeds": 2, "half_splits": 0})
    text = write_report(made_inputs(study), tmp_path).read_text(encoding="utf-8")
    assert "no claim about the databases" in text
    assert "the databases: no claim" in text
    assert "set replication.half_splits to 1 or more" in text


def test_study_without_concepts_has_a_report(tmp_path: Path) -> None:
    text = write_report(made_inputs(made_study(concepts={}, expect={})), tmp_path).read_text(encoding="utf-8")
    assert "The study names no concept, so there is no verdict" in text


def test_missing_examples_maps_and_trainings_are_told(tmp_path: Path) -> None:
    inputs = replace(small_inputs(), examples=(), mean_maps={}, trainings=(), steps=(), versions={})
    text = write_report(inputs, tmp_path).read_text(encoding="utf-8")
    assert "No face was chosen for this page." in text
    assert "not computed" in text
    assert "No history of a training was handed in." in text


def test_page_of_large_faces_stays_small(tmp_path: Path) -> None:
    inputs = small_inputs()
    rng = np.random.default_rng(5)
    size = 224
    large = tuple(
        replace(
            example,
            face=drawn_face(rng, size=size),
            map_a=rng.normal(size=(size, size)).astype(np.float32),
            map_b=rng.normal(size=(size, size)).astype(np.float32),
        )
        for example in inputs.examples * 2
    )
    assert write_report(replace(inputs, examples=large), tmp_path).stat().st_size < LARGEST_BYTES


def test_few_test_participants_are_warned_of() -> None:
    inputs = small_inputs()
    few = inputs.split.groupby("database").head(16)  # two test people in each
    (caution,) = [b for b in compared(replace(inputs, split=few)).blocks if isinstance(b, Text) and b.kind == "caution"]
    assert caution.paragraphs[0].startswith("Only 4 test participants in all.")


def test_paths_of_the_machine_are_not_told() -> None:
    text = portable_yaml(owners_study(Path("/home/somebody/data")))
    assert "somebody" not in text
    assert "root: …/clinical" in text


def owners_study(folder: Path) -> Study:
    """A study on the owners' own files."""
    study = small_study()
    databases = {
        name: database.model_copy(update={"root": folder / name, "synthetic": None})
        for name, database in study.databases.items()
    }
    return study.model_copy(update={"databases": databases})


def test_owners_databases_get_the_published_numbers_beside_their_own() -> None:
    inputs = replace(small_inputs(), study=owners_study(Path("data")))
    found = list(tables_of((performance(inputs), concepts(inputs))))
    (table,) = [t for t in found if t.name == "table-1"]
    assert [cell.text for cell in table.rows[3]] == [
        "experimental, published", ".74", ".56", ".65", ".28", ".90", ".59", ".41", ".69", ".55", ".59",
    ]  # fmt: skip
    assert "92.2" in " ".join(t.note for t in found)


def test_table_with_a_missing_column_is_refused(tmp_path: Path) -> None:
    inputs = small_inputs()
    with pytest.raises(DataError, match="table 'metrics' must have the columns"):
        write_report(replace(inputs, metrics=inputs.metrics.drop(columns="low")), tmp_path)


def test_map_that_does_not_fit_its_face_is_refused(tmp_path: Path) -> None:
    inputs = small_inputs()
    wrong = replace(inputs.examples[0], map_b=np.zeros((7, 7), np.float32))
    with pytest.raises(DataError, match="both maps must have the face's size"):
        write_report(replace(inputs, examples=(wrong,)), tmp_path)


def test_every_block_has_a_look() -> None:
    template = (TEMPLATES / "blocks.html").read_text("utf-8")
    used = {block.block for block in blocks_of(build_sections(small_inputs(consent="false")))}
    assert used <= set(re.findall(r'block\.block == "([a-z]+)"', template))


def test_inputs_name_models_and_classes() -> None:
    inputs: ReportInputs = made_inputs()
    assert inputs.databases == ("clinical", "experimental")
    assert inputs.classes == ("no-pain", "pain")


def test_concept_that_its_faces_do_not_allow_is_told_with_its_reason(tmp_path: Path) -> None:
    inputs = small_inputs()
    reason = "concept 'eyes-closed' cannot be compared: a label x database cell needs 5 faces with and 5 without it"
    refused = refused_rows("auroc", "eyes-closed", inputs.databases, reason=reason, confidence=0.95)
    verdicts = verdict_table(refused)
    inputs = replace(
        inputs,
        verdicts=verdicts,
        statements=tuple(describe(verdicts, target="pain")),
        association=inputs.association.iloc[:0],
        decodability=inputs.decodability.iloc[:0],
        replication=inputs.replication.iloc[:0],
        causes=inputs.causes.iloc[:0],
        prevalence=inputs.prevalence.iloc[:0],
        errors=inputs.errors.iloc[:0],
    )
    text = write_report(inputs, tmp_path).read_text(encoding="utf-8")
    assert "could not be compared between the clinical and the experimental models" in text
    assert "eyes closed: concept &#39;eyes-closed&#39; cannot be compared" in text
    assert "The paper&#39;s test was not computed." in text
