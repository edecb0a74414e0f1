"""Pages in Zstandard: one whole frame of the size that was said, or refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from polarizer.datasets.parquet.zstd import unpack as unpack_zstd
from polarizer.errors import DatasetFormatError
from tests.polarizer.datasets import parquet_file as made

CONTENT = bytes(1000) + b"image"
FRAME = made.zstd(CONTENT)
NAMELESS = made.zstd(CONTENT, says_size=False)


@pytest.mark.parametrize("frame", [FRAME, NAMELESS], ids=["sized", "of unknown size"])
def test_zstd_gives_back_what_was_packed(frame: bytes) -> None:
    assert unpack_zstd(memoryview(frame), len(CONTENT)) == CONTENT


@pytest.mark.parametrize(
    ("frame", "size"),
    [
        (FRAME[:-1], len(CONTENT)),
        (NAMELESS[:-1], len(CONTENT)),
        (FRAME[:3], len(CONTENT)),
        (b"", len(CONTENT)),
        (FRAME, len(CONTENT) - 1),
        (FRAME, len(CONTENT) + 1),
        (NAMELESS, len(CONTENT) - 1),
        (FRAME + FRAME, len(CONTENT)),
        (FRAME + b"more", len(CONTENT)),
        (b"\x50\x2a\x4d\x18\4\0\0\0" + b"skip" + FRAME, len(CONTENT)),
    ],
    ids=[
        *("cut short", "of unknown size, cut short", "a head cut short", "nothing"),
        *("of more than was said", "of less than was said", "of unknown size and of more"),
        *("twice", "with something behind it", "behind one to be skipped"),
    ],
)
def test_zstd_that_is_not_one_whole_frame_is_refused(frame: bytes, size: int) -> None:
    with pytest.raises(DatasetFormatError, match="damaged"):
        unpack_zstd(memoryview(frame), size)


def test_zstd_takes_no_memory_that_only_the_frame_speaks_of() -> None:
    """A size of two exabytes, and a window of 1 GB that has to be kept while it is unpacked."""
    huge = b"\x28\xb5\x2f\xfd\xe0" + (2**61).to_bytes(8, "little") + b"\x03\0\0a"
    wide = b"\x28\xb5\x2f\xfd\0\xa0" + (len(CONTENT) << 3 | 1).to_bytes(3, "little") + CONTENT
    assert zstandard.get_frame_parameters(wide).window_size == 1 << 30
    for frame in (huge, wide):
        with pytest.raises(DatasetFormatError, match="damaged"):
            unpack_zstd(memoryview(frame), len(CONTENT))


@given(st.binary(max_size=200), st.integers(0, 2000))
def test_zstd_of_any_bytes_ends_in_order(tail: bytes, size: int) -> None:
    for frame in (tail, FRAME[:6] + tail, NAMELESS[:6] + tail):
        with suppress(DatasetFormatError):
            assert len(unpack_zstd(memoryview(frame), size)) <= size
