"""What is logged about a request."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from service.http.around import Around


@pytest.mark.parametrize(
    ("path", "status", "level"),
    [
        ("/v1/models", 200, "info"),
        ("/healthz", 200, "debug"),
        ("/v2/models/digits/infer", 200, "debug"),
        ("/v2/models/digits/infer", 429, "info"),
        ("/v2/models/digits/versions/2/infer", 200, "debug"),
        ("/v2/models/infer", 404, "info"),
    ],
)
def test_what_goes_well_all_the_time_is_not_told(path: str, status: int, level: str) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    assert [line["log_level"] for line in _logged(app, path)] == [level]


def _logged(app: object, path: str) -> list[dict[str, object]]:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message: Message) -> None:
        pass

    scope = {"type": "http", "method": "POST", "path": path, "headers": []}
    with capture_logs() as lines:
        asyncio.run(Around(app)(scope, receive, send))  # type: ignore[arg-type]
    return [line for line in lines if line["event"] == "request"]  # type: ignore[misc]
