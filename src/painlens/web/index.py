"""What the gallery knows of a run's test faces, as plain arrays in one file that the server reads at once.

Tables need pandas, which takes more memory than everything else in the server together. So a child process reads
them once, and the result is kept in the run's ``.workflow`` folder until a step that it was made from has changed.
No picture is in it.
"""

import hashlib
import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import Job

FORMAT = "painlens inspection index 2"
NORMALISATIONS = ("raw", "max", "sum-abs")
LOGIT = "logit"  # raw, divided by a number of each network
UNKNOWN = -1


class RunError(ValueError):
    """A run that cannot be shown; the message says what is missing and what to do."""


@dataclass(frozen=True)
class Index:
    """The test faces of all databases, in the study's order; every array's last axis named face has one row each.

    Attributes
    ----------
    database, frame_id, participant, sequence, label
        Text (face,).
    consent
        bool (face,): the tables allow showing the face in the lab.
    row
        int (face,): row in the database's faces.h5.
    models, replicates, classes, concepts
        Names of the axes model, replicate (all), class (in reading order: levels from none upwards) and concept;
        `seeds` are the replicates with maps.
    predicted
        int8 (model, replicate, face): class, -1 where not computed.
    probability
        float32 (model, replicate, face): of the target class; NaN where not computed.
    map_row
        int32 (model, seed, face): row in that network's relevance.h5, -1 where not computed.
    shares
        float32 (normalisation, model, seed, face, region): NaN where not computed.
    ledger
        float64 (model, seed, face, entry): logit, relevance, bias, dead; NaN where not computed.
    present
        int8 (concept, face): 1 present, 0 absent, -1 no label.
    candidates
        Ranked candidate hypotheses (see `painlens.hypotheses`), as JSON values.
    """

    database: NDArray[np.str_]
    frame_id: NDArray[np.str_]
    participant: NDArray[np.str_]
    sequence: NDArray[np.str_]
    label: NDArray[np.str_]
    consent: NDArray[np.bool_]
    row: NDArray[np.int64]
    predicted: NDArray[np.int8]
    probability: NDArray[np.float32]
    map_row: NDArray[np.int32]
    shares: NDArray[np.float32]
    ledger: NDArray[np.float64]
    present: NDArray[np.int8]
    models: tuple[str, ...]
    replicates: tuple[str, ...]
    seeds: tuple[str, ...]
    classes: tuple[str, ...]
    concepts: tuple[str, ...]
    target: str
    candidates: list[dict[str, Any]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.frame_id)

    def labels(self, rows: NDArray[np.intp] | None = None) -> tuple[str, ...]:
        """Labels of some or all faces in the order of the classes; others come last."""
        found = set((self.label if rows is None else self.label[rows]).tolist())
        return (*(name for name in self.classes if name in found), *sorted(found - set(self.classes)))

    def logit_units(self, model: int, seeds: tuple[int, ...]) -> NDArray[np.float64]:
        """Root mean square of the logit over all faces, of each seed: the unit of the normalisation "logit"."""
        logits = self.ledger[model, list(seeds), :, 0]
        known = np.isfinite(logits)
        squares = np.where(known, logits, 0.0) ** 2
        return np.sqrt(squares.sum(axis=1) / np.maximum(known.sum(axis=1), 1))


ARRAYS = (
    "database", "frame_id", "participant", "sequence", "label", "consent", "row", "predicted", "probability",
    "map_row", "shares", "ledger", "present",
)  # fmt: skip
NAMES = ("models", "replicates", "seeds", "classes", "concepts")


def index_of(run: RunFolder, *, separate_process: bool) -> Index:
    """The index of a run as it is now, made anew where a step has changed.

    Raises
    ------
    RunError
        The run has no test faces, or a table cannot be read.
    """
    path = run.engine / "web" / "index.npz"
    state = state_of(run)
    found = _load(path, state)
    if found is not None:
        return found
    if separate_process:
        made = subprocess.run(
            [sys.executable, "-m", "painlens.web.index_builder", str(run.root)], capture_output=True, text=True
        )
        if made.returncode:
            raise RunError(made.stderr.strip().splitlines()[-1] if made.stderr.strip() else "the run cannot be read")
    else:
        from painlens.web.index_builder import write_index

        write_index(run, path)
    found = _load(path, state)
    if found is None:
        raise RunError(f"the run in {run.root} changed while it was read; start the server again")
    return found


def state_of(run: RunFolder) -> str:
    """Digest of all manifests that the index is made from; a missing step counts too."""
    study = run.study()
    jobs = [Job(stage, name) for name in study.databases for stage in ("faces", "split")]
    jobs += [Job(stage, name) for name in study.compared for stage in ("predict", "attribute")]
    digest = hashlib.sha256(FORMAT.encode() + study.model_dump_json().encode())
    for job in [*jobs, Job("evaluate"), Job("differences")]:
        manifest = run.manifest(job)
        digest.update(job.name.encode() + b"\0")
        digest.update(manifest.read_bytes() if manifest.exists() else b"missing")
    return digest.hexdigest()


def save(index: Index, path: Path, state: str) -> None:
    """Write the index; only the owner may read it."""
    from painlens.tables import atomic_path

    facts = {name: list(getattr(index, name)) for name in NAMES}
    facts |= {"target": index.target, "candidates": index.candidates, "state": state}
    with atomic_path(path) as temporary:
        temporary.chmod(0o600)
        with temporary.open("wb") as stream:
            arrays = {name: getattr(index, name) for name in ARRAYS}
            np.savez(stream, allow_pickle=False, facts=np.array(json.dumps(facts)), **arrays)


def _load(path: Path, state: str) -> Index | None:
    """A stored index, None where there is none for this state or it is not whole."""
    if not path.exists():
        return None
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            facts = json.loads(str(stored["facts"]))
            if facts.pop("state") != state:
                return None
            names = {name: tuple(facts.pop(name)) for name in NAMES}
            return Index(**{name: stored[name] for name in ARRAYS}, **names, **facts)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None  # a torn file is made anew
