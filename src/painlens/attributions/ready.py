"""Networks made ready for a method: what is checked once, and what several networks share."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from painlens.attributions.chunks import Notice, faces_that_fit
from painlens.attributions.lrp import SequentialLRP
from painlens.attributions.methods import Attribution, Bounds, OfPixels, prepare_method
from painlens.attributions.network import at_inference, check_network, classes_of, prepared
from painlens.attributions.relevance import Explanation
from painlens.attributions.structure import UnsupportedStructure
from painlens.study import Attribution as AttributionSettings
from painlens.tables import DataError

Faces = UInt8[np.ndarray, "face height width 3"]
RegionMaps = UInt8[np.ndarray, "face height width"]


@dataclass(frozen=True)
class Ready:
    """A network at inference with the study's method, ready for faces."""

    network: nn.Module
    method: Attribution
    target: int
    bounds: Bounds
    fitting: int

    def inputs(self, faces: Faces) -> Tensor:
        """Faces as inputs, which must lie where the network was trained."""
        inputs = prepared(self.network, faces)
        if len(inputs):
            _check_range(inputs, self.bounds)
        return inputs

    def explain(self, faces: Faces, regions: RegionMaps | None) -> Explanation:
        """Relevance of faces."""
        return self.explain_inputs(self.inputs(faces), regions)

    def explain_inputs(self, inputs: Tensor, regions: RegionMaps | None) -> Explanation:
        """Relevance of prepared faces."""
        places = (
            None if regions is None else torch.as_tensor(np.ascontiguousarray(regions), device=inputs.device).long()
        )
        return self.method(inputs, self.target, regions=places)

    @property
    def engine(self) -> SequentialLRP | None:
        """The fast engine if it is the method."""
        method = self.method
        if isinstance(method, OfPixels) and isinstance(method.explain, SequentialLRP):
            return method.explain
        return None


@contextmanager
def explaining(
    network: nn.Module, settings: AttributionSettings, face: Faces, regions: RegionMaps | None, notice: Notice
) -> Iterator[Ready]:
    """The study's attribution of the study's class, while the network is at inference."""
    target = _target(network, settings)
    check_network(network)
    with at_inference(network):
        bounds = _bounds(network, face)
        ready = _made_ready(network, settings, target, bounds, face, notice)
        try:
            _check_layers(ready, face, regions)
        except UnsupportedStructure as reason:
            if ready.engine is None or settings.precision != "float32":
                raise
            notice(f"{str(reason).split(';')[0]}; Zennit explains the network instead of the fast engine")
            general = settings.model_copy(update={"method": "zennit"})
            ready = _made_ready(network, general, target, bounds, face, notice)
            _check_layers(ready, face, regions)
        yield ready


def _made_ready(
    network: nn.Module, settings: AttributionSettings, target: int, bounds: Bounds, face: Faces, notice: Notice
) -> Ready:
    method = prepare_method(network, settings, bounds, notice)
    fitting = 2**31
    if isinstance(method, OfPixels) and len(face):
        kept, largest = method.bytes_of(prepared(network, face))
        fitting = faces_that_fit(kept, largest) if kept else fitting
    return Ready(network, method, target, bounds, fitting)


def together(ready: list[Ready], faces: Faces, regions: RegionMaps | None) -> list[Explanation]:
    """Relevance of the same faces by several networks; what they share is done once."""
    lead = ready[0]
    inputs = lead.inputs(faces)
    depths = [_depth(lead, other, faces[:1]) for other in ready[1:]]
    if lead.engine is None or not any(depths):
        own = [inputs, *(inputs if d is not None else o.inputs(faces) for o, d in zip(ready[1:], depths, strict=True))]
        return [one.explain_inputs(given, regions) for one, given in zip(ready, own, strict=True)]
    shared = min(depth for depth in depths if depth)
    tape = lead.engine.forward(inputs, depth=shared)
    found = [lead.engine.sweep(tape, lead.target)]
    for other, depth in zip(ready[1:], depths, strict=True):
        if depth and other.engine is not None:
            own = other.engine.forward(inputs, shared=tape, depth=shared)
            found.append(other.engine.sweep(own, other.target))
        else:
            found.append(other.explain_inputs(inputs if depth is not None else other.inputs(faces), regions))
    return found


def _depth(lead: Ready, other: Ready, face: Faces) -> int | None:
    """Number of blocks that two networks have in common; None where they do not even prepare faces alike."""
    if not torch.equal(prepared(lead.network, face), prepared(other.network, face)):
        return None
    if lead.engine is None or other.engine is None:
        return 0
    return lead.engine.common(other.engine)


def check_faces(faces: Faces) -> None:
    """Whether faces are uint8 RGB; a DataError if not."""
    if faces.dtype != np.uint8 or len(faces.shape) != 4 or faces.shape[3] != 3:
        raise DataError(
            f"faces must be uint8 of shape (n, height, width, 3), got {faces.dtype} of shape {tuple(faces.shape)}; "
            "give the crops of faces.h5 as they are"
        )


def _bounds(network: nn.Module, face: Faces) -> Bounds:
    """Inputs of a black and of a white face, which bound those of all others."""
    ends = np.stack([np.full(face.shape[1:], value, np.uint8) for value in (0, 255)])
    inputs = prepared(network, ends)
    return Bounds(inputs.amin(dim=(0, 2, 3)), inputs.amax(dim=(0, 2, 3)))


def _check_range(inputs: Tensor, bounds: Bounds) -> None:
    """Inputs outside of what faces can give were never seen in training, and box rules are wrong for them."""
    slack = 1e-3 * (bounds.high - bounds.low)
    low, high = inputs.amin(dim=(0, 2, 3)), inputs.amax(dim=(0, 2, 3))
    if bool(((low >= bounds.low - slack) & (high <= bounds.high + slack)).all()):  # NaN is not
        return
    raise DataError(
        f"inputs must lie in the trained range {bounds.low.tolist()} to {bounds.high.tolist()} per channel, got "
        f"{float(inputs.amin()):.4g} to {float(inputs.amax()):.4g}; give uint8 faces and let the network prepare them"
    )


def _target(network: nn.Module, settings: AttributionSettings) -> int:
    """Index of the explained class."""
    classes = classes_of(network)
    if settings.target not in classes:
        raise DataError(
            f"attribution.target '{settings.target}' is not a class of the network, whose classes are "
            f"{', '.join(classes)}"
        )
    return classes.index(settings.target)


def _check_layers(ready: Ready, face: Faces, regions: RegionMaps | None) -> None:
    """The method must see the network's own logits: a residual or a scaling in its code would not show."""
    if not len(face):
        return
    network, inputs = ready.network, prepared(ready.network, face)
    with torch.inference_mode():
        own = network(inputs)
    classes = classes_of(network)
    if own.ndim != 2 or own.shape[1] != len(classes):
        raise DataError(
            f"the network gives outputs of the form {tuple(own.shape)} for one face, but its classes are "
            f"{', '.join(classes)}: expected (1, {len(classes)}); give it one logit per class, in their order"
        )
    if not isinstance(ready.method, OfPixels):  # captum calls the network itself
        return
    listed = ready.explain_inputs(inputs, regions).logits
    # Other convolution algorithms for other calls differ by about 1e-6 in float32.
    if own.shape != listed.shape or not torch.allclose(own, listed, rtol=1e-3, atol=1e-3 * float(own.abs().max())):
        raise UnsupportedStructure(
            f"the listed layers give the logits {listed.tolist()}, the network itself {own.tolist()}: its forward pass "
            "does more than its layers() say (a residual, a scaling); use attribution method 'zennit'"
        )
