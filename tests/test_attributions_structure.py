"""What the fast engine refuses, one structure at a time, and how it says so."""

import pytest
import torch
from torch import nn

from painlens.attributions.lrp import SequentialLRP
from painlens.attributions.structure import UnsupportedStructure, read_structure

HEAD = [nn.Flatten(), nn.Linear(4, 2)]


class Residual(nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs + inputs.relu()


class OwnConv2d(nn.Conv2d):
    """May compute anything."""


def hooked() -> nn.Conv2d:
    conv = nn.Conv2d(3, 4, 3)
    conv.register_forward_pre_hook(lambda *_: None)
    return conv


def after_conv(*layers: nn.Module) -> list[nn.Module]:
    return [nn.Conv2d(3, 4, 3), nn.ReLU(), *layers, *HEAD]


REFUSED = {
    "softmax at the end": ([*HEAD, nn.Softmax(dim=1)], r"layer 2 \(Softmax\) turns logits into prob.*without it"),
    "log-softmax at the end": ([*HEAD, nn.LogSoftmax(dim=1)], r"layer 2 \(LogSoftmax\).*without it"),
    "sigmoid at the end": ([*HEAD, nn.Sigmoid()], r"layer 2 \(Sigmoid\).*without it"),
    "residual": (after_conv(Residual()), r"layer 2 \(Residual\)"),
    "subclass": ([OwnConv2d(3, 4, 3), nn.ReLU(), *HEAD], r"layer 0 \(OwnConv2d\)"),
    "groups": ([nn.Conv2d(4, 4, 3, groups=2), nn.ReLU(), *HEAD], r"layer 0 \(Conv2d\) has 2 groups"),
    "padding mode": ([nn.Conv2d(3, 4, 3, padding_mode="reflect"), nn.ReLU(), *HEAD], r"layer 0 .* padded with zeros"),
    "padding by word": ([nn.Conv2d(3, 4, 3, padding="same"), nn.ReLU(), *HEAD], r"layer 0 .* padded with zeros"),
    "conv without ReLU": ([nn.Conv2d(3, 4, 3), *HEAD], r"layer 1 \(Flatten\) stands where .* ReLU"),
    "another activation": ([nn.Conv2d(3, 4, 3), nn.ELU(), *HEAD], r"layer 1 \(ELU\)"),
    "hidden dense without ReLU": ([*HEAD, nn.Linear(2, 2)], r"layer 2 \(Linear\) follows a dense layer without ReLU"),
    "ReLU at the end": ([*HEAD, nn.ReLU()], r"layer 2 \(ReLU\) ends the network"),
    "partial flatten": ([nn.Flatten(2), nn.Linear(4, 2)], r"layer 0 \(Flatten\) flattens other axes"),
    "no dense layer": ([nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten()], r"layers end where .* Linear"),
    "nothing": ([], r"layers end where .* Flatten"),
    "activation before the norm": (
        [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4), *HEAD],
        r"layer 2 \(BatchNorm2d\).*'zennit'",
    ),
    "norm without statistics": (
        [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), nn.ReLU(), *HEAD],
        r"layer 1 \(BatchNorm2d\) keeps no running statistics",
    ),
    "own divisor": (after_conv(nn.AvgPool2d(2, divisor_override=3)), r"layer 2 \(AvgPool2d\) divides by"),
    "hooks": ([hooked(), nn.ReLU(), *HEAD], r"layer 0 \(Conv2d\) has forward hooks"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_unsupported_structure_is_refused_by_name(name: str) -> None:
    layers, message = REFUSED[name]
    with pytest.raises(UnsupportedStructure, match=message):
        SequentialLRP(layers)


def test_skipped_layers_count_in_the_name_of_a_refused_one() -> None:
    layers = [nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Dropout2d()), nn.Tanh(), *HEAD]
    with pytest.raises(UnsupportedStructure, match=r"layer 3 \(Tanh\)"):
        read_structure(layers)


def test_torchvision_vgg_is_understood() -> None:
    from torchvision.models import vgg16

    with torch.device("meta"):
        network = vgg16(weights=None)
    structure = read_structure([network.features, network.avgpool, nn.Flatten(), network.classifier])
    assert len(structure.convs) == 13
    assert sum(block.pool is not None for block in structure.convs) == 5
    assert [block.relu for block in structure.dense] == [True, True, False]
