"""Digests are remembered only where no change can go unnoticed; states of folders tell every change."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from painlens import tables
from painlens.tables import KnownDigests, digests, sha256_of
from painlens.tables.digests import state_of_folder


def old_file(path: Path, content: bytes = b"one") -> Path:
    """A file that is old enough to be remembered."""
    path.write_bytes(content)
    time.sleep(0.03)
    return path


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    read: list[Path] = []

    def counted(path: Path) -> str:
        read.append(path)
        return sha256_of(path)

    monkeypatch.setattr(digests, "sha256_of", counted)
    return read


def remembered(folder: Path, path: Path) -> str:
    known = KnownDigests(folder / "known.json")
    digest = known.sha256(path)
    known.save()
    return digest


def test_unchanged_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = count_reads(monkeypatch)
    file = old_file(tmp_path / "a")
    assert remembered(tmp_path, file) == remembered(tmp_path, file) == sha256_of(file)
    assert len(read) == 1


def test_file_that_was_just_written_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = count_reads(monkeypatch)
    file = tmp_path / "a"
    file.write_bytes(b"one")
    monkeypatch.setattr(digests.time, "time_ns", lambda: file.stat().st_mtime_ns)
    remembered(tmp_path, file)
    remembered(tmp_path, file)
    assert len(read) == 2


def test_change_with_equal_size_and_time_set_back_is_seen(tmp_path: Path) -> None:
    file = old_file(tmp_path / "a", b"one")
    before = file.stat()
    first = remembered(tmp_path, file)
    file.write_bytes(b"two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert remembered(tmp_path, file) == sha256_of(file) != first


def test_exchanged_file_with_equal_size_and_time_is_seen(tmp_path: Path) -> None:
    file, other = old_file(tmp_path / "a", b"one"), old_file(tmp_path / "b", b"two")
    first = remembered(tmp_path, file)
    state = file.stat()
    os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
    other.replace(file)
    assert remembered(tmp_path, file) != first


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 3}', '{"a": [1, 2, 3, 4, 5]}'])
def test_damaged_memory_is_an_empty_one(content: str, tmp_path: Path) -> None:
    (tmp_path / "known.json").write_text(content)
    file = old_file(tmp_path / "a")
    assert remembered(tmp_path, file) == sha256_of(file)


def test_memory_moves_with_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    file = old_file(tmp_path / "run" / "a")
    remembered(tmp_path / "run", file)
    read = count_reads(monkeypatch)
    (tmp_path / "run").rename(tmp_path / "moved")
    remembered(tmp_path / "moved", tmp_path / "moved" / "a")
    assert len(read) == 0


def test_memory_of_an_owners_files_names_nobody(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "071309_w_21").mkdir()
    file = old_file(tmp_path / "071309_w_21" / "a.png")
    remembered(tmp_path / "run", file)
    assert sha256_of(file) in (tmp_path / "run" / "known.json").read_text()
    assert "071309_w_21" not in (tmp_path / "run" / "known.json").read_text()


def test_folder_that_cannot_be_written_costs_only_speed(tmp_path: Path) -> None:
    file = old_file(tmp_path / "a")
    known = KnownDigests(tmp_path / "a" / "known.json")  # below a file: cannot be made
    assert known.sha256(file) == sha256_of(file)
    known.save()


CHANGES = {
    "new file": lambda root: (root / "x" / "new.png").write_bytes(b"1"),
    "file removed": lambda root: (root / "x" / "a.png").unlink(),
    "file renamed": lambda root: (root / "x" / "a.png").rename(root / "x" / "b.png"),
    "file moved": lambda root: (root / "x" / "a.png").rename(root / "a.png"),
    "file grown": lambda root: (root / "x" / "a.png").write_bytes(b"longer"),
    "file written again": lambda root: os.utime(root / "x" / "a.png", ns=(1, 1)),
    "empty folder": lambda root: (root / "y").mkdir(),
    "link": lambda root: (root / "link").symlink_to(root / "x" / "a.png"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_state_of_a_folder_tells_every_change(change: str, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.png").write_bytes(b"0")
    before = state_of_folder(tmp_path)
    assert state_of_folder(tmp_path) == before
    CHANGES[change](tmp_path)
    assert state_of_folder(tmp_path) != before


def test_hidden_files_and_reading_change_no_state(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"0")
    before = state_of_folder(tmp_path)
    (tmp_path / ".DS_Store").write_bytes(b"0")
    (tmp_path / "a.png").read_bytes()
    assert state_of_folder(tmp_path) == before


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=8).filter(
    lambda name: not name.startswith(".")
)


@settings(max_examples=25, deadline=None)
@given(st.sets(NAMES, min_size=1, max_size=6))
def test_state_does_not_depend_on_the_order_of_writing(names: set[str]) -> None:
    import tempfile

    states = []
    for order in (sorted(names), sorted(names, reverse=True)):
        with tempfile.TemporaryDirectory() as folder:
            for name in order:
                (Path(folder) / name).write_bytes(b"1")
                os.utime(Path(folder) / name, ns=(5, 5))
            states.append(state_of_folder(Path(folder)))
    assert states[0] == states[1]


# A step that watches somebody's folder ----------------------------------------------------------------------------


def begun(folder: Path, watched: Path) -> tables.Begun:
    (folder / "code.py").write_text("x = 1")
    return tables.begin("made-up", parameters={}, inputs={}, modules=[folder / "code.py"], watched={"root": watched})


def test_step_runs_again_when_the_watched_folder_changes(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    old_file(data / "a.png")
    tables.save_text("1", tmp_path / "out.txt")
    tables.write_manifest(tmp_path, begun(tmp_path, data), outputs=[tmp_path / "out.txt"], rows={})
    assert tables.is_up_to_date(tmp_path, begun(tmp_path, data))
    (data / "b.png").write_bytes(b"2")
    assert not tables.is_up_to_date(tmp_path, begun(tmp_path, data))


def test_watched_folder_is_no_part_of_the_manifest(tmp_path: Path) -> None:
    manifests = []
    for number in range(2):
        folder = tmp_path / str(number)
        (folder / "data").mkdir(parents=True)
        (folder / "data" / "a.png").write_bytes(b"1")
        os.utime(folder / "data" / "a.png", ns=(number, number))
        tables.save_text("1", folder / "out.txt")
        tables.write_manifest(folder, begun(folder, folder / "data"), outputs=[folder / "out.txt"], rows={})
        manifests.append((folder / "manifest.json").read_bytes())
    assert manifests[0] == manifests[1]


def test_a_second_look_at_a_large_output_reads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    tables.save_text("1", tmp_path / "out.txt")
    one = begun(tmp_path, tmp_path / "data")
    tables.write_manifest(tmp_path, one, outputs=[tmp_path / "out.txt"], rows={})
    read = count_reads(monkeypatch)
    assert tables.is_up_to_date(tmp_path, one)
    assert read == []
    tables.save_text("2", tmp_path / "out.txt")
    assert not tables.is_up_to_date(tmp_path, one)
