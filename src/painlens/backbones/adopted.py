"""A user's checkpoint becomes a network of painlens, as its owner describes it."""

from pathlib import Path

import torch

from painlens.backbones.checkpoints import fill, logits_in, read_safetensors, read_tensors
from painlens.backbones.foreign import ForeignNetwork, foreign
from painlens.backbones.network import FaceNetwork
from painlens.backbones.registry import BACKBONES, build_layers
from painlens.backbones.vgg import VGG
from painlens.backbones.weights import load_network
from painlens.study import NORMALISATIONS, OWN, Backbone, Model, Normalisation
from painlens.tables import DataError

REMEDY = "correct models.*.architecture (and arguments), or give the checkpoint of this architecture"
FIRST = "features.0.weight"  # of painlens' own networks


def adopt(model: Model, checkpoint: Path, *, size: int) -> FaceNetwork:
    """The network of a checkpoint, ready for predictions, that takes RGB faces of `size` x `size` pixels.

    Weights that expect BGR are turned where the architecture is one of painlens' own; foreign networks turn the face.
    A torchvision VGG-16 at 224 pixels is painlens' own: its adaptive pool changes nothing there.

    Raises
    ------
    DataError
        The file cannot be read, is of another architecture, size or number of classes, or contradicts the description.
    """
    if model.architecture == OWN:
        return _own_file(model, checkpoint, size=size)
    name = model.architecture
    tensors = read_tensors(checkpoint)
    if name == "torchvision:vgg16" and size // 32 == 7 and not model.arguments:
        name = "vgg16"
    network = _plain_vgg(name, model, tensors, size) if name in BACKBONES else _foreign(model, size)
    body = network.network if isinstance(network, ForeignNetwork) else network
    _check_classes(model, checkpoint, logits_in(tensors, body.state_dict()))
    fill(body, tensors, checkpoint, name=f"{model.architecture} with faces of {size} pixels", remedy=REMEDY)
    normalisation = _normalisation(model)
    network.set_normalisation(normalisation.mean, normalisation.std)
    if isinstance(network, VGG) and model.channels == "bgr":
        with torch.no_grad():
            first = network.get_parameter(FIRST)
            first.copy_(first.flip(1))
    _check_outputs(network, checkpoint)
    return network.eval()


def _own_file(model: Model, path: Path, *, size: int) -> FaceNetwork:
    """A file that painlens wrote; what the user says must agree with it."""
    if path.suffix != ".safetensors" or "painlens" not in read_safetensors(path)[1]:
        read_tensors(path)  # a file that cannot be read at all is told first
        raise DataError(
            f"{path} was not written by painlens, so its architecture must be told: models.*.architecture "
            "(--a-architecture ...), one of vgg16, compact, torchvision:NAME, timm:NAME, code:MODULE:CLASS, with its "
            "classes"
        )
    network = load_network(path)
    for what, said, found in (
        ("size", model.size or size, network.size),
        ("classes", model.classes or network.classes, network.classes),
    ):
        if said != found:
            raise DataError(f"{path} has the {what} {_shown(found)}, the study says {_shown(said)}; correct the study")
    if model.channels == "bgr" or model.normalisation is not None:
        raise DataError(f"{path} was written by painlens and knows its normalisation; take it out of the study")
    return network


def _plain_vgg(name: str, model: Model, tensors: dict[str, torch.Tensor], size: int) -> VGG:
    """One of painlens' own architectures; the width of its dense layers is read from the file."""
    head = next((len(t) for key, t in tensors.items() if key.endswith("classifier.0.weight") and t.ndim == 2), 1024)
    settings = Backbone.model_validate({"name": name, "head": max(head, 8)})
    return build_layers(settings, classes=model.classes, size=size)


def _foreign(model: Model, size: int) -> ForeignNetwork:
    return foreign(
        model.architecture, arguments=model.arguments, classes=model.classes, size=size, channels=model.channels
    )


def _normalisation(model: Model) -> Normalisation:
    given = model.normalisation or "imagenet"
    return given if isinstance(given, Normalisation) else NORMALISATIONS[given]


def _check_classes(model: Model, path: Path, found: tuple[str, int] | None) -> None:
    """Only the prediction layer does not fit: that is a matter of classes, not of architecture."""
    if found is not None and found[1] != len(model.classes):
        raise DataError(
            f"{path} has {found[1]} logits ({found[0]}), but {len(model.classes)} classes are named "
            f"({', '.join(model.classes)}); name one class per logit, in their order"
        )


@torch.inference_mode()
def _check_outputs(network: FaceNetwork, path: Path) -> None:
    """One finite logit per class for a grey face."""
    face = torch.full((1, network.size, network.size, 3), 128, dtype=torch.uint8)
    try:
        logits = network.eval()(network.prepare(face))
    except (RuntimeError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"the network of {path} does not take faces of {network.size} pixels: {reason}; correct faces.size (--size)"
        ) from None
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or logits.shape[1] != len(network.classes):
        shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise DataError(
            f"the network of {path} gives {shape} for one face, but {len(network.classes)} classes are named "
            f"({', '.join(network.classes)}): expected (1, {len(network.classes)})"
        )
    if not bool(logits.isfinite().all()):
        raise DataError(f"the network of {path} answers {logits.tolist()} to a grey face: its weights are damaged")


def _shown(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
