"""Runs the reaper and the sweeps beside the web server, until told to stop."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger()

JITTER = 0.25


class Housekeeper:
    """A daemon thread that repeats ``frequent`` every ``seconds`` (more or less, so that several
    processes drift apart) and ``rare`` every ``rare_seconds``. No error ends it."""

    def __init__(
        self,
        frequent: Callable[[], object],
        rare: Callable[[], object],
        *,
        seconds: float,
        rare_seconds: float,
    ) -> None:
        self._frequent = frequent
        self._rare = rare
        self._seconds = seconds
        self._rare_seconds = rare_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, seconds: float) -> None:
        """Stops it, waiting so long at most for what it is doing; every step of that may be cut
        off at any time."""
        self._stopping.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        next_rare = 0.0
        while not self._stopping.is_set():
            _attempt(self._frequent)
            if time.monotonic() >= next_rare and not self._stopping.is_set():
                _attempt(self._rare)
                next_rare = time.monotonic() + self._rare_seconds
            self._stopping.wait(self._seconds * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311


def _attempt(chore: Callable[[], object]) -> None:
    try:
        chore()
    except Exception as error:  # noqa: BLE001 - a database that is away for a while, say
        log.warning("housekeeping_failed", error=type(error).__name__, detail=str(error)[:500])
