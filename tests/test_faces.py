"""Frames become crops: detection, the store, reasons, independence of the number of workers."""

import stat
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import layouts
from painlens.databases import read_frames
from painlens.databases.pictures import load_image
from painlens.faces import DETECTORS, crop_faces, crop_twins, load_faces, load_rows
from painlens.faces.haar import PIN, Haar
from painlens.faces.landmarks import as_68, lie_on_crop, parse_points, read_points
from painlens.regions import REGIONS, region_map, template_landmarks
from painlens.study import Database, Faces, Synthetic
from painlens.synthetic import synthesize
from painlens.tables import FACES, DataError

REAL_FACES = Path(__file__).parents[2] / "shared" / "data" / "real_faces"
HAAR = Faces(detector="haar", size=64)
WHOLE = Faces(detector="none", size=32)


@pytest.fixture(autouse=True)
def without_mesh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Landmarks come from files alone here; test_faces_networks.py has the face mesh."""
    monkeypatch.setattr("painlens.faces.pieces.has_mesh", lambda: False)


def write_cartoons(root: Path, count: int = 3) -> pd.DataFrame:
    """Frames with a drawn face, one without, one that is no picture; the table FRAMES of them."""
    rows = []
    for number in range(count):
        image = layouts.cartoon(200, 160, centre=(90 + 6 * number, 80), side=70 + 5 * number)
        layouts.save_picture(root / f"{number}.png", image)
        rows.append({"path": f"{number}.png", "subject": f"s{number}", "label": "pain", "sex": "f", "age": 30})
    layouts.save_picture(root / "empty.png", np.full((160, 200, 3), 128, np.uint8))
    layouts.write_text(root / "bad.png", "no picture")
    rows += [
        {"path": name, "subject": "s9", "label": "pain", "sex": "m", "age": 40} for name in ("empty.png", "bad.png")
    ]
    pd.DataFrame(rows).to_csv(root / "manifest.csv", index=False)
    return frames_of(root, "manifest")


def frames_of(root: Path, reader: str, **settings: Any) -> pd.DataFrame:
    database = Database.model_validate({"reader": reader, "root": root, **settings})
    return read_frames(database, name="mine", root=root)


# Detectors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DETECTORS)
def test_detector_gives_boxes_and_names_its_version(name: str) -> None:
    detector = DETECTORS[name]()
    boxes = detector.boxes(layouts.cartoon(160, 120, centre=(80, 60), side=70))
    assert boxes.shape == (1, 4)
    assert boxes.dtype == np.float64
    assert detector.version.startswith(name)


@pytest.mark.parametrize(("width", "height"), [(160, 120), (1280, 960)])
def test_haar_box_lies_on_the_face_at_any_size(width: int, height: int) -> None:
    side = height // 2
    (x, y, box_width, box_height), *_ = Haar().boxes(
        layouts.cartoon(width, height, centre=(width // 2, height // 2), side=side)
    )
    assert abs(x + box_width / 2 - width / 2) < 0.08 * side
    assert abs(y + box_height / 2 - height / 2) < 0.08 * side
    assert 1 < box_width / side < 1.4


def test_haar_finds_nothing_in_a_flat_picture() -> None:
    assert len(Haar().boxes(np.full((100, 100, 3), 120, np.uint8))) == 0


def test_haar_accepts_a_picture_smaller_than_its_window() -> None:
    assert len(Haar().boxes(np.full((10, 12, 3), 120, np.uint8))) == 0


def test_largest_box_comes_first() -> None:
    two = layouts.cartoon(320, 240, centre=(80, 120), side=80)
    two[:, 160:] = layouts.cartoon(160, 240, centre=(80, 120), side=110)
    boxes = Haar().boxes(two)
    assert len(boxes) == 2
    assert boxes[0, 2] > boxes[1, 2]


def test_missing_cascade_names_the_version_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("cv2.data.haarcascades", str(tmp_path))
    with pytest.raises(DataError, match="has no Haar cascades") as caught:
        Haar()
    assert PIN in str(caught.value)


@pytest.mark.skipif(not REAL_FACES.exists(), reason="the folder of real test faces is not on this machine")
def test_haar_finds_real_frontal_faces() -> None:
    files = sorted((REAL_FACES / "open" / "london").glob("*.jpg"))[:12]
    detector = Haar()
    assert sum(len(detector.boxes(load_image(file))) >= 1 for file in files) >= len(files) - 1


# crop_faces -------------------------------------------------------------------------------------------------------


def test_every_kept_frame_has_a_row_and_every_refusal_a_reason(tmp_path: Path) -> None:
    frames = write_cartoons(tmp_path)
    faces = crop_faces(frames, root=tmp_path, settings=HAAR, store=tmp_path / "faces.h5")
    assert faces["frame_id"].tolist() == frames["frame_id"].tolist()
    assert faces["reason"].tolist()[:4] == ["", "", "", "no face detected"]
    assert faces["reason"].iloc[4].startswith("image cannot be decoded: bad.png")
    assert faces["found"].tolist() == [True, True, True, False, False]
    assert faces["row"].fillna(-1).tolist() == [0, 1, 2, -1, -1]


def test_table_has_the_schema_and_carries_the_person(tmp_path: Path) -> None:
    frames = write_cartoons(tmp_path)
    faces = crop_faces(frames, root=tmp_path, settings=HAAR, store=tmp_path / "faces.h5")
    assert set(FACES.columns) <= set(faces.columns)
    assert faces["age"].tolist() == [30, 30, 30, 40, 40]
    assert faces["n_boxes"].tolist() == [1, 1, 1, 0, 0]
    assert faces["consent_publish"].unique().tolist() == ["unknown"]


def test_frames_that_are_not_kept_have_no_row(tmp_path: Path) -> None:
    frames = write_cartoons(tmp_path)
    frames.loc[1, "kept"] = False
    faces = crop_faces(frames, root=tmp_path, settings=HAAR, store=tmp_path / "faces.h5")
    assert faces["frame_id"].tolist() == ["0.png", "2.png", "empty.png", "bad.png"]


def test_store_has_the_promised_arrays(tmp_path: Path) -> None:
    crop_faces(write_cartoons(tmp_path), root=tmp_path, settings=HAAR, store=tmp_path / "faces.h5")
    arrays = load_faces(tmp_path / "faces.h5", [0, 1, 2])
    assert (arrays.faces.shape, arrays.faces.dtype) == ((3, 64, 64, 3), np.uint8)
    assert (arrays.regions.shape, arrays.regions.dtype) == ((3, 64, 64), np.uint8)
    assert (arrays.landmarks.shape, arrays.landmarks.dtype) == ((3, 68, 2), np.float32)


def test_crops_of_larger_and_smaller_faces_look_alike(tmp_path: Path) -> None:
    crop_faces(write_cartoons(tmp_path), root=tmp_path, settings=HAAR, store=tmp_path / "faces.h5")
    faces = load_faces(tmp_path / "faces.h5", [0, 2]).faces.astype(float)
    assert np.abs(faces[0] - faces[1]).mean() < 12


def test_store_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    crop_faces(write_cartoons(tmp_path), root=tmp_path, settings=HAAR, store=tmp_path / "faces.h5")
    assert stat.S_IMODE((tmp_path / "faces.h5").stat().st_mode) == 0o600


def test_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    frames = write_cartoons(tmp_path)
    for name in ("a.h5", "b.h5"):
        crop_faces(frames, root=tmp_path, settings=HAAR, store=tmp_path / name)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_result_does_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {"a/s1": [0] * 40, "b/s2": [1, 2] * 20})
    next((tmp_path / "Images").rglob("s1007.png")).write_bytes(b"")
    frames = frames_of(tmp_path, "unbc")
    one, two = (
        crop_faces(frames, root=tmp_path, settings=WHOLE, store=tmp_path / f"{workers}.h5", workers=workers)
        for workers in (1, 2)
    )
    pd.testing.assert_frame_equal(one, two)
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "2.h5").read_bytes()


def test_no_face_at_all_is_an_error_and_leaves_no_store(tmp_path: Path) -> None:
    frames = write_cartoons(tmp_path, count=0)
    with pytest.raises(DataError, match=r"'haar' found no face in 2 frames: 1 x"):
        crop_faces(frames, root=tmp_path, settings=HAAR, store=tmp_path / "faces.h5")
    assert not list(tmp_path.glob("*.h5"))


def test_frames_of_a_clip_are_cropped_in_their_order(tmp_path: Path) -> None:
    layouts.write_biovid(tmp_path, ["071309_w_21"], frames=20)
    frames = frames_of(tmp_path, "biovid", frames={"rule": "stride", "step": 5})
    crop_faces(frames, root=tmp_path, settings=WHOLE, store=tmp_path / "f.h5")
    means = load_faces(tmp_path / "f.h5", range(8)).faces.mean(axis=(1, 2, 3))
    np.testing.assert_allclose(means, [0, 40, 80, 120] * 2, atol=4)


def test_owner_box_chooses_among_faces(tmp_path: Path) -> None:
    two = layouts.cartoon(320, 240, centre=(80, 120), side=80)
    two[:, 160:] = layouts.cartoon(160, 240, centre=(80, 120), side=110)
    rows = [layouts.affectnet_row("1/a.png", 0, box=box) for box in ((35, 75, 90, 90), (180, 60, 120, 120))]
    layouts.write_affectnet(tmp_path, rows[:1], [rows[1].replace("a.png", "b.png")])
    for name in "ab":
        layouts.save_picture(tmp_path / "Manually_Annotated_Images" / "1" / f"{name}.png", two)
    faces = crop_faces(frames_of(tmp_path, "affectnet"), root=tmp_path, settings=HAAR, store=tmp_path / "f.h5")
    assert faces["n_boxes"].tolist() == [2, 2]
    assert faces["box_x"].iloc[0] < 60 < 150 < faces["box_x"].iloc[1]


def test_progress_reports_all_frames(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    frames = write_cartoons(tmp_path)
    crop_faces(
        frames,
        root=tmp_path,
        settings=HAAR,
        store=tmp_path / "f.h5",
        progress=lambda done, total, note="": seen.append((done, total)),  # noqa: ARG005
    )
    assert seen[0] == (0, 5)
    assert seen[-1] == (5, 5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reader", "settings", "source"),
    [
        ("unbc", {"participants": 4, "sequences": 2}, "owner"),
        ("biovid", {"participants": 4, "sequences": 2}, "truth"),
        ("affectnet", {"images": 40}, "owner"),
    ],
)
def test_faces_of_rendered_databases_are_found(
    reader: Any, settings: dict[str, int], source: str, tmp_path: Path
) -> None:
    root, truth = tmp_path / "root", tmp_path / "truth"
    synthesize(Synthetic.model_validate(settings | {"twins": 2}), reader=reader, name="x", root=root, truth=truth)
    frames = frames_of(root, reader)
    faces = crop_faces(frames, root=root, settings=HAAR, store=tmp_path / "f.h5", truth=truth)
    assert faces["found"].mean() > 0.97
    assert (faces.loc[faces["found"], "landmarks"] == source).mean() > 0.97
    known = pd.read_parquet(truth / "frames.parquet")["frame_id"]
    assert faces["frame_id"].isin(known).all()


# Landmarks --------------------------------------------------------------------------------------------------------


def write_truth(truth: Path, frames: pd.DataFrame, points: np.ndarray) -> None:
    truth.mkdir()
    table = pd.DataFrame({"frame_id": frames["frame_id"], "landmark_row": range(len(frames))})
    table.to_parquet(truth / "frames.parquet", index=False)
    np.save(truth / "landmarks.npy", np.repeat(points[None], len(frames), axis=0).astype(np.float32))


def test_owner_points_come_before_truth_and_template(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {"a/s": [0, 1]})
    frames = frames_of(tmp_path, "unbc")
    write_truth(tmp_path / "truth", frames, np.zeros((68, 2)))
    arguments: dict[str, Any] = {"root": tmp_path, "store": tmp_path / "f.h5", "truth": tmp_path / "truth"}
    faces = crop_faces(frames, settings=WHOLE, **arguments)
    assert faces["landmarks"].tolist() == ["owner", "owner"]


def test_owner_points_are_transformed_into_the_crop(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {"a/s": [0, 1]})
    crop_faces(frames_of(tmp_path, "unbc"), root=tmp_path, settings=WHOLE, store=tmp_path / "f.h5")
    points = load_faces(tmp_path / "f.h5", [0]).landmarks[0]
    # The whole 40 x 30 frame is a 40 x 40 square from y = -5, scaled to 32; point 48 is at x = 24, y = 8.5.
    np.testing.assert_allclose(points[48], [(24 + 0.5) * 0.8 - 0.5, (8.5 + 5 + 0.5) * 0.8 - 0.5], atol=1e-5)
    assert np.isnan(points[[60, 64]]).all()
    assert np.isfinite(np.delete(points, [60, 64], axis=0)).all()


def test_points_of_affectnet_are_read_from_its_list(tmp_path: Path) -> None:
    layouts.write_affectnet(tmp_path, [layouts.affectnet_row("1/a.png", 0)], [])
    faces = crop_faces(frames_of(tmp_path, "affectnet"), root=tmp_path, settings=WHOLE, store=tmp_path / "f.h5")
    assert faces["landmarks"].tolist() == ["owner"]


def test_truth_is_used_where_the_owner_gives_no_points(tmp_path: Path) -> None:
    frames = write_cartoons(tmp_path)
    points = template_landmarks(70, 0.0) + (55, 45)
    write_truth(tmp_path / "truth", frames, points)
    arguments: dict[str, Any] = {"root": tmp_path, "store": tmp_path / "f.h5", "truth": tmp_path / "truth"}
    assert crop_faces(frames, settings=HAAR, **arguments)["landmarks"].iloc[0] == "truth"


def test_points_that_slipped_off_the_face_are_replaced_by_the_template(tmp_path: Path) -> None:
    frames = write_cartoons(tmp_path)
    write_truth(tmp_path / "truth", frames, template_landmarks(70, 0.0) + (140, 100))
    arguments: dict[str, Any] = {"root": tmp_path, "store": tmp_path / "f.h5", "truth": tmp_path / "truth"}
    assert crop_faces(frames, settings=HAAR, **arguments)["landmarks"].iloc[0] == "template"


def test_template_setting_ignores_the_owner(tmp_path: Path) -> None:
    layouts.write_unbc(tmp_path, {"a/s": [0, 1]})
    settings = WHOLE.model_copy(update={"landmarks": "template"})
    faces = crop_faces(frames_of(tmp_path, "unbc"), root=tmp_path, settings=settings, store=tmp_path / "f.h5")
    assert faces["landmarks"].tolist() == ["template", "template"]


def test_regions_in_the_store_are_those_of_the_landmarks(tmp_path: Path) -> None:
    crop_faces(write_cartoons(tmp_path), root=tmp_path, settings=HAAR, store=tmp_path / "f.h5")
    arrays = load_faces(tmp_path / "f.h5", [1])
    np.testing.assert_array_equal(arrays.regions[0], region_map(template_landmarks(64, 0.2), 64))
    assert arrays.regions.max() < len(REGIONS)


@pytest.mark.parametrize("content", ["", "1 2\n3 4\n", "a b\n" * 66, "1\n" * 66])
def test_landmark_files_of_another_form_are_none(content: str, tmp_path: Path) -> None:
    layouts.write_text(tmp_path / "a.txt", content)
    assert read_points(tmp_path / "a.txt") is None


def test_missing_landmark_file_is_none(tmp_path: Path) -> None:
    assert read_points(tmp_path / "a.txt") is None


def test_66_points_are_the_68_without_inner_mouth_corners() -> None:
    whole = as_68(layouts.points66())
    assert whole is not None
    assert whole[[59, 61, 63, 65, 67], 0].tolist() == [59, 60, 62, 63, 65]
    assert np.flatnonzero(np.isnan(whole[:, 0])).tolist() == [60, 64]


@pytest.mark.parametrize("text", ["", "1;2;3", ";".join("x" * 136), ";".join("1" * 100)])
def test_landmark_texts_of_another_form_are_none(text: str) -> None:
    assert parse_points(text) is None


def test_points_lie_on_the_crop_or_not() -> None:
    points = template_landmarks(64, 0.2)
    assert lie_on_crop(points, 64)
    assert not lie_on_crop(points + 60, 64)
    assert not lie_on_crop(points * 0.05 + 30, 64)
    assert not lie_on_crop(np.full((68, 2), np.nan), 64)


# Store and twins --------------------------------------------------------------------------------------------------


def test_rows_are_loaded_in_any_order_with_repetitions(tmp_path: Path) -> None:
    crop_faces(write_cartoons(tmp_path), root=tmp_path, settings=HAAR, store=tmp_path / "f.h5")
    whole = load_faces(tmp_path / "f.h5", [0, 1, 2]).faces
    np.testing.assert_array_equal(load_faces(tmp_path / "f.h5", [2, 0, 2]).faces, whole[[2, 0, 2]])
    assert load_faces(tmp_path / "f.h5", []).faces.shape == (0, 64, 64, 3)


def test_errors_of_the_store_name_the_file(tmp_path: Path) -> None:
    crop_faces(write_cartoons(tmp_path), root=tmp_path, settings=HAAR, store=tmp_path / "f.h5")
    layouts.write_text(tmp_path / "x.h5", "x")
    with pytest.raises(DataError, match=r"f.h5 has 3 rows, wanted 0 to 3"):
        load_faces(tmp_path / "f.h5", [0, 3])
    with pytest.raises(DataError, match=r"store not found: .*g.h5"):
        load_faces(tmp_path / "g.h5", [0])
    with pytest.raises(DataError, match=r"x.h5 is not a face store"):
        load_faces(tmp_path / "x.h5", [0])
    with pytest.raises(DataError, match=r"f.h5 is not a face store with without"):
        load_rows(tmp_path / "f.h5", [0], names=["without"])


def write_twins(truth: Path) -> None:
    rows = []
    for number in range(3):
        without = layouts.cartoon(200, 160, centre=(90, 80), side=80)
        shown = without.copy()
        shown[70:80, 70:110] = 90  # the eyes disappear: a cascade might not find this face
        if number == 2:
            without[:] = 128
        for name, image in (("without", without), ("with", shown)):
            layouts.save_picture(truth / "twins" / f"{number}-{name}.png", image)
        rows.append(
            {
                "pair": f"p{number}",
                "participant": f"s{number}",
                "concept": "eyes-closed",
                "path_without": f"twins/{number}-without.png",
                "path_with": f"twins/{number}-with.png",
            }
        )
    pd.DataFrame(rows).to_parquet(truth / "twins.parquet", index=False)


def test_twins_share_the_box_of_the_face_without_the_concept(tmp_path: Path) -> None:
    write_twins(tmp_path)
    table = crop_twins(tmp_path, settings=HAAR, store=tmp_path / "twins.h5")
    pairs = load_rows(tmp_path / "twins.h5", [0, 1, 2], names=["without", "with"])
    assert table["found"].tolist() == [True, True, False]
    assert table["reason"].tolist() == ["", "", "no face detected"]
    changed = (pairs["without"][0] != pairs["with"][0]).any(axis=2)
    assert 0 < changed.mean() < 0.15
    assert not pairs["with"][2].any()


def test_twins_without_truth_folder_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no readable twins.parquet"):
        crop_twins(tmp_path, settings=HAAR, store=tmp_path / "twins.h5")
