from __future__ import annotations

from itertools import islice

import torch
from hypothesis import given
from hypothesis import strategies as st

from polarizer.optimisation import endless_batches


@given(count=st.integers(1, 40), size=st.integers(1, 60), seed=st.integers(0, 2**32))
def test_every_image_comes_up_equally_often(count: int, size: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)

    batches = list(islice(endless_batches(count, size, generator), 7))

    assert all(len(batch) == size for batch in batches)
    times = torch.bincount(torch.cat(batches), minlength=count)
    assert times.max() - times.min() <= 1


def test_batches_are_decided_by_the_generator() -> None:
    first, second, other = (
        torch.cat(list(islice(endless_batches(50, 8, torch.Generator().manual_seed(seed)), 9)))
        for seed in (1, 1, 2)
    )

    assert torch.equal(first, second)
    assert not torch.equal(first, other)
