from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from polarizer.losses import LossWeights, log_not, outer_loss

EVEN = LossWeights(clean=1, consistency=1, margin=1, target=1)


@given(seed=st.integers(0, 2**32), classes=st.integers(2, 6))
def test_log_not_is_minus_log_of_one_minus_p(seed: int, classes: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(8, classes, generator=generator, dtype=torch.float64)
    chosen = torch.randint(0, classes, (8,), generator=generator)

    p = logits.softmax(1)[torch.arange(8), chosen]

    assert torch.allclose(log_not(logits, chosen), -torch.log(1 - p).mean())


def test_log_not_and_its_gradient_are_finite_where_one_minus_p_rounds_to_zero() -> None:
    logits = torch.tensor([[200.0, 0.0, -200.0]], requires_grad=True)

    loss = log_not(logits, torch.tensor([0]))
    loss.backward()

    assert loss.item() == pytest.approx(200)
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_the_four_parts_and_their_weighted_sum() -> None:
    torch.manual_seed(0)
    clean, perturbed = torch.randn(6, 4), torch.randn(6, 4)
    labels, targets = torch.tensor([0, 1, 2, 3, 0, 1]), torch.tensor([1, 2, 3, 0, 1, 2])

    loss = outer_loss(clean, perturbed, labels, targets, LossWeights(1, 0.2, 0.3, 0.5))

    p = perturbed.softmax(1)
    rows = torch.arange(6)
    wrong = p.clone()
    wrong[rows, labels] = 0
    assert loss.clean.item() == pytest.approx(cross_entropy(clean, labels).item())
    assert loss.consistency.item() == pytest.approx(
        -p[rows, clean.argmax(1)].log().mean().item(), rel=1e-5
    )
    assert loss.margin.item() == pytest.approx(
        -(1 - wrong.max(1).values).log().mean().item(), rel=1e-5
    )
    assert loss.target.item() == pytest.approx(
        -(1 - p[rows, targets]).log().mean().item(), rel=1e-5
    )
    expected = loss.clean + 0.2 * loss.consistency + 0.3 * loss.margin + 0.5 * loss.target
    assert loss.total.item() == pytest.approx(expected.item())


def test_a_model_that_withstands_the_perturbation_loses_less() -> None:
    labels, targets = torch.tensor([0, 1]), torch.tensor([1, 2])
    clean = 5 * torch.eye(3)[labels]

    safe = outer_loss(clean, clean, labels, targets, EVEN)
    fooled = outer_loss(clean, 5 * torch.eye(3)[targets], labels, targets, EVEN)

    for part in ("consistency", "margin", "target", "total"):
        assert getattr(safe, part) < getattr(fooled, part)
    assert safe.clean == fooled.clean
