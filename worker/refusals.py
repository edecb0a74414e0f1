"""Listens to what a confined child is refused, and logs it, from a thread of its own.

The child's standard input is one end of a socket pair; over it the child hands out, once and before
it reads strangers' bytes, the descriptor that its refused calls are reported by.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from contextvars import copy_context

import structlog

from confinement.naming import Boundary
from confinement.reports import Listener, Refusal, take

log = structlog.get_logger()

MOST_REFUSED, MOST_REPORTED = 1000, 200_000
"""Calls after which a process is not trusted any more, however harmless each was: refused ones, and
those that were let pass too."""

_LOGGED = 20


class Refusals:
    """Of one child. ``finish`` when the child is gone."""

    def __init__(self, connection: socket.socket, boundary: Boundary, *, gpu: bool) -> None:
        self._connection = connection
        self._boundary = boundary
        self._gpu = gpu
        self._reported = self._seen = 0
        self._violation: str | None = None
        self._wake, self._awake = os.pipe()
        self._thread = threading.Thread(target=copy_context().run, args=(self._listen,))
        self._thread.start()

    @property
    def violation(self) -> str | None:
        """The first call that no repair needs, or None."""
        return self._violation

    def finish(self) -> None:
        """Returns when everything that was reported is logged. May be called more than once."""
        if not self._thread.is_alive() and self._awake < 0:
            return
        os.write(self._awake, b".")
        self._thread.join()
        os.close(self._wake)
        os.close(self._awake)
        self._awake = -1
        if self._seen > _LOGGED:
            log.warning("sandbox_refused_more", calls=self._seen - _LOGGED)

    def _listen(self) -> None:
        with suppress(OSError):
            for _ in self._waiting(self._connection):
                descriptor = take(self._connection)
                if descriptor is not None:
                    self._hear(Listener(descriptor, self._boundary, gpu=self._gpu))
                return

    def _hear(self, listener: Listener) -> None:
        try:
            for _ in self._waiting(listener):
                self._reported += 1
                refusal = listener.answer()
                if refusal is not None:
                    self._note(refusal)
                if self._reported > MOST_REPORTED or self._seen > MOST_REFUSED:
                    self._violation = self._violation or "too many calls"
        finally:
            listener.close()

    def _waiting(self, source: socket.socket | Listener) -> Iterator[None]:
        """Once each time that there is something, until there is nothing to come."""
        poll = select.poll()
        poll.register(source, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while dict(poll.poll()).get(source.fileno(), 0) & select.POLLIN:
            yield

    def _note(self, refusal: Refusal) -> None:
        self._seen += 1
        if self._seen <= _LOGGED:
            log.warning(
                "sandbox_refused",
                call=refusal.call,
                path=refusal.path,
                arguments=None if refusal.path else [hex(each) for each in refusal.arguments],
                hostile=refusal.hostile,
            )
        if refusal.hostile:
            self._violation = self._violation or refusal.call
