"""Other attributions under the same protocol, by captum (Kokhlikyan et al. 2020): gradients, perturbations, surrogates.

They explain the same logit in the same units as far as the method has units, so that their maps go through the same
differences, regions and trust checks as relevance. None of them books where the logit went: the ledger is NaN.

Whatever is drawn at random is drawn again for every face from the same seed: a map depends on its face and the study,
not on the faces beside it. The baseline of all of them is the grey of the input's normalisation, 0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from captum.attr import (
    InputXGradient,
    IntegratedGradients,
    KernelShap,
    LayerGradCam,
    Lime,
    NoiseTunnel,
    Occlusion,
    Saliency,
)
from torch import Tensor, nn

from painlens.attributions.relevance import Explanation
from painlens.attributions.structure import PROBABILITIES, NoLogits, UnsupportedStructure
from painlens.tables import DataError

METHODS = (
    "gradient", "gradient-times-input", "integrated-gradients", "smoothgrad", "grad-cam", "occlusion", "lime",
    "kernel-shap",
)  # fmt: skip
OF_REGIONS = ("lime", "kernel-shap")  # their features are the regions of the face
AT_ONCE = 32  # perturbed copies of a face in memory


@dataclass(frozen=True)
class Draws:
    """How often and how far the perturbing methods perturb.

    Attributes
    ----------
    steps
        Of the integral of integrated gradients.
    samples
        Noisy or masked copies of a face: smoothgrad, lime, kernel-shap.
    noise
        Standard deviation of smoothgrad's noise, as a share of the face's own range.
    patch
        Side of the square that occlusion hides, as a share of the side of the face; it moves by half of it.
    seed
        Of the draws for each face.
    """

    steps: int
    samples: int
    noise: float
    patch: float
    seed: int


class CaptumMethod:
    """One of `METHODS` for one network, which must be in evaluation mode.

    Raises
    ------
    NoLogits
        The network ends with a softmax or the like.
    UnsupportedStructure
        Grad-CAM, and the network has no convolution.
    """

    def __init__(self, network: nn.Module, method: str, draws: Draws) -> None:
        if method not in METHODS:
            raise DataError(f"the method must be one of {', '.join(METHODS)}, got '{method}'")
        last = [module for module in network.modules() if not list(module.children())][-1]
        if isinstance(last, PROBABILITIES):
            raise NoLogits(f"the network ends with {last}, but a logit is explained; give the network without it")
        self._network, self._method, self._draws = network, method, draws
        self._explain = _WAYS[method](network, draws)

    @property
    def layers(self) -> tuple[str, ...]:
        """None: where the logit went is not booked."""
        return ()

    def __call__(self, inputs: Tensor, target: int | Tensor, *, regions: Tensor | None = None) -> Explanation:
        """Attribution of the logit `target`.

        Parameters
        ----------
        regions
            Integers (n, height, width), the facial region of every pixel: needed by lime and kernel-shap.
        """
        if self._method in OF_REGIONS and regions is None:
            raise DataError(
                f"attribution method '{self._method}' explains facial regions; give the regions of the faces"
            )
        goal = torch.as_tensor(target, device=inputs.device).expand(len(inputs))
        with torch.inference_mode():
            logits = self._network(inputs)
        with torch.enable_grad():
            found = [self._one(inputs[i : i + 1], goal[i], regions, i) for i in range(len(inputs))]
        maps = torch.cat(found) if found else torch.zeros_like(inputs)
        start = logits.clone().gather(1, goal[:, None])[:, 0]
        unknown = torch.full_like(start, torch.nan)
        return Explanation(maps, logits, start, unknown, unknown)

    def _one(self, face: Tensor, target: Tensor, regions: Tensor | None, number: int) -> Tensor:
        """The map of one face, with random numbers of its own; the global ones go on as if nothing had been drawn."""
        devices = [face.device] if face.is_cuda else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(self._draws.seed)
            leaf = face.detach().clone().requires_grad_()
            own = None if regions is None else regions[number : number + 1]
            return self._explain(leaf, int(target), own).detach().to(face.dtype)


Way = Callable[[Tensor, int, Tensor | None], Tensor]


def _gradient(network: nn.Module, draws: Draws) -> Way:
    """Derivative of the logit by every pixel, with its sign (Simonyan et al. 2014)."""
    del draws
    explain = Saliency(network)
    return lambda face, target, _: explain.attribute(face, target=target, abs=False)


def _gradient_times_input(network: nn.Module, draws: Draws) -> Way:
    """Derivative times input (Shrikumar et al. 2017); LRP-0 throughout is the same on ReLU networks."""
    del draws
    explain = InputXGradient(network)
    return lambda face, target, _: explain.attribute(face, target=target)


def _integrated_gradients(network: nn.Module, draws: Draws) -> Way:
    """Derivatives along the way from grey to the face (Sundararajan et al. 2017); sums to the change of the logit."""
    explain = IntegratedGradients(network)
    options: dict[str, Any] = {"n_steps": draws.steps, "internal_batch_size": AT_ONCE, "method": "gausslegendre"}

    def way(face: Tensor, target: int, _: Tensor | None) -> Tensor:
        found = explain.attribute(face, target=target, **options)
        assert isinstance(found, Tensor)
        return found

    return way


def _smoothgrad(network: nn.Module, draws: Draws) -> Way:
    """Mean derivative of noisy copies (Smilkov et al. 2017)."""
    explain = NoiseTunnel(Saliency(network))
    options: dict[str, Any] = {"nt_type": "smoothgrad", "nt_samples": draws.samples, "nt_samples_batch_size": AT_ONCE}

    def way(face: Tensor, target: int, _: Tensor | None) -> Tensor:
        spread = draws.noise * float(face.detach().amax() - face.detach().amin())
        found = explain.attribute(face, target=target, abs=False, stdevs=spread, **options)
        assert isinstance(found, Tensor)
        return found

    return way


def _grad_cam(network: nn.Module, draws: Draws) -> Way:
    """Channels of the last convolution weighted by their mean derivative (Selvaraju et al. 2017), with its sign."""
    del draws
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    if not convolutions:
        raise UnsupportedStructure("Grad-CAM needs a convolution, and the network has none; use another method")
    explain = LayerGradCam(network, convolutions[-1])

    def way(face: Tensor, target: int, _: Tensor | None) -> Tensor:
        coarse = explain.attribute(face, target=target)
        assert isinstance(coarse, Tensor)
        fine = F.interpolate(coarse, size=face.shape[2:], mode="bilinear", align_corners=False)
        return fine.expand_as(face) / face.shape[1]  # channels sum to the map

    return way


def _occlusion(network: nn.Module, draws: Draws) -> Way:
    """Loss of the logit where a square is hidden (Zeiler and Fergus 2014)."""
    explain = Occlusion(network)

    def way(face: Tensor, target: int, _: Tensor | None) -> Tensor:
        channels, height, width = face.shape[1:]
        window = tuple(max(1, round(draws.patch * side)) for side in (height, width))
        steps = (channels, *(max(1, side // 2) for side in window))
        found = explain.attribute(
            face, sliding_window_shapes=(channels, *window), strides=steps, target=target,
            perturbations_per_eval=AT_ONCE,
        )  # fmt: skip
        return found / channels

    return way


def _lime(network: nn.Module, draws: Draws) -> Way:
    """Weights of the regions in a sparse linear model of masked copies (Ribeiro et al. 2016)."""
    return _of_regions(Lime(network), draws)


def _kernel_shap(network: nn.Module, draws: Draws) -> Way:
    """Shapley values of the regions, estimated from masked copies (Lundberg and Lee 2017)."""
    return _of_regions(KernelShap(network), draws)


def _of_regions(explain: Lime | KernelShap, draws: Draws) -> Way:
    def way(face: Tensor, target: int, regions: Tensor | None) -> Tensor:
        assert regions is not None
        names, mask = torch.unique(regions, return_inverse=True)  # captum wants 0, 1, 2 ... without gaps
        sizes = torch.bincount(mask.flatten(), minlength=len(names))
        found = explain.attribute(
            face, target=target, feature_mask=mask[:, None].expand_as(face), n_samples=draws.samples,
            perturbations_per_eval=AT_ONCE,
        )  # fmt: skip
        # Every pixel of a region has the region's weight: shared out, so that the map sums over a region to it.
        return found / (sizes[mask][:, None] * face.shape[1])

    return way


_WAYS: dict[str, Callable[[nn.Module, Draws], Way]] = {
    "gradient": _gradient,
    "gradient-times-input": _gradient_times_input,
    "integrated-gradients": _integrated_gradients,
    "smoothgrad": _smoothgrad,
    "grad-cam": _grad_cam,
    "occlusion": _occlusion,
    "lime": _lime,
    "kernel-shap": _kernel_shap,
}
