"""Frames on the socket between the web process and the engine: a length, and a message as JSON.

No pickle: the engine holds what hostile images made of it, and unpickling would let it in here.
"""

from __future__ import annotations

import struct
from asyncio import IncompleteReadError, StreamReader
from io import BufferedReader

from pydantic import BaseModel

_LENGTH = struct.Struct("!I")
MOST_BYTES = 1 << 20


class FrameError(Exception):
    """The other side sent what is no frame."""


def encode(message: BaseModel) -> bytes:
    """One frame."""
    text = message.model_dump_json().encode()
    return _LENGTH.pack(len(text)) + text


async def receive(reader: StreamReader) -> bytes | None:
    """The next frame's message; None at the end. Raises FrameError."""
    try:
        return await reader.readexactly(_length(await reader.readexactly(_LENGTH.size)))
    except (IncompleteReadError, ConnectionError):
        return None


def read(stream: BufferedReader) -> bytes | None:
    """As :func:`receive`, for a thread that may wait."""
    try:
        prefix = stream.read(_LENGTH.size)
        if len(prefix) < _LENGTH.size:
            return None
        length = _length(prefix)
        text = stream.read(length)
    except ConnectionError:
        return None
    return text if len(text) == length else None


def _length(prefix: bytes) -> int:
    length: int = _LENGTH.unpack(prefix)[0]
    if length > MOST_BYTES:
        raise FrameError(f"a frame of {length} bytes")
    return length
