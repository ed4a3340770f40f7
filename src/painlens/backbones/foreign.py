"""Networks of others: torchvision's and timm's architectures by name, and a user's own class.

A user's own class is code: it is imported only where `ALLOW_CODE` names it, which the option ``--allow-code`` of the
command line does. A study file alone runs nothing.
"""

import difflib
import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from painlens.backbones.network import FaceNetwork
from painlens.tables import DataError

ALLOW_CODE = "PAINLENS_ALLOW_CODE"  # MODULE:CLASS, several with commas
Arguments = Mapping[str, bool | int | float | str]


class ForeignNetwork(FaceNetwork):
    """Another package's module with what painlens asks of a network.

    Parameters
    ----------
    module
        Float inputs (n, 3, size, size) to logits (n, classes).
    architecture, arguments
        How it was built, to build it again.
    channels
        ``bgr``: `prepare` gives blue, green, red; mean and deviation are those of RGB in any case.
    """

    def __init__(  # noqa: PLR0913 - what is needed to build it again
        self, module: nn.Module, *, architecture: str, arguments: Arguments, classes: tuple[str, ...], size: int,
        channels: str,
    ) -> None:  # fmt: skip
        super().__init__(classes, size)
        self.network = module
        self.arguments = dict(arguments)
        self.channels = channels
        self._architecture = architecture
        self._last: int | None = None

    @property
    def architecture(self) -> str:
        """Name in study files, such as ``torchvision:resnet18``."""
        return self._architecture

    @property
    def places(self) -> list[str]:
        """Torch's names of all modules; the place of a layer is its number in this list."""
        return [name for name, _ in self.network.named_modules() if name]

    def normalise(self, faces: Tensor | np.ndarray) -> Float[Tensor, "face 3 height width"]:
        """See `FaceNetwork`; in the order of channels that the weights expect."""
        planes = super().normalise(faces)
        return planes.flip(1) if self.channels == "bgr" else planes

    def forward(self, x: Float[Tensor, "face 3 height width"]) -> Float[Tensor, "face logit"]:
        """Logits of normalised faces (see `prepare`)."""
        return self.network(x)

    def last_pool(self, x: Float[Tensor, "face 3 height width"]) -> Float[Tensor, "face feature"]:
        """Flattened outputs of the last module with planes, or of the last one with tokens in a transformer."""
        return self.output_of(x, self.last_place()).flatten(1)

    def quick_with_features(self, x: Float[Tensor, "face 3 height width"]) -> tuple[Tensor, Tensor]:
        """Logits and `last_pool` of the same faces in one pass."""
        with self._captured(self.places[self.last_place()]) as found:
            logits = self.network(x)
        return logits, found[0].flatten(1)

    def output_of(self, x: Tensor, place: int) -> Tensor:
        """Output of a module while the network answers."""
        with self._captured(self.places[place]) as found:
            self.network(x)
        if not found or not isinstance(found[0], Tensor):
            raise DataError(
                f"module '{self.places[place]}' of {self.architecture} gives no tensor; choose another layer"
            )
        return found[0]

    def answer_from(self, features: Tensor, place: int) -> Tensor:
        """Logits when a module's output is replaced; exact where all information passes it (`is_bottleneck`)."""
        module = self.network.get_submodule(self.places[place])
        handle = module.register_forward_hook(lambda *_: features)
        try:
            return self.network(features.new_zeros(1, 3, self.size, self.size))
        finally:
            handle.remove()

    @torch.inference_mode()
    def is_bottleneck(self, place: int) -> bool:
        """Whether the logits depend on the face through this module's output alone."""
        x = torch.rand(2, 3, self.size, self.size, generator=torch.Generator().manual_seed(0)).to(self.device)
        with self._captured(self.places[place]) as found:
            own = self.network(x)
        if len(found) != 1:
            return False
        replaced = self.answer_from(found[0], place)
        return own.shape == replaced.shape and torch.allclose(own, replaced, rtol=1e-4, atol=1e-5)

    def last_place(self) -> int:
        """Place of the module that `last_pool` means."""
        if self._last is None:
            self._last = self._find_last()
        return self._last

    @torch.inference_mode()
    def _find_last(self) -> int:
        """The module with planes (n, channels, h > 1, w > 1) that ends last; without any, with tokens (n, t, width)."""
        ends: dict[int, str] = {}
        handles = [
            module.register_forward_hook(
                lambda _m, _i, out, name=name: ends.update(_kind(out, name)) if isinstance(out, Tensor) else None
            )
            for name, module in self.network.named_modules()
            if name
        ]
        was_training = self.training
        self.eval()
        try:
            self.network(torch.zeros(1, 3, self.size, self.size, device=self.device))
        finally:
            self.train(was_training)
            for handle in handles:
                handle.remove()
        tokens, planes = ends.get(3), ends.get(4)
        # The patch embedding of a transformer is a convolution; what follows it in tokens is what it works with.
        chosen = tokens if tokens is not None and (planes is None or _after(self.places, tokens, planes)) else planes
        if chosen is None:
            raise DataError(
                f"{self.architecture} has no layer with planes or tokens; name a layer in concept_test.layer"
            )
        return self.places.index(chosen)

    @contextmanager
    def _captured(self, name: str) -> Iterator[list[Tensor]]:
        found: list[Tensor] = []
        # cloned: a ReLU in place behind the module would change it
        handle = self.network.get_submodule(name).register_forward_hook(
            lambda _m, _i, out: found.append(out.clone()) if isinstance(out, Tensor) else None
        )
        try:
            yield found
        finally:
            handle.remove()


class SequentialForeign(ForeignNetwork):
    """One whose layers stand in plain sequence, so that the fast relevance engine can read it."""

    def layers(self) -> list[nn.Module]:
        """Layers from the normalised input to the logits; attribution checks that they give the network's logits."""
        found = plain_layers(self.network)
        assert found is not None
        return found


def foreign(  # noqa: PLR0913 - what a network is built from
    architecture: str, *, arguments: Arguments, classes: tuple[str, ...], size: int, channels: str
) -> ForeignNetwork:
    """A network of others with whatever weights its package gives it; they are filled in from a checkpoint.

    Raises
    ------
    DataError
        The name is not known, the package is not installed, the code is not allowed, or it cannot be built.
    """
    source, _, name = architecture.partition(":")
    try:
        module = _SOURCES[source](name, arguments, len(classes))
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"{architecture} cannot be built with {dict(arguments) or 'its defaults'}: {type(error).__name__}: {error}"
            "; correct models.*.arguments"
        ) from error
    if not isinstance(module, nn.Module):
        raise DataError(f"{architecture} gives {type(module).__name__}, expected a torch.nn.Module")
    kind = SequentialForeign if plain_layers(module) is not None else ForeignNetwork
    return kind(
        module.eval(), architecture=architecture, arguments=arguments, classes=classes, size=size, channels=channels
    )


def plain_layers(module: nn.Module) -> list[nn.Module] | None:
    """Layers of a VGG or AlexNet of torchvision, or of an `nn.Sequential`, in their order; None for all others."""
    from torchvision import models

    if isinstance(module, models.VGG | models.AlexNet):
        return [module.features, module.avgpool, nn.Flatten(), module.classifier]
    return list(module.children()) if type(module) is nn.Sequential else None


def _torchvision(name: str, arguments: Arguments, classes: int) -> nn.Module:
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise DataError(f"torchvision has no classifier '{name}'{_near(name, known)}")
    given = {"num_classes": classes} | ({"init_weights": False} if name in ("googlenet", "inception_v3") else {})
    return models.get_model(name, weights=None, **(given | dict(arguments)))


def _timm(name: str, arguments: Arguments, classes: int) -> nn.Module:
    try:
        timm = importlib.import_module("timm")
    except ModuleNotFoundError:
        raise DataError(
            f"architecture 'timm:{name}' needs the package timm, which is not installed; pip install 'painlens[timm]'"
        ) from None
    if not timm.is_model(name):
        raise DataError(f"timm has no architecture '{name}'{_near(name, timm.list_models())}")
    return timm.create_model(name, pretrained=False, **({"num_classes": classes} | dict(arguments)))


def _code(name: str, arguments: Arguments, classes: int) -> nn.Module:
    del classes  # the user's class knows its own, or takes them as an argument
    if name not in [one.strip() for one in os.environ.get(ALLOW_CODE, "").split(",")]:
        raise DataError(
            f"architecture 'code:{name}' would run code of yours, which is not allowed yet; if you trust it, say "
            f"--allow-code {name} (or set {ALLOW_CODE}={name} for single steps and clusters)"
        )
    place, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(place)
    except ModuleNotFoundError as error:
        raise DataError(f"module '{place}' cannot be imported: {error}; put its folder into PYTHONPATH") from None
    make: Callable[..., nn.Module] | None = getattr(module, attribute, None)
    if make is None:
        raise DataError(f"module '{place}' has no '{attribute}'; it has {', '.join(_public(module)) or 'nothing'}")
    return make(**arguments)


_SOURCES: dict[str, Callable[[str, Arguments, int], nn.Module]] = {
    "torchvision": _torchvision,
    "timm": _timm,
    "code": _code,
}


def _near(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, 3)
    return f"; did you mean {' or '.join(close)}?" if close else f"; it has {', '.join(known[:8])} ..."


def _public(module: object) -> list[str]:
    return [name for name, value in vars(module).items() if isinstance(value, type) and not name.startswith("_")][:8]


def _kind(out: Tensor, name: str) -> dict[int, str]:
    planes = out.ndim == 4 and min(out.shape[2:]) > 1
    return {out.ndim: name} if planes or out.ndim == 3 else {}


def _after(places: list[str], tokens: str, planes: str) -> bool:
    return places.index(tokens) > places.index(planes)
