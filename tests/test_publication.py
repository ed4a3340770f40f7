"""What is written for a paper: tables, figures at journal width, citations; faces only with consent."""

import csv
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.testing import CliRunner

from painlens.cli import app
from painlens.publication import COLUMN_MM, Exported, bibliography, export_inputs
from painlens.publication.bibliography import entries, keys_of
from painlens.report.tables import escape
from painlens.study import load_study, parse_study
from report_fixture import made_inputs, made_study

STUDIES = Path(__file__).parents[1] / "studies"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("paper")


@pytest.fixture(scope="module")
def done(folder: Path) -> Exported:
    return export_inputs(made_inputs(), folder)


def test_the_papers_tables_and_figure_have_their_names(done: Exported, folder: Path) -> None:
    for name in ("tables/table-1", "tables/table-2", "figures/figure-1"):
        kinds = ("csv", "tex") if name.startswith("tables") else ("svg", "pdf")
        assert all((folder / f"{name}.{kind}") in done.files for kind in kinds)
    assert all(path.stat().st_size for path in done.files)


def test_every_latex_table_is_whole(done: Exported) -> None:
    for path in done.files:
        if path.suffix == ".tex" and path.parent.name == "tables":
            _check_latex(path.read_text(encoding="utf-8"))


def _check_latex(text: str) -> None:
    """Balanced environments and braces, booktabs rules, as many cells in every row as columns, nothing unescaped."""
    opened = re.findall(r"\\begin\{(\w+)\}", text)
    assert sorted(opened) == sorted(re.findall(r"\\end\{(\w+)\}", text)) == ["table", "tabular"]
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    spec = re.search(r"\\begin\{tabular\}\{([lr]+)\}", text)
    assert spec
    order = [text.index(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")]
    assert order == sorted(order)
    for row in re.findall(r"^(.*) \\\\$", text, re.MULTILINE):
        spans = [int(n) - 1 for n in re.findall(r"\\multicolumn\{(\d+)\}", row)]
        assert len(re.findall(r"(?<!\\)&", row)) + 1 + sum(spans) == len(spec[1]), row
    assert not re.search(r"(?<!\\)[%#_]", re.sub(r"\\label\{.*?\}", "", text))
    assert text.isascii() or not set(text) & set("−–×≥≤→…")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex is installed")
def test_latex_compiles(done: Exported, folder: Path) -> None:  # noqa: ARG001 - the folder was written
    head = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{booktabs}"
    document = head + r"\begin{document}\input{all-tables}\end{document}"
    (folder / "main.tex").write_text(document, encoding="utf-8")
    run = subprocess.run(["pdflatex", "-halt-on-error", "main.tex"], cwd=folder, capture_output=True, check=False)
    assert run.returncode == 0, run.stdout[-800:]


def test_csv_holds_the_unrounded_numbers(done: Exported, folder: Path) -> None:  # noqa: ARG001
    rows = list(csv.reader((folder / "tables" / "accuracy.csv").read_text(encoding="utf-8").splitlines()))
    assert {len(row) for row in rows} == {len(rows[0])}
    value = rows[1][rows[0].index("accuracy")]
    table = made_inputs().metrics
    key = (table["model"] == rows[1][0]) & (table["database"] == rows[1][1]) & (table["measure"] == "accuracy")
    assert float(value) == pytest.approx(table[key & (table["replicate"] == "mean")]["value"].to_numpy(float)[0])


def test_figures_have_the_width_of_a_column(done: Exported) -> None:
    for path in done.files:
        width = 174.0 if path.stem == "figure-1" else COLUMN_MM
        if path.suffix == ".svg":
            root = ET.parse(path).getroot()
            assert root.get("width") == f"{width:.2f}mm"
            box = [float(n) for n in (root.get("viewBox") or "").split()]
            assert float((root.get("height") or "").removesuffix("mm")) / width == pytest.approx(
                box[3] / box[2], abs=1e-3
            )
        if path.suffix == ".pdf":
            content = path.read_bytes()
            assert content.startswith(b"%PDF-")
            assert content.rstrip().endswith(b"%%EOF")
            box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+)", content)
            assert box
            assert float(box[1]) == pytest.approx(width / 25.4 * 72, abs=0.01)


def test_every_figure_is_there_in_both_formats(done: Exported) -> None:
    figures = {path.suffix: {p.stem for p in done.files if p.suffix == path.suffix} for path in done.files}
    assert figures[".svg"] == figures[".pdf"]
    assert len(figures[".svg"]) > 5


def test_equal_inputs_give_equal_bytes(done: Exported, folder: Path, tmp_path: Path) -> None:
    again = export_inputs(made_inputs(), tmp_path)
    for one, other in zip(done.files, again.files, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    assert all(one.is_relative_to(folder) for one in done.files)


def test_no_face_leaves_without_consent_and_an_earlier_one_is_taken_away(tmp_path: Path) -> None:
    for kind in ("svg", "pdf"):
        (tmp_path / "figures").mkdir(exist_ok=True)
        (tmp_path / "figures" / f"figure-1.{kind}").write_text("an earlier one")
    inputs = made_inputs(consent="unknown")
    found = export_inputs(inputs, tmp_path)
    assert not found.figure_1
    assert found.withheld == len(inputs.examples) > 0
    assert not list((tmp_path / "figures").glob("figure-1.*"))


def test_the_bibliography_cites_what_the_study_uses() -> None:
    paper = keys_of(load_study(STUDIES / "paper.yaml"))
    expected = {"prajod2022using", "painlens", "lucey2011painful", "walter2013biovid", "mollahosseini2019affectnet"}
    assert expected | {"bach2015pixel", "lin2017focal", "cui2019class", "viola2001rapid", "holm1979simple"} <= set(
        paper
    )
    demo = keys_of(load_study(STUDIES / "demo.yaml"))
    assert "lucey2011painful" not in demo, "a rendered database is nobody's"
    study = made_study(attribution={"method": "zennit"})
    assert "anders2021software" in keys_of(study)
    assert "kokhlikyan2020captum" in keys_of(made_study(attribution={"method": "occlusion"}))
    assert "bach2015pixel" not in keys_of(made_study(attribution={"method": "occlusion"}))


def test_bibtex_is_well_formed_and_every_key_is_known() -> None:
    known = entries()
    for entry in known.values():
        assert re.fullmatch(r"@(article|inproceedings|misc|software)\{\w+,\n(  \w+ = \{.*\},?\n)+\}\n", entry), entry
        assert entry.count("{") == entry.count("}")
        assert "author" in entry
        assert "title" in entry
    for name in ("demo", "paper", "null"):
        assert set(keys_of(load_study(STUDIES / f"{name}.yaml"))) <= set(known)


def test_a_citation_of_the_study_is_carried_along() -> None:
    raw = made_study().model_dump(mode="json")
    raw["databases"]["clinical"]["citation"] = "Doe {2020}, A database"
    text = bibliography(parse_study(raw))
    assert "note = {Doe (2020), A database}" in text
    assert "{VERSION}" not in text


def test_special_letters_are_escaped() -> None:
    assert escape("a_b & 50 % #1 {x} ~ ^ \\") == (
        r"a\_b \& 50 \% \#1 \{x\} \textasciitilde{} \textasciicircum{} \textbackslash{}"
    )


def test_a_run_that_is_not_finished_says_which_command_to_run(tmp_path: Path) -> None:
    shutil.copy(STUDIES / "demo.yaml", tmp_path / "study.yaml")
    result = CliRunner().invoke(app, ["export", str(tmp_path)])
    assert result.exit_code == 3
    assert f"painlens run {tmp_path.resolve()}" in result.stderr
    assert CliRunner().invoke(app, ["export", str(tmp_path / "nowhere")]).exit_code == 2
