"""From the bytes of a page to its values."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from polarizer.datasets.parquet.damage import damaged
from polarizer.datasets.parquet.schema import BYTE_ARRAY, INT32
from polarizer.datasets.parquet.thrift import Thrift

Values = Sequence[int] | Sequence[bytes | memoryview]

_LENGTH = struct.Struct("<I")


def plain(data: memoryview, kind: int, count: int) -> Values:
    """``count`` values one after the other; bytes are views of ``data``."""
    if kind == BYTE_ARRAY:
        return _strings(data, count)
    if not count:
        return ()
    dtype = np.dtype("<i4" if kind == INT32 else "<i8")
    if len(data) < count * dtype.itemsize:
        damaged("a page that ends too early")
    found: list[int] = np.frombuffer(data, dtype, count).tolist()
    return found


def _strings(data: memoryview, count: int) -> list[memoryview]:
    found: list[memoryview] = []
    at = 0
    for _ in range(count):
        if at + _LENGTH.size > len(data):
            damaged("a page that ends too early")
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        if length > len(data) - at:
            damaged("a value that is longer than its page")
        found.append(data[at : at + length])
        at += length
    return found


def hybrid(data: memoryview, width: int, count: int) -> NDArray[np.int64]:
    """``count`` numbers of ``width`` bits: runs of one number, and numbers packed by their bits."""
    if not 0 <= width <= 32:
        damaged(f"numbers of {width} bits")
    out = np.zeros(count, np.int64)
    done, at = 0, 0
    while done < count:
        head = Thrift(data[at : at + 10])
        length = head.varint()
        at += head.at
        if length & 1:
            done, at = _packed(data, at, width, length >> 1, out, done)
        else:
            size = -(-width // 8)
            if at + size > len(data) or length < 2:
                damaged("a run that ends too early")
            many = min(length >> 1, count - done)
            out[done : done + many] = int.from_bytes(data[at : at + size], "little")
            done, at = done + many, at + size
    return out


def _packed(
    data: memoryview, at: int, width: int, groups: int, out: NDArray[np.int64], done: int
) -> tuple[int, int]:
    """Eight numbers a group; what is beyond the end of ``out`` is left."""
    many = min(8 * groups, len(out) - done)
    needed = -(-many // 8) * width
    if not groups or at + needed > len(data):
        damaged("packed numbers that end too early")
    if width:
        bits = np.unpackbits(np.frombuffer(data[at : at + needed], np.uint8), bitorder="little")
        weights = np.int64(1) << np.arange(width, dtype=np.int64)
        out[done : done + many] = (bits.reshape(-1, width) @ weights)[:many]
    return done + many, at + groups * width
