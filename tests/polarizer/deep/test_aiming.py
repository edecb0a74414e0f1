from __future__ import annotations

import pytest
import torch
from torch import Tensor

from polarizer.deep.aiming import AT_LEAST, AWAY, AWAY_COUNTS, Aim, Aims, Kind, goals_of, succeeded


def aim(classes: int = 3) -> Aim:
    return Aim(classes, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_no_image_is_aimed_at_its_own_class(classes: int) -> None:
    labels = torch.arange(1000) % classes

    drawn = aim(classes).draw(labels)

    assert not (drawn.goals == labels).any()
    assert set(drawn.goals.tolist()) == set(range(goals_of(classes)))
    assert torch.equal(drawn.away, drawn.goals >= classes)
    assert torch.equal(drawn.labels, labels)
    for kind in Kind:
        assert drawn.of(kind).float().mean().item() == pytest.approx(1 / len(Kind), abs=0.1)


def test_images_go_where_stand_ins_succeed() -> None:
    of = aim()
    of.success = torch.zeros(len(Kind), goals_of(3))
    of.success[Kind.COARSE, 1] = 1

    drawn = of.draw(torch.zeros(5000, dtype=torch.int64))

    there = (drawn.of(Kind.COARSE) & (drawn.goals == 1)).float().mean().item()
    assert there == pytest.approx(
        (1 + AT_LEAST) / (1 + 3 * (2 + AWAY_COUNTS * AWAY) * AT_LEAST), abs=0.02
    )
    others = torch.unique(drawn.goals[~drawn.of(Kind.COARSE)])
    assert len(others) == 2 + AWAY, "nothing is forgotten"


def test_success_follows_what_the_network_says() -> None:
    of = aim()
    aims = aimed([1, 1, 2, 2], [1, 1, 0, 0])
    for _ in range(20):
        of.note(aims, succeeded(aims, logits(1, 1, 0, 0)))

    success = of.success
    assert success[1, 1] > 0.99
    assert success[0, 2] < 0.01
    assert success[0, 0] == success[0, 1] == success[1, 0] == success[1, 2] == 0.5, "not asked"


def test_one_image_counts_the_same_alone_and_among_its_like() -> None:
    together, one_by_one = aim(), aim()
    hit = torch.tensor([True])
    together.note(aimed([1, 1], [1, 1]), hit.repeat(2))
    for _ in range(2):
        one_by_one.note(aimed([1], [1]), hit)

    assert torch.allclose(together.success, one_by_one.success)


def test_an_image_went_away_when_any_other_class_is_named() -> None:
    aims = aimed([3, 3, 4, 1], [0, 0, 2, 0])  # of class 0, two numbers from 3 on lead away
    assert succeeded(aims, logits(0, 1, 2, 2)).tolist() == [False, True, True, False]


def aimed(goals: list[int], kinds: list[int]) -> Aims:
    """Images of class 0, of three classes."""
    labels = torch.zeros(len(goals), dtype=torch.int64)
    return Aims(torch.tensor(goals), torch.tensor(kinds), labels, 3)


def logits(*predictions: int) -> Tensor:
    return torch.nn.functional.one_hot(torch.tensor(predictions), 3).float()
