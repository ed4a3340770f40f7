"""A project folder for ViRelAy, and the real program opening it."""

import json
import os
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from lrp_networks import SmallFaceNetwork, faces
from painlens.attributions import (
    FaceSource,
    RelevanceHeader,
    StoredRelevance,
    load_relevance,
    relevance_file,
    virelay_projects,
)
from painlens.study import Attribution
from painlens.tables import DataError
from test_attributions_store import table

CLASSES = ("no-pain", "pain")

# Runs where ViRelAy is installed, which need not be the environment of painlens: its numbers come back as JSON.
OPENED = """
import json, sys
from virelay.model import Workspace
from virelay.server import Server
workspace = Workspace()
for path in sys.argv[1:]:
    workspace.add_project(path)
found = []
for name in workspace.get_project_names():
    project = workspace.get_project(name)
    count = len(project.dataset)
    maps = [project.get_attribution(i) for i in range(count)]
    found.append({
        "name": name, "count": count, "method": project.attribution_method,
        "labels": [m.labels[0].name for m in maps], "sums": [float(m.data.sum()) for m in maps],
        "shape": list(maps[0].data.shape), "logits": [m.prediction.tolist() for m in maps],
        "tones": [float(project.get_sample(i).data.mean()) for i in range(count)],
    })
client = Server(workspace).app.test_client()
for place in ("attributions/1", "attributions/1/heatmap?colorMap=blue-white-red", "dataset/1/image"):
    answer = client.get(f"/api/projects/0/{place}")
    assert answer.status_code == 200, (place, answer.data[:300])
print(json.dumps(found))
"""


def virelay_python() -> str:
    """An interpreter that has ViRelAy: the one named in the environment, or this one."""
    named = os.environ.get("PAINLENS_VIRELAY_PYTHON")
    if named:
        return named
    if find_spec("virelay") is None:
        pytest.skip(
            "ViRelAy (AGPL) is not installed: make an environment with `pip install virelay` and name its python in "
            "PAINLENS_VIRELAY_PYTHON"
        )
    return sys.executable


def stored(folder: Path, count: int = 5) -> tuple[list[StoredRelevance], np.ndarray]:
    """Relevance files of two networks for the same faces."""
    crops, made = faces(count, seed=3), []
    for seed in (0, 1):
        network = SmallFaceNetwork(seed=seed)
        header = RelevanceHeader("clinical", f"seed={seed}", network.classes, "pain", "lrp paper float32", "0" * 64)
        path = folder / f"seed={seed}" / "relevance.h5"
        source = FaceSource(table(count), crops.__getitem__)
        relevance_file(path, network, source, header=header, settings=Attribution(), batch=3)
        made.append(load_relevance(path))
    return made, crops


@pytest.mark.peers
def test_virelay_shows_the_numbers_that_were_written(tmp_path: Path) -> None:
    python = virelay_python()
    relevance, crops = stored(tmp_path / "run")
    rows = np.array([0, 2, 3])  # the others may not be shown
    paths = virelay_projects(tmp_path / "virelay", relevance, rows, crops[rows])
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [python, "-c", OPENED, *map(str, paths)], capture_output=True, text=True, env=environment, cwd="/", check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for found, own in zip(json.loads(done.stdout), relevance, strict=True):
        sums = own.maps().sum((1, 2), dtype=float)[rows]
        assert found["name"] == f"clinical-{own.header.replicate}"
        assert found["method"] == "lrp paper float32, logit of pain"
        assert found["labels"] == table(5)["label"].iloc[rows].tolist()
        assert found["sums"] == pytest.approx(sums.tolist(), rel=1e-4, abs=1e-5)
        assert np.array(found["logits"]) == pytest.approx(own.logits[rows])
        assert found["tones"] == pytest.approx(crops[rows].mean(axis=(1, 2, 3)).tolist(), abs=1e-3)


def test_view_holds_the_chosen_maps_and_follows_the_run(tmp_path: Path) -> None:
    """Relative places: the run and the folder may move together."""
    relevance, crops = stored(tmp_path / "before" / "run")
    rows = np.array([4, 1])
    folder = tmp_path / "before" / "virelay"
    paths = virelay_projects(folder, relevance, rows, crops[rows])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    maps = [own.maps()[rows] for own in relevance]
    (tmp_path / "before").rename(tmp_path / "after")
    for path, own in zip(paths, maps, strict=True):
        place = tmp_path / "after" / "virelay"
        project = yaml.safe_load((place / path.name).read_text(encoding="utf-8"))["project"]
        with h5py.File(place / project["attributions"]["sources"][0]) as view, h5py.File(place / "faces.h5") as shown:
            assert np.array_equal(np.asarray(view["attribution"]), np.stack([own, np.zeros_like(own)], axis=1))
            assert np.array_equal(np.asarray(shown["data"]), crops[rows])
            assert len(np.asarray(view["prediction"])) == 2


def test_other_faces_are_refused(tmp_path: Path) -> None:
    relevance, crops = stored(tmp_path)
    everything = np.arange(5)
    with pytest.raises(DataError, match=r"faces must be uint8 of shape \(5, height, width, 3\)"):
        virelay_projects(tmp_path / "virelay", relevance, everything, crops[:4])
    fewer, _ = stored(tmp_path / "fewer", count=4)
    with pytest.raises(DataError, match="other faces or classes"):
        virelay_projects(tmp_path / "virelay", [relevance[0], fewer[1]], everything, crops)
