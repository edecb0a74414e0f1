"""Keeps a lease alive from a thread of its own, and says when the run must stop."""

from __future__ import annotations

import threading
import time
from contextvars import copy_context
from enum import StrEnum
from types import TracebackType
from typing import Self

import structlog

from service.database import DATABASE_ERRORS, Database
from service.defenses import lifecycle
from service.defenses.lifecycle import Lease, LostLeaseError
from service.defenses.states import Status
from service.tracing import unrecorded

log = structlog.get_logger()

LONGEST_BETWEEN = 1.0
"""Seconds between two renewals at most, so that a cancellation is seen within about a second."""


class Stop(StrEnum):
    """Why a run must stop."""

    CANCELLED = "cancelled"
    LOST_LEASE = "lost_lease"
    SHUTDOWN = "shutdown"
    TIMEOUT = "timeout"


class StoppedError(Exception):
    """Raised by ``LeaseKeeper.check`` when the run must stop."""

    def __init__(self, reason: Stop) -> None:
        super().__init__(reason)
        self.reason = reason


class LeaseKeeper:
    """Renews until the end of its ``with`` block, or until the run must stop.

    A database that does not answer is no reason to stop: nobody else can take the job either, and
    every write is guarded by the attempt number. A run that takes longer than ``timeout_seconds``
    is no longer renewed, so a worker that hangs somewhere loses its lease in the end.
    """

    def __init__(
        self,
        database: Database,
        lease: Lease,
        *,
        lease_seconds: float,
        timeout_seconds: float,
        shutdown: threading.Event,
    ) -> None:
        self._database = database
        self._lease = lease
        self._seconds = lease_seconds
        self._deadline = time.monotonic() + timeout_seconds
        self._shutdown = shutdown
        self._told: Stop | None = None
        self._left = threading.Event()
        self._thread = threading.Thread(target=copy_context().run, args=(self._keep,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left.set()
        self._thread.join()

    @property
    def stop(self) -> Stop | None:
        """Why the run must stop, or None."""
        if self._told is None and time.monotonic() > self._deadline:
            return Stop.TIMEOUT
        if self._told is None and self._shutdown.is_set():
            return Stop.SHUTDOWN
        return self._told

    def check(self) -> None:
        """Raises StoppedError when the run must stop."""
        if self.stop is not None:
            raise StoppedError(self.stop)

    def pause(self, seconds: float) -> None:
        """Waits, unless the run must stop: then raises StoppedError soon."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, 0.1))

    def _keep(self) -> None:
        pause = min(LONGEST_BETWEEN, self._seconds / 3)
        while not self._left.wait(pause) and time.monotonic() <= self._deadline:
            try:
                with unrecorded(), self._database.write() as session:
                    status = lifecycle.renew(session, self._lease, seconds=self._seconds)
            except LostLeaseError:
                self._told = Stop.LOST_LEASE
                return
            except DATABASE_ERRORS as error:
                log.warning("lease_not_renewed", error=type(error).__name__)
                continue
            if status is Status.CANCELLING:
                self._told = Stop.CANCELLED
