"""Checkpoints of users: what is taken over, what is refused with which words, and what given predictions find out."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from scipy.special import softmax
from torch import nn

from compared_models import PAIN, SIZE, SmallNet
from painlens.backbones import (
    ALLOW_CODE,
    VGG,
    ForeignNetwork,
    adopt,
    build_network,
    is_bottleneck,
    layer_place,
    load_network,
    run_from,
    run_to,
    save_network,
)
from painlens.mapping import class_map
from painlens.predictions import last_pool_features, logits_and_features, predict_logits, score_gradients
from painlens.reproduction import check_reproduced, deviations, load_given
from painlens.study import NORMALISATIONS, Backbone, Model
from painlens.tables import DataError

CODE = "compared_models:SmallNet"


def faces(count: int = 6, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def compact(seed: int = 0, classes: tuple[str, ...] = PAIN) -> VGG:
    return build_network(Backbone(name="compact", head=16), classes=classes, size=SIZE, seed=seed)


def model(path: Path, **said: object) -> Model:
    return Model.model_validate({"checkpoint": str(path), "architecture": "compact", "classes": list(PAIN)} | said)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A plain state dict."""
    path = tmp_path / "weights.pt"
    torch.save(compact().state_dict(), path)
    return path


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW_CODE, CODE)


class TestFiles:
    @pytest.mark.parametrize("wrap", ["plain", "state_dict", "module.", "model.", "safetensors"])
    def test_usual_forms_give_the_same_network(self, tmp_path: Path, wrap: str) -> None:
        own = compact()
        tensors = {name: tensor.clone() for name, tensor in own.state_dict().items()}
        path = tmp_path / "weights.pt"
        if wrap == "safetensors":
            path = tmp_path / "weights.safetensors"
            save_file(tensors, path)
        elif wrap.endswith("."):
            torch.save({f"{wrap}{name}": tensor for name, tensor in tensors.items()}, path)
        else:
            torch.save({"epoch": 3, "state_dict": tensors} if wrap == "state_dict" else tensors, path)
        found = adopt(model(path), path, size=SIZE)
        np.testing.assert_array_equal(predict_logits(found, faces()), predict_logits(own.eval(), faces()))

    def test_a_pickled_network_is_refused_with_the_remedy(self, tmp_path: Path) -> None:
        torch.save(nn.Linear(2, 2), tmp_path / "pickled.pt")
        with pytest.raises(DataError, match=r"pickled objects, which could run code.*torch\.save\(model\.state_dict"):
            adopt(model(tmp_path / "pickled.pt"), tmp_path / "pickled.pt", size=SIZE)

    @pytest.mark.parametrize(("name", "said"), [("net.onnx", "ONNX graph"), ("net.h5", "Keras")])
    def test_other_formats_are_refused_with_the_reason(self, tmp_path: Path, name: str, said: str) -> None:
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(DataError, match=said):
            adopt(model(tmp_path / name), tmp_path / name, size=SIZE)

    def test_another_architecture_names_the_first_tensors(self, weights: Path) -> None:
        said = model(weights, architecture="vgg16")
        with pytest.raises(DataError, match=r"features\.0\.weight \(expected \[64, 3, 3, 3\], got \[16, 3, 3, 3\]\)"):
            adopt(said, weights, size=SIZE)

    def test_another_number_of_classes_is_told_as_such(self, weights: Path) -> None:
        said = model(weights, classes=["a", "b", "c"])
        with pytest.raises(DataError, match=r"has 2 logits \(classifier\.3\.weight\), but 3 classes are named"):
            adopt(said, weights, size=SIZE)

    def test_a_file_of_painlens_knows_itself(self, tmp_path: Path) -> None:
        save_network(compact(), tmp_path / "own.safetensors")
        own = Model(checkpoint=tmp_path / "own.safetensors")
        assert adopt(own, tmp_path / "own.safetensors", size=SIZE).classes == PAIN
        with pytest.raises(DataError, match="has the size 32, the study says 64"):
            adopt(own, tmp_path / "own.safetensors", size=64)

    def test_a_file_of_others_must_be_described(self, weights: Path) -> None:
        with pytest.raises(DataError, match="not written by painlens"):
            adopt(Model(checkpoint=weights), weights, size=SIZE)


