"""Which web pages may ask: the service's own, and those of origins that the settings name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service import problems
from service.errors import ForeignSiteError
from service.http.headers import header
from service.server import is_loopback

_PORT = re.compile(r":\d*$")
_SENT = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "Inference-Header-Content-Length",
    "Last-Event-ID",
    "Prefer",
    "X-Request-ID",
)
_SHOWN = (
    "Idempotent-Replayed",
    "Inference-Header-Content-Length",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-ID",
)
_REMEMBERED = 600  # seconds that a browser may rely on what it was told


class OwnSite:
    """Keeps web pages that somebody on this machine looks at from using the service: browsers say
    when another site is behind a request, and a name of another site that was made to lead here
    (DNS rebinding) is not a name of this machine. ``origins`` are other sites that may ask."""

    def __init__(self, app: ASGIApp, loopback: bool, origins: Sequence[str] = ()) -> None:
        self.app = app
        self._loopback = loopback
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (detail := self._objection(scope)):
            kind = ForeignSiteError
            refused = problems.problem(Request(scope), kind.status, kind.slug, kind.title, detail)
            await refused(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _objection(self, scope: Scope) -> str | None:
        changes = scope["method"] not in ("GET", "HEAD", "OPTIONS")
        foreign = header(scope, b"sec-fetch-site") in ("cross-site", "same-site")
        if changes and foreign and header(scope, b"origin") not in self._origins:
            return "the request comes from a web page of another site"
        if self._loopback and (name := _elsewhere(header(scope, b"host") or "")) is not None:
            return f"the service listens on this machine only, which is not called {name[:200]!r}"
        return None


@lru_cache(maxsize=64)
def _elsewhere(host: str) -> str | None:
    """The name of a ``Host`` header that is not one of this machine."""
    name = _PORT.sub("", host).strip("[]").lower()
    return None if is_loopback(name) else name


class OpenTo:
    """Answers browsers that ask whether a page of one of ``origins`` may use the service (CORS).
    Without origins nothing is added to any answer, and browsers keep answers from other sites."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self.app = app
        if origins:
            self.app = CORSMiddleware(
                app,
                allow_origins=origins,
                allow_methods=["GET", "POST", "PUT", "DELETE"],
                allow_headers=_SENT,
                expose_headers=_SHOWN,
                max_age=_REMEMBERED,
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)
