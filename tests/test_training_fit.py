"""Training: it learns, it is deterministic, it survives being killed, and it refuses what it cannot use."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open

from painlens.backbones import VGG, build_network
from painlens.progress import silent
from painlens.study import Augmentation, Backbone, Training
from painlens.tables import HISTORY, DataError, conform
from painlens.training import Fitted, LabelledFaces, class_indices, fit, load_checkpoint, plot_curves
from painlens.training.faces import epoch_batches

torch.set_num_threads(1)
SIZE = 16
CLASSES = ("no-pain", "pain")
SETTINGS = Training(epochs=3, batch_size=16, precision="float32")


def toy(n: int = 60, *, seed: int = 0) -> LabelledFaces:
    """Dark and bright noise: no pain and pain."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    faces = rng.normal(90, 25, (n, SIZE, SIZE, 3)) + 60 * labels[:, None, None, None]
    return LabelledFaces(np.clip(faces, 0, 255).astype(np.uint8), labels)


def network_of(seed: int = 0) -> VGG:
    return build_network(Backbone(name="compact", head=16), classes=CLASSES, size=SIZE, seed=seed)


def train(network: VGG, **changes: Any) -> Fitted:
    arguments: dict[str, Any] = {
        "validation": toy(20, seed=1),
        "settings": SETTINGS,
        "class_weights": None,
        "seed": 3,
        "checkpoint": None,
    } | changes
    return fit(network, arguments.pop("training", toy()), **arguments)


def weights_of(network: VGG) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def assert_same_weights(a: VGG, b: VGG) -> None:
    for (name, left), right in zip(a.state_dict().items(), b.state_dict().values(), strict=True):
        assert torch.equal(left, right), name


def without_time(history: pd.DataFrame) -> pd.DataFrame:
    return history.drop(columns="seconds")


class _KilledError(Exception):
    """Stands for a power cut."""


def killed_at(step: int) -> Callable[..., None]:
    def progress(done: int, total: int, note: str = "") -> None:  # noqa: ARG001 - the shape of Progress
        if done == step:
            raise _KilledError

    return progress


# --- it learns ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_bright_and_dark_faces_are_learnt(precision: str) -> None:
    settings = Training(epochs=6, batch_size=16, precision=precision)  # pyright: ignore[reportArgumentType]
    fitted = train(network_of(), settings=settings)
    assert fitted.precision == precision
    last = fitted.history.iloc[-1]
    assert last["validation_accuracy"] >= 0.9
    assert last["train_loss"] < fitted.history["train_loss"].iloc[0]


def test_one_cycle_and_class_weights_train_too() -> None:
    settings = Training(epochs=16, batch_size=16, schedule="one-cycle", loss="cross-entropy", precision="float32")
    fitted = train(network_of(), settings=settings, class_weights=np.array([0.5, 1.5]))
    assert fitted.history["validation_accuracy"].iloc[-1] >= 0.9
    assert fitted.class_weights == (0.5, 1.5)


def test_history_is_a_table_with_a_row_per_epoch() -> None:
    history = train(network_of()).history
    pd.testing.assert_frame_equal(history, conform(history, HISTORY))
    assert history["epoch"].tolist() == [1, 2, 3]
    assert (history["learning_rate"] == 0.01).all()
    assert history.notna().all(axis=None)


def test_without_validation_faces_their_columns_are_missing() -> None:
    history = train(network_of(), validation=None).history
    assert history[["validation_loss", "validation_accuracy", "validation_macro_f1"]].isna().all(axis=None)
    assert history["train_loss"].notna().all()


def test_tiny_unnormalised_weights_only_scale_the_loss() -> None:
    plain = train(network_of(), settings=SETTINGS.model_copy(update={"learning_rate": 1e-9}))
    scaled = train(
        network_of(), settings=SETTINGS.model_copy(update={"learning_rate": 1e-9}), class_weights=np.array([0.01, 0.01])
    )
    np.testing.assert_allclose(scaled.history["train_loss"], 0.01 * plain.history["train_loss"], rtol=1e-4)


