"""The index of a run in one file that the server reads at once.

Tables need pandas, which takes more memory than everything else in the server together. So a child process reads
them once, and the result is kept in the run's ``.workflow`` folder until a step that it was made from has changed.
"""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

from painlens.web.index import Index, RunError
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import Job

FORMAT = "painlens inspection index 2"
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
            [sys.executable, "-m", "painlens.web.index_file", str(run.root)], capture_output=True, text=True
        )
        if made.returncode:
            raise RunError(made.stderr.strip().splitlines()[-1] if made.stderr.strip() else "the run cannot be read")
    else:
        write_index(run, path)
    found = _load(path, state)
    if found is None:
        raise RunError(f"the run in {run.root} changed while it was read; start the server again")
    return found


def write_index(run: RunFolder, path: Path) -> None:
    """Make the index of a run and write it.

    Raises
    ------
    RunError
        The run has no test faces, or a table cannot be read.
    """
    from painlens.tables import DataError
    from painlens.web.index_builder import build_index

    state = state_of(run)
    try:
        save(build_index(run), path, state)
    except DataError as error:
        raise RunError(str(error)) from None


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


if __name__ == "__main__":
    try:
        folder = RunFolder(Path(sys.argv[1]))
        write_index(folder, folder.engine / "web" / "index.npz")
    except (RunError, OSError) as failure:
        sys.exit(f"painlens: {failure}")