class TestForeignNetworks:
    @pytest.mark.parametrize("name", ["torchvision:resnet18", "torchvision:vgg11", "timm:resnet10t"])
    def test_answers_and_features_survive_saving(self, tmp_path: Path, name: str) -> None:
        torch.manual_seed(0)
        source, _, own = name.partition(":")
        if source == "timm":
            timm = pytest.importorskip("timm")
            module = timm.create_model(own, num_classes=2)
        else:
            from torchvision import models

            module = models.get_model(own, weights=None, num_classes=2)
        path = tmp_path / "weights.pt"
        torch.save(module.state_dict(), path)
        network = adopt(model(path, architecture=name, normalisation="half"), path, size=SIZE)
        pixels = faces(3)
        inputs = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.inference_mode():
            expected = module.eval()(inputs).numpy()
        np.testing.assert_allclose(predict_logits(network, pixels), expected, rtol=1e-4, atol=1e-5)
        save_network(network, tmp_path / "kept.safetensors")
        kept = load_network(tmp_path / "kept.safetensors")
        logits, features = logits_and_features(kept, pixels)
        np.testing.assert_array_equal(logits, predict_logits(network, pixels))
        np.testing.assert_array_equal(features, last_pool_features(network, pixels))

    @pytest.mark.usefixtures("allowed")
    def test_a_class_of_the_users_own(self, tmp_path: Path) -> None:
        torch.manual_seed(0)
        own = SmallNet(width=4).eval()
        path = tmp_path / "weights.pt"
        torch.save(own.state_dict(), path)
        said = model(path, architecture=f"code:{CODE}", arguments={"width": 4}, normalisation="unit", channels="bgr")
        network = adopt(said, path, size=SIZE)
        assert isinstance(network, ForeignNetwork)
        pixels = faces(3)
        inputs = torch.from_numpy(pixels[..., ::-1].copy()).permute(0, 3, 1, 2).float() / 255
        with torch.inference_mode():
            np.testing.assert_allclose(predict_logits(network, pixels), own(inputs).numpy(), rtol=1e-4, atol=1e-6)

    def test_code_does_not_run_unasked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(ALLOW_CODE, raising=False)
        path = tmp_path / "weights.pt"
        torch.save(SmallNet().state_dict(), path)
        with pytest.raises(DataError, match=f"--allow-code {CODE}"):
            adopt(model(path, architecture=f"code:{CODE}"), path, size=SIZE)

    def test_misspelt_names_are_answered_with_near_ones(self, weights: Path) -> None:
        with pytest.raises(DataError, match="did you mean resnet18"):
            adopt(model(weights, architecture="torchvision:resnet_18"), weights, size=SIZE)

    def test_timm_that_is_not_installed(self, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import sys

        monkeypatch.setitem(sys.modules, "timm", None)
        with pytest.raises(DataError, match=r"not installed; pip install 'painlens\[timm\]'"):
            adopt(model(weights, architecture="timm:resnet18"), weights, size=SIZE)

    @pytest.mark.usefixtures("allowed")
    def test_a_layer_beside_a_residual_is_no_bottleneck(self, tmp_path: Path) -> None:
        path = tmp_path / "weights.pt"
        torch.save(SmallNet().state_dict(), path)
        network = adopt(model(path, architecture=f"code:{CODE}"), path, size=SIZE)
        assert not is_bottleneck(network, layer_place(network, "second"))
        assert is_bottleneck(network, layer_place(network, "last-pool"))
        place, x = layer_place(network, "last-pool"), network.prepare(faces(2))
        torch.testing.assert_close(run_from(network, run_to(network, x, place), place), network(x))


def test_bgr_weights_see_bgr(weights: Path) -> None:
    plain = adopt(model(weights, normalisation="caffe"), weights, size=SIZE)
    turned = adopt(model(weights, normalisation="caffe", channels="bgr"), weights, size=SIZE)
    mean, std = NORMALISATIONS["caffe"].mean, NORMALISATIONS["caffe"].std
    x = (torch.from_numpy(faces()).permute(0, 3, 1, 2) / 255.0 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(
        std
    ).view(3, 1, 1)
    with torch.inference_mode():
        np.testing.assert_allclose(predict_logits(turned, faces()), plain(x.flip(1)).numpy(), rtol=1e-3, atol=1e-4)


class TestMapping:
    def test_gradient_of_merged_classes_is_that_of_their_log_odds(self) -> None:
        network = compact(classes=("anger", "happy", "sad")).eval()
        said = Model(checkpoint=Path("x"), mapping={"anger": "pain", "sad": "pain", "*": "no-pain"}, target="sad")
        mapping = class_map(said, network.classes, target="pain", name="m")
        features = last_pool_features(network, faces(2))
        found = score_gradients(network, features, layer="last-pool", target="pain", mapping=mapping)
        x = torch.from_numpy(features).requires_grad_()
        logits = network.classifier(x)
        score = torch.logsumexp(logits[:, [0, 2]], dim=1) - logits[:, 1]
        expected = torch.autograd.grad(score.sum(), x)[0].numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)

    @pytest.mark.parametrize(
        ("said", "words"),
        [
            ({"mapping": {"anger": "pain", "sad": "pain", "*": "no-pain"}}, "relevance starts at one logit"),
            ({"mapping": {"*": "pain"}}, "at least two must remain"),
            ({"mapping": {"fear": "pain"}}, "names 'fear', but the model's classes are anger, sad"),
            ({"mapping": {"anger": "hurt", "*": "fine"}}, "not attribution.target 'pain'"),
            ({"mapping": {"anger": "pain", "*": "no-pain"}, "target": "sad"}, "but 'pain' is anger"),
        ],
    )
    def test_what_cannot_be_meant(self, said: dict[str, Any], words: str) -> None:
        given = Model.model_validate({"checkpoint": "x"} | said)
        own = ("anger", "sad", "happy") if "sad" in said["mapping"] else ("anger", "sad")
        with pytest.raises(DataError, match=words):
            class_map(given, own, target="pain", name="m")


def known(path: Path, pixels: np.ndarray, network: VGG, *, classes: tuple[str, ...] = PAIN) -> Path:
    """Probabilities of a network as a user would write them down."""
    shares = softmax(predict_logits(network, pixels), axis=1)
    table = pd.DataFrame({f"probability:{name}": shares[:, place] for place, name in enumerate(classes)})
    table.insert(0, "image", [f"{number}.png" for number in range(len(pixels))])
    table.to_csv(path, index=False)
    return path


class TestGivenPredictions:
    def test_are_reproduced(self, tmp_path: Path) -> None:
        network = compact().eval()
        given = load_given(known(tmp_path / "known.csv", faces(), network), PAIN)
        found = check_reproduced(network, faces(), given, tolerance=0.01, source="x")
        assert found.faces == 6 and found.largest < 1e-6 and found.kind == "probability"

    @pytest.mark.parametrize(
        ("mistake", "words"),
        [
            ("channels", "reproduced with the channels in the other order"),
            ("normalisation", "reproduced with the normalisation 'bytes'"),
            ("both", "channels in the other order .* and the normalisation 'caffe'"),
            ("classes", "reproduced with the classes in the order pain, no-pain"),
        ],
    )
    def test_usual_mistakes_are_named(self, tmp_path: Path, mistake: str, words: str) -> None:
        right, wrong = compact().eval(), compact().eval()
        with torch.no_grad():  # answers that differ between faces, so that nothing is reproduced by chance
            right.logits_layer().weight.mul_(40)
            wrong.logits_layer().weight.mul_(40)
        for network in (right, wrong):
            network.set_normalisation((0.3, 0.5, 0.6), (0.2, 0.3, 0.2))
        if mistake in ("normalisation", "both"):
            chosen = NORMALISATIONS["bytes" if mistake == "normalisation" else "caffe"]
            right.set_normalisation(chosen.mean, chosen.std)
        if mistake in ("channels", "both"):
            with torch.no_grad():
                first = right.get_parameter("features.0.weight")
                first.copy_(first.flip(1))
        path = known(tmp_path / "known.csv", faces(), right, classes=PAIN[::-1] if mistake == "classes" else PAIN)
        with pytest.raises(DataError, match=words):
            check_reproduced(wrong, faces(), load_given(path, PAIN), tolerance=0.001, source="x")

    def test_an_unexplained_difference_names_the_worst_images(self, tmp_path: Path) -> None:
        path = known(tmp_path / "known.csv", faces(), compact(seed=1).eval())
        other = compact(seed=2).eval()
        with torch.no_grad():
            other.logits_layer().weight.mul_(100)
        with pytest.raises(DataError, match=r"worst: \d\.png \(probability of .*given 0\.\d+, got .*No other channel"):
            check_reproduced(other, faces(), load_given(path, PAIN), tolerance=0.001, source="x")

    def test_labels_deviate_by_the_lacking_probability(self, tmp_path: Path) -> None:
        pd.DataFrame({"image": ["0.png"], "label": ["pain"]}).to_csv(tmp_path / "known.csv", index=False)
        given = load_given(tmp_path / "known.csv", PAIN)
        assert deviations(given, np.log(np.array([[0.7, 0.3]]))) == pytest.approx([0.4])

    @pytest.mark.parametrize(
        ("columns", "words"),
        [
            ({"face": ["a"]}, "must have the column image"),
            ({"image": ["a"], "logit:pain": [1.0]}, "lacks logit:no-pain"),
            ({"image": ["a", "a"], "label": ["pain", "pain"]}, "row 3: the image is missing or named twice"),
            ({"image": ["a"], "label": ["hurt"]}, "row 2: label 'hurt' is not a class"),
            ({"image": ["a"], "probability:pain": [0.5], "probability:no-pain": [0.1]}, "add up to 0.600"),
            ({"image": ["a"], "logit:pain": ["x"], "logit:no-pain": [0.1]}, "row 2: logit is not a number"),
        ],
    )
    def test_files_that_cannot_be_used(self, tmp_path: Path, columns: dict[str, list[object]], words: str) -> None:
        pd.DataFrame(columns).to_csv(tmp_path / "known.csv", index=False)
        with pytest.raises(DataError, match=words):
            load_given(tmp_path / "known.csv", PAIN)
