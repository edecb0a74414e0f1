"""Frames on the socket between the web process and the engine: lengths, a JSON header, raw bytes.

No pickle: the engine holds what hostile images made of it, and unpickling would let it in here.
"""

from __future__ import annotations

import struct
from asyncio import IncompleteReadError, StreamReader
from collections.abc import Sequence
from io import BufferedReader

from pydantic import BaseModel

_LENGTHS = struct.Struct("!IQ")
MOST_HEADER_BYTES = 16 << 20
MOST_PAYLOAD_BYTES = 4 << 30


class FrameError(Exception):
    """The other side sent what is no frame."""


def encode(message: BaseModel, payload: Sequence[bytes] = ()) -> list[bytes]:
    """The pieces of one frame, to be written in this order."""
    header = message.model_dump_json().encode()
    return [_LENGTHS.pack(len(header), sum(map(len, payload))), header, *payload]


async def receive(reader: StreamReader) -> tuple[bytes, bytes] | None:
    """The next frame's header and payload; None at the end. Raises FrameError."""
    try:
        header, payload = _lengths(await reader.readexactly(_LENGTHS.size))
        return await reader.readexactly(header), await reader.readexactly(payload)
    except (IncompleteReadError, ConnectionError):
        return None


def read(stream: BufferedReader) -> tuple[bytes, bytes] | None:
    """As :func:`receive`, for a thread that may wait."""
    try:
        prefix = stream.read(_LENGTHS.size)
        if len(prefix) < _LENGTHS.size:
            return None
        header_length, payload_length = _lengths(prefix)
        header, payload = stream.read(header_length), stream.read(payload_length)
    except ConnectionError:
        return None
    whole = len(header) == header_length and len(payload) == payload_length
    return (header, payload) if whole else None


def _lengths(prefix: bytes) -> tuple[int, int]:
    header, payload = _LENGTHS.unpack(prefix)
    if header > MOST_HEADER_BYTES or payload > MOST_PAYLOAD_BYTES:
        raise FrameError(f"a frame of {header} + {payload} bytes")
    return header, payload
