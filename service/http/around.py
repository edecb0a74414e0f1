"""What happens around every request: an id, a log line, safe headers, a 500 that tells nothing.

Plain ASGI, as everything in this room, so that streaming bodies and answers pass through untouched.
"""

from __future__ import annotations

import re
import time
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import problems

log = structlog.get_logger()

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PROBES = ("/healthz", "/readyz")
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


class Around:
    """Gives each request an id (its own ``X-Request-ID`` when it is a decent one), binds it to the
    log, turns what nobody foresaw into a 500 that tells nothing, and logs one line."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._handle(scope, receive, send, request_id)

    async def _handle(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
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
        seconds = round(time.monotonic() - started, 3)
        say = log.debug if _is_routine(scope["path"], status) else log.info
        say("request", method=scope["method"], path=scope["path"], status=status, seconds=seconds)


def _is_routine(path: str, status: int) -> bool:
    """Probes, and inference that went well: metrics count it, and a line for each would cost a
    small request a tenth of its time."""
    return path in _PROBES or (status == 200 and path.endswith("/infer"))


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid4().hex


def _dress(message: Message, request_id: str) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Request-ID"] = request_id
    for name, value in SAFE_HEADERS.items():
        headers.setdefault(name, value)
