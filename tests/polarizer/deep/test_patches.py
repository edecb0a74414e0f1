from __future__ import annotations

import pytest
import torch
from torch import Tensor

from polarizer.deep.patches import MOVED_BELOW, PATIENCE, Patches

CPU = torch.device("cpu")


def patches(shape: tuple[int, int, int] = (3, 12, 12), seed: int = 0) -> Patches:
    generator = torch.Generator().manual_seed(seed)
    return Patches(3, shape, device=CPU, generator=generator)


def black(count: int, shape: tuple[int, int, int] = (3, 12, 12)) -> Tensor:
    return torch.zeros(count, *shape)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (3, 20, 50), (1, 1, 9)], ids=str)
def test_a_patch_is_a_small_square_within_the_image(shape: tuple[int, int, int]) -> None:
    of = patches(shape)

    pasted = of.paste(black(200, shape), torch.arange(200) % 3)

    covered = pasted[:, 0] > 0
    side = of.side
    assert pasted.shape == (200, *shape)
    assert (covered.flatten(1).sum(1) == side * side).all()
    assert side <= max(2, min(shape[1:]) / 6 + 0.5)
    rows, columns = covered.any(2), covered.any(1)
    assert (rows.sum(1) == side).all()
    assert (columns.sum(1) == side).all()


def test_half_of_the_images_show_it_at_its_place() -> None:
    of = patches((1, 32, 32))
    row, column = of.places[1].tolist()

    pasted = of.paste(black(1000, (1, 32, 32)), torch.ones(1000, dtype=torch.int64))

    there = pasted[:, 0, row : row + of.side, column : column + of.side].flatten(1).gt(0).all(1)
    assert there.float().mean().item() == pytest.approx(0.5, abs=0.06)
    assert pasted[:, 0].gt(0).any(0).float().mean() > 0.9, "and the others all over the image"


def test_it_climbs_and_stays_a_picture() -> None:
    of = patches()
    for _ in range(10):
        pasted = of.paste(black(4), torch.tensor([0, 0, 1, 1]))
        (pasted[:2].sum() - pasted[2:].sum()).backward()
        of.learn()

    assert (of.values[0] == 1).all()
    assert (of.values[1] == 0).all()
    assert (of.values[2] == 0.5).all()


def test_one_that_fails_is_moved_after_a_while() -> None:
    of = patches((1, 64, 64))
    before = of.places.clone()
    targets = torch.tensor([0] * PATIENCE + [1] * PATIENCE + [2])

    of.note(targets, targets == 1)

    moved = (of.places != before).any(1).tolist()
    assert moved == [True, False, False], "1 succeeds, and 2 was hardly shown"


def test_one_that_was_moved_is_given_time_again() -> None:
    of = patches((1, 64, 64))
    shown, hits = torch.zeros(PATIENCE, dtype=torch.int64), torch.zeros(PATIENCE, dtype=torch.bool)
    of.note(shown, hits)
    after = of.places.clone()

    of.note(shown[: PATIENCE // 2], hits[: PATIENCE // 2])

    assert torch.equal(of.places, after)
    assert MOVED_BELOW > 0


def test_a_copy_learns_nothing_and_repeats_itself() -> None:
    of = patches()
    first, second = of.copy(), of.copy()
    of.paste(black(2), torch.tensor([0, 1])).sum().backward()
    of.learn()

    targets = torch.arange(30) % 3
    assert torch.equal(first.paste(black(30), targets), second.paste(black(30), targets))
    assert (first.values == 0.5).all()
