"""The step from faces to relevance: the contract of every method, and what it refuses."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lrp_networks import SmallFaceNetwork, faces
from painlens.attributions import ATTRIBUTIONS, AttributionNotice, Relevance, UnsupportedStructure, attribute
from painlens.study import Attribution
from painlens.tables import DataError

METHODS = sorted(ATTRIBUTIONS)


def settings(method: str = "lrp", **values: str) -> Attribution:
    return Attribution.model_validate({"method": method, **values})


def run(method: str = "lrp", n: int = 5, batch: int = 4) -> Relevance:
    return explain(SmallFaceNetwork(), n, method, batch=batch)


def explain(network: nn.Module, n: int, method: str, batch: int = 2) -> Relevance:
    places = np.arange(144, dtype=np.uint8).reshape(12, 12) % 8  # a "face" whose regions are stripes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AttributionNotice)
        return attribute(
            network, faces(n, seed=1), settings=settings(method), batch=batch, regions=np.stack([places] * n)[:n]
            if n else np.zeros((0, 12, 12), np.uint8),
        )  # fmt: skip


def test_every_method_of_the_study_is_there() -> None:
    valid = Attribution.model_json_schema()["properties"]["method"]["enum"]
    assert sorted(valid) == METHODS


@pytest.mark.parametrize("method", METHODS)
def test_maps_have_the_documented_form(method: str) -> None:
    found = run(method)
    assert found.maps.shape == (5, 12, 12)
    assert (found.maps.dtype, found.logits.dtype) == (np.float32, np.float32)
    assert found.logits.shape == (5, 2)
    assert found.logit == pytest.approx(found.logits[:, 1], rel=1e-6)
    assert found.relevance == pytest.approx(found.maps.sum((1, 2)), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_same_faces_give_the_same_maps(method: str) -> None:
    assert np.array_equal(run(method).maps, run(method).maps)


@pytest.mark.parametrize("method", METHODS)
def test_maps_do_not_depend_on_the_batch(method: str) -> None:
    assert run(method, batch=2).maps == pytest.approx(run(method, batch=5).maps, abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_network_is_afterwards_as_before(method: str) -> None:
    network = SmallFaceNetwork().train()
    network.head.eval()
    next(network.parameters()).requires_grad_(False)
    modes = [module.training for module in network.modules()]
    grads = [parameter.requires_grad for parameter in network.parameters()]
    explain(network, 3, method)
    assert [module.training for module in network.modules()] == modes
    assert [parameter.requires_grad for parameter in network.parameters()] == grads
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in network.modules())
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("method", METHODS)
def test_other_weights_give_other_maps(method: str) -> None:
    one, other = explain(SmallFaceNetwork(0), 2, method), explain(SmallFaceNetwork(1), 2, method)
    assert abs(np.corrcoef(one.maps.ravel(), other.maps.ravel())[0, 1]) < 0.9


def test_methods_agree() -> None:
    one, other = run("lrp"), run("zennit")
    assert one.maps == pytest.approx(other.maps, abs=1e-5 * float(np.abs(one.maps).max()))


def test_ledger_closes() -> None:
    assert run("lrp", n=40).ledger_error.max() < 1e-5


def test_missing_relevance_opens_the_ledger() -> None:
    whole = run("lrp")
    lost = replace(whole, relevance=whole.relevance * 0.9)
    assert lost.ledger_error.min() > 1e-3


def test_explained_class_is_the_named_one() -> None:
    pain = attribute(SmallFaceNetwork(), faces(3, seed=1), settings=settings(target="pain"), batch=3)
    no_pain = attribute(SmallFaceNetwork(), faces(3, seed=1), settings=settings(target="no-pain"), batch=3)
    assert pain.logit == pytest.approx(pain.logits[:, 1])
    assert no_pain.logit == pytest.approx(pain.logits[:, 0])


def test_progress_reaches_the_number_of_faces() -> None:
    calls: list[tuple[int, int]] = []
    attribute(
        SmallFaceNetwork(), faces(5, seed=1), settings=settings(), batch=2,
        progress=lambda done, total, note="": calls.append((done, total)),  # noqa: ARG005
    )  # fmt: skip
    assert calls == [(2, 5), (4, 5), (5, 5)]


@pytest.mark.parametrize("method", METHODS)
def test_no_faces_give_no_maps(method: str) -> None:
    assert run(method, n=0).maps.shape == (0, 12, 12)


def test_unknown_class_is_refused() -> None:
    with pytest.raises(DataError, match="'anger' is not a class of the network, whose classes are no-pain, pain"):
        attribute(SmallFaceNetwork(), faces(1, seed=1), settings=settings(target="anger"), batch=1)


def test_float_faces_are_refused() -> None:
    with pytest.raises(DataError, match="must be uint8 .* got float32"):
        attribute(SmallFaceNetwork(), faces(1, seed=1).astype("f4"), settings=settings(), batch=1)


def test_zennit_refuses_the_precision_that_it_lacks() -> None:
    with pytest.raises(DataError, match="float32 only"):
        attribute(SmallFaceNetwork(), faces(1, seed=1), settings=settings("zennit", precision="bfloat16"), batch=1)


def test_forward_that_does_more_than_its_layers_goes_to_zennit_and_the_user_is_told() -> None:
    class Residual(SmallFaceNetwork):
        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs) + inputs.mean((1, 2, 3))[:, None]

    told: list[str] = []
    found = attribute(Residual(), faces(2, seed=1), settings=settings(), batch=1, notice=told.append)
    assert found.logits == pytest.approx(attribute_alone(Residual(), faces(2, seed=1)), rel=1e-5)
    assert "does more than its layers()" in told[0]
    with pytest.raises(UnsupportedStructure, match=r"does more than its layers\(\)"):
        attribute(Residual(), faces(1, seed=1), settings=settings(precision="bfloat16"), batch=1)


def attribute_alone(network: SmallFaceNetwork, crops: np.ndarray) -> np.ndarray:
    """Logits by the network's own code."""
    return network.eval()(network.prepare(crops)).detach().numpy()


def test_network_without_prepare_is_refused() -> None:
    with pytest.raises(TypeError, match="classes and prepare"):
        attribute(
            nn.Sequential(nn.Flatten(), nn.Linear(432, 2)), faces(1, seed=1), settings=settings("zennit"), batch=1
        )


def test_bfloat16_is_close() -> None:
    rough = attribute(SmallFaceNetwork(), faces(5, seed=1), settings=settings(precision="bfloat16"), batch=4)
    exact = run("lrp")
    assert rough.maps == pytest.approx(exact.maps, abs=0.05 * float(np.abs(exact.maps).max()))
    assert not np.array_equal(rough.maps, exact.maps)


def test_gradient_mode_is_as_before() -> None:
    run("lrp")
    assert torch.is_grad_enabled()
