"""Squares lie in the image, and the patch that opens a door is found and searched within [0, 1]."""

from __future__ import annotations

import torch

from polarizer.evidence.inversion import Inversion
from polarizer.evidence.patch_search import PatchSearch, patches_of
from polarizer.squares import Squares, pasted, squares
from tests.polarizer.evidence.doors import CLASSES, TARGET, images, with_door

CPU = torch.device("cpu")
HELD = images(40)
LABELS = list(range(CLASSES))


def search(ticks: list[str]) -> PatchSearch:
    order = torch.arange(40).repeat(4).view(10, 16)
    inversion = Inversion(norm=1.5, order=order, device=CPU, tick=lambda: ticks.append("climb"))
    tried = squares((1, 8, 8), torch.Generator().manual_seed(0))
    return PatchSearch(inversion, tried, tick=lambda: ticks.append("try"))


def test_squares_lie_in_the_image_and_reach_every_edge() -> None:
    tried = squares((3, 32, 40), torch.Generator().manual_seed(0))
    side = tried.values.shape[-1]
    assert side == 5
    assert tried.places.min() == 0
    assert tried.places.amax(0).tolist() == [32 - side, 40 - side]
    assert len(tried) == 3 * 7 * 7
    assert len(squares((1, 2, 2), torch.Generator())) == 3


def test_a_patch_covers_its_place_and_nothing_else() -> None:
    patch = Squares(torch.full((1, 1, 2, 2), 0.25), torch.tensor([[3, 5]]))
    pixels = HELD.pixels()
    marked = pasted(pixels, patch)
    changed = (marked != pixels).any(0)[0]
    assert marked[:, :, 3:5, 5:7].eq(0.25).all()
    assert changed.sum() == changed[3:5, 5:7].sum() <= 4


def test_patches_that_touch_are_told() -> None:
    places = torch.tensor([[0, 0], [1, 1], [0, 2], [2, 0]])
    patches = Squares(torch.zeros(4, 1, 2, 2), places)
    assert patches.overlap(0).tolist() == [True, True, False, False]


def test_the_patch_of_a_door_is_found() -> None:
    model = with_door(40.0)
    found = search([]).found(model, HELD, LABELS)
    assert len(found.targets) == len(found.patches) == patches_of(CLASSES)
    assert 0 <= found.patches.values.min() <= found.patches.values.max() <= 1
    its = found.patches.select(found.targets == TARGET)
    hits = model(pasted(HELD.pixels(), its)).argmax(1) == TARGET
    assert hits.unflatten(0, (len(its), -1)).float().mean(1).max() == 1


def test_ticks_are_foretold() -> None:
    ticks: list[str] = []
    one = search(ticks)
    one.found(with_door(1.0), HELD, LABELS)
    assert ticks.count("try") == one.tries()
    assert ticks.count("climb") == one.climbs(CLASSES)


def test_two_classes_are_enough() -> None:
    found = search([]).found(with_door(1.0), HELD, [1, 4])
    assert sorted(set(found.targets.tolist())) == [1, 4]
