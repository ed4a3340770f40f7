"""The parsers, each as a function of bytes, with whole files to start from."""

import atexit
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

import layouts
from painlens.databases import READERS
from painlens.databases.action_unit_tables import read_action_unit_table, read_frame_values
from painlens.databases.affectnet_eight import read_array
from painlens.databases.clips import Clip
from painlens.databases.columns import number_of
from painlens.databases.huggingface import read_json_lines
from painlens.databases.labels import parse_conditions
from painlens.databases.measurements import TOOLS
from painlens.databases.pictures import load_image
from painlens.databases.pixel_tables import PixelTable
from painlens.databases.separated import read_separated
from painlens.databases.unbc import read_action_units, read_number
from painlens.study import Layout


def _folder(name: str) -> Path:
    """A folder that is removed when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix=f"painlens-fuzz-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


_FOLDER = _folder("files")


@dataclass(frozen=True)
class Target:
    """A parser and whole files that it reads."""

    run: Callable[[bytes], object]
    seeds: Sequence[bytes]


def _on_file(read: Callable[[Path], object], name: str) -> Callable[[bytes], object]:
    """The parser of a file as a function of its bytes."""

    def run(data: bytes) -> object:
        file = _FOLDER / name
        file.write_bytes(data)
        return read(file)

    return run


def _on_tree(reader: str, build: Callable[[Path], None], name: str, **options: str) -> Target:
    """A whole reader with one file of its tree exchanged."""
    root = _folder(reader)
    build(root)
    file = root / name

    def run(data: bytes) -> object:
        file.write_bytes(data)
        table = READERS[reader].scan(root, layout=Layout(**options))
        assert isinstance(table, pd.DataFrame)
        assert table["reason"].notna().all()
        assert table["participant"].notna().all()
        return table

    return Target(run, [file.read_bytes()])


def _pictures() -> list[bytes]:
    """A small picture in every format."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8))
    found = []
    for kind in ("PNG", "JPEG", "BMP", "TIFF", "WEBP"):
        stream = io.BytesIO()
        image.save(stream, kind)
        found.append(stream.getvalue())
    return found


def _array(value: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(value))
    return stream.getvalue()


def _clip() -> bytes:
    file = _FOLDER / "seed.mp4"
    layouts.save_clip(file, frames=3, fps=5)
    return file.read_bytes()


def _first_and_last(file: Path) -> None:
    with Clip(file) as clip:
        clip.facts()
        clip.frame(len(clip.times) - 1)


def _pixels(file: Path) -> None:
    PixelTable(file).frame(0)


_POINTS = {f"{axis}_{point}": 1.5 for point in range(68) for axis in "xy"}
_MEASURED = {
    "openface": {"frame": 1, "confidence": 0.9, "success": 1, "AU04_r": 1.5, "AU04_c": 1} | _POINTS,
    "py-feat": {"input": "a.png", "frame": 0, "FaceScore": 0.9, "AU04": 0.5} | _POINTS,
    "libreface": {"frame_idx": 0, "au_4": 1, "au_4_intensity": 0.5, "facial_expression": "Fear"},
}


def _measured(tool: str) -> Target:
    def read(file: Path) -> object:
        return TOOLS[tool](read_separated(file), file)

    return Target(_on_file(read, f"{tool}.csv"), [pd.DataFrame([_MEASURED[tool]]).to_csv(index=False).encode()])


def _units(header: str) -> bytes:
    return f"{header}\n0,9,1,0\n1,0,0,9\n".encode()


TARGETS: dict[str, Target] = {
    "label condition": Target(
        lambda data: parse_conditions(data.decode("utf-8", errors="replace")),
        [b"pspi > 0", b"class_name in PA3, PA4 and au04 >= 1", b"task == 'T8'"],
    ),
    "number": Target(
        lambda data: number_of(data.decode("utf-8", errors="replace")), [b"  1.5000000e+00\n", b"3,5", b"-2E-3"]
    ),
    "unbc PSPI file": Target(_on_file(read_number, "pspi.txt"), [b"   3.0000000e+00\n"]),
    "unbc FACS file": Target(
        _on_file(read_action_units, "facs.txt"), [b"   4.0e+00  1.0e+00 0 0\n 4.3e+01 1e0 0 0\r\n", b""]
    ),
    "table of text": Target(_on_file(read_separated, "t.csv"), [b"a\tb\n1\t2\n", b"a;b\r\n1,5;x\r\n", b"a,b\n1,2\n"]),
    "table of action units": Target(
        _on_file(read_action_unit_table, "au.csv"), [_units("0,1,2,4"), _units("frame,AU1,AU2,AU4")]
    ),
    "values by frame": Target(_on_file(read_frame_values, "au.txt"), [b"1,0\n2,3\n3,5\n"]),
    "array of labels": Target(
        _on_file(read_array, "a.npy"), [_array(3), _array("3"), _array(np.arange(136.0)), _array(np.bytes_(b"4"))]
    ),
    "lines of JSON": Target(
        _on_file(read_json_lines, "m.jsonl"),
        [json.dumps({"file_name": "a.png", "label": 1, "objects": {"bbox": [1]}}).encode() + b"\n"],
    ),
    "table of pixels": Target(
        _on_file(_pixels, "fer.csv"), [b"emotion,pixels,Usage\n0," + b"1 " * 2303 + b"7,Training\n"]
    ),
    "picture": Target(_on_file(load_image, "p.png"), _pictures()),
    "video": Target(_on_file(_first_and_last, "v.mp4"), [_clip()]),
    "unbc": _on_tree(
        "unbc",
        lambda root: layouts.write_unbc(root, {"a/s": [0, 1]}),
        "Frame_Labels/PSPI/a/s/s001_facs.txt",
    ),
    "biovid samples.csv": _on_tree(
        "biovid", lambda root: layouts.write_biovid(root, ["071309_w_21"], frames=2), "starting_point/samples.csv"
    ),
    "affectnet list": _on_tree(
        "affectnet",
        lambda root: layouts.write_affectnet(root, [layouts.affectnet_row("1/a.png", 0)], []),
        "Manually_Annotated_file_lists/training.csv",
    ),
    "manifest": _on_tree("manifest", layouts.TREES["manifest"].build, "manifest.csv"),
    "samples": _on_tree(
        "samples", layouts.TREES["samples"].build, "samples.csv", path="films/{subject_name}/{sample_name}.avi.mp4"
    ),
    "huggingface": _on_tree("huggingface", layouts.TREES["huggingface"].build, "train/metadata.jsonl"),
    "bp4d": _on_tree("bp4d", layouts.TREES["bp4d"].build, "AUCoding/AU_OCC/F001_T1.csv"),
    "disfa": _on_tree("disfa", layouts.TREES["disfa"].build, "ActionUnit_Labels/SN001/SN001_au4.txt"),
    "ckplus": _on_tree("ckplus", layouts.TREES["ckplus"].build, "Emotion/S005/001/S005_001_00000003_emotion.txt"),
    "rafdb": _on_tree("rafdb", layouts.TREES["rafdb"].build, "EmoLabel/list_patition_label.txt"),
    "fer2013": _on_tree("fer2013", layouts.TREES["fer2013"].build, "fer2013.csv"),
    **{tool: _measured(tool) for tool in TOOLS},
}
