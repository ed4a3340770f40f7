"""Checklists and model cards: pointers from artefacts, questions for people, no judgement."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from bundle_run import made_run
from painlens import checklists, tables
from painlens.checklists import pages
from painlens.checklists.evidence import TELL, gather
from painlens.cli import app
from painlens.workflow.run_folder import RunFolder

SOURCE = Path(checklists.__file__).parent
STUDIES = Path(__file__).parents[1] / "studies"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    found = made_run(tmp_path_factory.mktemp("made"))
    shown = found.folder("differences") / "trust.parquet"
    tables.save_table(tables.empty(tables.TRUST), shown, tables.TRUST)
    return found


def test_every_item_has_evidence_or_a_question_and_all_of_them_are_known() -> None:
    items = yaml.safe_load((SOURCE / "items.yaml").read_text(encoding="utf-8"))
    used, asked = set(), set()
    for name, own in items["checklists"].items():
        assert own["title"]
        assert own["source"]
        ids = [item["id"] for item in own["items"]]
        assert len(set(ids)) == len(ids), name
        for item in own["items"]:
            assert item.get("evidence") or item.get("person"), item["id"]
            used |= set(item.get("evidence", ()))
            asked |= set(item.get("person", ()))
    asked |= {question for _, _, people in pages._CARD for question in people}
    used |= {name for _, tells, _ in pages._CARD for name in tells}
    assert used == set(TELL)
    assert asked == set(items["questions"])
    assert {"tripod-ai", "claim", "gmlp"} == set(items["checklists"])
    assert len(items["checklists"]["gmlp"]["items"]) == 10


def test_evidence_agrees_with_the_tables_and_points_to_files_with_their_digests(run: RunFolder) -> None:
    found = gather(run)
    assert not [name for name, one in found.items() if "Not known yet" in one.sentence]
    for one in found.values():
        assert one.pointers
        for pointer in one.pointers:
            assert tables.sha256_of(run.root / pointer.file) == pointer.sha256
    faces = tables.load_table(run.folder("faces", "clinical") / "faces.parquet", tables.FACES)
    assert f"{int(faces['found'].sum())} with a face" in found["exclusions"].sentence
    metrics = tables.load_table(run.folder("evaluate") / "metrics.parquet", tables.METRICS)
    own = metrics[(metrics["measure"] == "balanced-accuracy") & (metrics["replicate"] == "mean")]
    value = own[(own["model"] == "clinical") & (own["database"] == "experimental")]["value"].item()
    assert f"clinical on experimental {value:.2f} [" in found["performance"].sentence


def test_nothing_is_judged_and_no_participant_is_named(run: RunFolder) -> None:
    written, _ = checklists.write_checklists(run)
    people = tables.load_table(run.folder("split", "clinical") / "split.parquet", tables.SPLIT)["participant"]
    for path in [*written, *SOURCE.glob("*")]:
        if path.is_file() and path.suffix != ".pyc":
            assert not re.search(
                r"complian|conform(s|ing)? (to|with)|certified", path.read_text(encoding="utf-8"), re.I
            )
    for path in written:
        assert not re.search(rf"\b({'|'.join(people)})\b", path.read_text(encoding="utf-8"))
    assert {path.name for path in written} >= {"tripod-ai.md", "claim.html", "gmlp.md", "model-card-clinical.html"}


def test_a_question_is_asked_once_and_kept(run: RunFolder, tmp_path: Path) -> None:
    call = ["checklist", str(run.root)]
    before = CliRunner().invoke(app, call)
    assert before.exit_code == 0, before.output
    assert len(re.findall("^open: purpose:", before.stdout, re.MULTILINE)) == 1
    text = "Research & <teaching>"
    after = CliRunner().invoke(app, [*call, "--answer", "purpose", text])
    assert after.exit_code == 0, after.output
    assert "open: purpose:" not in after.stdout
    folder = run.root / checklists.FOLDER
    for name in ("tripod-ai", "claim", "gmlp", "model-card-clinical"):
        assert text in (folder / f"{name}.md").read_text(encoding="utf-8")
        page = (folder / f"{name}.html").read_text(encoding="utf-8")
        assert "Research &amp; &lt;teaching&gt;" in page
        assert "http" not in re.sub(r"http-equiv", "", page)
    answers = tmp_path / "answers.yaml"
    answers.write_text("funding: nobody\npurpose: Something else\n", encoding="utf-8")
    assert CliRunner().invoke(app, [*call, "--answers", str(answers)]).exit_code == 0
    kept = json.loads((run.root / "answers.json").read_text(encoding="utf-8"))
    assert [entry["text"] for entry in kept if entry["question"] == "purpose"] == [text, "Something else"]
    assert checklists.answers_of(run.root)["purpose"] == "Something else"
    CliRunner().invoke(app, [*call, "--answers", str(answers)])
    assert json.loads((run.root / "answers.json").read_text(encoding="utf-8")) == kept


@pytest.mark.parametrize("content", ["- a list", "purpose: 3", "unknown: text", "purpose: ' '", "a: [", "\x00"])
def test_answers_that_cannot_be_kept_are_refused(run: RunFolder, tmp_path: Path, content: str) -> None:
    before = checklists.answers_of(run.root)
    path = tmp_path / "answers.yaml"
    path.write_text(content, encoding="utf-8")
    assert CliRunner().invoke(app, ["checklist", str(run.root), "--answers", str(path)]).exit_code == 3
    assert checklists.answers_of(run.root) == before


def test_before_the_steps_have_run_the_command_is_told(tmp_path: Path) -> None:
    shutil.copy(STUDIES / "demo.yaml", tmp_path / "study.yaml")
    found = gather(RunFolder(tmp_path))
    assert found["study"].sentence
    assert "painlens run" in found["performance"].sentence
    assert not found["performance"].pointers


def test_hypotheses_on_record_are_counted(run: RunFolder) -> None:
    path = run.root / "hypotheses.json"
    assert "Nobody wrote" in gather(run)["hypotheses"].sentence
    tables.save_json({"hypotheses": [{"frozen": None}, {"frozen": {"sha256": "0"}}]}, path)
    try:
        assert gather(run)["hypotheses"].sentence.startswith("2 hypotheses are on record, 1 of them frozen")
    finally:
        path.unlink()
