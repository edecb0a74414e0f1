"""Numbers in runs and packed in bits."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polarizer.datasets.parquet.encodings import hybrid
from polarizer.errors import DatasetFormatError
from tests.polarizer.datasets import parquet_file as made


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 30)), max_size=8), st.integers(1, 20))
def test_runs_and_packed_numbers(pieces: list[tuple[bool, int]], width: int) -> None:
    rng = random.Random(str(pieces))
    data, expected = b"", []
    for is_run, length in pieces:
        numbers = [rng.randrange(1 << width) for _ in range(8 * length)]
        if is_run:
            data += made.run(numbers[0], length, width)
            expected += numbers[:1] * length
        else:
            data += made.packed(numbers, width)
            expected += numbers
    assert hybrid(memoryview(data), width, len(expected)).tolist() == expected
    with pytest.raises(DatasetFormatError):
        hybrid(memoryview(data), width, len(expected) + 1)
