"""Snappy, the usual compression of Parquet: copies of earlier bytes, and bytes as they are."""

from __future__ import annotations

from polarizer.datasets.parquet.damage import damaged
from polarizer.datasets.parquet.thrift import Thrift


def unpack(data: memoryview, size: int) -> bytes:
    """The ``size`` bytes that ``data`` unpacks to. Raises DatasetFormatError for anything else.

    Memory grows with what is really there: a copy gives 64 bytes at most for two.
    """
    head = Thrift(data[:10])
    if head.varint() != size:
        damaged("a page that unpacks to another size than its header says")
    at, end = head.at, len(data)
    out = bytearray()
    try:
        while at < end:
            tag = data[at]
            at += 1
            at = (_copy if tag & 3 else _literal)(data, at, tag, out)
            if len(out) > size:
                damaged("a page that unpacks to more than its header says")
    except IndexError as error:
        damaged("a page that ends too early", error)
    if len(out) != size:
        damaged("a page that unpacks to less than its header says")
    return bytes(out)


def _literal(data: memoryview, at: int, tag: int, out: bytearray) -> int:
    length = tag >> 2
    if length > 59:
        count = length - 59
        length = int.from_bytes(data[at : at + count], "little")
        at += count
    length += 1
    if at + length > len(data):
        raise IndexError
    out += data[at : at + length]
    return at + length


def _copy(data: memoryview, at: int, tag: int, out: bytearray) -> int:
    if tag & 3 == 1:
        length, back = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | data[at]
        at += 1
    else:
        width = 2 if tag & 3 == 2 else 4
        length, back = (tag >> 2) + 1, int.from_bytes(data[at : at + width], "little")
        at += width
    start = len(out) - back
    if start < 0 or back == 0 or at > len(data):
        damaged("a page that copies what is not there")
    if back >= length:
        out += out[start : start + length]
    else:  # a pattern that is repeated
        pattern = bytes(out[start:])
        out += (pattern * (length // back + 1))[:length]
    return at
