"""Blocks never overlap, nothing is lost, and what the engine could cut short cannot be."""

from __future__ import annotations

import mmap
import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.inference.arena import KEPT_BYTES, Arena, Block

SIZE = 1 << 16


@given(st.lists(st.one_of(st.integers(0, 20_000), st.none()), max_size=60), st.randoms())
def test_blocks_never_overlap_and_all_come_back(steps: list[int | None], random) -> None:
    arena = Arena(SIZE)
    blocks: list[Block] = []
    for nbytes in steps:
        if nbytes is not None:
            if block := arena.take(nbytes):
                assert block.end - block.begin >= nbytes
                blocks.append(block)
        elif blocks:
            blocks.pop(random.randrange(len(blocks))).free()
        places = sorted((block.begin, block.end) for block in blocks)
        assert all(end <= begin for (_, end), (begin, _) in zip(places, places[1:], strict=False))
        assert arena.blocks == len(blocks)
        assert arena.used_bytes == sum(end - begin for begin, end in places)
    for block in blocks:
        block.free()
        block.free()
    assert arena.used_bytes == 0
    assert arena.take(SIZE), "the holes became one again"
    arena.close_descriptor()


def test_the_other_end_sees_what_is_written() -> None:
    arena = Arena(SIZE)
    block = arena.take(5)
    assert block
    block.view(block.begin, block.begin + 5)[:] = b"hello"
    with mmap.mmap(arena.descriptor, SIZE) as other:
        assert other[block.begin : block.begin + 5] == b"hello"
    arena.close_descriptor()


def test_a_block_shows_nothing_beyond_itself() -> None:
    arena = Arena(SIZE)
    first, second = arena.take(64), arena.take(64)
    assert first
    assert second
    with pytest.raises(ValueError, match="not in the block"):
        first.view(first.begin, second.end)
    arena.close_descriptor()


@pytest.mark.skipif(sys.platform != "linux", reason="memory files with seals are Linux's")
def test_the_engine_cannot_cut_the_memory_short() -> None:
    arena = Arena(SIZE)
    with pytest.raises(PermissionError):
        os.truncate(arena.descriptor, 0)
    arena.close_descriptor()


@pytest.mark.skipif(sys.platform != "linux", reason="pages are counted as Linux does")
def test_pages_go_back_when_nothing_is_in_use() -> None:
    arena = Arena(4 * KEPT_BYTES)
    block = arena.take(3 * KEPT_BYTES)
    assert block
    block.view(block.begin, block.end)[:] = bytes(3 * KEPT_BYTES)
    assert os.fstat(arena.descriptor).st_blocks * 512 >= 3 * KEPT_BYTES
    block.free()
    assert os.fstat(arena.descriptor).st_blocks * 512 <= KEPT_BYTES
    arena.close_descriptor()
