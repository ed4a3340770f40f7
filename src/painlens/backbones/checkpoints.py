"""Tensors of a file, and a network filled with them, or the reason why they do not fit. Nothing is unpickled."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from painlens.tables import DataError

SHOWN = 3  # mismatching tensors that an error names
# Keys under which training scripts keep the weights beside other things
INSIDE = ("state_dict", "model_state_dict", "model", "net", "weights")
# In front of the names: data-parallel training, torch.compile, Lightning and the like
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "backbone.", "encoder.")
CONVERT = (
    "write its state dict where you trained it: torch.save(model.state_dict(), 'weights.pt'); of a file that you "
    "trust, model = torch.load(FILE, weights_only=False) gives the model"
)


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file."""
    if not path.is_file():
        raise DataError(f"file not found: {path}; run the step that writes it, or correct the path")
    try:
        with safe_open(path, framework="pt") as stream:
            return {name: stream.get_tensor(name) for name in stream.keys()}, dict(stream.metadata() or {})  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path} is not a whole safetensors file: {error}; copy or write it again") from None


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file or of a PyTorch state dict, by name.

    Raises
    ------
    DataError
        The file is missing, is no such file, or would have to be unpickled; the message says how to convert it.
    """
    if path.suffix == ".safetensors":
        return read_safetensors(path)[0]
    if not path.is_file():
        raise DataError(f"file not found: {path}; correct the path")
    _refuse_other_formats(path)
    try:
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, ValueError, KeyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if "TorchScript" in str(error):
            remedy = "save torch.jit.load(FILE).state_dict() with torch.save"
        elif isinstance(error, pickle.UnpicklingError):
            remedy = CONVERT
            reason = "it holds pickled objects, which could run code when they are loaded, and is refused"
        else:
            remedy = "save a state dict or safetensors"
        raise DataError(f"{path} cannot be read as plain tensors: {reason}; {remedy}") from None
    for key in INSIDE:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
            break
    if not isinstance(loaded, Mapping) or not all(isinstance(t, Tensor) for t in loaded.values()):
        raise DataError(f"{path} holds {type(loaded).__name__}, expected a state dict of names and tensors; {CONVERT}")
    return {str(name): tensor for name, tensor in loaded.items()}


def _refuse_other_formats(path: Path) -> None:
    """Formats that people try and that cannot be taken, with what to do instead."""
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        raise DataError(
            f"{path} is an ONNX graph: exporters fold and fuse layers, so that the layers that relevance rules are "
            "about are not in it any more; give the state dict of the network that was exported"
        )
    if suffix in (".h5", ".keras", ".hdf5", ".pb", ".tflite"):
        raise DataError(
            f"{path} is a file of Keras or TensorFlow; give PyTorch weights (convert them layer by layer, kernels "
            "transposed to (out, in, height, width), and check them with --predictions)"
        )


def plain_names(tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors as float32 under the names of a network: prefixes that all of them share are taken off."""
    found = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    while found and not any(name in wanted for name in found):
        prefix = next((p for p in PREFIXES if all(name.startswith(p) for name in found)), None)
        if prefix is None:
            prefix = next((p for p in PREFIXES if sum(name.startswith(p) for name in found) > len(found) / 2), None)
            if prefix is None:
                break
            found = {name: tensor for name, tensor in found.items() if name.startswith(prefix)}
        found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
    return found


def fill(module: nn.Module, tensors: Mapping[str, Tensor], path: Path, *, name: str, remedy: str) -> None:
    """Copy tensors into a network, all of them or none.

    Raises
    ------
    DataError
        Tensors are missing, too many, or of another shape: the first are named with expected and given shapes.
    """
    own = module.state_dict()
    given = plain_names(tensors, own)
    # counts of batches play no part at inference, and files of old versions lack them
    idle = {key for key in own if key.endswith("num_batches_tracked")}
    wrong = [key for key in own if key not in idle and (key not in given or given[key].shape != own[key].shape)]
    wrong += [key for key in given if key not in own]
    if wrong:
        raise DataError(f"{path} does not fit {name}: {mismatches(own, given, wrong)}; {remedy}")
    module.load_state_dict({**{key: own[key] for key in idle}, **given})


def logits_in(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> tuple[str, int] | None:
    """Name of the prediction layer's weight and the number of logits in a file, if only this layer does not fit."""
    given = plain_names(tensors, own)
    keys = [key for key in own if not key.endswith("num_batches_tracked")]
    wrong = [key for key in keys if key in given and given[key].shape != own[key].shape]
    if not wrong or any(key not in given for key in keys) or any(key not in own for key in given):
        return None
    weights = [key for key in wrong if given[key].ndim >= 2]
    same_inputs = all(given[key].shape[1:] == own[key].shape[1:] for key in wrong)
    return (weights[0], len(given[weights[0]])) if len(weights) == 1 and same_inputs else None


def mismatches(own: Mapping[str, Tensor], given: Mapping[str, Tensor], names: list[str]) -> str:
    """The first mismatching tensors in words."""

    def shape(tensors: Mapping[str, Tensor], name: str) -> str:
        return str(list(tensors[name].shape)) if name in tensors else "nothing"

    listed = [f"{name} (expected {shape(own, name)}, got {shape(given, name)})" for name in names[:SHOWN]]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(listed) + more
