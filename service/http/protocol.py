"""uvicorn's HTTP/1.1 with clocks and counts, against clients that take their time or never end.

uvicorn bounds the pause between two requests only, and any byte ends that. Here every wait for the
client has an end: for a head to begin and to be complete, for an answer to be taken, for the rest
of a body that nobody wants any more. Bodies that somebody reads are timed in ``bodies.py``.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum, auto
from typing import cast

import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.errors import (
    BadRequestError,
    HeadTooLargeError,
    ServiceError,
    SlowRequestError,
    UnavailableError,
)
from service.http.clock import Clock
from service.http.gathering import Gathering
from service.http.refusals import refusal
from service.settings import Settings

log = structlog.get_logger()

MAX_HEADERS = 100  # and trailers
MAX_PIPELINED = 16  # requests that wait for the answer to an earlier one
LINGER_SECONDS = 2.0  # for a client to take an answer before it has sent everything


@dataclass(frozen=True)
class Limits:
    """Seconds and bytes."""

    head_seconds: float
    idle_seconds: float
    write_seconds: float
    head_bytes: int
    connections: int

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        return cls(
            head_seconds=settings.http_head_seconds,
            idle_seconds=settings.http_idle_seconds,
            write_seconds=settings.http_write_seconds,
            head_bytes=settings.http_head_bytes,
            connections=settings.http_connections,
        )


class GuardedConfig(uvicorn.Config):
    """uvicorn's configuration and our limits, which its protocols find here."""

    limits: Limits


class _Phase(Enum):
    """What the next byte from the client belongs to."""

    BETWEEN = auto()
    HEAD = auto()
    BODY = auto()


class GuardedProtocol(HttpToolsProtocol):
    """One connection. ``_clock`` runs while the client is to send a head or the rest of a body
    after its answer, ``_writing`` while it is to take what was written."""

    _phase = _Phase.BETWEEN
    _clock: Clock
    _writing: asyncio.TimerHandle | None = None
    _refused: ServiceError | None = None
    _closed_to_input = False
    _head_bytes = 0
    _head_count = 0

    @property
    def _limits(self) -> Limits:
        return cast(GuardedConfig, self.config).limits

    # Connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Gathering(transport, self.loop))
        self._clock = Clock(self.loop)
        if len(self.connections) > self._limits.connections:
            self._refuse(UnavailableError("too many connections are open", retry_after=5))
        else:
            self._clock.set(self._limits.head_seconds, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._clock.end()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._closed_to_input:
            return
        in_head = self._phase is _Phase.HEAD
        super().data_received(data)
        if self._phase is _Phase.HEAD:
            if in_head:  # a header without end is not heard of
                self._count(len(data))
            if not self._clock.is_set:  # most heads come whole, and need none
                self._clock.set(self._limits.head_seconds, self._head_too_slow)
        if self._refused is not None and not self._closed_to_input:
            self._refuse(self._refused)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing = self.loop.call_later(self._limits.write_seconds, self._abort)

    def resume_writing(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        if self.flow is not None:
            super().resume_writing()

    # Request

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._phase = _Phase.HEAD
        self._head_bytes = self._head_count = 0
        self._clock.stop()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._head_count += 1
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        self._phase = _Phase.BODY
        self._clock.stop()
        if self._refused is None:
            super().on_headers_complete()
            if len(self.pipeline) > MAX_PIPELINED:
                self._refused = BadRequestError("too many requests were sent ahead")

    def on_body(self, body: bytes) -> None:
        if self._refused is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._phase = _Phase.BETWEEN
        if self._refused is None:
            super().on_message_complete()
            if self.cycle.response_complete:
                self._clock.set(self._limits.idle_seconds, self._close)

    def on_response_complete(self) -> None:
        last = not self.pipeline
        super().on_response_complete()
        self._unset_keepalive_if_required()
        if last and not self.transport.is_closing():
            if self._phase is _Phase.BODY:
                self._clock.set(LINGER_SECONDS, self._close)
            elif self._phase is _Phase.BETWEEN:
                self._clock.set(self._limits.idle_seconds, self._close)

    # Ends

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._refused or BadRequestError(msg))

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._limits.head_bytes:
            limit = f"{self._limits.head_bytes} bytes"
            self._refused = HeadTooLargeError(f"address and headers have more than {limit}")
        elif self._head_count > MAX_HEADERS:
            self._refused = HeadTooLargeError(f"there are more than {MAX_HEADERS} headers")

    def _head_too_slow(self) -> None:
        self._refuse(SlowRequestError("the head of the request was not complete in time"))

    def _refuse(self, error: ServiceError) -> None:
        """Answers, unless another answer has begun or waits, and hears no more."""
        self._refused, self._closed_to_input = error, True
        log.info("connection_refused", problem=error.slug)
        if self.cycle is not None and not self.cycle.response_complete:
            if self.pipeline or self.cycle.response_started:
                self._close()
                return
            self.cycle.disconnected = True  # what its endpoint says is dropped
            self.cycle.message_event.set()
        self.transport.write(refusal(error))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        # Closed at once, what the client still sends would destroy the answer on its way.
        self._clock.set(LINGER_SECONDS, self._close)

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def _abort(self) -> None:
        log.info("connection_aborted", reason="the client does not read its answer")
        self.transport.abort()
