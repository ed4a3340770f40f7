"""Every layout with every trap: what is found, what is refused and why, and that no file is lost."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest

import layouts
from layouts import KEPT, TREES, Effect
from painlens.databases import READERS, read_frames
from painlens.databases.folders import IMAGES, VIDEOS
from painlens.study import Database
from painlens.tables import FRAMES

TRAPS = [(layout, trap) for layout, tree in TREES.items() for trap in tree.traps]
MOVES = [(layout, move) for layout, tree in TREES.items() for move in tree.moves]


def read(layout: str, root: Path, /, **settings: Any) -> pd.DataFrame:
    reader = layout.split("/", maxsplit=1)[0]
    database = Database.model_validate({"reader": reader, "root": root, **TREES[layout].settings, **settings})
    return read_frames(database, name="mine", root=root)


def assert_effect(frames: pd.DataFrame, effect: Effect) -> None:
    reasons = dict(zip(frames["frame_id"], frames["reason"], strict=True))
    for frame_id, words in effect.items():
        found = [frame for frame in reasons if frame == frame_id or frame.startswith(f"{frame_id}/")]
        if frame_id == "row":
            found = [frame for frame in reasons if frame.startswith("row ")]
        assert found, f"{frame_id} has no row; rows are {list(reasons)}"
        for frame in found:
            assert words in reasons[frame], f"{frame}: '{reasons[frame]}'"
            assert bool(words) == bool(reasons[frame]), f"{frame}: '{reasons[frame]}'"


def assert_no_file_lost(frames: pd.DataFrame, root: Path) -> None:
    """Counted by other means than the reader's: every picture and video has rows, kept or with a reason."""
    media = [
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.suffix.lower() in IMAGES | VIDEOS and not any(part.startswith((".", "__MACOSX")) for part in path.parts)
    ]
    told = set(frames["path"])
    assert [place for place in media if place not in told] == []
    assert ((frames["reason"] == "") == frames["kept"]).all()


def tree_state(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in [root, *root.rglob("*")]}


def test_every_reader_has_a_layout_and_a_name_in_the_study() -> None:
    assert {layout.split("/")[0] for layout in TREES} == set(READERS)
    assert set(get_args(Database.model_fields["reader"].annotation)) == set(READERS)


@pytest.mark.parametrize("layout", TREES)
def test_faultless_tree_is_kept_whole(layout: str, tmp_path: Path) -> None:
    TREES[layout].build(tmp_path)
    frames = read(layout, tmp_path)
    assert frames["kept"].sum() == TREES[layout].kept
    assert_no_file_lost(frames, tmp_path)
    required = {name for name, column in FRAMES.columns.items() if column.required}
    assert required <= set(frames.columns)
    assert (frames.loc[frames["kept"], "participant"] != "").all()


@pytest.mark.parametrize(("layout", "trap"), TRAPS)
def test_trap(layout: str, trap: str, tmp_path: Path) -> None:
    TREES[layout].build(tmp_path)
    effect = TREES[layout].traps[trap](tmp_path)
    frames = read(layout, tmp_path)
    assert_effect(frames, effect)
    assert_no_file_lost(frames, tmp_path)


@pytest.mark.parametrize("layout", TREES)
def test_all_traps_at_once(layout: str, tmp_path: Path) -> None:
    tree = TREES[layout]
    tree.build(tmp_path)
    effects = {frame: words for spring in tree.traps.values() for frame, words in spring(tmp_path).items()}
    frames = read(layout, tmp_path)
    assert_effect(frames, effects)
    assert_no_file_lost(frames, tmp_path)


@pytest.mark.parametrize(("layout", "move"), MOVES)
def test_other_copies_hold_the_same_frames(layout: str, move: str, tmp_path: Path) -> None:
    columns = ["participant", "label", "kept"]
    TREES[layout].build(tmp_path)
    before = read(layout, tmp_path)[columns]
    TREES[layout].moves[move](tmp_path)
    frames = read(layout, tmp_path)
    after = frames[columns]
    order = {"by": columns, "ignore_index": True}
    if not layout.startswith(("affectnet/eight", "imagefolder")):  # there the participant holds the path
        pd.testing.assert_frame_equal(before.sort_values(**order), after.sort_values(**order))
    assert frames["kept"].sum() == TREES[layout].kept
    assert_no_file_lost(frames, tmp_path)


@pytest.mark.parametrize("layout", TREES)
def test_reading_leaves_the_owners_folder_as_it_was(layout: str, tmp_path: Path) -> None:
    TREES[layout].build(tmp_path)
    before = tree_state(tmp_path)
    read(layout, tmp_path)
    assert tree_state(tmp_path) == before


@pytest.mark.parametrize("layout", TREES)
def test_relative_root_gives_the_same_rows(layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    TREES[layout].build(tmp_path / "data")
    absolute = read(layout, tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    pd.testing.assert_frame_equal(read(layout, Path("data")), absolute)


# Hostile folders, for every reader --------------------------------------------------------------------------------


def _link_outside(root: Path) -> Effect:
    layouts.save_picture(root.parent / "secret" / "s.png", layouts.picture(1))
    (root / "borrowed").symlink_to(root.parent / "secret")
    (root / "borrowed.png").symlink_to(root.parent / "secret" / "s.png")
    return {"borrowed": "leads out of", "borrowed.png": "leads out of"}


def _link_nowhere(root: Path) -> Effect:
    (root / "lost.png").symlink_to(root / "gone.png")
    return {"lost.png": "a link that leads nowhere"}


def _link_in_a_circle(root: Path) -> Effect:
    (root / "circle").symlink_to(root)
    return {}


def _not_utf8(root: Path) -> Effect:
    (root / "odd").mkdir()
    with open(os.fsencode(root / "odd") + b"/caf\xe9.png", "wb") as stream:  # noqa: PTH123 - bytes for a name
        stream.write(b"x")
    os.mkdir(os.fsencode(root) + b"/fold\xe9r")  # noqa: PTH102
    with open(os.fsencode(root) + b"/fold\xe9r/a.png", "wb") as stream:  # noqa: PTH123
        stream.write(b"x")
    return {"odd/caf\\xe9.png": "not UTF-8", "fold\\xe9r/a.png": "not UTF-8"}


def _unread_kind(root: Path) -> Effect:
    (root / "moving.gif").write_bytes(b"GIF89a")
    return {"moving.gif": "pictures of the kind .gif are not read"}


def _pipe(root: Path) -> Effect:
    os.mkfifo(root / "pipe.png")
    return {"pipe.png": "not a file"}


HOSTILE: dict[str, Callable[[Path], Effect]] = {
    "link that leads outside": _link_outside,
    "link that leads nowhere": _link_nowhere,
    "link in a circle": _link_in_a_circle,
    "names that are not UTF-8": _not_utf8,
    "kind of picture that is not read": _unread_kind,
    "pipe with the name of a picture": _pipe,
}


@pytest.mark.parametrize("layout", TREES)
def test_hostile_things_in_the_root_are_told_and_harm_nothing(layout: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    TREES[layout].build(root)
    effects = {frame: words for spring in HOSTILE.values() for frame, words in spring(root).items()}
    frames = read(layout, root)
    reasons = dict(zip(frames["path"], frames["reason"], strict=True))
    for path, words in effects.items():
        assert words.replace("leads out of", "") in reasons[path]
        assert reasons[path] != KEPT
    assert frames["kept"].sum() == TREES[layout].kept
