from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from polarizer.perturbation import (
    TriggerSearch,
    default_norm,
    descend,
    into_pixels,
    perturb,
    project,
    runner_up,
)
from tests.polarizer.networks import some_images, tiny_classifier

SEEDS = st.integers(0, 2**32)


def lengths(delta: Tensor) -> Tensor:
    return delta.flatten(1).norm(dim=1)


@given(seed=SEEDS, scale=st.floats(1e-3, 1e6), norm=st.floats(1e-3, 1e3))
def test_projection_never_exceeds_the_bound_and_keeps_the_direction(
    seed: int, scale: float, norm: float
) -> None:
    delta = scale * torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(seed))

    projected = project(delta, norm)

    assert (lengths(projected) <= norm * (1 + 1e-5)).all()
    inside = lengths(delta) <= norm
    assert torch.equal(projected[inside], delta[inside])
    angles = torch.cosine_similarity(projected.flatten(1), delta.flatten(1), eps=1e-30)
    assert torch.allclose(angles, torch.ones(4), atol=1e-4)


@given(seed=SEEDS, norm=st.floats(0.01, 20), step=st.floats(0.001, 1))
def test_a_step_stays_in_the_ball_and_in_valid_pixels(seed: int, norm: float, step: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.rand(4, 3, 5, 5, generator=generator).round(decimals=1)
    gradient = torch.randn(4, 3, 5, 5, generator=generator)
    delta = into_pixels(torch.randn(4, 3, 5, 5, generator=generator), pixels)

    stepped = descend(delta, gradient, pixels, TriggerSearch(norm, step, steps=1))

    assert (lengths(stepped) <= norm * (1 + 1e-5)).all()
    assert (pixels + stepped).min() >= 0
    assert (pixels + stepped).max() <= 1


def test_a_step_spends_the_bound_on_pixels_that_can_move() -> None:
    pixels = torch.zeros(1, 1, 4, 4)
    pixels[..., :2] = 0.5
    gradient = torch.ones(1, 1, 4, 4)  # downwards, which black pixels cannot go

    stepped = descend(torch.zeros_like(pixels), gradient, pixels, TriggerSearch(1.0, 0.4, 1))

    assert lengths(stepped).item() == pytest.approx(1.0)
    assert stepped[..., 2:].abs().max() == 0


@given(seed=SEEDS, classes=st.integers(2, 6), scale=st.sampled_from([1.0, 1e3, 1e30]))
def test_the_runner_up_is_the_strongest_other_class(seed: int, classes: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(8, classes, generator=generator)
    labels = torch.randint(0, classes, (8,), generator=generator)

    chosen = runner_up(logits, labels)

    assert (chosen != labels).all()
    for row, label, choice in zip(logits, labels, chosen, strict=True):
        others = [value for k, value in enumerate(row.tolist()) if k != label]
        assert row[choice].item() == max(others)


def test_the_perturbation_moves_the_model_towards_the_target_within_the_bound() -> None:
    classifier = tiny_classifier()
    images = some_images(16)
    pixels = images.pixels()

    for steps in (1, 3):
        search = TriggerSearch(norm=1.0, step=2 / math.sqrt(192), steps=steps)
        perturbed, clean_logits, targets = perturb(classifier, pixels, images.labels, search)

        assert torch.allclose(clean_logits, classifier(pixels))
        assert torch.equal(targets, runner_up(clean_logits, images.labels))
        assert (lengths(perturbed - pixels) <= 1 + 1e-5).all()
        rows = torch.arange(16)
        before = clean_logits.log_softmax(1)[rows, targets].mean()
        after = classifier(perturbed).log_softmax(1)[rows, targets].mean()
        assert after > before + 0.01
        assert not perturbed.requires_grad


def test_the_default_bound_grows_with_large_images_and_does_not_shrink_with_small_ones() -> None:
    assert default_norm((3, 32, 32)) == 4.0
    assert default_norm((3, 64, 64)) == 8.0
    assert default_norm((1, 8, 8)) == 4.0
