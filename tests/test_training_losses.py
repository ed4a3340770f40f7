"""Losses, class weights and learning rates against formulas, published tables and torch."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from painlens.study import ClassBalance
from painlens.tables import DataError
from painlens.training import class_balanced_weights, class_weights, focal_loss
from painlens.training.schedule import learning_rate_at

torch.set_num_threads(1)


def example(n: int = 6, classes: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.normal(0, 2, (n, classes))), torch.from_numpy(rng.integers(0, classes, n))


def test_gamma_zero_is_cross_entropy() -> None:
    logits, labels = example()
    torch.testing.assert_close(focal_loss(logits, labels, gamma=0.0), F.cross_entropy(logits, labels))


def test_focal_loss_is_its_formula() -> None:
    logits, labels = example()
    p = torch.softmax(logits, 1)[torch.arange(6), labels]
    expected = ((1 - p) ** 2 * -torch.log(p)).mean()
    torch.testing.assert_close(focal_loss(logits, labels, gamma=2.0), expected)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_gradient_agrees_with_finite_differences(gamma: float) -> None:
    logits, labels = example()
    weights = torch.tensor([0.5, 1.0, 1.5], dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda x: focal_loss(x, labels, gamma=gamma, weights=weights), logits.clone().requires_grad_()
    )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("logit", [-100.0, 100.0])
def test_extreme_logits_give_finite_losses_and_gradients(gamma: float, logit: float) -> None:
    logits = torch.tensor([[-logit, logit]], requires_grad=True)
    loss = focal_loss(logits, torch.tensor([1]), gamma=gamma)
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert loss.item() == pytest.approx(200.0 if logit < 0 else 0.0, abs=1e-6)


def test_weights_multiply_before_a_plain_mean_as_in_keras() -> None:
    logits, labels = example()
    weights = torch.tensor([0.2, 1.0, 3.0], dtype=torch.float64)
    each = F.cross_entropy(logits, labels, reduction="none")
    torch.testing.assert_close(
        focal_loss(logits, labels, gamma=0.0, weights=weights), (weights[labels] * each).sum() / 6
    )
    torch_mean = F.cross_entropy(logits, labels, weight=weights)
    assert not torch.isclose(focal_loss(logits, labels, gamma=0.0, weights=weights), torch_mean)


@pytest.mark.parametrize(
    ("beta", "expected"),
    [
        (0.9, (1.0, 1.0)),
        (0.99, (1.0, 1.0)),
        (0.999, (1.0, 1.0)),
        (0.9999, (0.732, 1.268)),
        (0.99999, (0.391, 1.609)),
    ],
)
def test_class_balanced_weights_of_the_full_archive(beta: float, expected: tuple[float, float]) -> None:
    weights = class_balanced_weights([40029, 8369], beta=beta, normalised=True)
    np.testing.assert_allclose(weights, expected, atol=5.1e-4)


def test_unnormalised_weights_are_about_a_hundredth() -> None:
    weights = class_balanced_weights([4000, 1500], beta=0.99, normalised=False)
    np.testing.assert_allclose(weights, 0.01, rtol=1e-6)


def test_beta_zero_weighs_nothing() -> None:
    np.testing.assert_array_equal(class_balanced_weights([3, 700], beta=0.0, normalised=True), [1.0, 1.0])


def test_beta_towards_one_is_inverse_frequency() -> None:
    weights = class_balanced_weights([10, 30], beta=1 - 1e-9, normalised=True)
    np.testing.assert_allclose(weights, [1.5, 0.5], rtol=1e-6)


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=8), st.floats(0.0, 0.999999))
def test_normalised_weights_sum_to_the_number_of_classes_and_favour_the_rare(counts: list[int], beta: float) -> None:
    weights = class_balanced_weights(counts, beta=beta, normalised=True)
    assert weights.sum() == pytest.approx(len(counts))
    order = np.argsort(counts, kind="stable")
    assert (np.diff(weights[order]) <= 1e-12).all()


def test_a_class_without_faces_has_no_weight() -> None:
    with pytest.raises(DataError, match=r"at least one face of each class, got the counts \[5, 0\]"):
        class_weights([5, 0], ClassBalance())


def test_without_balance_there_are_no_weights() -> None:
    assert class_weights([5, 10], None) is None


@pytest.mark.parametrize("steps", [2, 10, 37])
def test_one_cycle_is_torchs(steps: int) -> None:
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.02, total_steps=steps, cycle_momentum=False)
    for step in range(steps):
        expected = optimizer.param_groups[0]["lr"]
        assert learning_rate_at(step, steps, highest=0.02, schedule="one-cycle") == pytest.approx(expected)
        optimizer.step()
        if step < steps - 1:
            theirs.step()


def test_constant_rate_is_constant() -> None:
    assert {learning_rate_at(s, 5, highest=0.01, schedule="constant") for s in range(5)} == {0.01}
