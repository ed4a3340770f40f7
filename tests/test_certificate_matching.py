"""Which cells speak about a study, and what tables, page and terminal make of them."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from certificate_engine import Engine
from certificate_records import SIZES, made_cell, made_design, made_record
from painlens.certificate import certifying, images, summing
from painlens.certificate.cells import Certificate, read_certificate
from painlens.certificate.images import Course
from painlens.certificate.matching import HEADLINES, Size, distance, failures, line_of, match, same_kind
from painlens.certificate.tabulating import levels_compared, rates_by_design, shown, to_markdown, verdicts_right
from painlens.cli import app
from painlens.report import ReportInputs
from painlens.report.blocks import TableBlock, Text, Verdict
from painlens.report.sections.certificate import certificate as section
from painlens.report.sections.certificate import doubts
from painlens.report.sections.verdict import said as repeated_by_terminal
from painlens.report.sections.verdict import verdict
from report_fixture import PEOPLE, made_inputs

DEMO = Size(**SIZES)
sizes = st.builds(Size, *(st.integers(1, 200) for _ in range(4)), st.integers(1, 9), st.integers(0, 9))


def record_of(*, false: int = 40, covered: int = 960, **size: int) -> Certificate:
    """A record of a null and a planted design of one size, and of images beside them."""
    cells = [
        made_cell(rejections=false, covered=covered),
        made_cell(concept="eyes-closed", rejections=20, covered=980),
        made_cell(design="planted", kind="planted", concept="eyes-closed", expected="a", rejections=900, right=890),
        made_cell(measure="decodability:images", claim="paper", rejections=950, covered=None),
        made_cell(level="images", design="images-null", studies=10, rejections=1, covered=9),
    ]
    wanted = made_design(**size)
    return made_record(*cells, null=wanted, images_null=wanted, planted=made_design(**size, bias=0.8))


def page_size() -> dict[str, int]:
    """The size of the study of `made_inputs`."""
    people = {f"{part}_{side}": PEOPLE[part] for part in ("train", "test") for side in "ab"}
    return people | {"seeds": 3, "half_splits": 2}


# ---- matching --------------------------------------------------------------------------------------------------


@given(sizes, sizes)
def test_distance_is_symmetrical_and_zero_only_of_equal_sizes(a: Size, b: Size) -> None:
    assert distance(a, b) == pytest.approx(distance(b, a))
    assert (distance(a, b) == 0) == (a == b)


def test_nearest_size_is_taken_and_the_order_of_the_databases_does_not_matter() -> None:
    small, large = made_cell(design="small"), made_cell(design="large")
    record = made_record(
        small, large, small=made_design(), large=made_design(train_a=80, train_b=80, test_a=30, test_b=30)
    )
    for size in (DEMO, DEMO.exchanged, replace(DEMO, test_a=8)):
        found = match(record, size, level="features")
        assert found is not None
        assert [line.design for line in found.lines] == ["small"]
        assert found.alike
    far = match(record, replace(DEMO, train_a=70, train_b=90, test_a=40, test_b=25), level="features")
    assert far is not None
    assert far.lines[0].design == "large"
    assert far.factor == pytest.approx(40 / 30)


def test_level_without_cells_has_no_match() -> None:
    assert match(made_record(made_cell()), DEMO, level="images") is None


def test_line_tells_the_worst_concept() -> None:
    line = line_of(record_of(), "null", measure="auroc", claim="databases", level="features")
    assert line is not None
    assert line.false is not None
    assert (line.false.count, line.false.of) == (40, 1000)
    assert line.found is None
    assert line.covered is not None
    assert line.covered.count == 960


def test_bystander_of_a_planted_pair_is_no_false_difference() -> None:
    record = made_record(made_cell(kind="planted", design="planted", rejections=900, covered=950))
    line = line_of(record, "planted", measure="auroc", claim="databases", level="features")
    assert line is not None
    assert line.false is None


@pytest.mark.parametrize(("false", "covered", "word"), [(70, 930, ""), (71, 930, "called a"), (70, 929, "held the")])
def test_cell_beyond_the_limits_fails_and_one_at_them_does_not(false: int, covered: int, word: str) -> None:
    line = line_of(
        record_of(false=false, covered=covered), "null", measure="auroc", claim="databases", level="features"
    )
    assert line is not None
    found = failures([line])
    assert bool(found) == bool(word)
    assert all(word in reason for reason in found)


def test_few_studies_fail_by_more_than_chance_only() -> None:
    few = made_record(made_cell(studies=50, rejections=5, covered=45))  # 10 %, but 3 to 22 %
    many = made_record(made_cell(studies=1000, rejections=100, covered=900))
    for record, fails in ((few, False), (many, True)):
        line = line_of(record, "null", measure="auroc", claim="databases", level="features")
        assert line is not None
        assert bool(failures([line])) == fails


def test_the_papers_test_is_shown_and_decides_nothing() -> None:
    line = line_of(record_of(), "null", measure="decodability:images", claim="paper", level="features")
    assert line is not None
    assert line.false is not None
    assert line.false.value == 0.95
    assert failures([line]) == []


def test_like_is_compared_with_like() -> None:
    record = record_of()
    image = next(cell for cell in record.cells if cell.level == "images")
    other = same_kind(record, image)
    assert other is not None
    assert (other.design, other.concept, other.measure) == ("null", "smile", "auroc")


# ---- tables ----------------------------------------------------------------------------------------------------


def test_tables_are_whole() -> None:
    record = record_of()
    for rows in (verdicts_right(record, "images"), rates_by_design(record, "features"), levels_compared(record)):
        assert len(rows) > 1
        assert len({len(row) for row in rows}) == 1
        assert to_markdown(rows).count("\n") == len(rows) + 1


def test_levels_whose_intervals_do_not_meet_are_told() -> None:
    meets = levels_compared(record_of())
    assert meets[1][-1] == "yes"
    assert shown(None) == "–"
    apart = levels_compared(record_of(false=600))
    assert apart[1][-1] == "no"  # 1 of 10 (0 to 45 %) against 60 %


# ---- page ------------------------------------------------------------------------------------------------------


def texts(found: object) -> str:
    blocks = getattr(found, "blocks")  # noqa: B009 - of a section
    return " ".join(p for block in blocks if isinstance(block, Text) for p in block.paragraphs)


def test_page_without_a_certificate_says_so() -> None:
    assert "carries no certificate" in texts(section(made_inputs()))


def test_page_shows_the_rates_of_its_size() -> None:
    found = section(replace(made_inputs(), certificate=record_of(**page_size())))
    tables = [block.table for block in found.blocks if isinstance(block, TableBlock)]
    assert [table.name.split("-")[1] for table in tables] == ["features", "images"]
    assert any(cell.value == 0.04 for row in tables[0].rows for cell in row)
    assert "No cell of the certificate" not in texts(found)


def test_page_of_another_size_says_how_far_the_nearest_is() -> None:
    found = section(replace(made_inputs(), certificate=record_of(train_a=80, train_b=80, test_a=40, test_b=40)))
    assert "No cell of the certificate has the size of this study (12 and 12 people train" in texts(found)


def test_failing_cell_of_its_size_leaves_no_verdict_and_says_why() -> None:
    inputs = replace(made_inputs(), certificate=record_of(false=100, **page_size()))
    assert len(doubts(inputs)) == 1
    said = [block for block in verdict(inputs).blocks if block.block == "verdict"]
    assert said
    for block in said:
        assert getattr(block, "word") == "no verdict"  # noqa: B009 - of a verdict
        assert not getattr(block, "decided")  # noqa: B009
        assert "100 of 1000 studies called a difference" in getattr(block, "headline")  # noqa: B009


@pytest.mark.parametrize("size", [{"train_a": 80, "train_b": 80, "test_a": 40, "test_b": 40}, {}])
def test_failing_cell_of_another_size_takes_no_verdict_away(size: dict[str, int]) -> None:
    plain, doubted = (replace(made_inputs(), certificate=c) for c in (None, record_of(false=100, **size)))
    assert doubts(doubted) == ()
    assert verdict(plain).blocks[0] == verdict(doubted).blocks[0]


# ---- command and docs ------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The command with a double of the engine."""
    engine = Engine()
    original = images.Course.__init__

    def doubled(self: images.Course, *arguments: object, **named: object) -> None:
        original(self, *arguments, **(named | {"engine": engine}))  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(images.Course, "__init__", doubled)
    return engine


