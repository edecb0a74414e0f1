"""What happens around every request: an id, a trace, a log line, safe headers, a 500 that tells
nothing.

Plain ASGI, as everything in this room, so that streaming bodies and answers pass through untouched.
"""

from __future__ import annotations

import logging
import os
import re
import time

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import problems
from service.http.headers import header
from service.metrics.requests import METHODS, NO_ROUTE, route_of
from service.tracing import OFF, Kind, Span, TraceContext, Tracing, active

log = structlog.get_logger()
_own = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PROBES = ("/healthz", "/readyz", "/metrics")
SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Answers are a caller's own: nobody in between, and no browser's disk, is to keep them.
    "Cache-Control": "no-store",
}
"""Of every answer that does not say otherwise."""
_SAFE = [(name.lower().encode(), value.encode()) for name, value in SAFE_HEADERS.items()]


class Around:
    """Gives each request an id (its own ``X-Request-ID`` when it is a decent one) and a place in a
    trace (``traceparent``, likewise), binds both to the log, turns what nobody foresaw into a 500
    that tells nothing, and logs one line."""

    def __init__(self, app: ASGIApp, tracing: Tracing = OFF) -> None:
        self.app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        parent = TraceContext.parse(header(scope, b"traceparent"))
        tracing = OFF if scope["path"] in _PROBES else self._tracing
        root = tracing.root("HTTP", parent, kind=Kind.SERVER)
        bound = {"request_id": request_id, "trace_id": root.context.trace_id}
        tokens = structlog.contextvars.bind_contextvars(**bound)
        try:
            with active(root):
                status = await self._handle(scope, receive, send, request_id)
                if root.recording:
                    _describe(root, scope, status, request_id)
        finally:
            structlog.contextvars.reset_contextvars(**tokens)
            structlog.contextvars.unbind_contextvars("tenant")  # whom the guard let through

    async def _handle(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> int:
        """The status that was answered; 0: none."""
        started = time.monotonic()
        status = 0

        async def dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _dress(message, request_id)
            await send(message)

        try:
            await self.app(scope, receive, dressed)
        except ClientDisconnect:
            log.info("client_left", method=scope["method"], path=scope["path"])
        except Exception:  # the outer edge of the service
            log.exception("unexpected_error", method=scope["method"], path=scope["path"])
            if status:  # too late to say so; the server closes the connection
                raise
            await problems.unexpected(Request(scope))(scope, receive, dressed)
        is_routine = _is_routine(scope["path"], status)
        if is_routine and not _own.isEnabledFor(logging.DEBUG):
            return status  # structlog takes its time to find out that nobody wants to hear it
        say = log.debug if is_routine else log.info
        seconds = round(time.monotonic() - started, 3)
        say("request", method=scope["method"], path=scope["path"], status=status, seconds=seconds)
        return status


def _is_routine(path: str, status: int) -> bool:
    """Probes, and inference that went well: metrics count it, and a line for each would cost a
    small request a tenth of its time."""
    return path in _PROBES or (status == 200 and path.endswith("/infer"))


def _describe(span: Span, scope: Scope, status: int, request_id: str) -> None:
    """By OpenTelemetry's names; of the address only its route: strangers' words stay out."""
    method = scope["method"] if scope["method"] in METHODS else "_OTHER"
    route = route_of(scope)
    span.rename(method if route == NO_ROUTE else f"{method} {route}")
    caller = scope["state"].get("caller")
    span.set(
        {
            "http.request.method": method,
            "http.route": None if route == NO_ROUTE else route,
            "http.response.status_code": status or None,
            "polarizer.request_id": request_id,
            "polarizer.tenant": caller.tenant if caller else None,
        }
    )
    if status >= 500 or not status:
        span.fail(str(status or "client_left"))


def _request_id(scope: Scope) -> str:
    given = header(scope, b"x-request-id") or ""
    return given if _REQUEST_ID.fullmatch(given) else os.urandom(16).hex()


def _dress(message: Message, request_id: str) -> None:
    """ASGI's header names are in lower case."""
    own = [pair for pair in message.get("headers", ()) if pair[0] != b"x-request-id"]
    names = {name for name, _ in own}
    safe = [pair for pair in _SAFE if pair[0] not in names]
    message["headers"] = [*own, (b"x-request-id", request_id.encode()), *safe]
