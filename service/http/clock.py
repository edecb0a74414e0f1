"""A clock that is set and stopped with every request, and mostly in vain."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Clock:
    """Calls what it was set to call last, unless it is stopped or set anew before.

    A timer of the loop costs a small request as much as a look at its headers. So there is one,
    which stays: when it fires it looks whether anything is due, and else waits on.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._fires = 0.0
        self._due: float | None = None
        self._call: Callable[[], None] | None = None

    @property
    def is_set(self) -> bool:
        return self._due is not None

    def set(self, seconds: float, call: Callable[[], None]) -> None:
        """In so many seconds from now."""
        self._due, self._call = self._loop.time() + seconds, call
        if self._timer is None or self._due < self._fires:
            self._arm(self._due)

    def stop(self) -> None:
        self._due = self._call = None

    def end(self) -> None:
        """For good: nothing of it is left in the loop."""
        self.stop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires = when
        self._timer = self._loop.call_at(when, self._fire)

    def _fire(self) -> None:
        self._timer = None
        due, call = self._due, self._call
        if due is None or call is None:
            return
        if self._loop.time() < due:
            self._arm(due)
        else:
            self.stop()
            call()
