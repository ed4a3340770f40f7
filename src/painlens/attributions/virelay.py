"""A folder that ViRelAy opens: faces, names of the classes, and for each network a project and a view of its maps.

ViRelAy (Anders et al. 2021) shows attributions of single images in the browser. It is a program of its own with its own
licence (AGPL) and is not installed with painlens. It reads the maps of a relevance file as they are, but its pictures
need more than one channel (version 0.6.1 adds up channels only where there are several). So a project holds an HDF5
*view*: the map as the first of two channels, the second one empty. No map is copied; only the chosen faces are in it.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import yaml
from jaxtyping import Int, UInt8

from painlens.attributions.store import StoredRelevance
from painlens.tables import DataError, atomic_path

Faces = UInt8[np.ndarray, "face height width 3"]
Rows = Int[np.ndarray, " face"]


def virelay_projects(folder: Path, relevance: Sequence[StoredRelevance], rows: Rows, faces: Faces) -> list[Path]:
    """Write a folder with a project file for each network, for ``virelay FILE ...``; returns the files.

    Parameters
    ----------
    folder
        Only its owner may read it (mode 700), since it shows faces.
    relevance
        Networks of the same classes on the same faces. The run must stay where it is, seen from the folder.
    rows
        The maps to show. **Consent is the caller's business**: give the rows of faces that may be shown.
    faces
        uint8 RGB, the faces of these rows.

    Raises
    ------
    DataError
        The networks' faces or classes differ, or there are other faces than rows.
    """
    first = relevance[0]
    for own in relevance:
        if own.header.classes != first.header.classes or not own.faces.equals(first.faces):
            raise DataError(f"{own.path} is about other faces or classes than {first.path}; give networks of one run")
    if faces.dtype != np.uint8 or faces.shape[:1] != (len(rows),) or faces.shape[3:] != (3,):
        raise DataError(
            f"faces must be uint8 of shape ({len(rows)}, height, width, 3), one for each row, got {faces.dtype} of "
            f"shape {faces.shape}"
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    classes = first.header.classes
    names = [{"index": number, "word_net_id": name, "name": name} for number, name in enumerate(classes)]
    (folder / "labels.json").write_text(json.dumps(names, indent=1), encoding="utf-8")
    position = {name: number for number, name in enumerate(classes)}
    labels = np.array([position[name] for name in first.faces["label"].astype(str)], dtype=np.uint32)[rows]
    with atomic_path(folder / "faces.h5") as temporary, h5py.File(temporary, "w") as file:
        file["data"], file["label"] = faces, labels
    return [_project(folder, own, rows, labels) for own in relevance]


def _project(folder: Path, own: StoredRelevance, rows: Rows, labels: np.ndarray) -> Path:
    """The project file of one network, and beside it the view of its maps."""
    header = own.header
    stem = f"{header.model}-{header.replicate}"
    with h5py.File(own.path, "r") as file:
        stored = file["attribution"]
        assert isinstance(stored, h5py.Dataset)
        source = h5py.VirtualSource(stored)
        source.path = Path(os.path.relpath(own.path, folder)).as_posix()
        layout = h5py.VirtualLayout((len(rows), 2, *stored.shape[2:]), stored.dtype)
        for place, row in enumerate(rows.tolist()):
            layout[place, 0] = source[row, 0]
    with atomic_path(folder / f"{stem}.h5") as temporary, h5py.File(temporary, "w") as file:
        file.create_virtual_dataset("attribution", layout, fillvalue=0)
        file["index"] = np.arange(len(rows), dtype=np.uint32)
        file["label"], file["prediction"] = labels, own.logits[rows]
    project = {
        "name": stem,
        "model": stem,
        "label_map": "labels.json",
        "dataset": {"name": "test faces", "type": "hdf5", "path": "faces.h5"},
        "attributions": {
            "attribution_method": f"{header.method}, logit of {header.target}",
            "attribution_strategy": "true_label",  # a word that ViRelAy shows; the explained class is in the method
            "sources": [f"{stem}.h5"],
        },
        "analyses": [],
    }
    path = folder / f"{stem}.yaml"
    with atomic_path(path) as temporary:
        temporary.write_text(yaml.safe_dump({"project": project}, sort_keys=False), encoding="utf-8")
    return path
