"""Stochastic gradient descent with momentum, on torch's functional form of it.

`torch.optim.SGD` loads torch's compiler at its first use, 1.5 to 2 s of processor time that nothing here needs and
that every one of a study's many trainings, a process each, would pay.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim.sgd import sgd


class GradientDescent:
    """Changes the weights of a network by their gradients, in place.

    Parameters
    ----------
    network
        Its parameters stay where they are; a network that moves to another device needs a new descent.
    momentum, weight_decay
        As in `torch.optim.SGD`.
    """

    def __init__(self, network: nn.Module, *, momentum: float, weight_decay: float) -> None:
        self._names = [name for name, _ in network.named_parameters()]
        self._parameters: list[Tensor] = list(network.parameters())
        self._velocities: list[Tensor | None] = [None] * len(self._parameters)
        self._momentum, self._weight_decay = momentum, weight_decay

    @property
    def velocities(self) -> dict[str, Tensor]:
        """Momentum by the name of the parameter; empty before the first step, and without momentum."""
        pairs = zip(self._names, self._velocities, strict=True)
        return {name: velocity for name, velocity in pairs if velocity is not None}

    def restore(self, velocities: Mapping[str, Tensor]) -> None:
        """Put momentum back; each takes its parameter's device and memory layout."""
        for place, (name, parameter) in enumerate(zip(self._names, self._parameters, strict=True)):
            if name in velocities:
                self._velocities[place] = torch.empty_like(parameter.detach()).copy_(velocities[name])

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step against the gradients; every parameter must have one."""
        gradients = [parameter.grad for parameter in self._parameters]
        missing = [name for name, gradient in zip(self._names, gradients, strict=True) if gradient is None]
        if missing:
            raise ValueError(f"{missing[0]} has no gradient; every parameter of a trained network must take part")
        sgd(
            self._parameters,
            [gradient for gradient in gradients if gradient is not None],
            self._velocities,
            fused=True,
            lr=rate,
            momentum=self._momentum,
            weight_decay=self._weight_decay,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )
