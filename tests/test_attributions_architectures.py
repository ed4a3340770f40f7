"""Networks that the fast engine does not read, other methods, and what is refused before any map is made."""

import gc
import warnings
import weakref

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lrp_networks import SmallFaceNetwork, faces, fill, images
from painlens.attributions import (
    AttributionNotice,
    NoLogits,
    SequentialLRP,
    attribute,
    attribute_models,
    randomised,
)
from painlens.attributions.canonical import canonical
from painlens.attributions.captum import CaptumMethod, Draws
from painlens.attributions.chunks import Chunks, is_out_of_memory
from painlens.attributions.zennit import ZennitLRP
from painlens.study import Attribution
from painlens.tables import DataError

DRAWS = Draws(steps=64, samples=64, noise=0.1, patch=0.25, seed=0)


class Branch(nn.Module):
    """A residual block as timm writes it: the sum in place, and the activation too."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)
        self.act1 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x
        x = self.bn1(self.conv1(x))
        x += shortcut
        return self.act1(x)


class ResidualFaces(SmallFaceNetwork):
    """Residual branches and a mean over pixels in the network's own code."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.stem, self.branch, self.top = nn.Conv2d(3, 4, 3, padding=1), Branch(4), nn.Linear(4, 2)
        fill(self, seed)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.top(self.branch(torch.relu(self.stem(inputs))).mean((2, 3)))


class DependsOnData(ResidualFaces):
    """Cannot be traced."""

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs) * (2.0 if bool(inputs.sum() > 1e9) else 1.0)


def close(found: Tensor, wanted: Tensor, tolerance: float) -> bool:
    return float((found - wanted).abs().max()) <= tolerance * float(wanted.abs().max())


def gradient_times_input(network: nn.Module, batch: Tensor) -> Tensor:
    leaf = batch.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network(leaf)[:, 1].sum(), leaf)
    return (gradient * leaf).detach()


def test_traced_network_gives_the_same_logits_and_lrp_0_is_gradient_times_input() -> None:
    network, batch = ResidualFaces(1).double().eval(), images((3, 3, 12, 12), 2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = ZennitLRP(network, "lrp-0")(batch, 1)
    assert torch.allclose(found.logits, network(batch))
    assert close(found.relevance, gradient_times_input(network, batch), 1e-9)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.peers
def test_torchvision_resnet_is_explained() -> None:
    from torchvision.models import resnet18

    torch.manual_seed(0)
    network, batch = resnet18(weights=None, num_classes=2).double().eval(), images((1, 3, 40, 40), 2)
    assert "8 sums of branches" in canonical(network).message
    found = ZennitLRP(network, "lrp-0")(batch, 1)
    assert close(found.relevance, gradient_times_input(network, batch), 1e-8)


def test_network_that_cannot_be_traced_is_explained_with_a_message() -> None:
    network = DependsOnData(1).eval()
    found = canonical(network)
    assert "cannot be traced" in found.message
    assert found.network is network


def test_other_architecture_goes_to_zennit_and_the_user_is_told() -> None:
    told: list[str] = []
    found = attribute(
        ResidualFaces().eval(), faces(3, seed=1), settings=Attribution(), batch=2, notice=told.append
    )  # fmt: skip
    assert found.maps.shape == (3, 12, 12)
    assert any("sums of branches" in message for message in told)


def test_zennits_composites_are_taken_from_a_study_file() -> None:
    settings = Attribution(composite="zennit:epsilon_gamma_box")
    with pytest.warns(AttributionNotice, match="Zennit explains SmallFaceNetwork"):
        found = attribute(SmallFaceNetwork(), faces(3, seed=1), settings=settings, batch=2)
    own = attribute(SmallFaceNetwork(), faces(3, seed=1), settings=Attribution(composite="epsilon-gamma-box"), batch=3)
    assert found.maps == pytest.approx(own.maps, abs=1e-4 * float(np.abs(own.maps).max()))


def test_unknown_composite_of_zennit_is_refused() -> None:
    with pytest.raises(DataError, match="Zennit has the composites epsilon_gamma_box, .*got 'magic'"):
        attribute(SmallFaceNetwork(), faces(1, seed=1), settings=Attribution(composite="zennit:magic"), batch=1)


def test_integrated_gradients_sum_to_the_change_of_the_logit() -> None:
    network, batch = SmallFaceNetwork().double().eval(), images((2, 3, 12, 12), 1)
    found = CaptumMethod(network, "integrated-gradients", DRAWS)(batch, 1)
    change = network(batch)[:, 1] - network(torch.zeros_like(batch))[:, 1]
    assert found.relevance.flatten(1).sum(1).numpy() == pytest.approx(change.detach().numpy(), rel=0.02)


@pytest.mark.parametrize("method", ["gradient-times-input", "integrated-gradients"])
def test_gradients_of_a_linear_network_are_weight_times_input(method: str) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(27, 2)).double()
    batch = images((2, 3, 3, 3), 1)
    weight = network[1].weight[1].detach().view(3, 3, 3)  # pyright: ignore[reportIndexIssue, reportAttributeAccessIssue]
    assert close(
        CaptumMethod(network, method, DRAWS)(batch, 1).relevance, batch * weight, 1e-6
    )  # captum steps in float32


@pytest.mark.parametrize("method", ["lime", "kernel-shap", "occlusion"])
def test_perturbing_methods_find_the_only_region_that_counts(method: str) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 2)).double()
    network[1].weight.data.zero_()  # pyright: ignore[reportAttributeAccessIssue, reportCallIssue]
    network[1].weight.data.view(2, 3, 8, 8)[1, :, :4, :4] = 1.0  # pyright: ignore
    regions = torch.zeros(1, 8, 8, dtype=torch.long)
    regions[:, :4, :4], regions[:, 4:] = 3, 5
    batch = torch.ones(1, 3, 8, 8, dtype=torch.float64)
    found = CaptumMethod(network, method, DRAWS)(batch, 1, regions=regions).relevance.sum(1)[0]
    assert found[:4, :4].sum() > 0.8 * found.abs().sum()
    if method == "kernel-shap":  # a linear network: exact
        assert float(found[:4, :4].sum()) == pytest.approx(48.0, rel=1e-3)


def test_region_methods_ask_for_regions() -> None:
    with pytest.raises(DataError, match="explains facial regions; give the regions"):
        attribute(SmallFaceNetwork(), faces(1, seed=1), settings=Attribution(method="lime"), batch=1)


def test_random_numbers_of_a_method_leave_the_global_ones_alone() -> None:
    network = SmallFaceNetwork()
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    attribute(network, faces(2, seed=1), settings=Attribution(method="smoothgrad"), batch=1)
    assert torch.equal(torch.rand(3), wanted)


def test_several_networks_in_one_pass_give_their_own_maps() -> None:
    networks = {"a": SmallFaceNetwork(0), "b": SmallFaceNetwork(1), "c": SmallFaceNetwork(2)}
    networks["b"].body.load_state_dict(networks["a"].body.state_dict())  # a frozen prefix
    crops = faces(5, seed=1)
    together = attribute_models(networks, crops, settings=Attribution(), batch=2)
    for name, network in networks.items():
        alone = attribute(network, crops, settings=Attribution(), batch=5)
        assert together[name].maps == pytest.approx(alone.maps, abs=1e-5 * float(np.abs(alone.maps).max()))


def test_faces_are_prepared_once_for_networks_that_prepare_them_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    prepare = SmallFaceNetwork.prepare

    def counted(self: SmallFaceNetwork, faces: np.ndarray) -> Tensor:
        sizes.append(len(faces))
        return prepare(self, faces)

    monkeypatch.setattr(SmallFaceNetwork, "prepare", counted)
    networks = {"a": SmallFaceNetwork(0), "b": SmallFaceNetwork(1)}
    attribute_models(networks, faces(6, seed=1), settings=Attribution(), batch=3)
    assert sizes.count(3) == 2  # once for each chunk; single faces only show that both prepare alike


def test_frozen_prefix_is_passed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = {"a": SmallFaceNetwork(0), "b": SmallFaceNetwork(1)}
    networks["b"].body.load_state_dict(networks["a"].body.state_dict())
    depths: list[int] = []
    forward = SequentialLRP.forward

    def counted(self: SequentialLRP, inputs: Tensor, **options: object) -> object:
        depths.append(int(str(options.get("depth", 0))))
        return forward(self, inputs, **options)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(SequentialLRP, "forward", counted)
    attribute_models(networks, faces(2, seed=1), settings=Attribution(), batch=2)
    assert depths[-2:] == [3, 3]  # both convolutions with their pools, and Flatten


def test_weights_that_are_no_numbers_are_named() -> None:
    network = SmallFaceNetwork()
    weight = network.get_parameter("head.1.weight")
    weight.data[0, 0] = torch.nan
    with pytest.raises(DataError, match=r"1 of 432 values of 'head.1.weight' are NaN"):
        attribute(network, faces(1, seed=1), settings=Attribution(), batch=1)


def test_number_of_logits_must_be_that_of_the_classes() -> None:
    network = SmallFaceNetwork()
    network.head = nn.Sequential(*network.head[:4], nn.Linear(8, 3))
    with pytest.raises(DataError, match=r"form \(1, 3\) .* expected \(1, 2\)"):
        attribute(network, faces(1, seed=1), settings=Attribution(), batch=1)


def test_inputs_outside_the_trained_range_are_refused() -> None:
    class Careless(SmallFaceNetwork):
        def prepare(self, faces: np.ndarray) -> Tensor:
            scale = 1.0 if len(faces) == 2 else 255.0  # right for the two faces that give the bounds
            return super().prepare(faces) * scale

    with pytest.raises(DataError, match="must lie in the trained range"):
        attribute(Careless(), faces(3, seed=1), settings=Attribution(), batch=3)


def test_softmax_is_refused_by_every_method() -> None:
    network = SmallFaceNetwork()
    network.head.append(nn.Softmax(dim=1))
    for method in ("lrp", "zennit", "gradient"):
        with pytest.raises(NoLogits, match="without"):
            attribute(network, faces(1, seed=1), settings=Attribution.model_validate({"method": method}), batch=1)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_chunks_are_halved_when_memory_runs_out(error: Exception) -> None:
    told: list[str] = []
    done: list[slice] = []

    def work(rows: slice) -> None:
        if rows.stop - rows.start > 3:
            raise error
        done.append(rows)

    chunks = Chunks(8, told.append)
    chunks.run(slice(10, 20), work)
    assert done == [slice(10, 12), slice(12, 14), slice(14, 16), slice(16, 18), slice(18, 20)]
    assert [message.split(",")[0] for message in told] == [
        "out of memory with 8 faces at once", "out of memory with 4 faces at once",
    ]  # fmt: skip
    chunks.run(slice(20, 22), work)
    assert chunks.size == 2  # the smaller size is kept


def test_memory_of_a_failed_chunk_is_free_before_the_next_one() -> None:
    held: list[weakref.ref[Tensor]] = []
    alive: list[bool] = []

    def work(rows: slice) -> None:
        maps = torch.zeros(rows.stop - rows.start)
        held.append(weakref.ref(maps))
        if len(maps) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")

    Chunks(4, lambda message: alive.append(held[-1]() is not None)).run(slice(0, 4), work)  # noqa: ARG005
    assert alive == [False]


@pytest.mark.parametrize("method", ["lrp", "zennit", "grad-cam"])
def test_nothing_is_kept_of_faces_that_could_not_be_explained(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network, settings = SmallFaceNetwork(), Attribution.model_validate({"method": method})
    attribute(network, faces(2, seed=1), settings=settings, batch=2, notice=lambda message: None)  # noqa: ARG005
    kept = tensors()
    monkeypatch.setattr("painlens.attributions.to_arrays", lambda found: found.nothing)  # an error behind the maps
    with pytest.raises(AttributeError, match="nothing"):
        attribute(network, faces(2, seed=1), settings=settings, batch=2, notice=lambda message: None)  # noqa: ARG005
    assert tensors() <= kept
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in network.modules())


def tensors() -> int:
    """Tensors of this process that something holds."""
    gc.collect()
    return sum(type(held) is Tensor for held in gc.get_objects())


def test_one_face_that_does_not_fit_is_an_error_and_others_are_passed_on() -> None:
    def hungry(_: slice) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    def wrong(_: slice) -> None:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(DataError, match="one face needs more memory"):
        Chunks(4, lambda message: None).run(slice(0, 2), hungry)  # noqa: ARG005
    with pytest.raises(RuntimeError, match="shapes"):
        Chunks(4, lambda message: None).run(slice(0, 2), wrong)  # noqa: ARG005
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_randomised_layers_are_the_last_ones_and_keep_their_values(share: float) -> None:
    network = SmallFaceNetwork()
    other = randomised(network, share=share, seed=1)
    changed = [not torch.equal(one, two) for one, two in zip(network.parameters(), other.parameters(), strict=True)]
    assert changed[::2] == [False] * (4 - round(4 * share)) + [True] * round(4 * share)
    for one, two in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(one.flatten().sort().values, two.flatten().sort().values)


def test_no_hook_is_left_when_a_method_fails() -> None:
    network = SmallFaceNetwork()
    with warnings.catch_warnings(), pytest.raises(RuntimeError):
        warnings.simplefilter("ignore")
        ZennitLRP(network.eval())(torch.zeros(1, 5, 12, 12), 1)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
