"""Limits of a request's body: its size, and the pace at which its client sends it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import problems
from service.errors import SlowRequestError, TooLargeError
from service.http.headers import header


class BodyLimit:
    """Stops reading a body at the limit of its path, whether it declares its length or not.

    FastAPI's own ``max_body_size`` answers ``text/plain`` when the length is declared.
    ``limits`` maps path prefixes to bytes, ``*`` in one is any step of a path; the longest prefix
    counts.
    """

    def __init__(self, app: ASGIApp, default: int, limits: Mapping[str, int]) -> None:
        self.app = app
        self._default = default
        longest_first = sorted(limits, key=len, reverse=True)
        self._limits = [limits[prefix] for prefix in longest_first]
        self._prefixes = re.compile("|".join(map(_pattern, longest_first)), re.DOTALL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        declared = header(scope, b"content-length") or ""
        if declared.isdecimal() and int(declared) > limit:
            await _too_large(scope, limit)(scope, receive, send)
            return
        await self.app(scope, _counted(receive, limit), send)

    def _limit(self, path: str) -> int:
        found = self._prefixes.match(path)
        if found is None or found.lastindex is None:
            return self._default
        return self._limits[found.lastindex - 1]


def _pattern(prefix: str) -> str:
    """A group of its own, so that what matched tells whose limit it is."""
    return "(" + re.escape(prefix).replace(r"\*", "[^/]+") + r"(?:/|\Z))"


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


class BodyPace:
    """Gives up on a body that stands still for ``grace`` seconds, or falls as far behind ``rate``
    bytes a second. Only waiting for the client counts, not what is done in between."""

    def __init__(self, app: ASGIApp, grace: float, rate: int) -> None:
        self.app = app
        self._grace = grace
        self._rate = rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _PacedBody(receive, self._grace, self._rate)

        async def watched(message: Message) -> None:
            body.answering = True
            await send(message)

        await self.app(scope, body.receive, watched)


class _PacedBody:
    def __init__(self, receive: Receive, grace: float, rate: int) -> None:
        self.answering = False
        self._receive = receive
        self._grace = self._left = grace  # seconds
        self._rate = rate
        self._complete = False

    async def receive(self) -> Message:
        if self._complete:  # whoever asks now waits for the client to leave
            return await self._receive()
        started = time.monotonic()
        try:
            async with asyncio.timeout(max(self._left, 0)):
                message = await self._receive()
        except TimeoutError:
            return self._give_up()
        earned = len(message.get("body", b"")) / self._rate
        self._left = min(self._left - (time.monotonic() - started) + earned, self._grace)
        self._complete = not message.get("more_body", False)
        return message

    def _give_up(self) -> Message:
        if self.answering:
            return {"type": "http.disconnect"}
        detail = "the body came too slowly; send it again over a better connection"
        headers = {"Connection": "close"}
        raise HTTPException(SlowRequestError.status, detail, headers)
