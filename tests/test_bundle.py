"""Sealed bundles: what is recomputed agrees, what was edited is found, what is no bundle is refused."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from bundle_run import made_run, sealed_again
from painlens import tables
from painlens.bundle import Recomputed, recompute, verify_bundle, write_bundle
from painlens.bundle.archive import LISTING, unpack_archive, write_archive
from painlens.bundle.laws import broken_laws
from painlens.bundle.mismatches import compare_tables
from painlens.cli import app
from painlens.tables import DataError
from painlens.workflow.run_folder import RunFolder

VERDICTS = "concept-test/verdicts.parquet"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return made_run(tmp_path_factory.mktemp("made"), layers=("pool1",))


@pytest.fixture(scope="module")
def bundle(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(run, tmp_path_factory.mktemp("bundle") / "made.bundle.zip").path


@pytest.fixture(scope="module")
def unpacked(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("unpacked")
    unpack_archive(bundle, folder)
    return RunFolder(folder)


@pytest.fixture(scope="module")
def recomputed(unpacked: RunFolder) -> list[Recomputed]:
    return [one for one in recompute(unpacked.root, unpacked.study()) if len(one.table)]


def test_every_recomputed_number_agrees_to_the_last_bit(bundle: Path) -> None:
    found = verify_bundle(bundle, sha256=tables.sha256_of(bundle), exact=True)
    assert found.passed, found.mismatches[:3]
    assert found.cells > 5000
    assert found.rounded == 0


def test_a_bundle_holds_every_table_of_the_way_and_no_pixel_or_weight(run: RunFolder, bundle: Path) -> None:
    names = zipfile.ZipFile(bundle).namelist()
    tables_of_run = {path.relative_to(run.root).as_posix() for path in run.root.rglob("*.parquet")}
    assert tables_of_run <= set(names)
    assert {Path(name).suffix for name in names} == {".json", ".yaml", ".parquet", ".npy"}


def test_equal_runs_give_equal_bytes(run: RunFolder, bundle: Path, tmp_path: Path) -> None:
    assert write_bundle(run, tmp_path / "again.zip").path.read_bytes() == bundle.read_bytes()


# --- A number was changed, and every digest with it ---------------------------------------------------------


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_changed_cell_of_any_recomputed_table_is_found(
    recomputed: list[Recomputed], unpacked: RunFolder, data: st.DataObject
) -> None:
    one = data.draw(st.sampled_from(recomputed), label="table")
    stored = pd.read_parquet(unpacked.root / one.file)
    column = data.draw(st.sampled_from([c for c in stored if c not in one.key]), label="column")
    row = data.draw(st.integers(0, len(stored) - 1), label="row")
    stored[column] = _changed(stored[column], row, data.draw(st.floats(1e-6, 1e3), label="by"))
    found = compare_tables(one.file, stored, one.table, key=one.key).mismatches
    assert [(m.file, m.column) for m in found] == [(one.file, column)]
    assert found[0].row == ", ".join(str(stored[name].iloc[row]) for name in one.key)
    assert found[0].stored != found[0].recomputed


def test_recomputed_are_the_tables_that_the_issue_of_trust_is_about(recomputed: list[Recomputed]) -> None:
    names = {Path(one.file).stem for one in recomputed}
    assert {"metrics", "prevalence", "errors", "regions", "verdicts", "decodability", "association", "causes"} <= names
    assert {"split", "directions", "replication", "normalised", "layers", "candidates", "shown"} <= names


def test_a_thief_who_corrects_all_digests_is_found(bundle: Path, tmp_path: Path) -> None:
    def widen(folder: Path) -> None:
        table = pd.read_parquet(folder / VERDICTS)
        row = table.index[(table["measure"] == "regression") & (table["claim"] == "databases")][0]
        table.loc[row, "low"] -= 0.001
        table.to_parquet(folder / VERDICTS, index=False)

    edited = sealed_again(bundle, tmp_path / "edited.zip", widen)
    result = CliRunner().invoke(app, ["verify", str(edited), "--json"])
    assert result.exit_code == 4
    found = json.loads(result.stdout)["mismatches"]
    assert {(m["file"], m["column"]) for m in found} == {(VERDICTS, "low")}
    assert float(found[0]["recomputed"]) - float(found[0]["stored"]) == pytest.approx(0.001)
    assert "regression" in found[0]["row"]


def test_the_published_digest_finds_every_other_bundle(bundle: Path, tmp_path: Path) -> None:
    published = tables.sha256_of(bundle)
    other = sealed_again(bundle, tmp_path / "edited.zip", lambda folder: _shift_interval(folder))
    found = verify_bundle(other, sha256=published)
    assert ("sha256", f"{published} (published)") in [(m.column, m.recomputed) for m in found.mismatches]


def _shift_interval(folder: Path) -> None:
    path = folder / "metrics" / "metrics.parquet"
    table = pd.read_parquet(path)
    table.to_parquet(path, index=False, compression="gzip")  # the same numbers in other bytes


FIRST_TABLES = {
    "predictions": ("predictions/model=clinical/predictions.parquet", "logit:pain"),
    "labels": ("metrics/concepts.parquet", "label"),
    "twins": ("predictions/model=clinical/twins.parquet", "probability_with"),
    "ledger": ("relevance/model=clinical/ledger.parquet", "bias"),
    "ledger's logit": ("relevance/model=experimental/ledger.parquet", "logit"),
    "shares": ("relevance/model=clinical/shares.parquet", "raw"),
    "area": ("relevance/model=clinical/shares.parquet", "area"),
    "normalised shares": ("relevance/model=clinical/shares.parquet", "sum-abs"),
    "faces": ("faces/database=clinical/faces.parquet", "participant"),
}


@pytest.mark.parametrize("name", FIRST_TABLES)
def test_first_tables_hold_each_other(unpacked: RunFolder, name: str) -> None:
    file, column = FIRST_TABLES[name]
    path = unpacked.root / file
    before = path.read_bytes()
    assert not list(broken_laws(unpacked.root, unpacked.study()))
    try:
        table = pd.read_parquet(path)
        table[column] = _changed(table[column], 7, 0.5)
        table.to_parquet(path, index=False)
        found = list(broken_laws(unpacked.root, unpacked.study()))
    finally:
        path.write_bytes(before)
    assert found
    assert any(m.row for m in found)


def test_an_edited_inner_product_is_found(unpacked: RunFolder, recomputed: list[Recomputed]) -> None:
    path = unpacked.folder("concepts") / "products" / "clinical" / "seed=0" / "gram.npy"
    before = path.read_bytes()
    try:
        values = np.load(path)
        values[0] += 1
        np.save(path, values)
        again = {one.file: one for one in recompute(unpacked.root, unpacked.study())}
    finally:
        path.write_bytes(before)
    stored = {one.file: one.table for one in recomputed}
    file = "concept-test/decodability.parquet"
    found = compare_tables(file, stored[file], again[file].table, key=again[file].key).mismatches
    assert "feature_norm" in {m.column for m in found}
    assert all(m.row.split(", ")[1:3] == ["clinical", "seed=0"] for m in found)


def test_rows_that_were_added_removed_or_exchanged_are_told() -> None:
    table = pd.DataFrame({"name": ["a", "b", "c"], "value": [1.0, 2.0, 3.0]})
    shapes = {"removed": table[:2], "exchanged": table.iloc[[1, 0, 2]], "added": pd.concat([table, table[:1]])}
    for stored in shapes.values():
        assert compare_tables("f", stored.reset_index(drop=True), table, key=("name",)).mismatches
    assert not compare_tables("f", table, table, key=("name",)).mismatches


def test_rounding_of_another_machine_is_no_mismatch_unless_asked_for() -> None:
    table = pd.DataFrame({"name": ["a"], "value": [0.25]})
    other = table.assign(value=0.25 * (1 + 1e-14))
    assert compare_tables("f", table, other, key=("name",)).rounded == 1
    assert not compare_tables("f", table, other, key=("name",)).mismatches
    assert compare_tables("f", table, other, key=("name",), exact=True).mismatches


def _changed(column: pd.Series, row: int, by: float) -> pd.Series:
    """The column with one other value of its own kind."""
    changed = column.copy()
    value = column.iloc[row]
    if pd.api.types.is_bool_dtype(column):
        changed.iloc[row] = not value if pd.notna(value) else True
    elif pd.api.types.is_numeric_dtype(column):
        step = max(1, round(by)) if pd.api.types.is_integer_dtype(column) else by * max(1.0, abs(float(value)))
        changed.iloc[row] = step if pd.isna(value) else value + step
    else:
        changed.iloc[row] = f"{value}x" if pd.notna(value) else "x"
    return changed


# --- The archive --------------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """An archive of three small files."""
    members = {}
    for name in (LISTING, "a/table.parquet", "b=1/array.npy"):
        members[name] = tmp_path / name.replace("/", "-")
        members[name].write_bytes(name.encode() * 3)
    write_archive(tmp_path / "small.zip", members)
    return tmp_path / "small.zip"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_no_byte_can_be_changed(small: Path, tmp_path_factory: pytest.TempPathFactory, place: float, flip: int) -> None:
    content = bytearray(small.read_bytes())
    content[int(place * len(content))] ^= flip
    edited = tmp_path_factory.mktemp("edited") / "edited.zip"
    edited.write_bytes(content)
    with pytest.raises(DataError, match="edited"):
        unpack_archive(edited, edited.parent / "out")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_archive_is_refused(small: Path, tmp_path_factory: pytest.TempPathFactory, share: float) -> None:
    edited = tmp_path_factory.mktemp("cut") / "cut.zip"
    edited.write_bytes(small.read_bytes()[: int(share * small.stat().st_size)])
    with pytest.raises(DataError, match="truncated or edited"):
        unpack_archive(edited, edited.parent / "out")


@pytest.mark.parametrize("extra", [b"x", b"PK\x05\x06" + b"\0" * 18])
def test_nothing_may_follow_or_precede(small: Path, tmp_path: Path, extra: bytes) -> None:
    for number, content in enumerate((small.read_bytes() + extra, extra + small.read_bytes())):
        edited = tmp_path / f"{number}.zip"
        edited.write_bytes(content)
        with pytest.raises(DataError):
            unpack_archive(edited, tmp_path / f"out{number}")


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "a/../../evil", "a\\evil", "a//b", ".hidden", "a/.x", "C:evil"]
)
def test_paths_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    edited = _archive(tmp_path, [LISTING, name])
    with pytest.raises(DataError, match="nothing was unpacked"):
        unpack_archive(edited, tmp_path / "deep" / "out")
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path / "deep").exists()


def test_bombs_and_strange_orders_are_refused_before_anything_is_unpacked(tmp_path: Path) -> None:
    bomb = _archive(tmp_path, [LISTING, "zeros"], {"zeros": b"\0" * 50_000_000}, zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 100_000
    reordered = [_archive(tmp_path, names) for names in ([LISTING, "b", "a"], ["a", LISTING], ["a", "b"], [])]
    for edited, why in [(bomb, "compressed"), *((path, "order of their names") for path in reordered)]:
        with pytest.raises(DataError, match=why):
            unpack_archive(edited, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_that_claims_more_than_it_holds_is_refused(small: Path, tmp_path: Path) -> None:
    content = bytearray(small.read_bytes())
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 20 : directory + 28] = (2**31).to_bytes(4, "little") * 2
    (tmp_path / "huge.zip").write_bytes(content)
    with pytest.raises(DataError, match="edited"):
        unpack_archive(tmp_path / "huge.zip", tmp_path / "out")


def _archive(folder: Path, names: list[str], contents: dict[str, bytes] | None = None, kind: int = 0) -> Path:
    path = folder / f"crafted-{abs(hash((*names, kind)))}.zip"
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name in names:
            archive.writestr(name, (contents or {}).get(name, b"{}"))
    return path


# --- Contents that do not belong ----------------------------------------------------------------------------


def _without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _besides(folder: Path) -> None:
    (folder / "concept-test" / "extra.parquet").write_bytes(b"")


def _aliases(folder: Path) -> None:
    (folder / "study.yaml").write_text("a: &a [1]\nb: *a\n", encoding="utf-8")


def _no_table(folder: Path) -> None:
    (folder / VERDICTS).write_bytes(b"not a table")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_without(VERDICTS), "lacks concept-test/verdicts.parquet"),
        (_without("study.yaml"), "no study.yaml"),
        (_without("split/database=clinical/manifest.json"), "is not complete"),
        (_without("concept-test/products/clinical/seed=0/gram.npy"), "lacks concept-test/products"),
        (_besides, "no Parquet table|no place in a bundle"),
        (_aliases, "refers to parts of itself"),
        (_no_table, "no Parquet table"),
    ],
)
def test_contents_that_do_not_belong_are_refused(
    bundle: Path, tmp_path: Path, change: Callable[[Path], None], why: str
) -> None:
    folder = tmp_path / "d"
    unpack_archive(bundle, folder)
    change(folder)
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    write_archive(tmp_path / "edited.zip", {name: folder / name for name in names})
    result = CliRunner().invoke(app, ["verify", str(tmp_path / "edited.zip")])
    assert result.exit_code == 3
    with pytest.raises(DataError, match=why):
        verify_bundle(tmp_path / "edited.zip")
    assert "/painlens-verify" not in result.stderr


def test_an_array_that_claims_a_huge_shape_takes_no_memory(unpacked: RunFolder) -> None:
    from painlens.concept_test import StoredProducts

    path = unpacked.folder("concepts") / "products" / "crafted" / "seed=0" / "gram.npy"
    path.parent.mkdir(parents=True)
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 8)
    stored = StoredProducts(path.parents[2])
    try:
        with pytest.raises(DataError, match="in the shape that its header tells"):
            stored.of_network("crafted", "seed=0", lambda: pytest.fail("nothing is computed"))
    finally:
        path.unlink()


# --- Before and after ---------------------------------------------------------------------------------------


def test_a_run_whose_steps_have_not_run_says_which_command_to_run(run: RunFolder, tmp_path: Path) -> None:
    manifest = run.folder("evaluate") / "manifest.json"
    before = manifest.read_bytes()
    manifest.unlink()
    try:
        result = CliRunner().invoke(app, ["bundle", str(run.root), "--output", str(tmp_path / "x.zip")])
    finally:
        manifest.write_bytes(before)
    assert result.exit_code == 3
    assert f"painlens evaluate {run.root}" in result.stderr
    assert not (tmp_path / "x.zip").exists()


def test_a_table_that_was_edited_in_the_run_is_not_sealed(run: RunFolder, tmp_path: Path) -> None:
    path = run.root / VERDICTS
    before = path.read_bytes()
    pd.read_parquet(path).assign(low=0.0).to_parquet(path, index=False)
    try:
        with pytest.raises(DataError, match="was changed after step 'concepts' wrote it"):
            write_bundle(run, tmp_path / "x.zip")
    finally:
        path.write_bytes(before)


def test_the_commands_print_the_digest_to_publish_and_check_it(run: RunFolder, tmp_path: Path) -> None:
    target = tmp_path / "made.zip"
    sealed = CliRunner().invoke(app, ["bundle", str(run.root), "--output", str(target)])
    assert sealed.exit_code == 0, sealed.output
    assert f"sha256 {tables.sha256_of(target)}" in sealed.stdout
    assert CliRunner().invoke(app, ["verify", str(tmp_path / "none.zip")]).exit_code == 3
    assert CliRunner().invoke(app, ["bundle", str(tmp_path)]).exit_code == 2
