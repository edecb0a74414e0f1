"""How a file is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.uploads.multipart.plan import (
    MIB,
    MOST_PART,
    MOST_PARTS,
    USUAL_PART,
    in_words,
    length_of,
    part_count,
    part_size,
)

sizes = st.integers(1, 1 << 50)


@given(sizes, st.none() | st.integers(1, 1 << 40), st.sampled_from([1 << 16, 5 * MIB]))
def test_the_parts_are_the_file(size: int, wanted: int | None, least: int) -> None:
    part = part_size(size, wanted, least)
    count = part_count(size, part)
    assert least <= part
    assert 1 <= count <= MOST_PARTS
    assert part <= MOST_PART or size > MOST_PART * MOST_PARTS
    last = length_of(count, size, part)
    assert 1 <= last <= part
    assert (count - 1) * part + last == size
    assert count == 1 or length_of(1, size, part) == part


@pytest.mark.parametrize(
    ("wanted", "becomes"),
    [(None, USUAL_PART), (1, 5 * MIB), (6 * MIB + 1, 6 * MIB + 1), (1 << 40, MOST_PART)],
)
def test_a_wish_is_kept_where_it_can_be(wanted: int | None, becomes: int) -> None:
    assert part_size(1 << 30, wanted, 5 * MIB) == becomes


@pytest.mark.parametrize(
    ("numbers", "words"),
    [([3], "3"), ([6, 5, 7, 1], "1, 5-7"), (range(1, 60, 2), "1, 3, 5 and 27 more")],
    ids=["one", "runs", "many"],
)
def test_missing_parts_in_words(numbers: list[int], words: str) -> None:
    assert in_words(numbers, most=3) == words
