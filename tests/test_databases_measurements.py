"""Landmarks and action units measured by OpenFace, Py-Feat and LibreFace, joined to frames."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import layouts
from painlens.databases import read_frames
from painlens.databases.measurements import TOOLS
from painlens.study import Database
from painlens.tables import DataError

POINTS = {f"{axis}_{point}": point + (0.5 if axis == "y" else 0.0) for point in range(68) for axis in "xy"}


def read(root: Path, tool: str, path: Path, **settings: Any) -> pd.DataFrame:
    database = Database.model_validate(
        {"reader": "manifest", "root": root, "measurements": {"tool": tool, "path": path}, **settings}
    )
    return read_frames(database, name="x", root=root)


def pictures(root: Path) -> None:
    layouts.write_manifest(root, [{"path": f"f/{n}.png", "subject": f"s{n}", "label": "pain"} for n in "abc"])


def clip(root: Path) -> None:
    layouts.save_clip(root / "v.mp4", frames=3, fps=5)
    layouts.write_manifest(root, [{"path": "v.mp4", "subject": "s", "label": "pain"}])


def save(folder: Path, name: str, rows: list[dict[str, Any]]) -> Path:
    folder.mkdir(exist_ok=True)
    pd.DataFrame(rows).to_csv(folder / name, index=False)
    return folder


def test_openface_of_pictures(tmp_path: Path) -> None:
    pictures(tmp_path / "data")
    row = {"face": 0, "confidence": 0.98, " AU04_r": 2.5, " AU04_c": 1.0} | {f" {k}": v for k, v in POINTS.items()}
    tables = save(tmp_path / "of", "a.csv", [row])
    frames = read(tmp_path / "data", "openface", tables)
    assert frames["openface_au04"].tolist()[:1] == [2.5]
    assert frames["openface_au04_present"].isna().tolist() == [False, True, True]
    assert frames["landmarks_source"].tolist()[0] == "openface"
    points = np.array(frames["owner_landmarks"].iloc[0].split(";"), float).reshape(68, 2)
    np.testing.assert_array_equal(points[3], [3, 3.5])


def test_openface_counts_frames_of_a_video_from_one(tmp_path: Path) -> None:
    clip(tmp_path / "data")
    rows = [{"frame": n, "confidence": 0.9, "success": int(n != 2), "AU12_r": float(n)} for n in (1, 2, 3)]
    frames = read(tmp_path / "data", "openface", save(tmp_path / "of", "v.csv", rows))
    assert frames["openface_au12"].fillna(-1).tolist() == [1, -1, 3]


def test_pyfeat_takes_the_best_face_of_a_picture(tmp_path: Path) -> None:
    pictures(tmp_path / "data")
    rows = [
        {"input": "C:\\pictures\\a.png", "frame": 0, "FaceScore": 0.5, "AU04": 0.1},
        {"input": "C:\\pictures\\a.png", "frame": 0, "FaceScore": 0.9, "AU04": 0.8},
        {"input": "/elsewhere/b.png", "frame": 1, "FaceScore": 0.7, "AU04": 0.3},
        {"input": "/elsewhere/c.png", "frame": 2, "FaceScore": None, "AU04": None},
    ]
    frames = read(tmp_path / "data", "py-feat", save(tmp_path / "pf", "fex.csv", rows) / "fex.csv")
    assert frames["pyfeat_au04"].fillna(-1).tolist() == [0.8, 0.3, -1]


def test_libreface_of_a_video(tmp_path: Path) -> None:
    clip(tmp_path / "data")
    rows = [
        {"frame_idx": n, "frame_time_in_ms": 200.0 * n, "au_1": 1, "au_1_intensity": n / 2, "facial_expression": "Fear"}
        for n in range(3)
    ]
    frames = read(tmp_path / "data", "libreface", save(tmp_path / "lf", "v.csv", rows))
    assert frames["libreface_au01"].tolist() == [0, 0.5, 1]
    assert frames["libreface_expression"].tolist() == ["Fear"] * 3


def test_the_owners_landmarks_are_never_replaced(tmp_path: Path) -> None:
    layouts.write_affectnet(tmp_path / "data", [layouts.affectnet_row("1/a.png", 0)], [])
    row = {"confidence": 0.98, "AU04_r": 1.0} | POINTS
    database = Database.model_validate(
        {
            "reader": "affectnet",
            "root": tmp_path / "data",
            "measurements": {"tool": "openface", "path": save(tmp_path / "of", "a.csv", [row])},
        }
    )
    frames = read_frames(database, name="x", root=tmp_path / "data")
    assert frames["owner_landmarks"].iloc[0].startswith("0.0;0.0;0.5;0.25")
    assert frames["landmarks_source"].isna().all()
    assert frames["openface_au04"].tolist() == [1.0]


def test_measured_units_serve_in_label_rules(tmp_path: Path) -> None:
    pictures(tmp_path / "data")
    rows = [
        {"input": f"{n}.png", "frame": 0, "FaceScore": 0.5, "AU04": value}
        for n, value in zip("ab", (0.1, 0.9), strict=True)
    ]
    tables = save(tmp_path / "pf", "fex.csv", rows)
    label = {"frown": "pyfeat_au04 > 0.5", "calm": "pyfeat_au04 <= 0.5"}
    frames = read(tmp_path / "data", "py-feat", tables, label=label)
    assert frames["label"].fillna("-").tolist() == ["calm", "frown", "-"]
    assert frames["reason"].tolist() == ["", "", "pyfeat_au04 is missing"]


@pytest.mark.parametrize("tool", TOOLS)
def test_table_of_another_tool_is_refused(tool: str, tmp_path: Path) -> None:
    pictures(tmp_path / "data")
    with pytest.raises(DataError, match=r"is not a table of .*it lacks .*it has a, b"):
        read(tmp_path / "data", tool, save(tmp_path / "t", "a.csv", [{"a": 1, "b": 2}]))


@pytest.mark.parametrize("tool", TOOLS)
def test_missing_tables_are_told(tool: str, tmp_path: Path) -> None:
    pictures(tmp_path / "data")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no table"):
        read(tmp_path / "data", tool, tmp_path / "empty")
    with pytest.raises(DataError, match="correct measurements.path"):
        read(tmp_path / "data", tool, tmp_path / "nowhere")


def test_measurements_of_other_files_are_told(tmp_path: Path) -> None:
    pictures(tmp_path / "data")
    rows = [{"input": "z.png", "frame": 0, "FaceScore": 0.5, "AU04": 0.1}]
    with pytest.raises(DataError, match="none of the 1 rows .* belongs to a frame; names there are for example z"):
        read(tmp_path / "data", "py-feat", save(tmp_path / "pf", "fex.csv", rows))


def test_equal_names_in_several_folders_are_refused(tmp_path: Path) -> None:
    rows = [{"path": f"{s}/a.png", "subject": s, "label": "pain"} for s in ("s1", "s2")]
    layouts.write_manifest(tmp_path / "data", rows)
    tables = save(tmp_path / "of", "a.csv", [{"confidence": 0.9, "AU04_r": 1.0}])
    with pytest.raises(DataError, match="1 measured names belong to several files"):
        read(tmp_path / "data", "openface", tables)
