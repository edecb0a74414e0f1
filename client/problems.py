"""From an HTTP answer that is an error to an exception."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx

from client.errors import URN, Problem, ProblemError, error_of

MAX_DETAIL = 500


def problem_error(answer: httpx.Response) -> ProblemError:
    """The error of an answer that was read whole, whoever wrote it: the service, in either of its
    forms, or a proxy before it."""
    body = _json_object(answer)
    detail = body.get("detail") or body.get("error") or _text(answer)
    return error_of(
        Problem(
            status=answer.status_code,
            slug=_slug(body, answer.status_code),
            title=str(body.get("title") or _phrase(answer.status_code)),
            detail=str(detail),
            request_id=body.get("request_id") or answer.headers.get("x-request-id"),
            retry_after=retry_after(answer),
            errors=tuple(body.get("errors") or ()),
        )
    )


def retry_after(answer: httpx.Response, *, now: datetime | None = None) -> float | None:
    """The seconds of ``Retry-After``, a number or a date; None without a usable one."""
    value = answer.headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            return None
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        seconds = (when - (now or datetime.now(UTC))).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _json_object(answer: httpx.Response) -> dict[str, Any]:
    if "json" not in answer.headers.get("content-type", ""):
        return {}
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _slug(body: dict[str, Any], status: int) -> str:
    kind = body.get("type")
    if isinstance(kind, str) and kind.startswith(URN):
        return kind.removeprefix(URN)
    return _phrase(status).lower().replace(" ", "-")


def _text(answer: httpx.Response) -> str:
    """What a proxy says, if it is short and plain."""
    phrase = f"{answer.status_code} {_phrase(answer.status_code)}"
    plain = "text/plain" in answer.headers.get("content-type", "")
    text = answer.text.strip()[:MAX_DETAIL] if plain else ""
    return f"{phrase}: {text}" if text else phrase


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown status"
