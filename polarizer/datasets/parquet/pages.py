"""The pages of a column: unpacked one at a time, within limits, as values or None."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from polarizer.datasets.parquet import snappy, zstd
from polarizer.datasets.parquet.damage import damaged, unusual
from polarizer.datasets.parquet.encodings import Values, hybrid, plain
from polarizer.datasets.parquet.schema import Chunk, field, struct
from polarizer.datasets.parquet.thrift import Struct, Thrift

Value = int | bytes | memoryview | None

_CODECS = {0: "none", 1: "SNAPPY", 2: "GZIP", 3: "LZO", 4: "BROTLI", 5: "LZ4", 6: "ZSTD", 7: "LZ4"}
_DATA, _INDEX, _DICTIONARY, _DATA_2 = range(4)
_PLAIN, _OLD_DICTIONARY, _RLE, _BY_DICTIONARY = 0, 2, 3, 8
_LONGEST_HEADER = 64 * 1024
_AGAIN = "write it with pyarrow's usual settings (compression='snappy')"


@dataclass
class Budget:
    """Bytes that may still be unpacked, and those of one page."""

    left: int
    page: int

    def require(self, size: int) -> None:
        """Raises DatasetFormatError when a page, packed or not, is too large."""
        if size > self.page:
            unusual(
                f"has a page of {size:,} bytes, at most {self.page:,} are read",
                "write it with smaller groups of rows, of 100 images, say",
            )

    def take(self, size: int) -> None:
        """A page that is unpacked. Raises DatasetFormatError when it is too much."""
        self.require(size)
        self.left -= size
        if self.left < 0:
            unusual("unpacks to more than is allowed for its size", "send fewer images")


def values(file: BinaryIO, chunk: Chunk, budget: Budget) -> Iterator[Value]:
    """The column's values in one group of rows, one a row. Raises DatasetFormatError."""
    if _CODECS.get(chunk.codec) not in ("none", "SNAPPY", "GZIP", "ZSTD"):
        named = _CODECS.get(chunk.codec, f"method {chunk.codec}")
        unusual(f"is compressed by {named}, which is not read", _AGAIN)
    dictionary: Values | None = None
    left = chunk.values
    for header, body in _pages(file, chunk, budget):
        kind = field(header, 1, int)
        if kind == _DICTIONARY:
            about = struct(header.get(7))
            content = _unpacked(body, field(header, 2, int), chunk.codec, budget)
            count = field(about, 1, int)
            if not 0 <= count <= chunk.values:
                damaged("a dictionary of more values than its column")
            dictionary = plain(content, chunk.column.kind, count)
        elif kind in (_DATA, _DATA_2):
            page = (_data if kind == _DATA else _data_2)(header, body, chunk, left, budget)
            left -= page.count
            yield from page.values(dictionary)
        elif kind != _INDEX:
            unusual(f"has a page of type {kind}", _AGAIN)
    if left:
        damaged("a column of fewer values than its header says")


def _pages(file: BinaryIO, chunk: Chunk, budget: Budget) -> Iterator[tuple[Struct, memoryview]]:
    at, end = chunk.start, chunk.start + chunk.size
    while at < end:
        file.seek(at)
        thrift = Thrift(file.read(min(_LONGEST_HEADER, end - at)))
        header = thrift.struct()
        size = field(header, 3, int)
        at += thrift.at
        if not 0 <= size <= end - at:
            damaged("a page that is longer than its column")
        budget.require(size)
        file.seek(at)
        body = file.read(size)
        if len(body) != size:
            damaged("it is truncated")
        at += size
        yield header, memoryview(body)


@dataclass(frozen=True)
class _Page:
    """``levels``: which of the values are there; None: all."""

    chunk: Chunk
    count: int
    encoding: int
    levels: list[bool] | None
    content: memoryview

    def values(self, dictionary: Values | None) -> Iterator[Value]:
        present = self.count if self.levels is None else sum(self.levels)
        found = iter(self._present(present, dictionary))
        if self.levels is None:
            yield from found
        else:
            yield from (next(found) if there else None for there in self.levels)

    def _present(self, count: int, dictionary: Values | None) -> Iterator[Value] | Values:
        if self.encoding == _PLAIN:
            return plain(self.content, self.chunk.column.kind, count)
        if self.encoding not in (_OLD_DICTIONARY, _BY_DICTIONARY):
            unusual(f"encodes a column in way {self.encoding}, which is not read", _AGAIN)
        if dictionary is None:
            damaged("a page without its dictionary")
        if not count:
            return ()
        if not len(self.content):
            damaged("a page that ends too early")
        places = hybrid(self.content[1:], self.content[0], count)
        if places.max() >= len(dictionary):
            damaged("a value that is not in the dictionary")
        return (dictionary[place] for place in places.tolist())


def _data(header: Struct, body: memoryview, chunk: Chunk, left: int, budget: Budget) -> _Page:
    about = struct(header.get(5))
    count = _count(about, left)
    content = _unpacked(body, field(header, 2, int), chunk.codec, budget)
    levels = None
    if chunk.column.level:
        if field(about, 3, int) != _RLE:
            unusual("encodes what is missing in an old way", _AGAIN)
        size = int.from_bytes(content[:4], "little")
        if size > len(content) - 4:
            damaged("levels that are longer than their page")
        levels = _levels(content[4 : 4 + size], chunk, count)
        content = content[4 + size :]
    return _Page(chunk, count, field(about, 2, int), levels, content)


def _data_2(header: Struct, body: memoryview, chunk: Chunk, left: int, budget: Budget) -> _Page:
    about = struct(header.get(8))
    count = _count(about, left)
    missing, repeated = field(about, 5, int), field(about, 6, int)
    size = field(header, 2, int)
    if repeated or not 0 <= missing <= min(len(body), size):
        damaged("levels that are longer than their page")
    levels = _levels(body[:missing], chunk, count) if chunk.column.level else None
    codec = chunk.codec if field(about, 7, bool, True) else 0
    content = _unpacked(body[missing:], size - missing, codec, budget)
    return _Page(chunk, count, field(about, 4, int), levels, content)


def _count(about: Struct, left: int) -> int:
    count: int = field(about, 1, int)
    if not 0 <= count <= left:
        damaged("a page of more values than its column")
    return count


def _levels(data: memoryview, chunk: Chunk, count: int) -> list[bool]:
    found = hybrid(data, chunk.column.level.bit_length(), count)
    there: list[bool] = (found == chunk.column.level).tolist()
    return there


def _unpacked(body: memoryview, size: int, codec: int, budget: Budget) -> memoryview:
    if size < 0:
        damaged("a page of fewer bytes than none")
    budget.take(size)
    if not size and not len(body):
        return body
    if codec == 1:
        return memoryview(snappy.unpack(body, size))
    if codec == 2:
        body = memoryview(_inflated(body, size))
    if codec == 6:
        body = memoryview(zstd.unpack(body, size))
    if len(body) != size:
        damaged("a page that unpacks to another size than its header says")
    return body


def _inflated(body: memoryview, size: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=47)  # gzip, or zlib's own
    try:
        return unpacker.decompress(body, size + 1)
    except zlib.error as error:
        damaged(str(error), error)
