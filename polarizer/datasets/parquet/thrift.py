"""Thrift's compact protocol, in which Parquet writes its headers: structures by field number.

Bounded by its input: whatever is promised needs bytes, of which there are only so many.
"""

from __future__ import annotations

from typing import Any

from polarizer.datasets.parquet.damage import damaged

Struct = dict[int, Any]
"""Field number → bool, int, float, bytes, list, or another structure; maps are left out."""

_DEEPEST = 12
_MOST_VALUES = 500_000  # of one header; a Python object takes more room than the byte it came from
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_INTEGERS = (4, 5, 6)


class Thrift:
    """Reads from ``data``; ``at`` is the place of the next byte."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = memoryview(data)
        self.at = 0
        self._left = _MOST_VALUES

    def struct(self, depth: int = 0) -> Struct:
        """The next structure. Raises DatasetFormatError for damage."""
        if depth > _DEEPEST:
            damaged("its headers are nested too deeply")
        found: Struct = {}
        number = 0
        while byte := self._byte():
            kind, step = byte & 15, byte >> 4
            number = number + step if step else self._integer()
            value = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)
            found[number] = value
        return found

    def varint(self) -> int:
        """An unsigned number of up to 64 bits."""
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                damaged("a number without end")

    def _value(self, kind: int, depth: int) -> Any:  # noqa: ANN401
        self._left -= 1
        if self._left < 0:
            damaged("a header of too many values")
        if kind in _INTEGERS:
            return self._integer()
        if kind == _BINARY:
            return bytes(self._take(self.varint()))
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in (_LIST, _SET):
            return self._list(depth + 1)
        if kind == _MAP:
            return self._map(depth + 1)
        if kind == _DOUBLE:
            return bytes(self._take(8))
        if kind in (_TRUE, _FALSE, _BYTE):  # as elements of a list
            return self._byte()
        return damaged(f"a header with a value of type {kind}")

    def _list(self, depth: int) -> list[Any]:
        byte = self._byte()
        size = byte >> 4
        if size == 15:
            size = self.varint()
        if size > len(self._data) - self.at or depth > _DEEPEST:
            damaged("a list that is longer than its header")
        return [self._value(byte & 15, depth) for _ in range(size)]

    def _map(self, depth: int) -> None:
        size = self.varint()
        if size > len(self._data) - self.at or depth > _DEEPEST:
            damaged("a map that is longer than its header")
        kinds = self._byte() if size else 0
        for _ in range(size):
            self._value(kinds >> 4, depth)
            self._value(kinds & 15, depth)

    def _integer(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, size: int) -> memoryview:
        if size > len(self._data) - self.at:
            damaged("a header that ends too early")
        taken = self._data[self.at : self.at + size]
        self.at += size
        return taken
