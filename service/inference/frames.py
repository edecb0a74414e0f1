"""Frames on the socket between the web process and the engine: a length, and a message as JSON.

No pickle: the engine holds what hostile images made of it, and unpickling would let it in here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from pydantic import BaseModel

_LENGTH = struct.Struct("!I")
MOST_BYTES = 1 << 20
AT_ONCE = 1 << 18
"""Bytes that either side reads from the socket at once: many frames, where many are there."""


class FrameError(Exception):
    """The other side sent what is no frame."""


def encode(message: BaseModel) -> bytes:
    """One frame."""
    text = message.model_dump_json().encode()
    return _LENGTH.pack(len(text)) + text


class Splitter:
    """What comes over the socket, in whatever pieces, as the frames that it is made of."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that are complete now; to be read to their end. Raises FrameError."""
        self._rest += data
        begin, size = 0, _LENGTH.size
        while len(self._rest) - begin >= size:
            length: int = _LENGTH.unpack_from(self._rest, begin)[0]
            if length > MOST_BYTES:
                raise FrameError(f"a frame of {length} bytes")
            end = begin + size + length
            if len(self._rest) < end:
                break
            yield bytes(self._rest[begin + size : end])
            begin = end
        del self._rest[:begin]
