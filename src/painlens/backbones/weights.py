"""Networks as files: safetensors with JSON metadata, and public VGG-16 weights. Nothing is unpickled."""

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from painlens.backbones.registry import build_layers, build_network
from painlens.backbones.vgg import FaceNetwork
from painlens.study import Backbone
from painlens.tables import DataError, atomic_path

FORMAT = "painlens-network-1"
SHOWN = 3  # mismatching tensors that an error names


def save_network(network: FaceNetwork, path: Path) -> None:
    """Write the weights (float32) and all that is needed to rebuild the network into one safetensors file.

    The metadata entry ``painlens`` is JSON: format, architecture, head, dropout, classes, size, mean, std.
    """
    description = {
        "format": FORMAT,
        "architecture": network.settings.name,
        "head": network.settings.head,
        "dropout": network.settings.dropout,
        "classes": list(network.classes),
        "size": network.size,
        "mean": list(network.mean),
        "std": list(network.std),
    }
    tensors = {name: tensor.detach().cpu().float().contiguous() for name, tensor in network.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"painlens": json.dumps(description, sort_keys=True)})


def load_network(path: Path) -> FaceNetwork:
    """A saved network, on the processor, ready for predictions (`eval` mode).

    Raises
    ------
    DataError
        The file is missing, is no safetensors file, was not written by `save_network`, or its tensors do not fit the
        architecture that it names (the first few are listed).
    """
    tensors, metadata = read_safetensors(path)
    try:
        description = json.loads(metadata["painlens"])
        if description["format"] != FORMAT:
            raise DataError(f"{path} has the format '{description['format']}', expected '{FORMAT}'; train again")
        settings = Backbone(name=description["architecture"], head=description["head"], dropout=description["dropout"])
        network = build_layers(settings, classes=tuple(description["classes"]), size=description["size"])
        network.set_normalisation(tuple(description["mean"]), tuple(description["std"]))
    except (KeyError, TypeError, json.JSONDecodeError, ValidationError) as error:
        raise DataError(
            f"{path} does not describe a network of painlens ({type(error).__name__}: {error}); "
            f"give a file that painlens has written"
        ) from None
    _fill(network, tensors, path)
    return network.eval()


def load_pretrained(path: Path, settings: Backbone, *, size: int, seed: int) -> FaceNetwork:
    """The emotion network from a user's checkpoint: one of painlens, or public VGG-16 weights.

    Raises
    ------
    DataError
        The file is neither, or holds another architecture, head or size than the study asks for.
    """
    if path.suffix == ".safetensors" and "painlens" in read_safetensors(path)[1]:
        network = load_network(path)
        found = (network.settings.name, network.settings.head, network.size)
        asked = (settings.name, settings.head, size)
        if found != asked:
            raise DataError(
                f"{path} holds backbone {found[0]}, head {found[1]}, size {found[2]}; the study asks for {asked[0]}, "
                f"{asked[1]}, {asked[2]}; change 'backbone' and 'faces.size' or give another checkpoint"
            )
        return network
    return load_public_vgg16(path, settings, size=size, seed=seed)[0]


def load_public_vgg16(path: Path, settings: Backbone, *, size: int, seed: int) -> tuple[FaceNetwork, tuple[str, ...]]:
    """A VGG-16 with public weights in torchvision's naming, and the names of the tensors that were taken.

    All convolutions must be there. Dense layers are taken where their shapes fit (torchvision's: head 4096, size
    224), else they stay random; the prediction layer is taken where the file has one of the right width, with classes
    called ``class-0`` ...: it is meant to be replaced.

    Parameters
    ----------
    path
        A safetensors file, or a ``.pth``/``.pt`` state dict, which is read with ``weights_only``: tensors, no code.

    Raises
    ------
    DataError
        The backbone is not `vgg16`, the file cannot be read, or its convolutions do not fit.
    """
    if settings.name != "vgg16":
        raise DataError(f"public weights {path} are for backbone 'vgg16', the study asks for '{settings.name}'")
    tensors = _plain_names(_read_any(path))
    logits = tensors.get("classifier.6.weight")
    classes = tuple(f"class-{i}" for i in range(max(2, len(logits) if logits is not None else 2)))
    network = build_network(settings, classes=classes, size=size, seed=seed)
    own = network.state_dict()
    fitting = {name: t for name, t in tensors.items() if name in own and t.shape == own[name].shape}
    wrong = [name for name in own if name.startswith("features.") and name not in fitting]
    if wrong:
        raise DataError(f"{path} is not a VGG-16 in torchvision's naming: {_mismatches(own, tensors, wrong)}")
    # a dense layer is taken whole or not at all
    pairs = {name: (f"{name.rpartition('.')[0]}.weight", f"{name.rpartition('.')[0]}.bias") for name in fitting}
    taken = {name: fitting[name] for name, pair in pairs.items() if set(pair) <= fitting.keys()}
    network.load_state_dict({**own, **taken})
    return network.eval(), tuple(taken)


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file."""
    if not path.is_file():
        raise DataError(f"file not found: {path}; run the step that writes it, or correct the path")
    try:
        with safe_open(path, framework="pt") as stream:
            return {name: stream.get_tensor(name) for name in stream.keys()}, dict(stream.metadata() or {})  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path} is not a whole safetensors file: {error}; copy or write it again") from None


def _read_any(path: Path) -> Mapping[str, Tensor]:
    """Tensors of a safetensors file or of a torch state dict."""
    if path.suffix == ".safetensors":
        return read_safetensors(path)[0]
    if not path.is_file():
        raise DataError(f"file not found: {path}; correct the path")
    try:
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, ValueError, KeyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path} cannot be read as plain tensors: {reason}; save a state dict or safetensors") from None
    if isinstance(loaded, Mapping) and isinstance(loaded.get("state_dict"), Mapping):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, Mapping) or not all(isinstance(t, Tensor) for t in loaded.values()):
        raise DataError(f"{path} holds {type(loaded).__name__}, expected a state dict of names and tensors")
    return loaded


def _plain_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names without the prefix that data-parallel training adds."""
    return {name.removeprefix("module."): tensor.float() for name, tensor in tensors.items()}


def _fill(network: FaceNetwork, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Copy tensors into the network, all of them or none."""
    own = network.state_dict()
    wrong = [name for name in own if name not in tensors or tensors[name].shape != own[name].shape]
    wrong += [name for name in tensors if name not in own]
    if wrong:
        raise DataError(f"{path} does not fit {network.settings.name}: {_mismatches(own, tensors, wrong)}; train again")
    network.load_state_dict(dict(tensors))


def _mismatches(own: Mapping[str, Tensor], given: Mapping[str, Tensor], names: list[str]) -> str:
    """The first mismatching tensors in words."""

    def shape(tensors: Mapping[str, Tensor], name: str) -> str:
        return str(list(tensors[name].shape)) if name in tensors else "nothing"

    listed = [f"{name} (expected {shape(own, name)}, got {shape(given, name)})" for name in names[:SHOWN]]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(listed) + more
