"""Two processes at once, a kill, a full disk: the store is whole or the one before, and no pixels lie about."""

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

import layouts
from painlens.databases import read_frames
from painlens.faces import load_faces, prepare_faces
from painlens.faces.store import keep_rows, load_rows, sole_writer
from painlens.study import Database, Faces
from painlens.workflow.failures import explain

SCRIPT = Path(__file__).with_name("prepare_database.py")
FRAMES = 96
SETTINGS = Faces(detector="none", size=64)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A database of small pictures, each of its own colour."""
    folder, rng = tmp_path / "root", np.random.default_rng(3)
    rows = []
    for number in range(FRAMES):
        layouts.save_picture(folder / f"{number:03d}.png", rng.integers(0, 255, (40, 40, 3), dtype=np.uint8))
        rows.append({"path": f"{number:03d}.png", "subject": f"s{number % 4}", "label": "pain"})
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)
    return folder


def start(root: Path, store: Path, *limit: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(root), str(store), *limit],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_until_started(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "started"


def prepare(root: Path, store: Path) -> pd.DataFrame:
    frames = read_frames(Database.model_validate({"reader": "manifest", "root": root}), name="mine", root=root)
    return prepare_faces(frames, root=root, settings=SETTINGS, store=store).faces


def test_second_process_is_told_and_the_first_one_finishes(root: Path, tmp_path: Path) -> None:
    store = tmp_path / "out" / "faces.h5"
    first = start(root, store)
    wait_until_started(first)
    second = start(root, store)
    said = second.communicate(timeout=60)[1]
    assert second.returncode != 0
    assert "another process is writing this store; wait for it or stop it" in said
    assert first.communicate(timeout=60)[1] == ""
    assert len(load_faces(store, range(FRAMES)).faces) == FRAMES
    assert [path.name for path in store.parent.iterdir()] == ["faces.h5"]


def test_killed_process_leaves_the_earlier_store_and_its_remains_are_swept(root: Path, tmp_path: Path) -> None:
    store = tmp_path / "out" / "faces.h5"
    prepare(root, store)
    before = store.read_bytes()
    process = start(root, store)
    wait_until_started(process)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert store.read_bytes() == before
    (left,) = [path for path in store.parent.iterdir() if path != store]
    assert stat.S_IMODE(left.stat().st_mode) == 0o600
    prepare(root, store)
    assert [path.name for path in store.parent.iterdir()] == ["faces.h5"]
    assert store.read_bytes() == before


def test_full_disk_keeps_the_earlier_store(root: Path, tmp_path: Path) -> None:
    store = tmp_path / "out" / "faces.h5"
    prepare(root, store)
    before = store.read_bytes()
    process = start(root, store, str(len(before) // 2))
    said = process.communicate(timeout=60)[1]
    assert process.returncode != 0
    assert "File too large" in said or "errno = 27" in said
    assert store.read_bytes() == before
    assert [path.name for path in store.parent.iterdir()] == ["faces.h5"]


def test_waiting_is_explained_in_one_sentence() -> None:
    error = BlockingIOError(errno.EAGAIN, "another process is writing this store; wait for it or stop it", "x/faces.h5")
    message, code = explain(error)
    assert "another process is writing this store" in message
    assert code == 1


def test_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    store = tmp_path / "faces.h5"
    with pytest.raises(KeyError), sole_writer(store):
        raise KeyError
    with sole_writer(store):
        pass
    assert not list(tmp_path.iterdir())


def test_every_file_of_the_step_is_readable_by_its_owner_only(root: Path, tmp_path: Path) -> None:
    prepare(root, tmp_path / "faces.h5")
    assert stat.S_IMODE((tmp_path / "faces.h5").stat().st_mode) == 0o600


def test_memory_of_one_database_does_not_hold_its_pixels(root: Path) -> None:
    """What is kept of a face while others are cropped is a few numbers."""
    from painlens.faces.pieces import crop_piece, pieces_of

    frames = read_frames(Database.model_validate({"reader": "manifest", "root": root}), name="mine", root=root)
    (piece, *_) = pieces_of(frames, root, SETTINGS, None)
    face = crop_piece(piece)[0][0]
    assert face is not None
    kept = face.without_pixels()
    assert kept.pixels.nbytes + kept.regions.nbytes + kept.landmarks.nbytes == 0
    assert kept.square == face.square


def test_kept_rows_stay_the_same_and_the_others_leave_no_byte(root: Path, tmp_path: Path) -> None:
    store = tmp_path / "faces.h5"
    prepare(root, store)
    everything = load_rows(store, range(FRAMES), names=("faces", "regions", "landmarks"))
    gone = everything["faces"][5].tobytes()[:96]
    assert gone in store.read_bytes()
    kept = [row for row in range(FRAMES) if row % 4 != 1]
    keep_rows(store, kept)
    for name, values in load_rows(store, range(len(kept)), names=("faces", "regions", "landmarks")).items():
        np.testing.assert_array_equal(values, everything[name][kept])
    assert gone not in store.read_bytes()
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    with h5py.File(store) as file:
        assert {len(file[name]) for name in file} == {len(kept)}  # pyright: ignore[reportArgumentType] - data sets


def test_no_row_at_all_can_be_kept(root: Path, tmp_path: Path) -> None:
    store = tmp_path / "faces.h5"
    prepare(root, store)
    keep_rows(store, [])
    with h5py.File(store) as file:
        assert file["faces"].shape == (0, 64, 64, 3)  # pyright: ignore[reportAttributeAccessIssue] - a data set


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_read_only_folder_is_one_clear_error(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir(mode=0o500)
    with pytest.raises(PermissionError):
        prepare(root, folder / "faces.h5")
