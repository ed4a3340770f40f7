"""Which frames remain: runs of equal PSPI, frames at a time, every n-th frame."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import layouts
from painlens.databases import read_frames
from painlens.databases.selection import first_of_long_runs
from painlens.study import Database
from painlens.tables import DataError

SCORES = st.lists(st.one_of(st.integers(0, 3).map(float), st.just(float("nan"))), max_size=60)


def kept_positions(pspi: list[float], **settings: object) -> list[int]:
    kept = first_of_long_runs(pspi, longest=5, numbers=settings.get("numbers"))  # pyright: ignore[reportArgumentType]
    return (np.flatnonzero(kept) + 1).tolist()


@pytest.mark.parametrize(
    ("pspi", "positions"),
    [
        ("00000", [1, 2, 3, 4, 5]),
        ("000000", [1]),
        ("0000000222", [1, 8, 9, 10]),
        ("00011000", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("0000001000000", [1, 7, 8]),
        ("3333333300000", [1, 9, 10, 11, 12, 13]),
        ("000012222221", [1, 2, 3, 4, 5, 6, 12]),
    ],
)
def test_table_of_the_rule(pspi: str, positions: list[int]) -> None:
    assert kept_positions([float(score) for score in pspi]) == positions


def test_missing_score_ends_a_run_and_is_not_kept() -> None:
    assert kept_positions([0, 0, 0, float("nan"), 0, 0, 0]) == [1, 2, 3, 5, 6, 7]


def test_gap_in_the_numbers_ends_a_run() -> None:
    assert kept_positions([0] * 6, numbers=[1, 2, 3, 5, 6, 7]) == [1, 2, 3, 4, 5, 6]


def test_scores_are_compared_as_whole_numbers() -> None:
    assert kept_positions([1.0, 1.0000001, 0.9999999, 1, 1, 1]) == [1]


@settings(max_examples=50, deadline=None)
@given(SCORES, st.integers(1, 8))
def test_every_run_is_whole_or_its_first_frame(pspi: list[float], longest: int) -> None:
    kept = first_of_long_runs(pspi, longest=longest)
    start = 0
    while start < len(pspi):
        end = start + 1
        while end < len(pspi) and pspi[end] == pspi[start]:
            end += 1
        if np.isnan(pspi[start]):
            expected = [False]
        elif end - start <= longest:
            expected = [True] * (end - start)
        else:
            expected = [True] + [False] * (end - start - 1)
        assert kept[start:end].tolist() == expected
        start = end


@settings(max_examples=50, deadline=None)
@given(SCORES)
def test_unlimited_runs_keep_every_scored_frame(pspi: list[float]) -> None:
    assert (first_of_long_runs(pspi, longest=1000) == ~np.isnan(np.array(pspi, dtype=float))).all()


@settings(max_examples=50, deadline=None)
@given(SCORES)
def test_values_do_not_matter_only_where_they_change(pspi: list[float]) -> None:
    other = [score + 7 for score in pspi]
    assert (first_of_long_runs(pspi, longest=5) == first_of_long_runs(other, longest=5)).all()


def select(root: Path, reader: str, **frames: object) -> pd.DataFrame:
    database = Database.model_validate({"reader": reader, "root": root, "frames": frames})
    return read_frames(database, name="mine", root=root)


def test_runs_do_not_cross_sequences(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {"a/s1": [0] * 5, "a/s2": [0] * 5, "b/s1": [0] * 6 + [1]})
    frames = select(tmp_path, "unbc", rule="collapse-runs")
    assert frames.groupby(["participant", "sequence"])["kept"].sum().tolist() == [5, 5, 2]


def test_runs_are_those_of_the_original_sequence(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {"a/s": [0, 0, 0, 1, 0, 0, 0, 0]})
    database = Database.model_validate(
        {"reader": "unbc", "root": tmp_path, "frames": {"rule": "collapse-runs"}, "label": {"calm": "pspi == 0"}}
    )
    assert read_frames(database, name="x", root=tmp_path)["kept"].sum() == 7


def test_frame_left_out_by_a_run_says_so(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {"a/s": [0] * 6})
    reasons = select(tmp_path, "unbc", rule="collapse-runs")["reason"].tolist()
    assert reasons == ["", *["in a run of more than 5 frames with the same PSPI"] * 5]


@pytest.mark.parametrize(("gaps_end_runs", "kept"), [(True, 6), (False, 1)])
def test_missing_picture_is_a_gap(gaps_end_runs: bool, kept: int, tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {"a/s": [0] * 7})
    next((tmp_path / "Images").rglob("*004.png")).unlink()
    frames = select(tmp_path, "unbc", rule="collapse-runs", gaps_end_runs=gaps_end_runs)
    assert frames["kept"].sum() == kept


def test_stride_keeps_every_nth_frame_of_each_clip(tmp_path: Path) -> None:
    layouts.write_biovid(tmp_path, ["071309_w_21"], frames=7)
    frames = select(tmp_path, "biovid", rule="stride", step=3)
    assert frames.loc[frames["kept"], "frame_index"].tolist() == [0, 3, 6] * 2
    assert len(frames) == 14


def test_at_time_of_single_images_is_an_error(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {"a/s": [0, 1]})
    with pytest.raises(DataError, match="at-time needs clips, or frames with time_s"):
        select(tmp_path, "unbc", rule="at-time")


def test_at_time_takes_the_frame_on_the_screen(tmp_path: Path) -> None:
    rows = [{"path": f"{t}.png", "subject": "a", "label": "x", "sequence": "s", "time_s": t} for t in (0, 0.4, 0.8)]
    layouts.write_manifest(tmp_path, rows)
    frames = select(tmp_path, "manifest", rule="at-time", seconds=0.7)
    assert frames.loc[frames["kept"], "path"].tolist() == ["0.4.png"]


def test_runs_need_pspi(tmp_path: Path) -> None:
    layouts.write_manifest(tmp_path, [{"path": "a.png", "subject": "a", "label": "x"}])
    with pytest.raises(DataError, match="collapse-runs needs the column pspi"):
        select(tmp_path, "manifest", rule="collapse-runs")


@pytest.mark.parametrize(("fps", "index"), [(25, 100), (29.97, 119), (24, 96), (5, 20)])
def test_frame_number_follows_from_the_containers_rate(fps: float, index: int, tmp_path: Path) -> None:
    layouts.save_clip(tmp_path / "v.mp4", frames=130, fps=fps, width=32, height=32)
    layouts.write_manifest(tmp_path, [{"path": "v.mp4", "subject": "a", "label": "x"}])
    assert select(tmp_path, "manifest", rule="at-time", seconds=4.0)["frame_index"].tolist() == [index]
