"""A compressed stream: the right bytes, in any portions, up to the limit and no further."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polarizer.datasets.decompression import Unpacked
from polarizer.errors import DatasetFormatError

PACK: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
CONTENT = bytes(range(256)) * 800

kinds = pytest.mark.parametrize("pack", PACK.values(), ids=PACK)
compressions = pytest.mark.parametrize("pack", list(PACK.values())[1:], ids=list(PACK)[1:])


def _unpacked(content: bytes, limit: int = 10**6) -> Unpacked:
    return Unpacked(BytesIO(content), limit)


@kinds
@given(portions=st.lists(st.integers(0, 70_000), max_size=20))
def test_any_portions_are_the_content(pack: Callable[[bytes], bytes], portions: list[int]) -> None:
    stream, place = _unpacked(pack(CONTENT)), 0
    for portion in portions:
        if place + portion <= len(CONTENT):
            assert stream.read(portion) == CONTENT[place : place + portion]
            place += portion
    stream.skip(len(CONTENT) - place)
    assert stream.read(512, may_end=True) == b""


@compressions
def test_concatenated_files_are_one(pack: Callable[[bytes], bytes]) -> None:
    stream = _unpacked(pack(CONTENT[:70_000]) + pack(CONTENT[70_000:]))
    assert stream.read(len(CONTENT)) == CONTENT


@compressions
def test_what_follows_the_end_is_left_alone(pack: Callable[[bytes], bytes]) -> None:
    stream = _unpacked(pack(CONTENT) + b"more")
    assert stream.read(len(CONTENT)) == CONTENT
    assert stream.read(1, may_end=True) == b""


@kinds
def test_a_truncated_stream_is_named(pack: Callable[[bytes], bytes]) -> None:
    stream = _unpacked(pack(CONTENT)[:-20])
    with pytest.raises(DatasetFormatError, match="truncated"):
        stream.read(len(CONTENT) + 1)


@compressions
def test_a_damaged_stream_is_named(pack: Callable[[bytes], bytes]) -> None:
    packed = bytearray(pack(CONTENT))
    packed[12:30] = b"\xff" * 18
    with pytest.raises(DatasetFormatError, match="damaged|truncated"):
        _unpacked(bytes(packed)).read(len(CONTENT))


@kinds
def test_the_limit_is_held(pack: Callable[[bytes], bytes]) -> None:
    assert _unpacked(pack(CONTENT), len(CONTENT)).read(len(CONTENT)) == CONTENT
    with pytest.raises(DatasetFormatError, match="more than the"):
        _unpacked(pack(CONTENT), len(CONTENT) - 1).read(len(CONTENT))


def test_a_dictionary_that_needs_too_much_memory_is_refused() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
    packed = bytearray(lzma.compress(b"x", filters=filters))
    with pytest.raises(DatasetFormatError, match="damaged"):
        _unpacked(bytes(packed)).read(1)
