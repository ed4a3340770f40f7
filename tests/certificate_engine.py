"""A double of the workflow's engine: it leaves what a finished study leaves, in no time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from painlens import tables
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import Job


def _well(_run: RunFolder) -> int:
    return 0


@dataclass
class Engine:
    """Remembers what it was called for; `then` may fail or interrupt a study.

    Attributes
    ----------
    calls
        Folder and targets of every call.
    """

    then: Callable[[RunFolder], int] = _well
    calls: list[tuple[Path, tuple[Job, ...]]] = field(default_factory=list)

    def __call__(self, run: RunFolder, *, cores: int | None, profile: str, targets: Sequence[Job]) -> int:
        assert cores == 1
        assert profile == "laptop"
        self.calls.append((run.root, tuple(targets)))
        leave_results(run)
        return self.then(run)

    @property
    def studies(self) -> list[str]:
        """Cells and draws that it was called for, without the shared network."""
        return ["/".join(path.parts[-2:]) for path, targets in self.calls if targets == (Job("concepts"),)]


def leave_results(run: RunFolder) -> None:
    """Tables of the concept test, and files of every kind that a finished draw no longer needs."""
    study = run.study()
    rng = np.random.default_rng(study.seed)
    a, b = study.databases
    pair = {"model_a": a, "model_b": b, "verdict": "", "label": "", "reason": ""}
    verdicts, paired = [], []
    for concept in study.concepts:
        difference = rng.normal(0, 0.1)
        p = 2 * stats.norm.sf(abs(difference) / 0.1)
        found = {"standard_error": 0.1, "df": 20.0, "p": p, "difference": difference, "confidence": 0.95}
        for claim in ("networks", "people", "databases"):
            verdicts.append(pair | {"measure": "auroc", "concept": concept, "claim": claim} | found)
        verdicts.append(pair | {"measure": "cause", "concept": concept, "claim": "databases", "reason": "no twins"})
        for seed, folds in product(study.replicates[:2], ("images", "participants")):
            names = {"concept": concept, "replicate": seed, "folds": folds, "difference": 0.03, "repeats": 100}
            paired.append(pair | names | {"t": 42.2, "p": 1e-30, "nadeau_bengio_t": 1.1, "nadeau_bengio_p": 0.27})
    for schema, rows in ((tables.VERDICTS, verdicts), (tables.REPLICATION, paired)):
        table = pd.DataFrame(rows).reindex(columns=[*schema.columns])
        tables.save_table(table, run.folder("concepts") / f"{schema.name}.parquet", schema)
    bulky = (
        "databases/left/rendered/face.png", "faces/database=left/faces.h5", "models/emotion/weights.safetensors",
        "relevance/model=left/seed=0/relevance.h5", ".workflow/done/predict.json", ".snakemake/log/one.log",
    )  # fmt: skip
    kept = ("logs/concepts.log", "faces/database=left/faces.parquet", "metrics/metrics.parquet")
    for name in (*bulky, *kept):
        path = run.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 100)
