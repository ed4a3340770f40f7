"""Folders with very many files, text in all encodings, numbers in all spellings."""

import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from painlens.databases.columns import number_of, numbers
from painlens.databases.folders import IMAGES, files, files_below, listing, subfolders
from painlens.databases.inventory import take_inventory
from painlens.databases.separated import read_lines, read_separated
from painlens.tables import DataError

MANY = 20_000


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with very many files, and some folders."""
    folder = tmp_path_factory.mktemp("crowded")
    for number in range(MANY):
        os.close(os.open(folder / f"{number:05d}.png", os.O_CREAT))
    (folder / "z").mkdir()
    return folder


def test_listing_asks_nothing_of_single_files(crowded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a file was asked for its state")

    expected = crowded / "z"
    for name in ("stat", "lstat", "is_file", "is_dir", "exists", "resolve"):
        monkeypatch.setattr(Path, name, refused)
    for name in ("stat", "lstat"):
        monkeypatch.setattr(os, name, refused)
    assert len(files(crowded, IMAGES)) == len(files_below(crowded, IMAGES)) == MANY
    assert subfolders(crowded) == [expected]
    assert len(take_inventory(crowded).media) == MANY


def test_listing_costs_a_small_multiple_of_the_bare_one(crowded: Path) -> None:
    def bare() -> None:
        with os.scandir(crowded) as entries:
            sorted(entry.name for entry in entries)

    def fastest(work: object) -> float:
        times = []
        for _ in range(5):
            began = time.process_time()
            work()  # pyright: ignore[reportCallIssue]
            times.append(time.process_time() - began)
        return min(times)

    assert fastest(lambda: listing(crowded)) < 12 * fastest(bare) + 0.02


def test_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere cannot be listed: No such file"):
        listing(tmp_path / "nowhere")


# Text -------------------------------------------------------------------------------------------------------------

CELL = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\t;,\"'\ufeff"),
    min_size=1,
    max_size=8,
).map(str.strip)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(CELL, CELL), min_size=1, max_size=5),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_table_is_read_in_every_form(
    rows: list[tuple[str, str]], sign: str, encoding: str, end: str, padded: bool
) -> None:
    import tempfile

    blank = " " if padded and sign != "\t" else ""
    lines = [("first", "second"), *rows]
    text = end.join(f"{a}{blank}{sign}{blank}{b}" for a, b in lines) + end
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "t.csv"
        file.write_bytes(text.encode(encoding))
        table = read_separated(file)
    assert list(table.columns) == ["first", "second"]
    found = [tuple("" if pd.isna(cell) else cell.strip() for cell in row) for row in table.to_numpy().tolist()]
    assert found == [row for row in rows if row != ("", "")] or ("", "") in rows


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("Jürgen;Größe".encode("cp1252"), "Jürgen;Größe"),
        ("Jürgen;Größe".encode(), "Jürgen;Größe"),
        ("Jürgen;Größe".encode("utf-16"), "Jürgen;Größe"),
        ("Jürgen;Größe".encode("utf-8-sig"), "Jürgen;Größe"),
    ],
)
def test_umlauts_in_every_encoding(raw: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(raw + b"" if b"\0" in raw else raw + b"\n1;2\n")
    assert read_lines(tmp_path / "t.csv")[0] == words
    if b"\0" not in raw:
        assert ";".join(read_separated(tmp_path / "t.csv").columns) == words


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"a,b\0c\n1,2\n", "binary zeros"),
        (b"a,b\n1,2,3,4\n", "not a readable text table"),
        (b'a,b\n"1,2\n', "not a readable text table"),
        (b"\x81\x8d,b\n", "neither UTF-8 nor Windows-1252"),
    ],
)
def test_text_that_is_no_table_is_told(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_separated(tmp_path / "t.csv")


# Numbers ----------------------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["{!r}", "{:e}", "  {:.7e}", "{:.3f}\r"]))
def test_number_with_a_point_or_a_comma(value: float, form: str) -> None:
    text = form.format(value)
    expected = float(text)
    assert number_of(text) == expected
    assert number_of(text.replace(".", ",")) == expected
    column = pd.DataFrame({"a": [text, text.replace(".", ","), None, "word"]})
    found = numbers(column, "a").to_numpy()
    np.testing.assert_array_equal(found, [expected, expected, np.nan, np.nan])


@pytest.mark.parametrize(
    "text", ["", " ", "1,2,3", "1.234,5", "1,234.5", "nan", "inf", "-inf", "1e999", "0x1A", "12 3"]
)
def test_text_that_is_no_clear_number(text: str) -> None:
    assert np.isnan(number_of(text))
    assert numbers(pd.DataFrame({"a": [text]}), "a").isna().all()
