from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from polarizer.descent import (
    RATE,
    RATE_OF_STREAMS,
    NormalisedDescent,
    RelativeDescent,
    relative_rate,
)


@given(seed=st.integers(0, 2**32), scale=st.floats(1e-6, 1e6), groups=st.integers(1, 3))
def test_a_step_has_its_length_whatever_the_scale_of_the_loss(
    seed: int, scale: float, groups: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    deviations = [torch.zeros(groups, size, size, requires_grad=True) for size in (2, 4, 8)]
    gradients = [torch.randn(groups, size, size, generator=generator) for size in (2, 4, 8)]
    optimizer = NormalisedDescent(deviations, lr=0.3, momentum=0.9, weight_decay=0)

    for deviation, gradient in zip(deviations, gradients, strict=True):
        deviation.grad = scale * gradient
    optimizer.step()

    for deviation, gradient in zip(deviations, gradients, strict=True):
        assert deviation.norm().item() == pytest.approx(0.1, rel=1e-4)
        along = torch.cosine_similarity(deviation.flatten(), -gradient.flatten(), dim=0)
        assert along.item() == pytest.approx(1, abs=1e-4)


def test_no_gradient_is_no_step() -> None:
    deviation = torch.zeros(1, 4, 4, requires_grad=True)
    optimizer = NormalisedDescent([deviation], lr=0.1, momentum=0.9, weight_decay=0)
    deviation.grad = torch.zeros_like(deviation)

    optimizer.step()

    assert torch.equal(deviation, torch.zeros(1, 4, 4))


@pytest.mark.parametrize("size", [1e-18, 1e-25, 1e-37, 1e-44])
def test_a_gradient_that_vanished_is_no_step(size: float) -> None:
    weight = torch.ones(4, 4, requires_grad=True)
    for descent in (NormalisedDescent, RelativeDescent):
        optimizer = descent([weight], lr=0.1, momentum=0.9, weight_decay=0)
        weight.grad = torch.full_like(weight, size)
        optimizer.step()
        assert torch.equal(weight, torch.ones(4, 4))


@pytest.mark.parametrize("descent", [NormalisedDescent, RelativeDescent])
def test_a_tensor_without_a_gradient_stays_and_does_not_count(
    descent: type[NormalisedDescent],
) -> None:
    used, unused = torch.ones(2, 2, requires_grad=True), torch.ones(2, 2, requires_grad=True)
    optimizer = descent([used, unused], lr=0.1, momentum=0, weight_decay=0)
    used.grad = torch.ones_like(used)

    optimizer.step()

    share = 0.1 * 2 if descent is RelativeDescent else 0.1 / 2
    assert (1 - used.detach()).norm().item() == pytest.approx(share, rel=1e-4)
    assert torch.equal(unused, torch.ones(2, 2))


def test_weight_decay_draws_the_map_to_the_identity() -> None:
    deviation = torch.ones(1, 4, 4, requires_grad=True)
    optimizer = NormalisedDescent([deviation], lr=0.5, momentum=0.9, weight_decay=0.2)
    deviation.grad = torch.zeros_like(deviation)

    optimizer.step()

    assert torch.allclose(deviation, torch.full((1, 4, 4), 0.9))


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_a_relative_step_turns_each_tensor_alike(scale: float) -> None:
    weight = torch.full((4, 5), scale, requires_grad=True)
    before = weight.detach().clone()
    descent = RelativeDescent([weight], lr=0.01, momentum=0.9, weight_decay=0)

    weight.grad = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    descent.step()

    least = max(before.norm().item(), 0.01 * 20**0.5)
    assert (weight.detach() - before).norm().item() == pytest.approx(0.01 * least, rel=1e-3)


def test_a_relative_step_is_shared_by_the_layers_and_not_by_their_vectors() -> None:
    layers = [torch.ones(2, 2, requires_grad=True) for _ in range(4)]
    vector = torch.ones(4, requires_grad=True)
    descent = RelativeDescent([*layers, vector], lr=0.1, momentum=0, weight_decay=0)

    for tensor in (*layers, vector):
        tensor.grad = torch.ones_like(tensor)
    descent.step()

    for tensor in (*layers, vector):
        assert (1 - tensor.detach()).norm().item() == pytest.approx(0.1 / 4 * 2, rel=1e-4)


def test_networks_with_a_stream_that_passes_their_layers_take_longer_steps() -> None:
    normalised = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
    depthwise = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 3, groups=4), nn.BatchNorm2d(4))
    grouped = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 3, groups=2), nn.BatchNorm2d(4))
    one_channel = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))

    assert relative_rate(normalised) == relative_rate(depthwise) == RATE_OF_STREAMS
    assert relative_rate(grouped) == relative_rate(one_channel) == RATE
