"""Networks as files: safetensors with JSON metadata, and public VGG-16 weights. Nothing is unpickled."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors.torch import save_file
from torch import Tensor

from painlens.backbones.checkpoints import fill, mismatches, read_safetensors, read_tensors
from painlens.backbones.foreign import ForeignNetwork, foreign
from painlens.backbones.network import FaceNetwork
from painlens.backbones.registry import BACKBONES, build_layers, build_network
from painlens.backbones.vgg import VGG
from painlens.study import Backbone
from painlens.tables import DataError, atomic_path

FORMAT = "painlens-network-1"


def save_network(network: FaceNetwork, path: Path) -> None:
    """Write the weights (float32) and all that is needed to rebuild the network into one safetensors file.

    The metadata entry ``painlens`` is JSON: format, architecture, head and dropout (or arguments and channels of a
    foreign architecture), classes, size, mean, std.
    """
    description = _architecture_of(network) | {
        "format": FORMAT,
        "architecture": network.architecture,
        "classes": list(network.classes),
        "size": network.size,
        "mean": list(network.mean),
        "std": list(network.std),
    }
    body = network.network if isinstance(network, ForeignNetwork) else network
    # cloned: safetensors refuses tensors that share memory, such as tied weights
    tensors = {name: _plain(tensor) for name, tensor in body.state_dict().items()}
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
        network = _described(description)
        network.set_normalisation(tuple(description["mean"]), tuple(description["std"]))
    except (KeyError, TypeError, json.JSONDecodeError, ValidationError) as error:
        raise DataError(
            f"{path} does not describe a network of painlens ({type(error).__name__}: {error}); "
            f"give a file that painlens has written"
        ) from None
    body = network.network if isinstance(network, ForeignNetwork) else network
    fill(body, tensors, path, name=network.architecture, remedy="train again")
    return network.eval()


def _architecture_of(network: FaceNetwork) -> dict[str, Any]:
    """What is needed to build the network again, beside what all networks have."""
    if isinstance(network, ForeignNetwork):
        return {"arguments": network.arguments, "channels": network.channels}
    assert isinstance(network, VGG)
    return {"head": network.settings.head, "dropout": network.settings.dropout}


def _described(description: dict[str, Any]) -> FaceNetwork:
    """The network of a description, still without weights."""
    classes, size, name = tuple(description["classes"]), description["size"], description["architecture"]
    if name not in BACKBONES and ":" in name:
        arguments, channels = description["arguments"], description["channels"]
        return foreign(name, arguments=arguments, classes=classes, size=size, channels=channels)
    settings = Backbone(name=name, head=description["head"], dropout=description["dropout"])
    return build_layers(settings, classes=classes, size=size)


def _plain(tensor: Tensor) -> Tensor:
    """A tensor as it is stored: whole numbers as they are, all others in float32."""
    values = tensor.detach().cpu()
    return (values.float() if values.is_floating_point() else values).clone().contiguous()


def load_pretrained(path: Path, settings: Backbone, *, size: int, seed: int) -> VGG:
    """The emotion network from a user's checkpoint: one of painlens, or public VGG-16 weights.

    Raises
    ------
    DataError
        The file is neither, or holds another architecture, head or size than the study asks for.
    """
    if path.suffix == ".safetensors" and "painlens" in read_safetensors(path)[1]:
        network = load_network(path)
        if not isinstance(network, VGG):
            raise DataError(
                f"{path} holds {network.architecture}; painlens fine-tunes {', '.join(BACKBONES)} only. To compare it "
                "with another network, name both under 'models' (painlens compare)"
            )
        found = (network.settings.name, network.settings.head, network.size)
        asked = (settings.name, settings.head, size)
        if found != asked:
            raise DataError(
                f"{path} holds backbone {found[0]}, head {found[1]}, size {found[2]}; the study asks for {asked[0]}, "
                f"{asked[1]}, {asked[2]}; change 'backbone' and 'faces.size' or give another checkpoint"
            )
        return network
    return load_public_vgg16(path, settings, size=size, seed=seed)[0]


def load_public_vgg16(path: Path, settings: Backbone, *, size: int, seed: int) -> tuple[VGG, tuple[str, ...]]:
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
    given = read_tensors(path)
    tensors = {name.removeprefix("module."): tensor.float() for name, tensor in given.items()}
    logits = tensors.get("classifier.6.weight")
    classes = tuple(f"class-{i}" for i in range(max(2, len(logits) if logits is not None else 2)))
    network = build_network(settings, classes=classes, size=size, seed=seed)
    own = network.state_dict()
    fitting = {name: t for name, t in tensors.items() if name in own and t.shape == own[name].shape}
    wrong = [name for name in own if name.startswith("features.") and name not in fitting]
    if wrong:
        raise DataError(f"{path} is not a VGG-16 in torchvision's naming: {mismatches(own, tensors, wrong)}")
    # a dense layer is taken whole or not at all
    pairs = {name: (f"{name.rpartition('.')[0]}.weight", f"{name.rpartition('.')[0]}.bias") for name in fitting}
    taken = {name: fitting[name] for name, pair in pairs.items() if set(pair) <= fitting.keys()}
    network.load_state_dict({**own, **taken})
    return network.eval(), tuple(taken)
