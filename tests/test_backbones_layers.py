"""Layers by name, features at them, and gradients from them."""

import numpy as np
import pytest
import torch

from painlens.backbones import FaceNetwork, build_network, layer_names, layer_place, layer_shape, run_from, run_to
from painlens.predictions import layer_features, layer_parts, log_odds, predict_logits, score_gradients
from painlens.study import Backbone
from painlens.tables import DataError

CLASSES = ("no-pain", "pain")


@pytest.fixture(scope="module")
def network() -> FaceNetwork:
    return build_network(Backbone(name="compact", head=16), classes=CLASSES, size=32, seed=0)


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)


def test_layers_have_the_names_of_the_literature(network: FaceNetwork) -> None:
    assert list(layer_names(network)) == [
        "conv1_1", "pool1", "last-pool", "conv2_1", "conv2_2", "pool2", "conv3_1", "conv3_2", "pool3", "conv4_1",
        "conv4_2", "pool4", "dense1", "logits",
    ]  # fmt: skip
    assert layer_names(network)["last-pool"] == layer_names(network)["pool4"]
    vgg = build_network(Backbone(name="vgg16", head=8), classes=CLASSES, size=32, seed=0)
    assert layer_place(vgg, "fc7") == layer_place(vgg, "dense2")
    assert layer_place(vgg, "conv5_3") == layer_place(vgg, "features.29")
    assert layer_shape(vgg, layer_place(vgg, "pool5")) == (512, 1, 1)


def test_unknown_layers_are_refused_with_the_known_ones(network: FaceNetwork) -> None:
    with pytest.raises(DataError, match="no layer 'pool9'; it has conv1_1"):
        layer_place(network, "pool9")
    with pytest.raises(DataError, match="no layer 'fc6'"):
        layer_place(network, "fc6")


@pytest.mark.parametrize("name", ["conv1_1", "pool2", "last-pool", "dense1", "logits", "features.4"])
def test_what_runs_to_a_layer_and_from_it_gives_the_logits(network: FaceNetwork, faces: np.ndarray, name: str) -> None:
    network.eval()
    place = layer_place(network, name)
    with torch.inference_mode():
        x = network.prepare(faces)
        between = run_to(network, x, place)
        np.testing.assert_allclose(run_from(network, between, place).numpy(), network(x).numpy(), atol=1e-5)
    assert tuple(between.shape[1:]) == layer_shape(network, place)


def test_features_of_the_last_pool_are_the_same_by_either_name(network: FaceNetwork, faces: np.ndarray) -> None:
    np.testing.assert_allclose(
        layer_features(network, faces, "last-pool"), layer_features(network, faces, "pool4"), atol=1e-5
    )


def test_groups_of_channels_make_the_whole_layer(network: FaceNetwork, faces: np.ndarray) -> None:
    whole = layer_features(network, faces, "pool1")
    parts = list(layer_parts(network, faces, "pool1", most=4 * 5 * 256 * 3))  # three channels of 16 x 16 at a time
    assert len(parts) == 6
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


@pytest.mark.parametrize("layer", ["last-pool", "dense1"])
def test_gradients_equal_finite_differences(network: FaceNetwork, faces: np.ndarray, layer: str) -> None:
    features = layer_features(network, faces, layer)
    gradients = score_gradients(network, features, layer=layer, target="pain")
    direction = np.random.default_rng(1).normal(size=features.shape[1]).astype(np.float32)
    place = layer_place(network, layer)
    shape = layer_shape(network, place)

    def score(values: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            logits = run_from(network, torch.tensor(values).reshape(-1, *shape), place).numpy()
        return log_odds(logits, CLASSES, "pain")

    network.eval()
    step = 1e-3
    slope = (score(features + step * direction) - score(features - step * direction)) / (2 * step)
    np.testing.assert_allclose(gradients @ direction, slope, rtol=0.02, atol=1e-3)


def test_the_score_of_gradients_is_that_of_the_predictions(network: FaceNetwork, faces: np.ndarray) -> None:
    """At the logits the gradient of the log-odds of two classes is minus one and one."""
    logits = predict_logits(network, faces)
    np.testing.assert_allclose(
        score_gradients(network, logits, layer="logits", target="pain"), np.tile([-1.0, 1.0], (5, 1)), atol=1e-6
    )
