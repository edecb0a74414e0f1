"""A compressed stream that never gives, or holds, more than it was allowed."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import BinaryIO, Protocol

from polarizer.errors import DatasetFormatError
from polarizer.listing import shown

_CHUNK = 64 * 1024
_LZMA_MEMORY = 256 * 2**20

COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")


class _Decompressor(Protocol):
    """What zlib, bz2 and lzma objects have in common here."""

    def decompress(self, data: bytes, max_length: int) -> bytes: ...

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...


def _decompressor(head: bytes) -> Callable[[], _Decompressor] | None:
    if head.startswith(b"\x1f\x8b"):
        return _Gzip
    if head.startswith(b"BZh"):
        return bz2.BZ2Decompressor
    if head.startswith(b"\xfd7zXZ\0"):
        return lambda: lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)
    return None


class _Gzip:
    """zlib's object keeps input that did not fit; bz2's and lzma's keep it themselves."""

    def __init__(self) -> None:
        self._object = zlib.decompressobj(wbits=31)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._object.decompress(self._object.unconsumed_tail + data, max_length)

    @property
    def eof(self) -> bool:
        return self._object.eof

    @property
    def unused_data(self) -> bytes:
        return self._object.unused_data


class Unpacked:
    """The content of ``file``, plain or compressed by gzip, bzip2 or xz; at most ``max_bytes``."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        file.seek(0)
        self._make = _decompressor(file.read(8))
        file.seek(0)
        self._file = file
        self._object = self._make() if self._make else None
        self._ready = memoryview(b"")
        self._left = max_bytes
        self._max_bytes = max_bytes

    def read(self, size: int, *, may_end: bool = False) -> bytes:
        """Exactly ``size`` bytes, or none at all where the stream ``may_end``.

        Raises :class:`DatasetFormatError` at a premature end, at damage, and past the limit.
        """
        chunks: list[memoryview] = []
        missing = size
        while missing and (chunk := self._next(min(missing, _CHUNK))):
            chunks.append(chunk)
            missing -= len(chunk)
        if missing and not (may_end and not chunks):
            raise DatasetFormatError("the archive ends in the middle; it is truncated")
        return b"".join(chunks)

    def skip(self, size: int) -> None:
        """Leave out ``size`` bytes."""
        while size > 0:
            size -= len(self.read(min(size, _CHUNK)))

    def _next(self, most: int) -> memoryview:
        if not self._ready:
            self._ready = memoryview(self._unpacked() if self._make else self._file.read(_CHUNK))
        chunk, self._ready = self._ready[:most], self._ready[most:]
        self._left -= len(chunk)
        if self._left < 0:
            raise DatasetFormatError(
                f"the archive unpacks to more than the {self._max_bytes:,} bytes that are allowed "
                "for its size"
            )
        return chunk

    def _unpacked(self) -> bytes:
        data = b""
        while self._object is not None:
            if self._object.eof:
                data = self._next_member()
                continue
            try:
                chunk = self._object.decompress(data, _CHUNK)
            except (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError) as error:
                raise DatasetFormatError(
                    f"the compressed archive is damaged: {shown(str(error))}"
                ) from error
            if chunk:
                return chunk
            if not self._object.eof and not (data := self._file.read(_CHUNK)):
                return b""
        return b""

    def _next_member(self) -> bytes:
        """Compressed files may be concatenated; anything else behind the end is left alone."""
        rest = (self._object.unused_data if self._object else b"") or self._file.read(_CHUNK)
        again = _decompressor(rest)
        self._object = again() if again and self._make else None
        return rest
