"""What a step was given and what it wrote: `manifest.json` (deterministic) and `run.json` (time, machine).

A manifest is written last. A folder without one, or whose files do not match it, is an unfinished step.
"""

import hashlib
import json
import platform
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from painlens.tables.digests import KNOWN, KnownDigests, state_of
from painlens.tables.files import DataError, load_json, save_json, sha256_of

LIBRARIES = ("torch", "numpy", "opencv-python-headless", "scikit-learn", "numba", "pandas")


@dataclass(frozen=True)
class Manifest:
    """Stage, its own parameters, digests of inputs, code and outputs, row counts, package version."""

    stage: str
    parameters: dict[str, Any]
    inputs: dict[str, str]
    code: str
    outputs: dict[str, str]
    rows: dict[str, int]
    version: str


@dataclass(frozen=True)
class Begun:
    """A step that has started: its identity and when."""

    stage: str
    parameters: dict[str, Any]
    inputs: dict[str, str]
    code: str
    started: float
    watched: dict[str, str] = field(default_factory=dict)


def begin(
    stage: str,
    *,
    parameters: Mapping[str, Any],
    inputs: Mapping[str, Path],
    modules: Iterable[Path],
    watched: Mapping[str, Path] | None = None,
) -> Begun:
    """Identity of a step: its part of the study, the manifests it reads and the source files that it runs.

    Parameters
    ----------
    inputs
        Name -> file. Of an earlier step's `manifest.json` only the digests of its outputs count: a step that ran again
        for a new reason and came to the same result makes no later step run again.
    modules
        Source files or folders of the stage; a change in one of them makes the step run again.
    watched
        Name -> folder or file of other people, such as an owner's database. Their state (names, sizes, times) stands
        in `run.json`, not in the manifest: a copy on another disk makes the step run again, and if it finds the same
        there, no later one. A place that does not exist (a disk that is not mounted) says nothing.
    """
    canonical = json.loads(json.dumps(dict(parameters), sort_keys=True, default=str))
    missing = [str(path) for path in inputs.values() if not path.exists()]
    if missing:
        raise DataError(f"step '{stage}' needs {', '.join(missing)}; run the earlier steps first (painlens run does)")
    return Begun(
        stage,
        canonical,
        {n: _digest_of_input(p) for n, p in inputs.items()},
        _digest_of(modules),
        time.time(),
        {name: state_of(place) for name, place in (watched or {}).items() if place.exists()},
    )


def is_up_to_date(folder: Path, begun: Begun) -> bool:
    """Whether the folder already holds the whole result of this very step."""
    try:
        manifest = load_manifest(folder)
        if begun.watched and begun.watched != watched_then(folder):
            return False
        check_outputs(folder, manifest)
    except DataError:
        return False
    return (manifest.stage, manifest.parameters, manifest.inputs, manifest.code) == (
        begun.stage,
        begun.parameters,
        begun.inputs,
        begun.code,
    )


def write_manifest(
    folder: Path, begun: Begun, *, outputs: Iterable[Path], rows: Mapping[str, int], device: str = "cpu"
) -> Manifest:
    """Write `run.json`, then `manifest.json`; call it when all outputs are whole."""
    known = KnownDigests(folder / KNOWN)
    manifest = Manifest(
        begun.stage,
        begun.parameters,
        begun.inputs,
        begun.code,
        {str(path.relative_to(folder)): known.sha256(path, settle=True) for path in sorted(outputs)},
        dict(rows),
        metadata.version("painlens"),
    )
    run = {
        "started": begun.started,
        "seconds": time.time() - begun.started,
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "device": device,
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
        "watched": begun.watched,
    }
    known.save()
    save_json(run, folder / "run.json")
    save_json(vars(manifest), folder / "manifest.json")
    return manifest


def watched_then(folder: Path) -> dict[str, str]:
    """State of the folders that a step watched when it ran; empty where nothing is known."""
    try:
        return dict(load_json(folder / "run.json").get("watched", {}))
    except (DataError, AttributeError, TypeError, ValueError):
        return {}


def load_manifest(folder: Path) -> Manifest:
    """Read the manifest of a step's folder."""
    raw = load_json(folder / "manifest.json")
    try:
        return Manifest(**raw)
    except TypeError as error:
        raise DataError(
            f"{folder / 'manifest.json'} is not a manifest of this version: {error}; run the step again"
        ) from None


def check_outputs(folder: Path, manifest: Manifest) -> None:
    """Compare a step's files with their digests; files that the system says are the same are not read again.

    Raises
    ------
    DataError
        A file is missing or was changed after the step wrote it.
    """
    known = KnownDigests(folder / KNOWN)
    for name, digest in manifest.outputs.items():
        path = folder / name
        if not path.exists():
            raise DataError(f"{path} is missing although its manifest lists it; run step '{manifest.stage}' again")
        if known.sha256(path) != digest:
            raise DataError(f"{path} was changed after step '{manifest.stage}' wrote it; run the step again")
    known.save()


def _digest_of_input(path: Path) -> str:
    """SHA-256 of a file, or of the listed output digests of a manifest (canonical JSON)."""
    if path.name != "manifest.json":
        return sha256_of(path)
    outputs = load_manifest(path.parent).outputs
    return hashlib.sha256(json.dumps(outputs, sort_keys=True).encode()).hexdigest()


def _digest_of(modules: Iterable[Path]) -> str:
    """One digest over source files, by content."""
    files = sorted(
        p
        for m in modules
        for p in ([m] if m.is_file() else m.rglob("*"))
        if p.suffix in {".py", ".html", ".npz", ".json"}
    )
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + b"\0" + sha256_of(path).encode())
    return digest.hexdigest()
