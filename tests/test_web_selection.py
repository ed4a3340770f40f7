"""Filters, order, statistics and URLs of the gallery, on plain arrays."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from painlens import differences, tables
from painlens.regions import REGIONS
from painlens.report import colours
from painlens.web import pictures
from painlens.web.index import Index, RunError
from painlens.web.index_file import index_of
from painlens.web.selection import (
    FilterError,
    Query,
    answers,
    choices,
    measured,
    parse_query,
    probabilities,
    select,
    to_url,
)
from painlens.web.statistics import region_statistics
from painlens.workflow.run_folder import RunFolder
from web_run import DATABASES, made_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return RunFolder(made_run(tmp_path_factory.mktemp("run") / "run", faces=40, people=8, withheld=()))


@pytest.fixture(scope="module")
def index(run: RunFolder) -> Index:
    return index_of(run, separate_process=False)


def everybody(index: Index) -> np.ndarray:
    return np.ones(len(index), bool)


def chosen(index: Index, **params: str) -> np.ndarray:
    return select(index, parse_query(params, index, "paper"), everybody(index)).rows


def test_classes_are_offered_in_their_order_and_not_by_the_alphabet(index: Index) -> None:
    levels = ("none", "trace", "weak", "strong")
    label = np.array(levels)[np.arange(len(index)) % 4]
    offered = choices(replace(index, label=label, classes=levels))
    assert offered["label"] == offered["a"] == offered["b"] == ("", *levels)
    assert choices(index)["a"] == ("", "no-pain", "pain")
    assert replace(index, label=label, classes=levels).labels(np.array([3, 1])) == ("trace", "strong")


def test_databases_are_offered_and_not_models(index: Index) -> None:
    own = replace(index, models=("before", "after"))
    assert choices(own)["database"] == ("", "clinical", "experimental")
    assert choices(own)["pair"] == ("before~after", "after~before")


def test_no_filter_shows_every_face_in_the_studys_order(index: Index) -> None:
    assert chosen(index).tolist() == list(range(40))


@pytest.mark.parametrize(
    ("name", "value"), [("database", "clinical"), ("label", "pain"), ("participant", "clinical-p002")]
)
def test_filters_by_name_keep_exactly_the_faces_that_carry_it(index: Index, name: str, value: str) -> None:
    assert set(chosen(index, **{name: value})) == set(np.flatnonzero(getattr(index, name) == value))
    assert len(chosen(index, **{name: value})) > 0


def test_agreement_splits_the_faces_in_two(index: Index) -> None:
    both = chosen(index, agree="yes"), chosen(index, agree="no")
    assert sorted(np.concatenate(both)) == list(range(40))
    a, b = answers(index, parse_query({}, index, "paper"))
    assert (a[both[0]] == b[both[0]]).all()
    assert (a[both[1]] != b[both[1]]).all()


def test_concept_labels_present_absent_and_missing_cover_all_faces(index: Index) -> None:
    parts = [chosen(index, concept="eyes-closed", present=p) for p in ("yes", "no", "unlabelled")]
    assert sorted(np.concatenate(parts)) == list(range(40))
    assert all(len(part) for part in parts)


def test_probability_range_is_inclusive_and_about_the_right_model(index: Index) -> None:
    pa, _ = probabilities(index, parse_query({}, index, "paper"))
    least = float(np.sort(pa)[20])
    rows = chosen(index, a_min=repr(least))
    assert set(rows) == set(np.flatnonzero(pa >= least))


@pytest.mark.parametrize("sort", ["difference", "size", "share_a", "share_b", "pa", "pb", "disagreement"])
def test_directions_are_each_others_reverse(index: Index, sort: str) -> None:
    down, up = chosen(index, sort=sort, region="eyes"), chosen(index, sort=sort, region="eyes", dir="asc")
    assert down.tolist() == up.tolist()[::-1]


def test_sorting_by_difference_really_sorts(index: Index) -> None:
    rows = chosen(index, sort="difference", region="mouth")
    values = measured(index, parse_query({"region": "mouth"}, index, "paper"))[rows]
    assert (np.diff(values) <= 0).all()


def test_exchanging_the_models_turns_every_sign(index: Index) -> None:
    one = parse_query({"region": "eyes"}, index, "paper")
    other = parse_query({"region": "eyes", "pair": "experimental~clinical"}, index, "paper")
    rows = np.arange(len(index))
    found = [region_statistics(index, q, rows, confidence=0.95) for q in (one, other)]
    for a, b in zip(*found, strict=True):
        assert a.difference == pytest.approx(-b.difference)
        assert (a.low, a.high) == pytest.approx((-b.high, -b.low))


def test_withheld_faces_are_in_no_row_and_are_counted(index: Index) -> None:
    shown = index.participant != "clinical-p000"
    found = select(index, parse_query({"database": "clinical"}, index, "paper"), shown)
    assert not (index.participant[found.rows] == "clinical-p000").any()
    assert found.withheld == int((~shown).sum())


@pytest.mark.parametrize("how", ["raw", "max", "sum-abs", "logit"])
def test_statistics_equal_those_of_the_workflow(run: RunFolder, index: Index, how: str) -> None:
    """The second implementation without pandas against `regions_table`."""
    shares = [tables.load_table(run.folder("attribute", m) / "shares.parquet", tables.SHARES) for m in DATABASES]
    table = differences.regions_table(
        pd.concat(shares, ignore_index=True), model_a=DATABASES[0], model_b=DATABASES[1], confidence=0.95
    )
    for database, label in (("all", "all"), ("clinical", "pain")):
        params = {"norm": how} | ({} if database == "all" else {"database": database, "label": label})
        query = parse_query(params, index, "paper")
        own = region_statistics(index, query, select(index, query, everybody(index)).rows, confidence=0.95)
        theirs = table[
            (table["normalisation"] == how) & (table["database"] == database) & (table["label"] == label)
        ].set_index("region")
        for one in own:
            row = theirs.loc[one.region]
            expected = [row[name] for name in ("mean_a", "mean_b", "difference", "low", "high")]
            got = [one.mean_a, one.mean_b, one.difference, one.low, one.high]
            assert got == pytest.approx(expected, rel=1e-4, abs=1e-6)
            assert (one.faces, one.participants) == (row["faces"], row["participants"])


def test_one_participant_gives_no_interval(index: Index) -> None:
    query = parse_query({"participant": "clinical-p002"}, index, "paper")
    found = region_statistics(index, query, select(index, query, everybody(index)).rows, confidence=0.95)
    assert not any(s.known for s in found)
    assert all(np.isfinite(s.difference) for s in found)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_query_survives_its_url(index: Index, data: st.DataObject) -> None:
    valid = choices(index)
    params = {name: data.draw(st.sampled_from(values), label=name) for name, values in valid.items()}
    params |= {name: data.draw(st.floats(-2, 2).map(lambda v: f"{v:.3f}")) for name in ("min", "a_max")}
    if not params["concept"]:
        params["present"] = ""
    query = parse_query(params, index, "paper")
    from urllib.parse import parse_qsl

    assert parse_query(dict(parse_qsl(to_url(query, "paper", index))), index, "paper") == query


def test_the_default_query_has_an_empty_url(index: Index) -> None:
    assert to_url(parse_query({}, index, "paper"), "paper", index) == ""


@pytest.mark.parametrize(
    "params",
    [
        {"database": "elsewhere"}, {"label": "<script>"}, {"a_min": "nan"}, {"a_min": "1e999"}, {"min": "many"},
        {"page": "0"},
        {"page": "-1"}, {"page": "9" * 400}, {"per": "10000"}, {"pair": "clinical~clinical"}, {"pair": "clinical"},
        {"seeds": "seed=99"}, {"present": "yes"}, {"region": "../../etc/passwd"}, {"participant": "p' OR 1=1 --"},
        {"page": "²"},
    ],
)  # fmt: skip
def test_filters_that_mean_nothing_are_refused_by_name(index: Index, params: dict[str, str]) -> None:
    with pytest.raises(FilterError, match=next(iter(params))):
        parse_query(params, index, "paper")


def test_colour_tables_are_those_of_the_report() -> None:
    for name in (*pictures.SIGNED_MAPS, *pictures.ONE_SIDED_MAPS):
        np.testing.assert_array_equal(pictures.colour_table(name), colours.colour_table(name))


def test_maps_are_normalised_as_in_the_workflow() -> None:
    maps = np.random.default_rng(0).normal(size=(3, 5, 5)).astype(np.float32)
    maps[1] = 0
    for how in differences.NORMALISATIONS:
        np.testing.assert_allclose(pictures.normalise(maps, how), differences.normalise(maps, how))
    units = np.array([2.0, 0.5, 0.0])
    found = pictures.normalise(maps, "logit", units)
    for own, plain, unit in zip(found, maps, units, strict=True):
        np.testing.assert_allclose(own, differences.normalise(plain[None], "logit", unit=float(unit))[0])


def test_the_index_is_kept_until_a_step_changes(run: RunFolder) -> None:
    path = run.engine / "web" / "index.npz"
    index_of(run, separate_process=False)
    before = path.stat().st_mtime_ns
    index_of(run, separate_process=False)
    assert path.stat().st_mtime_ns == before
    path.write_bytes(path.read_bytes()[:1000])
    assert len(index_of(run, separate_process=False)) == 40
    assert path.stat().st_mode & 0o077 == 0


def test_a_child_process_makes_the_same_index(run: RunFolder, index: Index) -> None:
    (run.engine / "web" / "index.npz").unlink(missing_ok=True)
    made = index_of(run, separate_process=True)
    np.testing.assert_array_equal(made.shares, index.shares)
    assert made.candidates == index.candidates


def test_without_relevance_everything_says_not_computed(tmp_path: Path) -> None:
    bare = index_of(RunFolder(made_run(tmp_path / "run", faces=8, people=4, relevance=False)), separate_process=False)
    assert (bare.map_row == -1).all()
    query = parse_query({}, bare, "paper")
    assert region_statistics(bare, query, np.arange(len(bare)), confidence=0.95) == []
    assert len(select(bare, query, everybody(bare)).rows) == 8


def test_a_run_without_faces_says_which_step_is_missing(tmp_path: Path) -> None:
    run = RunFolder(made_run(tmp_path / "run", faces=8, people=4))
    (run.folder("faces", "clinical") / "faces.parquet").unlink()
    with pytest.raises(RunError, match=r"faces\.parquet.*run the step"):
        index_of(run, separate_process=False)
    with pytest.raises(RunError, match=r"faces\.parquet"):
        index_of(run, separate_process=True)


def test_regions_and_shares_have_one_axis_in_one_order(index: Index) -> None:
    assert index.shares.shape[-1] == len(REGIONS)
    assert isinstance(parse_query({}, index, "paper"), Query)
