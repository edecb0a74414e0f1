"""Answers to what never became a request, as bytes: no endpoint and no middleware sees these."""

from __future__ import annotations

from http import HTTPStatus

from service.errors import ServiceError
from service.http.around import SAFE_HEADERS
from service.problems import MEDIA_TYPE, Problem

NO_PATH = "*"  # HTTP's own sign for the server as a whole


def refusal(error: ServiceError) -> bytes:
    """The whole answer; the connection ends with it."""
    body = Problem(
        type=f"urn:polarizer:problem:{error.slug}",
        title=error.title,
        status=error.status,
        detail=error.detail,
        instance=NO_PATH,
    )
    content = body.model_dump_json(exclude_none=True).encode()
    headers = {
        "Content-Type": MEDIA_TYPE,
        "Content-Length": str(len(content)),
        "Connection": "close",
        **SAFE_HEADERS,
    }
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    head = f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{head}\r\n".encode() + content
