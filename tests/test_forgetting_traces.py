"""Where a forgotten name still stands: names and contents of files of every kind."""

import sqlite3
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from painlens.forgetting.traces import pattern_of, traces


@pytest.mark.parametrize(
    ("text", "found"),
    [("p1", True), ("x/p1/y", True), ("p1-BL1", True), ("p12", False), ("ap1", False), ("p1_w", False), ("P1", False)],
)
def test_names_are_found_where_they_stand_alone(text: str, found: bool) -> None:
    assert bool(pattern_of(["p1"]).search(text)) is found


def test_traces_are_found_in_every_kind_of_file(tmp_path: Path) -> None:
    pd.DataFrame({"who": ["p1"]}).to_parquet(tmp_path / "a.parquet")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_dataset("x", data=["p1"], dtype=h5py.string_dtype())
    np.savez_compressed(tmp_path / "c.npz", names=np.array(["p1"]))
    with sqlite3.connect(tmp_path / "d.sqlite") as connection:
        connection.execute("CREATE TABLE t (w TEXT)")
        connection.execute("INSERT INTO t VALUES ('p1')")
    connection.close()
    (tmp_path / "e.log").write_bytes(b"." * (1 << 22) + b" p1 ")
    (tmp_path / "p1.png").write_bytes(b"")
    (tmp_path / "broken.parquet").write_bytes(b"p1 no table")
    pd.DataFrame({"who": ["p2"]}).to_parquet(tmp_path / "clean.parquet")
    names = {path.name for path in traces(tmp_path, ["p1"])}
    assert names == {"a.parquet", "b.h5", "c.npz", "d.sqlite", "e.log", "p1.png", "broken.parquet"}


def test_traces_in_weights_are_words_of_the_header_and_no_bytes_of_numbers(tmp_path: Path) -> None:
    header = b'{"__metadata__":{"of":"p1"}}'
    (tmp_path / "named.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    (tmp_path / "numbers.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}" + b"\0p1\0")
    (tmp_path / "broken.safetensors").write_bytes(b"p1 no weights")
    assert {path.name for path in traces(tmp_path, ["p1"])} == {"named.safetensors", "broken.safetensors"}


def test_a_short_name_is_not_found_in_pixels_by_chance(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, 1 << 20, dtype=np.uint8).tobytes()
    (tmp_path / "face.png").write_bytes(b"\0" + pixels + b" p1 ")
    assert traces(tmp_path, ["p1"]) == []
    (tmp_path / "face.png").write_bytes(b"\0" + pixels + b" 042-ll042 ")
    assert [path.name for path in traces(tmp_path, ["p1", "042-ll042"])] == ["face.png"]
    with h5py.File(tmp_path / "pixels.h5", "w") as file:
        file["faces"] = np.frombuffer(pixels + b" p1 ", dtype=np.uint8)
    assert {path.name for path in traces(tmp_path, ["p1"])} == set()
    with h5py.File(tmp_path / "pixels.h5", "a") as file:
        file["faces"].attrs["of"] = "p1"
    assert {path.name for path in traces(tmp_path, ["p1"])} == {"pixels.h5"}
