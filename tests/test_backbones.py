"""Networks: shapes, seeds, files, public weights, and the equality of the quick way with the plain one."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import vgg

from painlens.backbones import (
    BACKBONES,
    VGG,
    build_network,
    choose_device,
    choose_precision,
    load_network,
    load_pretrained,
    load_public_vgg16,
    save_network,
)
from painlens.backbones.registry import build_layers
from painlens.backbones.weights import read_safetensors
from painlens.study import Backbone
from painlens.tables import DataError

CLASSES = ("no-pain", "pain")
torch.set_num_threads(1)


def network_of(name: str = "compact", *, size: int = 32, seed: int = 0) -> VGG:
    return build_network(Backbone(name=name, head=8), classes=CLASSES, size=size, seed=seed).eval()  # pyright: ignore[reportArgumentType] - a name of the dict


def faces_of(n: int, *, size: int = 32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_gives_one_logit_per_class(name: str) -> None:
    network = network_of(name)
    logits = network(network.prepare(faces_of(3)))
    assert logits.shape == (3, 2)
    assert logits.dtype == torch.float32
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", BACKBONES)
def test_layers_in_sequence_are_the_network(name: str) -> None:
    network = network_of(name)
    x = network.prepare(faces_of(2))
    step_by_step = x
    for layer in network.layers():
        step_by_step = layer(step_by_step)
    assert torch.equal(step_by_step, network(x))


@pytest.mark.parametrize("name", BACKBONES)
def test_layers_are_plain_and_sequential(name: str) -> None:
    kinds = {type(layer) for layer in network_of(name).layers()}
    assert kinds == {nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.Flatten, nn.Linear, nn.Dropout}


@pytest.mark.parametrize("name", BACKBONES)
def test_quick_answers_equal_plain_ones_bit_by_bit(name: str) -> None:
    network = network_of(name)
    x = network.prepare(faces_of(2))
    assert torch.equal(network.quick(x), network(x))


def test_quick_gradients_equal_plain_ones() -> None:
    network = network_of().double()
    x = network.prepare(faces_of(4)).double()
    gradients = []
    for answer in (network.quick, network.forward):
        network.zero_grad()
        answer(x)[:, 1].sum().backward()
        gradients.append([p.grad.clone() for p in network.parameters() if p.grad is not None])
    for quick, plain in zip(*gradients, strict=True):
        torch.testing.assert_close(quick, plain, rtol=1e-12, atol=1e-12)


def test_last_pool_is_what_the_dense_layers_read() -> None:
    network = network_of()
    x = network.prepare(faces_of(2))
    features = network.last_pool(x)
    assert features.shape == (2, 96 * 2 * 2)
    assert torch.equal(network.classifier(features), network(x))


def test_same_seed_same_weights_and_global_random_state_is_untouched() -> None:
    before = torch.random.get_rng_state()
    first, second, other = network_of(seed=5), network_of(seed=5), network_of(seed=6)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first.logits_layer().weight, other.logits_layer().weight)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_prepare_normalises_as_torchvision_does() -> None:
    faces = faces_of(2)
    expected = (faces.transpose(0, 3, 1, 2) / 255.0 - np.reshape((0.485, 0.456, 0.406), (3, 1, 1))) / np.reshape(
        (0.229, 0.224, 0.225), (3, 1, 1)
    )
    np.testing.assert_allclose(network_of().prepare(faces).numpy(), expected, rtol=0, atol=2e-6)


def test_prepare_takes_read_only_and_mirrored_faces() -> None:
    network, faces = network_of(), faces_of(2)
    expected = network.prepare(faces)
    faces.flags.writeable = False
    assert torch.equal(network.prepare(faces), expected)
    assert torch.equal(network.prepare(faces[:, :, ::-1]), expected.flip(3))


def test_prepared_faces_lie_channels_last() -> None:
    assert network_of().prepare(faces_of(2)).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    "faces",
    [np.zeros((2, 32, 32, 3), np.float32), np.zeros((2, 3, 32, 32), np.uint8), np.zeros((2, 40, 40, 3), np.uint8)],
)
def test_prepare_refuses_other_faces(faces: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"uint8 of shape \(n, 32, 32, 3\), got"):
        network_of().prepare(faces)


def test_replaced_head_changes_the_logits_and_nothing_else() -> None:
    network = network_of()
    x = network.prepare(faces_of(2))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.replace_head(("a", "b", "c"), seed=1)
    assert network.classes == ("a", "b", "c")
    assert network(x).shape == (2, 3)
    after = network.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"classifier.3.weight", "classifier.3.bias"}


def test_unknown_backbone_and_too_small_faces_are_refused() -> None:
    unknown = Backbone.model_construct(name="resnet", head=8, dropout=0.5)  # pyright: ignore[reportArgumentType]
    with pytest.raises(DataError, match=r"one of vgg16, compact, got 'resnet'"):
        build_network(unknown, classes=CLASSES, size=32, seed=0)
    with pytest.raises(DataError, match="at least 32 pixels, got 16"):
        network_of("vgg16", size=16)
    with pytest.raises(DataError, match="two different classes"):
        build_network(Backbone(name="compact"), classes=("pain", "pain"), size=32, seed=0)


# --- files -------------------------------------------------------------------------------------------------------


def test_a_saved_network_comes_back_the_same(tmp_path: Path) -> None:
    network = network_of()
    network.set_normalisation((0.5, 0.4, 0.3), (1.0, 1.0, 0.5))
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - missing in torch's overloads
    save_network(network, tmp_path / "weights.safetensors")
    loaded = load_network(tmp_path / "weights.safetensors")
    assert (loaded.classes, loaded.size, loaded.settings) == (network.classes, network.size, network.settings)
    assert (loaded.mean, loaded.std) == (network.mean, network.std)
    assert not loaded.training
    faces = faces_of(3)
    torch.testing.assert_close(loaded(loaded.prepare(faces)), network(network.prepare(faces)), rtol=1e-5, atol=1e-5)
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), network.parameters(), strict=True))


def test_saving_twice_gives_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_network(network_of(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_loading_reports_what_is_wrong_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    with pytest.raises(DataError, match="file not found"):
        load_network(path)
    path.write_bytes(b"no network at all")
    with pytest.raises(DataError, match="not a whole safetensors file"):
        load_network(path)
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(DataError, match="does not describe a network of painlens"):
        load_network(path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_network(network_of(), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="not a whole safetensors file"):
        load_network(path)


def test_the_first_mismatching_tensors_are_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_network(network_of(), path)
    tensors, metadata = read_safetensors(path)
    tensors["features.0.weight"] = torch.zeros(8, 3, 3, 3)
    del tensors["classifier.0.bias"]
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(DataError) as caught:
        load_network(path)
    assert "features.0.weight (expected [16, 3, 3, 3], got [8, 3, 3, 3])" in str(caught.value)
    assert "classifier.0.bias (expected [8], got nothing)" in str(caught.value)


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_network(network_of(), path)
    tensors, metadata = read_safetensors(path)
    description = {**json.loads(metadata["painlens"]), "format": "painlens-network-0"}
    save_file(tensors, path, metadata={"painlens": json.dumps(description)})
    with pytest.raises(DataError, match="painlens-network-0"):
        load_network(path)


# --- public weights ----------------------------------------------------------------------------------------------


def public_state(*, seed: int = 0, logits: int = 5) -> dict[str, torch.Tensor]:
    """What torchvision's VGG-16 would save, with small dense layers."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        features = vgg.make_layers(vgg.cfgs["D"])
        dense = {"0": nn.Linear(512, 8), "3": nn.Linear(8, 8), "6": nn.Linear(8, logits)}
    state = {f"features.{name}": tensor for name, tensor in features.state_dict().items()}
    return state | {f"classifier.{i}.{n}": t for i, layer in dense.items() for n, t in layer.state_dict().items()}


