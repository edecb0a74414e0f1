"""Pages in Snappy: literals, and copies of what came before."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from polarizer.datasets.parquet.snappy import unpack
from tests.polarizer.datasets import parquet_file as made


@given(st.binary(max_size=5000), st.integers(0, 2**32))
def test_snappy_gives_back_what_was_packed(data: bytes, seed: int) -> None:
    rng = random.Random(seed)
    packed, out = made.varint(len(data)), bytearray()
    while len(out) < len(data):
        rest = data[len(out) :]
        back = out.rfind(rest[:4]) if len(rest) >= 4 else -1
        if back >= 0 and rng.random() < 0.9:
            packed += bytes([3 << 2 | 2]) + (len(out) - back).to_bytes(2, "little")
            out += rest[:4]
        else:
            piece = rest[: rng.randint(1, 60)]
            packed += bytes([len(piece) - 1 << 2]) + piece
            out += piece
    assert unpack(memoryview(packed), len(data)) == data


def test_snappy_copies_that_overlap() -> None:
    """One byte repeated, by each of the three kinds of copies."""
    for copy, length in ((b"\x1d\x01", 11), (b"\x2a\x01\0", 11), (b"\x2b\x01\0\0\0", 11)):
        packed = made.varint(1 + length) + b"\0a" + copy
        assert unpack(memoryview(packed), 1 + length) == b"a" * (1 + length)
