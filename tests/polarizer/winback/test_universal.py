"""Whatever the budget: the bound holds, and no more is asked than was allowed."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from polarizer.winback.universal import Victim, descend, hits, search_squares
from tests.polarizer.winback.victims import TARGET, triggered, victim

MARKED = triggered(40)


def attacked() -> Victim:
    targets = torch.full_like(MARKED.labels, TARGET)
    return Victim(victim(0.8), MARKED.images, targets, torch.device("cpu"))


class Counting(torch.nn.Module):
    """Counts the images that it is shown, and checks that they are images."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner, self.shown = inner, 0

    def forward(self, pixels: Tensor) -> Tensor:
        assert pixels.min() >= 0
        assert pixels.max() <= 1
        self.shown += len(pixels)
        return self.inner(pixels)


@settings(max_examples=10, deadline=None)
@given(st.floats(0.001, 1), st.integers(1, 4), st.integers(1, 4), st.integers(0, 9))
def test_gradients_stay_within_the_bound(bound: float, epochs: int, steps: int, seed: int) -> None:
    model = attacked()
    counting = Counting(model.classifier)
    generator = torch.Generator().manual_seed(seed)

    delta = descend(
        Victim(counting, model.images, model.targets, model.device),  # type: ignore[arg-type]
        bound=bound,
        epochs=epochs,
        steps=steps,
        batch_size=7,
        generator=generator,
    )

    assert delta.abs().max() <= bound * (1 + 1e-6)
    assert delta.abs().max() > 0
    assert counting.shown == epochs * steps * 7


@settings(max_examples=10, deadline=None)
@given(st.floats(0.001, 1), st.integers(7, 200), st.integers(0, 9))
def test_squares_stay_within_bound_and_queries(bound: float, queries: int, seed: int) -> None:
    model = attacked()
    counting = Counting(model.classifier)
    searched = Victim(counting, model.images, model.targets, model.device)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(seed)

    delta = search_squares(
        searched, bound=bound, queries=queries, batch_size=7, generator=generator
    )

    assert delta.abs().max() <= bound * (1 + 1e-6)
    assert queries - 7 < counting.shown <= queries


@pytest.mark.parametrize("seed", range(3))
def test_squares_never_end_above_the_loss_that_they_began_with(seed: int) -> None:
    model = attacked()
    generator = torch.Generator().manual_seed(seed)

    delta = search_squares(model, bound=0.1, queries=2000, batch_size=40, generator=generator)

    pixels = MARKED.pixels()
    assert model.loss(pixels, model.targets, delta) < model.loss(
        pixels, model.targets, torch.zeros_like(delta)
    )


def test_hits_are_counted_over_all_batches() -> None:
    many = triggered(600)
    targets = torch.full_like(many.labels, TARGET)

    assert hits(victim(4.0), many.images, targets, None) == 1.0
    assert hits(victim(0.0), many.images, targets, None) == pytest.approx(0.1)
