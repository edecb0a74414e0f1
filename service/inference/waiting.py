"""Work for a client that may leave before it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

T = TypeVar("T")

SECONDS = 0.05
"""Work that takes less is not worth watching for its client: a task costs a small request as much
as its place in the engine."""


async def while_connected(request: Request, work: Awaitable[T]) -> T:
    """The result of ``work``; it is cancelled, and ClientDisconnect raised, when the client leaves
    (and the work takes longer than ``SECONDS``).

    The body must have been read: what comes next on the connection is its end.
    """
    watch = _Watch(request, asyncio.current_task())
    later = asyncio.get_running_loop().call_later(SECONDS, watch.begin)
    try:
        return await work
    except asyncio.CancelledError:
        if watch.is_why():
            raise ClientDisconnect from None
        raise
    finally:
        later.cancel()
        watch.end()


class _Watch:
    """Cancels the task that works for a request when the client of it leaves."""

    def __init__(self, request: Request, working: asyncio.Task[object] | None) -> None:
        self._request = request
        self._working = working
        self._watching: asyncio.Task[None] | None = None
        self._has_left = False

    def begin(self) -> None:
        self._watching = asyncio.create_task(self._watch())

    def end(self) -> None:
        if self._watching is not None:
            self._watching.cancel()

    def is_why(self) -> bool:
        """Whether the work was cancelled for this, and for nothing else."""
        if not self._has_left or self._working is None:
            return False
        return self._working.uncancel() == 0

    async def _watch(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        if self._working is not None:
            self._has_left = True
            self._working.cancel()
