"""Whether the clock may be believed when something is to be deleted because it is old.

A row of the future is not old, so a clock that goes back does no harm. One that leaps ahead makes
everything look old. So the wall clock is held against the time since this object was made, which
nobody sets, and against the database's; while they disagree, nothing is deleted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from service.database import now

TOLERANCE_SECONDS = 3600.0


def _running_seconds() -> float:
    """Of the machine, while it sleeps too."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Clock:
    """Belongs to one process; seconds."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        running: Callable[[], float] = _running_seconds,
    ) -> None:
        self._wall = wall
        self._running = running
        self._began = wall() - running()

    def trouble(self, session: Session) -> str | None:
        """What is the matter with the time; None: nothing."""
        wall = self._wall()
        leap = wall - self._running() - self._began
        if abs(leap) > TOLERANCE_SECONDS:
            return f"this machine's clock was set by {leap:.0f} seconds since the process started"
        moment = datetime.fromtimestamp(wall, UTC)
        apart = (now(session) - moment).total_seconds()
        if abs(apart) > TOLERANCE_SECONDS:
            return f"the database's clock and this machine's are {apart:.0f} seconds apart"
        return None
