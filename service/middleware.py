"""What happens around every request: an id, a log line, safe headers, no foreign web pages, a
limit on the body.

Plain ASGI, so that streaming bodies and answers pass through untouched.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import problems
from service.errors import ForeignSiteError, TooLargeError
from service.server import is_loopback

log = structlog.get_logger()

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PROBES = ("/healthz", "/readyz")
_PORT = re.compile(r":\d*$")
_SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}


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
        say = log.debug if scope["path"] in _PROBES else log.info
        say("request", method=scope["method"], path=scope["path"], status=status, seconds=seconds)


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid4().hex


def _dress(message: Message, request_id: str) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Request-ID"] = request_id
    for name, value in _SAFE_HEADERS.items():
        headers.setdefault(name, value)


class OwnSite:
    """Keeps web pages that somebody on this machine looks at from using the service, which asks
    for no keys: browsers say when another site is behind a request, and a name of another site
    that was made to lead here (DNS rebinding) is not a name of this machine."""

    def __init__(self, app: ASGIApp, loopback: bool) -> None:
        self.app = app
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (detail := self._objection(scope)):
            kind = ForeignSiteError
            refused = problems.problem(Request(scope), kind.status, kind.slug, kind.title, detail)
            await refused(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _objection(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        changes = scope["method"] not in ("GET", "HEAD", "OPTIONS")
        if changes and headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            return "the request comes from a web page of another site"
        host = _PORT.sub("", headers.get("host", "")).strip("[]").lower()
        if self._loopback and not is_loopback(host):
            return f"the service listens on this machine only, which is not called {host!r}"
        return None


class BodyLimit:
    """Stops reading a body at the limit of its path, whether it declares its length or not.

    FastAPI's own ``max_body_size`` answers ``text/plain`` when the length is declared.
    ``limits`` maps path prefixes to bytes; the longest prefix counts.
    """

    def __init__(self, app: ASGIApp, default: int, limits: Mapping[str, int]) -> None:
        self.app = app
        self._default = default
        self._limits = sorted(limits.items(), key=lambda item: -len(item[0]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            await _too_large(scope, limit)(scope, receive, send)
            return
        await self.app(scope, _counted(receive, limit), send)

    def _limit(self, path: str) -> int:
        for prefix, limit in self._limits:
            if path == prefix or path.startswith(f"{prefix}/"):
                return limit
        return self._default


def _counted(receive: Receive, limit: int) -> Receive:
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:  # an HTTPException, because FastAPI makes a 400 of any other
            raise HTTPException(TooLargeError.status, _detail(limit))
        return message

    return counted


def _detail(limit: int) -> str:
    return f"the body is larger than the {limit} bytes that are taken here"


def _too_large(scope: Scope, limit: int) -> ASGIApp:
    kind = TooLargeError
    return problems.problem(Request(scope), kind.status, kind.slug, kind.title, _detail(limit))
