"""What a killed training needs to go on: one safetensors file, replaced whole after every epoch."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from painlens.tables import atomic_path


@dataclass(frozen=True)
class Checkpoint:
    """State after an epoch.

    Random numbers need no place here: each epoch draws from generators made of the seed and the epoch's number.
    """

    identity: str  # digest of everything that decides the result; another one means another training
    epoch: int  # finished epochs
    history: list[dict[str, int | float]]
    kept_epoch: int
    network: Mapping[str, Tensor]
    momentum: Mapping[str, Tensor]
    best: Mapping[str, Tensor]  # weights of the best epoch so far; empty where the last epoch is kept


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint; an earlier one stays until the new one is whole."""
    tensors: dict[str, Tensor] = {}
    for part in ("network", "momentum", "best"):
        state: Mapping[str, Tensor] = getattr(checkpoint, part)
        tensors |= {f"{part}.{name}": tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    facts = {
        "identity": checkpoint.identity,
        "epoch": checkpoint.epoch,
        "history": checkpoint.history,
        "kept_epoch": checkpoint.kept_epoch,
    }
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"painlens": json.dumps(facts, sort_keys=True)})


def load_checkpoint(path: Path, *, identity: str) -> Checkpoint | None:
    """The checkpoint of this very training; None where there is none, or it is damaged or of another training.

    Starting again is right in all these cases, so none is an error.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as stream:
            facts: dict[str, Any] = json.loads(stream.metadata()["painlens"])
            if facts["identity"] != identity:
                return None
            tensors: dict[str, Tensor] = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, TypeError, json.JSONDecodeError):
        return None
    parts: dict[str, dict[str, Tensor]] = {"network": {}, "momentum": {}, "best": {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = tensor
    return Checkpoint(
        identity=identity,
        epoch=facts["epoch"],
        history=facts["history"],
        kept_epoch=facts["kept_epoch"],
        network=parts["network"],
        momentum=parts["momentum"],
        best=parts["best"],
    )


def identity_of(facts: Mapping[str, Any], arrays: Mapping[str, bytes], state: Mapping[str, Tensor]) -> str:
    """Digest of settings, data and initial weights."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
    for name, content in sorted(arrays.items()):
        digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
    for name, tensor in sorted(state.items()):
        digest.update(f"\0{name}\0".encode() + tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()
