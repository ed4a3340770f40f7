"""Answers of networks: laws of logits, log-odds and probabilities, and the table they go into."""

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

from painlens.backbones import VGG, build_network
from painlens.predictions import (
    last_pool_features,
    log_odds,
    logits_of,
    predict_logits,
    predictions_table,
    probabilities,
)
from painlens.study import Backbone
from painlens.tables import PREDICTIONS, DataError, conform

torch.set_num_threads(1)
CLASSES = ("no-pain", "pain")
LOGITS = st_np.arrays(np.float64, st.tuples(st.integers(1, 5), st.just(3)), elements=st.floats(-50, 50))


def network_of() -> VGG:
    return build_network(Backbone(name="compact", head=8), classes=CLASSES, size=16, seed=0)


def faces_of(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 16, 16, 3), dtype=np.uint8)


def frames_of(n: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "frame_id": [f"f{i}" for i in range(n)],
            "database": "clinical",
            "participant": "p",
            "label": "pain",
            "row": range(n),
        }
    )


def test_logits_do_not_depend_on_the_batch() -> None:
    network, faces = network_of(), faces_of(7)
    alone = predict_logits(network, faces, batch=1)
    together = predict_logits(network, faces, batch=4)
    np.testing.assert_allclose(alone, together, rtol=1e-5, atol=1e-5)
    assert together.dtype == np.float32
    assert together.shape == (7, 2)


def test_logits_are_the_networks_without_dropout() -> None:
    network, faces = network_of().train(), faces_of(3)
    got = predict_logits(network, faces)
    assert network.training
    network.eval()
    with torch.no_grad():
        expected = network(network.prepare(faces)).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_features_lead_to_the_logits() -> None:
    network, faces = network_of().eval(), faces_of(3)
    features = last_pool_features(network, faces, batch=2)
    assert features.shape == (3, 96)
    assert features.dtype == np.float32
    with torch.no_grad():
        logits = network.classifier(torch.from_numpy(features)).numpy()
    np.testing.assert_allclose(logits, predict_logits(network, faces), rtol=1e-5, atol=1e-5)


def test_faces_in_a_file_and_no_faces_at_all(tmp_path_factory: pytest.TempPathFactory) -> None:
    network, faces = network_of(), faces_of(5)
    with h5py.File(tmp_path_factory.mktemp("faces") / "faces.h5", "w") as file:
        stored = file.create_dataset("faces", data=faces)
        np.testing.assert_array_equal(predict_logits(network, stored, batch=2), predict_logits(network, faces, batch=2))
    assert predict_logits(network, faces[:0]).shape == (0, 2)


def test_progress_is_reported_per_batch() -> None:
    seen: list[int] = []
    predict_logits(network_of(), faces_of(5), batch=2, progress=lambda done, total, note="": seen.append(done))  # noqa: ARG005
    assert seen == [0, 1, 2, 3]


@given(LOGITS, st.floats(-20, 20))
def test_log_odds_ignore_what_moves_all_logits(logits: np.ndarray, offset: float) -> None:
    classes = ("a", "b", "c")
    np.testing.assert_allclose(
        log_odds(logits + offset, classes, "b"), log_odds(logits, classes, "b"), rtol=1e-9, atol=1e-9
    )


@given(LOGITS)
def test_log_odds_are_those_of_the_probability(logits: np.ndarray) -> None:
    p = probabilities(logits)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    odds = log_odds(logits, ("a", "b", "c"), "b")
    np.testing.assert_allclose(1 / (1 + np.exp(-odds)), p[:, 1], rtol=1e-7, atol=1e-12)


def test_log_odds_refuse_unknown_classes_and_shapes() -> None:
    with pytest.raises(DataError, match="got 'joy'"):
        log_odds(np.zeros((1, 2)), CLASSES, "joy")
    with pytest.raises(DataError, match=r"shape \(n, 2\), got \(1, 3\)"):
        log_odds(np.zeros((1, 3)), CLASSES, "pain")


def test_the_table_is_of_its_schema_and_gives_the_logits_back() -> None:
    logits = np.array([[1.0, 2.0], [3.0, -1.0]], np.float32)
    table = predictions_table(frames_of(2), logits, classes=CLASSES, model="clinical", replicate="seed=0")
    pd.testing.assert_frame_equal(table, conform(table, PREDICTIONS))
    assert table["predicted"].tolist() == ["pain", "no-pain"]
    assert table.columns[-2:].tolist() == ["logit:no-pain", "logit:pain"]
    np.testing.assert_array_equal(logits_of(table, classes=CLASSES), logits)


def test_wrong_tables_are_refused() -> None:
    with pytest.raises(DataError, match="got 2 faces and 3 rows"):
        predictions_table(frames_of(2), np.zeros((3, 2)), classes=CLASSES, model="a", replicate="seed=0")
    table = predictions_table(
        frames_of(2), np.array([[0.0, np.nan], [0, 0]]), classes=CLASSES, model="a", replicate="seed=0"
    )
    with pytest.raises(DataError, match="logits must be finite, row 0"):
        logits_of(table, classes=CLASSES)
    with pytest.raises(DataError, match=r"\['logit:joy'\] are missing"):
        logits_of(table, classes=("pain", "joy"))