def test_the_network_is_left_ready_for_use() -> None:
    network = network_of()
    network.requires_grad_(True)
    train(network)
    assert not network.training
    assert all(p.is_contiguous() and p.grad is None for p in network.parameters())


# --- it is deterministic -----------------------------------------------------------------------------------------


def test_same_seed_same_weights_whatever_the_global_random_state_is() -> None:
    first, second = network_of(), network_of()
    torch.manual_seed(1)
    train(first)
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002 - it must have no influence
    before = torch.random.get_rng_state()
    train(second)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert_same_weights(first, second)


def test_another_seed_gives_other_weights() -> None:
    first, second = network_of(), network_of()
    train(first)
    train(second, seed=4)
    assert not torch.equal(first.logits_layer().weight, second.logits_layer().weight)


def test_faces_in_a_file_train_as_faces_in_memory(tmp_path: Path) -> None:
    data = toy()
    rows = np.random.default_rng(0).permutation(60)[:41]
    labels = np.asarray(data.labels)[rows]
    in_memory, in_file = network_of(), network_of()
    train(in_memory, training=LabelledFaces(np.asarray(data.faces)[rows], labels))
    with h5py.File(tmp_path / "faces.h5", "w") as file:
        stored = file.create_dataset("faces", data=data.faces)
        train(in_file, training=LabelledFaces(stored, labels, rows))
    assert_same_weights(in_memory, in_file)


def test_every_face_is_in_one_batch_of_an_epoch_and_batches_are_of_equal_size() -> None:
    batches = epoch_batches(np.random.default_rng(0), 65, batch_size=32)
    assert sorted(np.concatenate(batches).tolist()) == list(range(65))
    assert sorted(len(b) for b in batches) == [21, 22, 22]


# --- it survives -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 4, 6, 11])  # 4 steps an epoch: first, end of the first, middle, last epoch
@pytest.mark.parametrize("keep", ["last", "best"])
def test_a_killed_training_goes_on_to_the_same_weights(tmp_path: Path, step: int, keep: str) -> None:
    settings = SETTINGS.model_copy(update={"keep": keep, "schedule": "one-cycle"})
    whole, resumed = network_of(), network_of()
    expected = train(whole, settings=settings)
    path = tmp_path / "checkpoint"
    with pytest.raises(_KilledError):
        train(resumed, settings=settings, checkpoint=path, progress=killed_at(step))
    again = network_of()
    fitted = train(again, settings=settings, checkpoint=path)
    assert fitted.resumed_epochs == (step - 1) // 4
    assert_same_weights(again, whole)
    assert fitted.kept_epoch == expected.kept_epoch
    pd.testing.assert_frame_equal(without_time(fitted.history), without_time(expected.history))


