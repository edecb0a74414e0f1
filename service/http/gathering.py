"""What is written to a connection within one turn of the event loop goes out in one piece: uvicorn
writes an answer's head and body apart, and each would be a call of the system and a packet."""

from __future__ import annotations

import asyncio
from typing import Any

MOST_HELD = 64 << 10
"""Bytes; more are written at once."""


class Gathering(asyncio.Transport):
    """A transport around another one, as far as uvicorn's HTTP needs one."""

    def __init__(self, inner: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._inner = inner
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(bytes(data))
        self._size += len(data)
        if self._size >= MOST_HELD:
            self._flush()

    def close(self) -> None:
        """Nothing that was written is lost."""
        self._flush()
        self._inner.close()

    def write_eof(self) -> None:
        self._flush()
        self._inner.write_eof()

    def _flush(self) -> None:
        held, self._held, self._size = self._held, [], 0
        if held and not self._inner.is_closing():
            self._inner.write(held[0] if len(held) == 1 else b"".join(held))

    # The rest is the inner one's

    def abort(self) -> None:
        self._inner.abort()

    def is_closing(self) -> bool:
        return self._inner.is_closing()

    def can_write_eof(self) -> bool:
        return self._inner.can_write_eof()

    def pause_reading(self) -> None:
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        self._inner.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401
        return self._inner.get_extra_info(name, default)
