"""Whole studies with known truth: what each is made of, that none is made twice, and that a stop loses nothing."""

import json
import os
import subprocess
import sys
import textwrap
from itertools import product
from pathlib import Path

import pytest

from certificate_engine import Engine
from painlens.certificate import image_cells, images
from painlens.certificate.finished_draws import DONE, is_finished
from painlens.certificate.image_cells import CELLS, Draw, design_of, draws_of, study_of
from painlens.certificate.images import Course, make_draws
from painlens.study import StudyError
from painlens.synthetic import CONCEPTS
from painlens.tables import DataError
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import EMOTION, Job, databases_of, needs

WEIGHTS = Path("/nowhere/emotion.safetensors")


def course(folder: Path, engine: Engine, **changes: object) -> Course:
    plain: dict[str, object] = {"cores": 1, "engine": engine, "say": lambda _line: None}
    return Course(folder, **(plain | changes))  # pyright: ignore[reportArgumentType] - changes of a test


def stopped_by_ctrl_c(run: RunFolder) -> int:
    return 130 if run.root.name == "draw=00" and "null" in run.root.parts else 0


# ---- what a draw is made of ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_is_a_study_that_starts_from_the_shared_network(cell: str) -> None:
    study = study_of(Draw(cell, 4), WEIGHTS)
    assert study.pretraining.checkpoint == WEIGHTS
    assert EMOTION not in databases_of(study)
    assert not any(job.stage in ("report", "differences") for job in needs(Job("concepts"), study))
    assert set(CELLS[cell].expected) == set(study.concepts) <= set(CONCEPTS)


@pytest.mark.parametrize("cell", [name for name, cell in CELLS.items() if cell.kind == "null"])
def test_databases_of_a_null_pair_differ_in_their_people_only(cell: str) -> None:
    a, b = study_of(Draw(cell, 0), WEIGHTS).databases.values()
    assert a.synthetic is not None
    assert b.synthetic is not None
    assert a.synthetic.seed != b.synthetic.seed
    assert a.split.seed != b.split.seed
    alike = {"synthetic": a.synthetic, "split": a.split}
    assert b.model_copy(update=alike) == a
    people = {"seed": a.synthetic.seed, "participants": a.synthetic.participants}
    assert b.synthetic.model_copy(update=people) == a.synthetic
    assert (b.synthetic.participants == a.synthetic.participants) == (cell != "null-unequal")
    assert set(CELLS[cell].expected.values()) == {"none"}
    assert design_of(cell).bias == 0


@pytest.mark.parametrize("cell", [name for name, cell in CELLS.items() if cell.kind == "planted"])
def test_expected_side_is_where_the_concept_goes_along_with_pain_more(cell: str) -> None:
    a, b = study_of(Draw(cell, 0), WEIGHTS).databases.values()
    for concept, side in CELLS[cell].expected.items():
        effects = [d.synthetic.bias[concept].pain - d.synthetic.bias[concept].no_pain for d in (a, b) if d.synthetic]
        assert {"a": effects[0] > effects[1], "b": effects[1] > effects[0], "none": effects[0] == effects[1]}[side]


def test_null_pair_of_the_clinical_database_keeps_its_class_weights() -> None:
    study = study_of(Draw("null-clinical", 0), WEIGHTS)
    assert set(study.training.class_balance) == {"left", "right"}


def test_no_two_draws_share_a_seed_and_the_same_draw_is_the_same_everywhere() -> None:
    seeds = [
        Draw(cell, number).seed(*names)
        for cell, number in product(CELLS, range(40))
        for names in (("study",), ("left", "people"), ("right", "people"), ("left", "split"))
    ]
    assert len(set(seeds)) == len(seeds)
    assert Draw("null", 3).seed("study") == 496895032  # golden: a change of it makes all draws new ones


def test_cells_take_turns_and_those_that_matter_most_come_first() -> None:
    order = [f"{draw.cell}{draw.number}" for draw in draws_of(["weak", "null", "planted"], 2)]
    assert order == ["null0", "planted0", "null1", "planted1", "weak0", "weak1"]


def test_unknown_cell_is_refused_with_the_known_ones() -> None:
    with pytest.raises(StudyError, match=r"no cell 'nul'.*planted, null"):
        draws_of(["nul"], 1)


def test_design_counts_people_as_the_split_will() -> None:
    design = design_of("paper-sizes")
    assert (design.train_a, design.train_b, design.test_a, design.test_b) == (20, 47, 4, 15)  # Prajod et al. 2022


# ---- making them -----------------------------------------------------------------------------------------------


def test_finished_draws_are_not_made_again_and_the_network_is_trained_once(tmp_path: Path) -> None:
    engine = Engine()
    draws = draws_of(["planted", "null"], 1)
    assert make_draws(draws, course(tmp_path, engine)) == {}
    assert engine.studies == ["planted/draw=00", "null/draw=00"]
    assert make_draws(draws_of(["planted", "null"], 2), course(tmp_path, engine)) == {}
    assert engine.studies[2:] == ["planted/draw=01", "null/draw=01"]
    assert [targets for _, targets in engine.calls].count((Job("pretrain"),)) == 1


