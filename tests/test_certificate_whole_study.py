"""One tiny study with known truth from rendered faces to a cell of the record, by the real engine."""

import dataclasses
from pathlib import Path

import pytest

from painlens import backbones
from painlens.certificate import images
from painlens.certificate.collecting import Stamp, collect_images
from painlens.certificate.image_cells import CELLS, Draw, draws_of, study_of
from painlens.certificate.images import Course, make_draws

SMALL = {"sequences": 3, "size": 96, "twins": 4, "participants": 14}
CHANGES = {
    "databases": {
        name: {"synthetic": SMALL, "split": {"test": 4, "validation": 1}} for name in ("left", "right")
    },
    "faces": {"size": 48},
    "backbone": {"head": 16},
    "training": {"epochs": 1},
    "concept_test": {"repeats": 5, "participant_repeats": 5, "smallest_cell": 1},
    "replication": {"seeds": 1, "half_splits": 1},
    "trust": {"randomised_labels": 0},
}  # fmt: skip


@pytest.mark.slow
def test_study_goes_from_faces_to_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CELLS, "null", dataclasses.replace(CELLS["null"], changes=CHANGES))
    study = study_of(Draw("null", 0), tmp_path)
    emotion = tmp_path / images.LEVEL / images.EMOTION / "emotion.safetensors"
    emotion.parent.mkdir(parents=True)
    network = backbones.build_network(study.backbone, classes=("joy", "fear"), size=study.faces.size, seed=1)
    backbones.save_network(network, emotion)
    assert make_draws(draws_of(["null"], 1), Course(tmp_path, cores=2)) == {}
    record = collect_images(tmp_path, ["null"], Stamp("2026-01-31", "0.1.0", "painlens certify"))
    assert record is not None
    assert {cell.claim for cell in record.cells} >= {"people", "databases", "paper", "nadeau-bengio"}
    assert {"auroc", "cause", "decodability:images"} <= {cell.measure for cell in record.cells}
    place = Draw("null", 0).folder(tmp_path)
    assert sum(path.stat().st_size for path in place.rglob("*") if path.is_file()) < 5e6
