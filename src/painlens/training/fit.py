"""A network is trained: one seed, one database, with checkpoints after every epoch."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from painlens.backbones import VGG, choose_precision
from painlens.progress import Progress, silent
from painlens.study import Training
from painlens.tables import HISTORY, DataError, conform
from painlens.training.augmentation import augment, draw, is_identity, sampling_matrices
from painlens.training.checkpoints import Checkpoint, identity_of, load_checkpoint, save_checkpoint
from painlens.training.descent import GradientDescent
from painlens.training.faces import LabelledFaces, epoch_batches
from painlens.training.losses import focal_loss
from painlens.training.schedule import learning_rate_at

STREAMS = ("order", "augmentation", "dropout")  # independent random streams of an epoch
FINGERPRINT_FACES = 64  # faces whose pixels enter the identity of a checkpoint


@dataclass(frozen=True)
class Fitted:
    """What a training has to tell; the network itself was changed in place."""

    history: pd.DataFrame  # HISTORY
    kept_epoch: int
    precision: str  # float32 or bfloat16, of the convolutions
    resumed_epochs: int  # epochs that a checkpoint had already done
    class_weights: tuple[float, ...] | None


@dataclass(frozen=True)
class _Plan:
    """Everything that stays the same from epoch to epoch."""

    settings: Training
    seed: int
    steps: int  # of one epoch
    gamma: float
    weights: Tensor | None
    dtype: torch.dtype
    progress: Progress

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return focal_loss(logits.float(), labels, gamma=self.gamma, weights=self.weights)


def fit(
    network: VGG,
    training: LabelledFaces,
    *,
    validation: LabelledFaces | None,
    settings: Training,
    class_weights: np.ndarray | None,
    seed: int,
    checkpoint: Path | None,
    progress: Progress = silent,
) -> Fitted:
    """Train all layers of a network by stochastic gradient descent; the network is changed in place.

    The network is trained on the device that it lies on, all weights are float32, and it is left with the weights
    of the last or the best epoch, in `eval` mode. On one processor and precision, equal arguments give equal weights.

    Parameters
    ----------
    training, validation
        Labels are indices into ``network.classes``. Without validation faces their columns of the history are missing.
    settings
        ``settings.epochs`` is the number of epochs; a network on a half of the participants is given twice as many.
    class_weights
        Weight of each class in the loss (see `losses.class_weights`), or None.
    seed
        Of order, augmentation and dropout; each epoch draws from generators of its own, made of seed and epoch.
    checkpoint
        File that is replaced after every epoch and from which a killed training goes on to the same weights as an
        uninterrupted one. A file of other arguments is ignored and replaced. The caller removes it when the network
        is saved.

    Raises
    ------
    DataError
        A class has no training faces, the best epoch is asked for without validation faces, or the loss stops being
        a number.
    """
    _check(network, training, validation, settings, class_weights)
    dtype = choose_precision(settings.precision, network.device)
    weights = None if class_weights is None else torch.as_tensor(class_weights, dtype=torch.float32)
    plan = _Plan(
        settings=settings,
        seed=seed,
        steps=-(-len(training) // settings.batch_size),
        gamma=settings.gamma if settings.loss == "focal" else 0.0,
        weights=None if weights is None else weights.to(network.device),
        dtype=dtype,
        progress=progress,
    )
    identity = _identity(network, training, validation, plan) if checkpoint is not None else ""
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - missing in torch's overloads
    descent = GradientDescent(network, momentum=settings.momentum, weight_decay=settings.weight_decay)
    state = load_checkpoint(checkpoint, identity=identity) if checkpoint is not None else None
    if state is None:
        state = Checkpoint(identity, 0, [], 0, {}, {}, {})
    else:
        network.load_state_dict(dict(state.network))
        descent.restore(state.momentum)
    resumed = state.epoch
    for epoch in range(resumed + 1, settings.epochs + 1):
        row = _one_epoch(network, descent, training, validation, plan=plan, epoch=epoch)
        state = _after_epoch(network, descent, state, row, keep=settings.keep)
        if checkpoint is not None:
            save_checkpoint(state, checkpoint)
    if state.best:
        network.load_state_dict(dict(state.best))
    network.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue] - see above
    network.zero_grad(set_to_none=True)
    network.eval()
    return Fitted(
        history=conform(pd.DataFrame(state.history), HISTORY),
        kept_epoch=state.kept_epoch,
        precision=str(dtype).removeprefix("torch."),
        resumed_epochs=resumed,
        class_weights=None if class_weights is None else tuple(float(w) for w in class_weights),
    )


def _one_epoch(
    network: VGG,
    descent: GradientDescent,
    training: LabelledFaces,
    validation: LabelledFaces | None,
    *,
    plan: _Plan,
    epoch: int,
) -> dict[str, int | float]:
    """Train for one epoch and validate; one row of HISTORY."""
    began = time.perf_counter()
    network.train()
    losses = torch.zeros(plan.steps, device=network.device)
    right = torch.zeros((), dtype=torch.int64, device=network.device)
    sizes = torch.zeros(plan.steps)
    done = (epoch - 1) * plan.steps
    rate = plan.settings.learning_rate
    with _dropout_of(plan, epoch, network.device), _flushed_denormals():
        for step, (images, labels) in enumerate(_batches(network, training, plan=plan, epoch=epoch)):
            rate = learning_rate_at(
                done + step,
                plan.steps * plan.settings.epochs,
                highest=plan.settings.learning_rate,
                schedule=plan.settings.schedule,
            )
            network.zero_grad(set_to_none=True)
            logits = _logits(network, images, plan.dtype)
            loss = plan.loss(logits, labels)
            loss.backward()
            if plan.settings.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(network.parameters(), plan.settings.clip_norm)
            descent.step(rate)
            losses[step] = loss.detach()  # no .item() here: on a GPU it would wait for every step
            sizes[step] = len(labels)
            right += (logits.argmax(1) == labels).sum()
            plan.progress(done + step + 1, plan.steps * plan.settings.epochs, f"epoch {epoch}")
    _check_finite(losses, epoch, rate)
    row = {
        "epoch": epoch,
        "learning_rate": rate,
        "train_loss": float((losses.cpu() * sizes).sum() / sizes.sum()),
        "train_accuracy": float(right) / len(training),
        **_validate(network, validation, plan),
    }
    return {**row, "seconds": time.perf_counter() - began}


def _batches(network: VGG, training: LabelledFaces, *, plan: _Plan, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Normalised, augmented faces and labels of an epoch, on the network's device."""
    batches = epoch_batches(_generator(plan, epoch, "order"), len(training), batch_size=plan.settings.batch_size)
    ranges = plan.settings.augmentation
    matrices = None
    if not is_identity(ranges):
        draws = draw(_generator(plan, epoch, "augmentation"), len(training), settings=ranges, size=network.size)
        matrices = sampling_matrices(draws, size=network.size).to(network.device)
    first = 0
    for batch in batches:
        images = network.normalise(training.take(batch))
        if matrices is not None:
            images = augment(images, matrices[first : first + len(batch)])
        first += len(batch)
        labels = torch.as_tensor(training.labels[batch], dtype=torch.int64, device=network.device)
        yield images.contiguous(memory_format=torch.channels_last), labels


