"""Wake-ups that requests wait for: those that come while others are on their way go together.

What a wake-up costs is mostly the same for one and for ten: a change to the thread that sends it,
and an exchange with the broker.
"""

from __future__ import annotations

import asyncio

from service.bounded import bounded
from service.queue import Job, Queue
from service.tracing import Kind, span

SECONDS = 2.0
"""How long an answer waits for the broker; the reaper wakes what it missed."""


class Waking:
    """Belongs to one event loop."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._turn = asyncio.Lock()
        self._waiting: list[Job] = []

    async def wake(self, job: Job) -> None:
        """Returns when the message is sent, or cannot be. Raises TimeoutError when the broker takes
        too long; it may be sent later."""
        self._waiting.append(job)
        with span("queue.wake", kind=Kind.PRODUCER):
            async with asyncio.timeout(SECONDS), self._turn:
                if job in self._waiting:  # else it went with another's
                    jobs, self._waiting = self._waiting, []
                    await bounded(lambda: self._queue.wake_all(jobs), seconds=SECONDS)
