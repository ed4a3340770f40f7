"""The how-to pages about databases say what the code does: their blocks run, their tables are complete."""

import re
import types
from pathlib import Path

import pandas as pd
import pytest
import yaml

import layouts
from painlens import databases
from painlens.databases import READERS, read_frames
from painlens.databases.manifest_schema import OTHER_NAMES, SCHEMA
from painlens.databases.measurements import TOOLS
from painlens.study import Database, FrameSelection

HOW_TO = Path(__file__).parents[1] / "docs" / "how-to"
OWN = (HOW_TO / "own-databases.md").read_text(encoding="utf-8")
ADD = (HOW_TO / "add-a-database.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("block", blocks(OWN, "yaml"))
def test_settings_on_the_page_are_valid(block: str) -> None:
    raw = yaml.safe_load(block)
    for database in raw["databases"].values() if "databases" in raw else [raw]:
        Database.model_validate(database)


def test_page_names_every_reader_rule_split_tool_and_column() -> None:
    named = set(re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", OWN, flags=re.DOTALL)))
    assert set(READERS) <= named
    assert {rule for reader in READERS.values() for rule in reader.CLASSES} <= named
    assert {split for reader in READERS.values() for split in reader.SPLITS} | {"leave-one-out", "owner"} <= named
    assert set(FrameSelection.model_fields["rule"].annotation.__args__) <= named  # pyright: ignore[reportOptionalMemberAccess, reportAttributeAccessIssue]
    assert set(SCHEMA.columns) | set(OTHER_NAMES.values()) <= named
    assert all(tool in OWN.lower() for tool in TOOLS)


def test_columns_of_the_manifest_are_described_as_in_the_code() -> None:
    for name, column in SCHEMA.columns.items():
        assert f"| `{name}` | {column.kind}{', required' if column.required else ''} | {column.meaning} |" in OWN


def test_manifest_on_the_page_is_read(tmp_path: Path) -> None:
    layouts.write_text(tmp_path / "manifest.csv", blocks(OWN, "csv")[0])
    layouts.save_clip(tmp_path / "clips" / "p01.mp4", frames=101, fps=25)
    layouts.save_picture(tmp_path / "faces" / "p02.png", layouts.picture(1))
    database = Database.model_validate({"reader": "manifest", "root": tmp_path})
    frames = read_frames(database, name="x", root=tmp_path)
    assert frames["reason"].tolist() == ["", "", ""]
    assert frames["frame_id"].tolist() == ["clips/p01.mp4#100", "clips/p01.mp4#3", "faces/p02.png"]


def test_new_reader_on_the_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, registration, use = blocks(ADD, "python")
    shots = types.ModuleType("shots", module.split('"""')[1])
    exec(compile(module, "shots.py", "exec"), shots.__dict__)
    monkeypatch.setattr(databases, "READERS", dict(READERS))
    for name in ("p1_0_1", "p1_3_2", "p2_0_1", "p2_4_1", "cover"):
        layouts.save_picture(tmp_path / "shots" / "x" / f"{name}.png", layouts.picture(1))
    scope: dict[str, object] = {"shots": shots, "root": tmp_path, "print": lambda _: None}
    exec(compile(registration, "registration", "exec"), scope)
    exec(compile(use, "use", "exec"), scope)
    frames = scope["frames"]
    assert isinstance(frames, pd.DataFrame)
    assert frames["kept"].sum() == 4
    assert set(frames["label"].dropna()) == {"pain", "no-pain"}
    assert frames.loc[~frames["kept"], "reason"].tolist() == ["the name is not <person>_<level>_<number>"]
    needed = {name for name in vars(databases.Reader) if name.isupper()} | {"scan"}
    assert needed <= set(vars(shots))
    assert all(word in (shots.__doc__ or "").lower() for word in ("licence", "consent", "citation"))