def _logits(network: VGG, images: Tensor, dtype: torch.dtype) -> Tensor:
    """Logits in the plan's precision."""
    with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        return network.quick(images)


@torch.no_grad()
def _validate(network: VGG, validation: LabelledFaces | None, plan: _Plan) -> dict[str, int | float]:
    """Loss, accuracy and macro F1 on the validation faces; missing without any."""
    names = ("validation_loss", "validation_accuracy", "validation_macro_f1")
    if validation is None:
        return dict.fromkeys(names, float("nan"))
    network.eval()
    chunks = np.array_split(np.arange(len(validation)), -(-len(validation) // plan.settings.batch_size))
    logits = torch.cat([_logits(network, network.prepare(validation.take(c)), plan.dtype).float() for c in chunks])
    loss = plan.loss(logits, torch.as_tensor(validation.labels, dtype=torch.int64, device=logits.device))
    answers = logits.argmax(1).cpu().numpy()
    f1 = _macro_f1(validation.labels, answers, len(network.classes))
    return dict(zip(names, (loss.item(), float(np.mean(answers == validation.labels)), f1), strict=True))


def _macro_f1(labels: np.ndarray, answers: np.ndarray, n_classes: int) -> float:
    """Mean over classes of 2 TP / (2 TP + FP + FN), zero for a class that is neither shown nor answered.

    scikit-learn has the same; loading it would take a second in each of a study's many trainings.
    """
    right = np.bincount(labels[labels == answers], minlength=n_classes)
    total = np.bincount(labels, minlength=n_classes) + np.bincount(answers, minlength=n_classes)
    return float(np.mean(2 * right / np.maximum(total, 1)))


def _after_epoch(
    network: VGG, descent: GradientDescent, state: Checkpoint, row: dict[str, int | float], *, keep: str
) -> Checkpoint:
    """The state with one more epoch."""
    history = [*state.history, row]
    weights = network.state_dict()
    kept, best = int(row["epoch"]), {}
    if keep == "best":
        kept, best = state.kept_epoch, state.best
        if not kept or row["validation_loss"] < state.history[kept - 1]["validation_loss"]:
            kept, best = int(row["epoch"]), {name: tensor.clone() for name, tensor in weights.items()}
    return Checkpoint(state.identity, int(row["epoch"]), history, kept, weights, descent.velocities, best)


def _generator(plan: _Plan, epoch: int, stream: str) -> np.random.Generator:
    """Random numbers of one stream in one epoch, independent of all others."""
    return np.random.default_rng([plan.seed, epoch, STREAMS.index(stream)])


@contextmanager
def _dropout_of(plan: _Plan, epoch: int, device: torch.device) -> Iterator[None]:
    """Seed torch for the dropout of an epoch; afterwards the caller's random state is as it was."""
    seed = int(_generator(plan, epoch, "dropout").integers(2**63 - 1))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@contextmanager
def _flushed_denormals() -> Iterator[None]:
    """Count numbers below 1e-38 as zero: the gradients of faces that are already right are so small.

    Processors are slow with them: measured on a network that had learnt its faces, epochs took two to five times as
    long.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _identity(network: VGG, training: LabelledFaces, validation: LabelledFaces | None, plan: _Plan) -> str:
    """Digest of all that decides the result of a training."""
    facts = {
        "settings": plan.settings.model_dump(mode="json"),
        "seed": plan.seed,
        "weights": None if plan.weights is None else plan.weights.tolist(),
        "dtype": str(plan.dtype),
        "device": network.device.type,
        "torch": torch.__version__,
        "painlens": metadata.version("painlens"),
        "backbone": network.settings.model_dump(mode="json"),
        "classes": network.classes,
        "normalisation": (network.mean, network.std),
    }
    arrays: dict[str, bytes] = {}
    for part, data in (("training", training), ("validation", validation)):
        if data is not None and len(data):
            some = np.unique(np.linspace(0, len(data) - 1, FINGERPRINT_FACES).astype(int))
            rows = b"" if data.rows is None else data.rows.tobytes()
            arrays[part] = data.labels.tobytes() + rows + data.take(some).tobytes()
    return identity_of(facts, arrays, network.state_dict())


def _check(
    network: VGG,
    training: LabelledFaces,
    validation: LabelledFaces | None,
    settings: Training,
    class_weights: np.ndarray | None,
) -> None:
    """Refuse what cannot be trained on."""
    classes = network.classes
    for part, data in (("training", training), ("validation", validation)):
        if data is None:
            continue
        if len(data) == 0:
            raise DataError(f"{part} needs at least one face, got none; check the split")
        if data.labels.min() < 0 or data.labels.max() >= len(classes):
            raise DataError(
                f"{part} labels must be in 0..{len(classes) - 1} ({', '.join(classes)}), "
                f"got {data.labels.min()}..{data.labels.max()}"
            )
    counts = np.bincount(training.labels, minlength=len(classes))
    if (counts == 0).any():
        listed = ", ".join(f"{name}: {count}" for name, count in zip(classes, counts, strict=True))
        raise DataError(f"every class needs training faces, got {listed}; check the label rule and the split")
    if settings.keep == "best" and validation is None:
        raise DataError("training.keep 'best' needs validation faces, got none; use 'last' or change split.validation")
    if class_weights is not None and np.shape(class_weights) != (len(classes),):
        raise DataError(f"class weights must be {len(classes)} numbers, got shape {np.shape(class_weights)}")


def _check_finite(losses: Tensor, epoch: int, rate: float) -> None:
    """Stop a training that has diverged."""
    wrong = (~torch.isfinite(losses)).nonzero()
    if len(wrong):
        raise DataError(
            f"the training loss stopped being a number in step {int(wrong[0]) + 1} of epoch {epoch} (learning rate "
            f"{rate:g}); lower training.learning_rate, set training.clip_norm, or check the class weights"
        )
