"""What is logged about a request."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from starlette.types import Message, Receive, Scope, Send
from structlog.contextvars import get_contextvars
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
def test_what_goes_well_all_the_time_is_not_told(
    path: str, status: int, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    caplog.set_level("DEBUG", logger="service.http.around")
    assert [line["log_level"] for line in _logged(app, path)] == [level]
    caplog.set_level("INFO", logger="service.http.around")
    assert [line["log_level"] for line in _logged(app, path)] == [level] * (level == "info")


TRACE = "0af7651916cd43dd8448eb211c80319c"


async def _answers(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize(
    ("header", "kept"),
    [(f"00-{TRACE}-b7ad6b7169203331-01", True), ("nonsense", False), (None, False)],
    ids=["a trace", "nonsense", "none"],
)
def test_a_request_has_a_trace_its_callers_or_its_own(header: str | None, kept: bool) -> None:
    seen: list[dict[str, object]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        structlog.contextvars.bind_contextvars(tenant="acme")  # as the guard does
        seen.append(get_contextvars())
        await _answers(scope, receive, send)

    headers = [(b"traceparent", header.encode())] if header else []
    after = _run(app, "/v1/models", headers)
    (ids,) = seen
    assert (ids["trace_id"] == TRACE) is kept
    assert len(str(ids["trace_id"])) == 32
    assert ids["request_id"]
    assert after == {}, "nothing is left for the next request of this connection"


def _logged(app: object, path: str) -> list[dict[str, object]]:
    with capture_logs() as lines:
        _run(app, path, [])
    return [line for line in lines if line["event"] == "request"]  # type: ignore[misc]


def _run(app: object, path: str, headers: list[tuple[bytes, bytes]]) -> dict[str, object]:
    """What is bound to the log afterwards."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message: Message) -> None:
        pass

    async def whole() -> dict[str, object]:
        await Around(app)(scope, receive, send)  # type: ignore[arg-type]
        return get_contextvars()

    scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
    return asyncio.run(whole())
