"""Tables and manifests: whole files or none, typed columns, digests that guard."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from painlens import tables
from painlens.tables import DataError


def split_table(participants: list[str]) -> pd.DataFrame:
    """A small valid table."""
    rows = [{"database": "a", "participant": p, "part": "train", "faces": 3} for p in participants]
    return pd.DataFrame(rows, columns=["database", "participant", "part", "faces"])


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), unique=True, max_size=8))
def test_tables_survive_a_round_trip(participants: list[str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "split.parquet"
        written = tables.save_table(split_table(participants), path, tables.SPLIT)
        pd.testing.assert_frame_equal(tables.load_table(path, tables.SPLIT), written)


@pytest.mark.parametrize("schema", tables.SCHEMAS.values(), ids=list(tables.SCHEMAS))
def test_every_schema_describes_its_columns_and_key(schema: tables.Schema) -> None:
    assert set(schema.key) <= set(schema.columns)
    assert all(column.meaning for column in schema.columns.values())
    tables.conform(tables.empty(schema), schema)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match=r"'split' must have the columns \['part'\]"):
        tables.conform(split_table(["p"]).drop(columns="part"), tables.SPLIT)


def test_repeated_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="1 repeated keys"):
        tables.conform(split_table(["p", "p"]), tables.SPLIT)


def test_a_value_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(ValueError, match="column 'faces' of table 'split' must be integer"):
        tables.conform(split_table(["p"]).assign(faces="many"), tables.SPLIT)


def test_a_failed_write_leaves_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    tables.save_text("first", path)
    with pytest.raises(RuntimeError), tables.atomic_path(path) as temporary:
        temporary.write_text("half of the sec")
        raise RuntimeError("killed")
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_table_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="run the step that writes it first"):
        tables.load_table(tmp_path / "split.parquet", tables.SPLIT)


def test_a_broken_table_is_a_data_error(tmp_path: Path) -> None:
    path = tmp_path / "split.parquet"
    path.write_bytes(b"not parquet")
    with pytest.raises(DataError, match="not a valid 'split' table"):
        tables.load_table(path, tables.SPLIT)


def step(folder: Path, text: str = "1", parameters: dict[str, object] | None = None) -> tables.Begun:
    """Run a made-up step once and return its identity."""
    (folder / "code.py").write_text("x = 1")
    (folder / "input.json").write_text("{}")
    begun = begin(folder, parameters)
    tables.save_text(text, folder / "out.txt")
    tables.write_manifest(folder, begun, outputs=[folder / "out.txt"], rows={"out": 1})
    return begun


def begin(folder: Path, parameters: dict[str, object] | None = None) -> tables.Begun:
    """Identity of the made-up step as things stand."""
    inputs = {"input": folder / "input.json"}
    return tables.begin("made-up", parameters=parameters or {"a": 1}, inputs=inputs, modules=[folder / "code.py"])


def test_an_unchanged_step_is_up_to_date(tmp_path: Path) -> None:
    step(tmp_path)
    assert tables.is_up_to_date(tmp_path, begin(tmp_path))


@pytest.mark.parametrize("changed", ["code.py", "input.json", "out.txt"])
def test_a_change_of_code_input_or_output_makes_a_step_stale(tmp_path: Path, changed: str) -> None:
    step(tmp_path)
    (tmp_path / changed).write_text("changed")
    assert not tables.is_up_to_date(tmp_path, begin(tmp_path))


def test_a_change_of_parameters_makes_a_step_stale(tmp_path: Path) -> None:
    step(tmp_path)
    assert not tables.is_up_to_date(tmp_path, begin(tmp_path, {"a": 2}))


def test_touching_files_changes_nothing(tmp_path: Path) -> None:
    step(tmp_path)
    for path in tmp_path.iterdir():
        path.touch()
    assert tables.is_up_to_date(tmp_path, begin(tmp_path))


def test_equal_steps_write_equal_manifests(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    for folder in (first, second):
        folder.mkdir()
        step(folder)
    assert (first / "manifest.json").read_bytes() == (second / "manifest.json").read_bytes()


def test_a_changed_output_is_named(tmp_path: Path) -> None:
    step(tmp_path)
    (tmp_path / "out.txt").write_text("edited")
    with pytest.raises(DataError, match=r"out\.txt was changed after step 'made-up'"):
        tables.check_outputs(tmp_path, tables.load_manifest(tmp_path))


def test_a_missing_input_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("")
    with pytest.raises(DataError, match="run the earlier steps first"):
        begin(tmp_path)