def test_names_and_shapes_are_torchvisions() -> None:
    with torch.device("meta"):
        theirs = vgg.vgg16(weights=None).state_dict()
    classes = tuple(f"class-{i}" for i in range(1000))
    ours = build_layers(Backbone(name="vgg16", head=4096), classes=classes, size=224).state_dict()
    assert {n: t.shape for n, t in ours.items()} == {n: t.shape for n, t in theirs.items()}


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_public_weights_answer_as_in_torchvision(tmp_path: Path, suffix: str) -> None:
    state, path = public_state(), tmp_path / f"vgg16{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, path)
    else:
        save_file(state, path)
    network, taken = load_public_vgg16(path, Backbone(name="vgg16", head=8), size=32, seed=0)
    assert set(taken) == set(state)
    assert len(network.classes) == 5
    theirs = vgg.make_layers(vgg.cfgs["D"])
    theirs.load_state_dict({n.removeprefix("features."): t for n, t in state.items() if n.startswith("features.")})
    x = network.prepare(faces_of(2))
    with torch.no_grad():
        torch.testing.assert_close(network.features(x), theirs(x), rtol=1e-5, atol=1e-6)


def test_dense_layers_of_another_width_stay_random(tmp_path: Path) -> None:
    save_file(public_state(), tmp_path / "vgg16.safetensors")
    _, taken = load_public_vgg16(tmp_path / "vgg16.safetensors", Backbone(name="vgg16", head=16), size=32, seed=0)
    assert len(taken) == 26  # 13 convolutions
    assert all(name.startswith("features.") for name in taken)


def test_public_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"conv1.weight": torch.zeros(64, 3, 7, 7)}, path)
    with pytest.raises(DataError, match=r"features\.0\.weight \(expected \[64, 3, 3, 3\], got nothing\).* and 23 more"):
        load_public_vgg16(path, Backbone(name="vgg16", head=8), size=32, seed=0)
    with pytest.raises(DataError, match="are for backbone 'vgg16'"):
        load_public_vgg16(path, Backbone(name="compact"), size=32, seed=0)


class _Code:
    """An object that only pickle could store."""


def test_a_checkpoint_with_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"model": _Code()}, path)
    with pytest.raises(DataError, match="cannot be read as plain tensors"):
        load_public_vgg16(path, Backbone(name="vgg16", head=8), size=32, seed=0)


def test_pretrained_checkpoints_of_both_kinds_are_told_apart(tmp_path: Path) -> None:
    own, public = tmp_path / "own.safetensors", tmp_path / "public.safetensors"
    save_network(network_of(), own)
    save_file(public_state(), public)
    assert load_pretrained(own, Backbone(name="compact", head=8), size=32, seed=0).classes == CLASSES
    assert len(load_pretrained(public, Backbone(name="vgg16", head=8), size=32, seed=0).classes) == 5
    with pytest.raises(DataError, match="holds backbone compact, head 8, size 32; the study asks for compact, 16, 32"):
        load_pretrained(own, Backbone(name="compact", head=16), size=32, seed=0)


# --- devices -----------------------------------------------------------------------------------------------------


def test_devices_by_name() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in {"cpu", "cuda", "mps"}
    with pytest.raises(DataError, match="device 'abacus' cannot be used"):
        choose_device("abacus")


def test_precision_follows_the_setting() -> None:
    cpu = torch.device("cpu")
    assert choose_precision("float32", cpu) == torch.float32
    assert choose_precision("bfloat16", cpu) == torch.bfloat16
    assert choose_precision("auto", cpu) in {torch.float32, torch.bfloat16}
