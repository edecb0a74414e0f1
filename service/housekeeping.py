"""Runs the reaper and the sweeps beside the web server, until told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from random import Random

import structlog

log = structlog.get_logger()

JITTER = 0.25
_chance = Random()  # noqa: S311 - of its own: the shared one is part of what others compute


class Housekeeper:
    """Repeats ``frequent`` every ``seconds`` and ``rare`` every ``rare_seconds`` (more or less, so
    that several processes drift apart), each in a daemon thread of its own: a sweep that waits for
    a store which is away must not keep jobs waiting. No error ends them."""

    def __init__(
        self,
        frequent: Callable[[], object],
        rare: Callable[[], object],
        *,
        seconds: float,
        rare_seconds: float,
    ) -> None:
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=chore, name="housekeeper", daemon=True)
            for chore in ((frequent, seconds), (rare, rare_seconds))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, *, seconds: float) -> None:
        """Stops it, waiting so long at most for what it is doing; every step of that may be cut
        off at any time."""
        self._stopping.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _repeat(self, chore: Callable[[], object], seconds: float) -> None:
        while not self._stopping.is_set():
            _attempt(chore)
            self._stopping.wait(seconds * _chance.uniform(1 - JITTER, 1 + JITTER))


def _attempt(chore: Callable[[], object]) -> None:
    try:
        chore()
    except Exception as error:  # noqa: BLE001 - a database that is away for a while, say
        log.warning("housekeeping_failed", error=type(error).__name__)
