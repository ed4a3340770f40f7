"""Small networks of users and a handful of made faces, for the tests of comparisons."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from torch import nn

from painlens.backbones import build_network, save_network
from painlens.study import Backbone, Study, parse_study

SIZE, PEOPLE, EACH = 32, 6, 4
PAIN, EMOTIONS = ("no-pain", "pain"), ("anger", "happy", "neutral")
QUICK = (
    "concept_test.repeats=5", "concept_test.participant_repeats=5", "concept_test.floor_permutations=2",
    "concept_test.random_directions=2", "concept_test.bootstrap=10", "concept_test.smallest_cell=1",
)  # fmt: skip


@dataclass(frozen=True)
class Material:
    """Files of a user: a manifest of faces, concept labels, checkpoints."""

    folder: Path

    @property
    def faces(self) -> Path:
        """The manifest."""
        return self.folder / "faces" / "manifest.csv"

    @property
    def labels(self) -> Path:
        """Labels of the concept eyes-closed."""
        return self.folder / "labels.csv"

    def file(self, name: str) -> str:
        """A checkpoint's path."""
        return str(self.folder / name)


def made_material(folder: Path) -> Material:
    """Faces of six people with and without dark eyes, and two pain networks and an emotion network on disk."""
    rng = np.random.default_rng(0)
    (folder / "faces").mkdir(parents=True)
    rows, labels = [], []
    for number in range(PEOPLE * EACH):
        coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        face = cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
        pain, closed = number % 2 == 1, number // 2 % 2 == 1
        if closed:
            face[9:13, 5:27] = 10
        cv2.imwrite(str(folder / "faces" / f"{number:02}.png"), face)
        person = f"p{number // EACH}"
        rows.append({"path": f"{number:02}.png", "participant": person, "label": PAIN[pain], "consent": "true"})
        labels.append({"database": "faces", "frame_id": f"{number:02}.png", "concept": "eyes-closed", "value": closed})
    pd.DataFrame(rows).to_csv(folder / "faces" / "manifest.csv", index=False)
    pd.DataFrame(labels).to_csv(folder / "labels.csv", index=False)
    for name, classes, seed in (("a", PAIN, 1), ("b", PAIN, 2), ("emotion", EMOTIONS, 3)):
        network = build_network(Backbone(name="compact", head=16), classes=classes, size=SIZE, seed=seed)
        save_network(network, folder / f"{name}.safetensors")
    return Material(folder)


def made_comparison() -> Study:
    """A study of two models, one with given predictions; no file of it exists."""
    return parse_study({
        "study": "compare",
        "databases": {"faces": {"reader": "manifest", "root": "/nowhere", "split": {"test": "all"}}},
        "models": {
            "a": {"checkpoint": "/nowhere/a.safetensors"},
            "b": {"checkpoint": "/nowhere/b.safetensors", "predictions": "/nowhere/b.csv"},
        },
    })  # fmt: skip


class SmallNet(nn.Module):
    """A network of a user's own, with a residual connection, so that its layers are no plain sequence."""

    def __init__(self, width: int = 8, logits: int = 2) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(4)
        self.head = nn.Linear(width, logits)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        x = self.relu(self.first(x))
        x = self.pool(self.relu(x + self.second(x)))
        return self.head(x.mean((2, 3)))
