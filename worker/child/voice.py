"""The child's way of saying events: whole lines, progress a few times a second."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from worker.events import Event, ProgressEvent, serialised

BETWEEN_PROGRESS = 0.25
"""Seconds between two progress events."""


class Voice:
    """Writes to a file descriptor. Progress that comes too soon is dropped, but the last one of
    each run of progress is said before the next other event."""

    def __init__(self, descriptor: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._descriptor = descriptor
        self._clock = clock
        self._lock = threading.Lock()
        self._next = 0.0
        self._held: ProgressEvent | None = None

    def say(self, event: Event) -> None:
        """Says it; progress possibly later or never."""
        with self._lock:
            if isinstance(event, ProgressEvent) and self._clock() < self._next:
                self._held = event
                return
            if isinstance(event, ProgressEvent):
                self._next = self._clock() + BETWEEN_PROGRESS
            elif self._held is not None:
                self._write(self._held)
            self._held = None
            self._write(event)

    def _write(self, event: Event) -> None:
        left = memoryview(serialised(event))
        while left:
            left = left[os.write(self._descriptor, left) :]
