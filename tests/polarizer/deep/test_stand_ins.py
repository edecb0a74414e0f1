from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from polarizer.deep.aiming import Aims, Kind
from polarizer.deep.stand_ins import COARSE_BOUND, StandIns, _enlarged

CPU = torch.device("cpu")


def stand_ins(
    goals: int = 3, shape: tuple[int, int, int] = (3, 8, 8), norm: float = 1.0, seed: int = 0
) -> StandIns:
    generator = torch.Generator().manual_seed(seed)
    return StandIns(goals, shape, norm, device=CPU, generator=generator)


def pixels(count: int, shape: tuple[int, int, int] = (3, 8, 8), seed: int = 0) -> Tensor:
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(seed))


def aims(*goals: int) -> Aims:
    """The kinds go round."""
    return of_kinds(torch.arange(len(goals)) % len(Kind), *goals)


def of_kinds(kinds: Tensor, *goals: int) -> Aims:
    return Aims(torch.tensor(goals), kinds, torch.full((len(goals),), 3), 3)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**31), norm=st.floats(0.1, 20), side=st.sampled_from([5, 8, 80]),
    steps=st.integers(0, 4),
)  # fmt: skip
def test_bounds_hold_however_long_they_learn(seed: int, norm: float, side: int, steps: int) -> None:
    shape = (3, side, side)
    of = stand_ins(shape=shape, norm=norm, seed=seed)
    images, aimed = pixels(6, shape, seed), aims(0, 1, 2, 0, 1, 1)
    weights = torch.randn(6, *shape, generator=torch.Generator().manual_seed(seed))
    for _ in range(steps):
        of.climb((of.apply(images, aimed) * weights).sum())

    changed = of.apply(images, aimed)

    assert changed.shape == images.shape
    assert changed.min() >= 0
    assert changed.max() <= 1
    fine, coarse = _enlarged(of.patterns, changed.shape[2:]).flatten(1), of.coarse.flatten(1)
    assert (fine.norm(dim=1) <= norm * 1.001).all()
    assert (coarse.square().mean(1).sqrt() <= COARSE_BOUND * 1.001).all()
    assert (of.flows.abs() <= of.flow_bound).all()
    assert ((of.patches.values >= 0) & (of.patches.values <= 1)).all()


def test_they_climb_what_is_made_from_them() -> None:
    of = stand_ins()
    images, aimed = pixels(30), aims(*(index % 3 for index in range(30)))
    weights = torch.linspace(-1, 1, 8)

    def objective() -> Tensor:
        return (of.apply(images, aimed) * weights).sum()

    before = objective().item()
    for _ in range(5):
        of.climb(objective())

    assert objective().item() > before + 1


def test_a_class_learns_from_the_images_sent_there_alone() -> None:
    of = stand_ins()
    before = [values.clone() for values in learned(of)]

    of.climb(of.apply(pixels(4), aims(1, 1, 1, 1)).sum())

    for was, now in zip(before, learned(of), strict=True):
        changed = (was != now).flatten(1).any(1)
        assert changed.tolist() == [False, True, False]


def test_nothing_is_learned_without_a_gradient() -> None:
    of = stand_ins()
    of.apply(pixels(2), aims(0, 1))
    before = of.flows.clone()

    of.learn()

    assert torch.equal(of.flows, before)
    assert not of.patterns.any()


def test_climbing_leaves_no_gradient_in_the_network() -> None:
    layer = torch.nn.Linear(3 * 8 * 8, 3)
    of = stand_ins()

    of.climb(layer(of.apply(pixels(2), aims(0, 1)).flatten(1)).sum())

    assert layer.weight.grad is None
    assert of.patterns.any()


@pytest.mark.parametrize("kind", list(Kind))
def test_a_kind_learns_from_the_images_that_took_it(kind: Kind) -> None:
    of = stand_ins()
    before = [values.clone() for values in learned(of)]

    of.climb(of.apply(pixels(4), of_kinds(torch.full((4,), kind), 0, 1, 2, 0)).sum())

    fine, coarse, warps, patches = (
        not torch.equal(was, now) for was, now in zip(before, learned(of), strict=True)
    )
    assert (fine, coarse, patches) == tuple(kind == each for each in Kind)
    assert warps == (kind != Kind.PATCH)


def test_a_pattern_of_any_norm_is_no_longer_than_it_grew() -> None:
    of = stand_ins(norm=2.0)
    grey, aimed = torch.full((40, 3, 8, 8), 0.5), of_kinds(FINE, *[0] * 40)
    of.flows.zero_()
    of.climb(of.apply(grey, aimed).sum())
    of.flows.zero_()

    norms = (of.apply(grey, aimed, any_norm=True) - grey).flatten(1).norm(dim=1)

    grown = of.patterns[0].norm()
    assert (norms <= grown * 1.001).all()
    assert norms.min() < 0.3 * grown
    assert norms.max() > 0.7 * grown


FINE = torch.full((40,), Kind.FINE)


def learned(of: StandIns) -> tuple[Tensor, ...]:
    return of.patterns, of.coarse, of.flows, of.patches.values