CALL = ["certify", "--level", "images", "--cells", "null", "--cores", "1"]


def test_command_makes_counts_writes_and_goes_on(quick: Engine, tmp_path: Path) -> None:
    folder = ["--folder", str(tmp_path)]
    done = CliRunner().invoke(app, [*CALL, *folder, "--studies", "2"])
    assert done.exit_code == 0, done.output
    assert "0/2 = 0 % (0 to 84)" in done.output or "1/2" in done.output or "2/2" in done.output
    done = CliRunner().invoke(app, [*CALL, *folder, "--studies", "3"])
    assert done.exit_code == 0
    assert quick.studies == ["null/draw=00", "null/draw=01", "null/draw=02"]
    record = read_certificate(tmp_path / "certificate.json")
    assert record is not None
    assert record.origins["images"].studies == 3


def test_command_keeps_the_other_level(quick: Engine, tmp_path: Path) -> None:
    from painlens.certificate.cells import write_certificate

    output = tmp_path / "record.json"
    write_certificate(made_record(made_cell()), output)
    done = CliRunner().invoke(app, [*CALL, "--folder", str(tmp_path), "--studies", "1", "--output", str(output)])
    assert done.exit_code == 0, done.output
    record = read_certificate(output)
    assert record is not None
    assert set(record.origins) == {"features", "images"}
    assert quick.studies == ["null/draw=00"]