def test_a_finished_checkpoint_gives_the_result_at_once(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    first, second = network_of(), network_of()
    train(first, checkpoint=path)
    fitted = train(second, checkpoint=path, progress=killed_at(1))
    assert fitted.resumed_epochs == 3
    assert_same_weights(first, second)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 4},
        {"settings": SETTINGS.model_copy(update={"momentum": 0.8})},
        {"class_weights": np.array([1.0, 1.5])},
        {"training": toy(60, seed=9)},
        {"validation": None},
    ],
    ids=["seed", "settings", "weights", "faces", "validation"],
)
def test_a_checkpoint_of_another_training_is_ignored(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "checkpoint"
    train(network_of(), checkpoint=path)
    clean, beside = network_of(), network_of()
    train(clean, **change)
    assert train(beside, checkpoint=path, **change).resumed_epochs == 0
    assert_same_weights(clean, beside)


def test_a_checkpoint_of_another_initial_network_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    train(network_of(), checkpoint=path)
    assert train(network_of(seed=8), checkpoint=path).resumed_epochs == 0


def test_a_damaged_checkpoint_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    train(network_of(), checkpoint=path)
    path.write_bytes(path.read_bytes()[:200])
    assert load_checkpoint(path, identity="any") is None
    assert train(network_of(), checkpoint=path).resumed_epochs == 0


def test_a_checkpoint_holds_weights_and_momentum_and_no_code(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    network = network_of()
    train(network, checkpoint=path)
    with safe_open(path, framework="pt") as stream:
        names = set(stream.keys())
    expected = {f"{part}.{name}" for part in ("network", "momentum") for name in network.state_dict()}
    assert names == expected


def test_best_keeps_the_epoch_of_the_smallest_validation_loss() -> None:
    # a rate this high makes the loss rise again
    settings = SETTINGS.model_copy(update={"keep": "best", "epochs": 5, "learning_rate": 0.03})
    network = network_of()
    fitted = train(network, settings=settings)
    losses = fitted.history["validation_loss"].to_numpy()
    assert fitted.kept_epoch == int(np.argmin(losses)) + 1
    stopped = network_of()
    train(stopped, settings=settings.model_copy(update={"keep": "last", "epochs": fitted.kept_epoch}))
    assert_same_weights(network, stopped)


# --- it refuses --------------------------------------------------------------------------------------------------


def test_a_class_without_training_faces_is_an_error() -> None:
    data = toy()
    rows = np.flatnonzero(data.labels == 1)
    one_class = LabelledFaces(data.faces, data.labels[rows], rows)
    with pytest.raises(DataError, match="every class needs training faces, got no-pain: 0, pain: 30"):
        train(network_of(), training=one_class)


def test_a_diverging_training_says_so() -> None:
    settings = SETTINGS.model_copy(update={"learning_rate": 1e12, "clip_norm": None})
    with pytest.raises(
        DataError, match=r"stopped being a number in step \d+ of epoch 1 .*lower training.learning_rate"
    ):
        train(network_of(), settings=settings)


def test_wrong_arguments_are_refused() -> None:
    data = toy()
    with pytest.raises(DataError, match="'best' needs validation faces"):
        train(network_of(), settings=SETTINGS.model_copy(update={"keep": "best"}), validation=None)
    with pytest.raises(DataError, match="class weights must be 2 numbers"):
        train(network_of(), class_weights=np.ones(3))
    with pytest.raises(DataError, match=r"labels must be in 0..1 \(no-pain, pain\), got 0..2"):
        train(network_of(), training=LabelledFaces(data.faces, np.arange(60) % 3))
    with pytest.raises(DataError, match="each of 60 faces needs one integer label"):
        LabelledFaces(data.faces, np.zeros(59, int))
    with pytest.raises(DataError, match=r"rows must be in 0..59, got 0..60"):
        LabelledFaces(data.faces, np.zeros(2, int), np.array([0, 60]))
    with pytest.raises(DataError, match="faces must be uint8"):
        LabelledFaces(np.zeros((2, SIZE, SIZE, 3), np.float32), np.zeros(2, int))


def test_unknown_labels_are_named() -> None:
    assert class_indices(["pain", "no-pain"], classes=CLASSES).tolist() == [1, 0]
    with pytest.raises(DataError, match=r"got \['joy'\]"):
        class_indices(["pain", "joy"], classes=CLASSES)


# --- it is drawn -------------------------------------------------------------------------------------------------


def test_curves_are_drawn_and_equal_histories_give_equal_files(tmp_path: Path) -> None:
    history = train(network_of(), settings=SETTINGS.model_copy(update={"augmentation": Augmentation(zoom=0)})).history
    for name in ("a.svg", "b.svg", "c.png"):
        plot_curves(history, tmp_path / name, kept_epoch=2)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert "validation" in (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_progress_counts_every_step() -> None:
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int, note: str = "") -> None:
        seen.append((done, total))
        silent(done, total, note)

    train(network_of(), progress=progress)
    assert seen == [(step, 12) for step in range(1, 13)]
