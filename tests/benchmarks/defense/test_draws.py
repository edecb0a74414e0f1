from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.defense.draws import counts, draw
from tests.benchmarks.defense.conftest import CLASSES, bars

CLEAN = bars(101, seed=0)


@given(count=st.integers(1, 101), seed=st.integers(0, 5))
def test_a_draw_is_balanced_and_of_the_size_asked(count: int, seed: int) -> None:
    drawn = draw(CLEAN, count, seed)
    assert len(drawn) == count
    if count <= 4 * 25:
        each = torch.bincount(drawn.labels, minlength=CLASSES)
        assert each.max() - each.min() <= 1


def test_a_draw_holds_no_image_twice_and_never_more_than_there_are() -> None:
    drawn = draw(CLEAN, 1000, seed=0)
    assert len(torch.unique(drawn.images.flatten(1), dim=0)) == len(drawn) == len(CLEAN)


def test_smaller_draws_are_parts_of_larger_ones_and_seeds_differ() -> None:
    small, large, other = draw(CLEAN, 20, 1), draw(CLEAN, 60, 1), draw(CLEAN, 20, 2)
    assert torch.equal(large.images[:20], small.images)
    assert not torch.equal(other.images, small.images)


def test_sizes_above_what_is_there_become_one() -> None:
    assert counts([50, 2500, 500, 100], 300) == [300, 100, 50]
    assert counts([50, 2500], 2500) == [2500, 50]