def test_command_tells_failed_studies_and_counts_the_others(quick: Engine, tmp_path: Path) -> None:
    quick.then = lambda run: 3 if run.root.name == "draw=00" else 0
    done = CliRunner().invoke(app, [*CALL, "--folder", str(tmp_path), "--studies", "2"])
    assert done.exit_code == 1
    assert "1 studies failed and were not counted: null/0" in done.output


def test_command_without_one_study_refuses(quick: Engine, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [*CALL, "--folder", str(tmp_path), "--minutes", "0"])
    assert done.exit_code == 3
    assert "not one finished study" in done.output
    assert quick.studies == []


def test_command_with_an_unknown_cell_names_the_known_ones(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["certify", "--cells", "nul", "--level", "images", "--folder", str(tmp_path)])
    assert done.exit_code == 2
    assert "no cell 'nul'" in done.output


def test_stamp_names_the_command_but_no_place_of_the_machine(tmp_path: Path) -> None:
    where = Course(tmp_path, minutes=90.0)
    order = certifying.Order(("images",), ("null",), (40, 40), where, tmp_path / "record.json")
    assert certifying.stamp(order).command == "painlens certify --level images --cells null --studies 40 --minutes 90"
    plain = certifying.Order(("features", "images"), (), certifying.STUDIES, Course(tmp_path), tmp_path)
    assert certifying.stamp(plain).command == "painlens certify --level both"


def docs() -> ModuleType:
    path = Path(__file__).parents[1] / "docs" / "generate.py"
    spec = importlib.util.spec_from_file_location("generate", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_about_the_certificate_follows_the_record() -> None:
    generator = docs()
    assert generator.EXPLAINED.read_text(encoding="utf-8") == generator.certificate_page(), "run `make docs`"


def test_measurements_follow_the_record() -> None:
    generator = docs()
    assert generator.MEASURED.read_text(encoding="utf-8") == generator.measurements_page(), "run `make docs`"


def test_measurements_of_a_record_with_one_level_and_with_both() -> None:
    told = {"training": "equal steps", "size": "demo", "strength": "strong"}
    null = made_design(**(page_size() | {"half_splits": 4}), settings=told)
    cells = [made_cell(measure=measure) for measure in HEADLINES]
    both = record_of(**page_size())
    one = made_record(*cells, null=null)
    assert "Counted on 1,000 studies" in summing.features_summed(one)
    assert ".040 of 1 cells, .040 (40 of 1000)" in summing.features_summed(one)
    assert "holds no study of this level yet" in summing.images_summed(one)
    assert "| null |" in summing.images_summed(both)


def longer_training(inputs: ReportInputs, times: int) -> ReportInputs:
    """The same inputs, the networks of the experimental database trained on so many times the faces."""
    trainings = tuple(
        replace(one, faces={name: times * count for name, count in one.faces.items()})
        if one.model == "experimental"
        else one
        for one in inputs.trainings
    )
    return replace(inputs, trainings=trainings)


def test_unequal_steps_are_told_with_the_studys_own_ratio() -> None:
    size = page_size() | {"train_a": 4}
    brief = made_design(**size, settings={"training": "8 epochs"})
    equal = made_design(**size, settings={"training": "equal steps"})
    record = made_record(made_cell(design="brief", rejections=490, covered=510), made_cell(), brief=brief, null=equal)
    inputs = made_inputs()
    own = (inputs.split["database"].eq("clinical") & inputs.split["part"].eq("train")).astype(int)
    few = inputs.split[(own == 0) | (own.cumsum() <= 4)]
    unequal = replace(longer_training(inputs, 3), certificate=record, split=few)
    said = texts(section(unequal))
    assert "The networks of experimental took 2.9 times the optimisation steps of those of clinical" in said
    assert "after 8 epochs 490 of 1000 times" in said
    assert doubts(unequal) == ()  # nobody knows whether this training was short
    assert "times the optimisation steps" not in texts(section(replace(inputs, certificate=record, split=few)))


def test_a_doubt_says_that_equal_steps_were_counted_where_the_study_took_others() -> None:
    inputs = replace(made_inputs(), certificate=record_of(false=100, **page_size()))
    assert "equal steps" not in doubts(inputs)[0]
    (doubt,) = doubts(longer_training(inputs, 3))
    assert "networks of experimental took 2.9 times the optimisation steps of those of clinical" in doubt


def test_the_terminal_says_what_the_page_says() -> None:
    inputs = made_inputs()
    withheld = replace(inputs, certificate=record_of(false=100, **page_size()))
    for told, word in ((inputs, "undecided"), (withheld, "no verdict")):
        page = [block for block in verdict(told).blocks if isinstance(block, Verdict)]
        repeated = repeated_by_terminal(told)
        assert [one["word"] for one in repeated] == [block.word for block in page]
        assert all(block.headline in one["sentence"] for one, block in zip(repeated, page, strict=True))
        assert any(one["word"] == word for one in repeated)
    assert repeated_by_terminal(withheld)[0]["sentence"].startswith("Eyes closed: No verdict. At this size of study")