def test_finished_draw_keeps_its_tables_and_nothing_bulky(tmp_path: Path) -> None:
    make_draws(draws_of(["null"], 1), course(tmp_path, Engine()))
    place = Draw("null", 0).folder(tmp_path)
    left = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}
    tables = {"concept-test/verdicts.parquet", "concept-test/replication.parquet", "faces/database=left/faces.parquet"}
    assert tables | {"study.yaml", DONE, "logs/concepts.log", "metrics/metrics.parquet"} <= left
    assert not [name for name in left if name.endswith((".h5", ".png", ".safetensors"))]
    assert not (place / "databases").exists()
    assert (tmp_path / "images" / EMOTION / "emotion.safetensors").exists()


def test_failed_study_is_told_does_not_stop_the_others_and_is_tried_again(tmp_path: Path) -> None:
    fails = Engine(then=lambda run: 3 if "planted" in run.root.parts else 0)
    draws = draws_of(["planted", "null"], 1)
    assert make_draws(draws, course(tmp_path, fails)) == {Draw("planted", 0): 3}
    assert is_finished(Draw("null", 0), tmp_path)
    again = Engine()
    assert make_draws(draws, course(tmp_path, again)) == {}
    assert again.studies == ["planted/draw=00"]


def test_stop_ends_at_once_and_the_stopped_study_goes_on_with_what_it_had(tmp_path: Path) -> None:
    draws = draws_of(["planted", "null"], 2)
    with pytest.raises(KeyboardInterrupt):
        make_draws(draws, course(tmp_path, Engine(then=stopped_by_ctrl_c)))
    assert [is_finished(draw, tmp_path) for draw in draws] == [True, False, False, False]
    assert (Draw("null", 0).folder(tmp_path) / "faces" / "database=left" / "faces.h5").exists()
    again = Engine()
    make_draws(draws, course(tmp_path, again))
    assert again.studies == ["null/draw=00", "planted/draw=01", "null/draw=01"]


def test_time_limit_begins_no_study_and_says_what_is_left(tmp_path: Path) -> None:
    engine, lines = Engine(), []
    make_draws(draws_of(["null"], 3), course(tmp_path, engine, minutes=0.0, say=lines.append))
    assert engine.studies == []
    assert "3 studies are left" in lines[-1]


def test_draws_of_other_settings_are_not_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_draws(draws_of(["null"], 1), course(tmp_path, Engine()))
    changed = image_cells.ImageCell("null", "null", "", CELLS["null"].expected, changes={"training": {"epochs": 2}})
    monkeypatch.setitem(CELLS, "null", changed)
    with pytest.raises(DataError, match=r"made from other settings.*--folder"):
        make_draws(draws_of(["null"], 1), course(tmp_path, Engine()))


def test_other_words_for_a_cell_are_no_other_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_draws(draws_of(["null"], 1), course(tmp_path, Engine()))
    monkeypatch.setitem(CELLS, "null", image_cells.ImageCell("null", "null", "in other words", CELLS["null"].expected))
    assert is_finished(Draw("null", 0), tmp_path)


def test_study_that_another_process_makes_is_passed_over(tmp_path: Path) -> None:
    place = Draw("null", 0).folder(tmp_path)
    place.mkdir(parents=True)
    holder = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from painlens.workflow.supervise import holding
        with holding(Path({str(place)!r}) / ".certify.lock", patience_s=0):
            print("held", flush=True)
            sys.stdin.read()
    """)
    with subprocess.Popen(
        [sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ)
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"held\n"
        engine = Engine()
        assert make_draws(draws_of(["null"], 2), course(tmp_path, engine)) == {}
        assert engine.studies == ["null/draw=01"]
        process.stdin.close()
    make_draws(draws_of(["null"], 2), course(tmp_path, engine))
    assert engine.studies == ["null/draw=01", "null/draw=00"]


def test_nothing_is_begun_while_the_pause_file_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pause, engine, seen = tmp_path / "pause", Engine(), []
    pause.touch()

    def look(_seconds: float) -> None:
        seen.append(list(engine.studies))
        if len(seen) == 3:
            pause.unlink()

    monkeypatch.setattr(images.time, "sleep", look)
    make_draws(draws_of(["null"], 1), course(tmp_path, engine, pause_file=pause))
    assert seen == [[], [], []]
    assert engine.studies == ["null/draw=00"]


def test_note_of_a_finished_draw_says_what_made_it(tmp_path: Path) -> None:
    make_draws(draws_of(["null"], 1), course(tmp_path, Engine()))
    note = json.loads((Draw("null", 0).folder(tmp_path) / DONE).read_text())
    assert {"cell", "draw", "definition", "version", "code", "finished"} <= set(note)
    assert (note["cell"], note["draw"]) == ("null", 0)
