"""Triggers stay within their bound and reach their goals."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from polarizer.evidence.inversion import Inversion, into_ball, invert, unit, with_triggers
from tests.polarizer.evidence.doors import CLASSES, TARGET, images, with_door

CPU = torch.device("cpu")
HELD = images(40)
SEARCH = Inversion(norm=1.5, order=torch.arange(40).repeat(4).view(10, 16), device=CPU)
ALL = torch.arange(CLASSES)[:, None].expand(-1, len(HELD))


@pytest.mark.parametrize("norm", [0.1, 1.5, 50.0])
def test_the_bound_holds(norm: float) -> None:
    triggers = invert(with_door(10.0), HELD, ALL, replace(SEARCH, norm=norm))
    assert triggers.shape == (CLASSES, 1, 8, 8)
    assert (triggers.flatten(1).norm(dim=1) <= norm * 1.0001).all()


def test_a_trigger_reaches_its_goal_and_uses_the_door() -> None:
    triggers = invert(with_door(10.0), HELD, ALL, SEARCH)
    marked = with_triggers(triggers[TARGET : TARGET + 1], HELD.pixels())
    assert (with_door(10.0)(marked).argmax(1) == TARGET).all()
    assert triggers[TARGET].abs().flatten()[60:].min() > triggers[TARGET].abs().flatten()[:60].max()


def test_images_that_are_there_already_do_not_count() -> None:
    mine = HELD.select(HELD.labels == TARGET)
    goals = torch.full((1, len(mine)), TARGET)
    found = invert(with_door(10.0), mine, goals, replace(SEARCH, order=torch.arange(6)[None]))
    assert not found.any()


def test_triggers_in_several_passes_are_those_of_one() -> None:
    wide = replace(SEARCH, order=SEARCH.order.repeat(1, 4))  # 64 images: two triggers a pass
    assert wide.together == 2
    together = invert(with_door(10.0), HELD, ALL, wide)
    alone = torch.cat([invert(with_door(10.0), HELD, goal[None], wide) for goal in ALL])
    assert torch.allclose(together, alone, atol=1e-5)


def test_ticks_are_foretold() -> None:
    ticks: list[int] = []
    search = replace(SEARCH, order=SEARCH.order.repeat(1, 4), tick=lambda: ticks.append(1))
    invert(with_door(10.0), HELD, ALL, search)
    assert len(ticks) == search.passes(CLASSES)


def test_with_triggers_stays_in_valid_pixels() -> None:
    marked = with_triggers(torch.full((2, 1, 8, 8), 5.0), HELD.pixels())
    assert marked.shape == (80, 1, 8, 8)
    assert float(marked.max()) == 1


def test_unit_and_ball() -> None:
    vectors = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    assert torch.equal(unit(vectors), torch.tensor([[0.6, 0.8], [0.0, 0.0]]))
    assert torch.allclose(into_ball(vectors, 1.0)[0].norm(), torch.tensor(1.0))
    assert torch.equal(into_ball(vectors, 6.0), vectors)
