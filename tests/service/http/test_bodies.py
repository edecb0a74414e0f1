"""The pace of a body, by a client and a clock of the test's own."""

from __future__ import annotations

import asyncio

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from service.http.bodies import BodyPace

SCOPE: Scope = {"type": "http", "path": "/", "method": "POST", "headers": []}


async def _read(pieces: list[tuple[float, bytes]], *, grace: float, rate: int) -> bytes:
    """The body of a client that sends each piece after so many seconds."""
    got = bytearray()

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        more = True
        while more:
            message = await receive()
            got.extend(message.get("body", b""))
            more = message.get("more_body", False)

    left = iter(pieces)

    async def receive() -> Message:
        pause, body = next(left, (0.0, b""))
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": body, "more_body": body != b""}

    async def send(_message: Message) -> None:
        raise AssertionError

    await BodyPace(app, grace=grace, rate=rate)(SCOPE, receive, send)
    return bytes(got)


HOUR = 3600.0


class _Jumping(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        waiting = [timer.when() for timer in self._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
        if waiting and not self._ready:  # type: ignore[attr-defined]
            self._now = max(self._now, min(waiting))
        super()._run_once()  # type: ignore[misc]


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    loop = _Jumping()
    monkeypatch.setattr("service.http.bodies.time.monotonic", loop.time)
    yield loop
    loop.close()


def test_a_steady_body_may_take_any_time(loop: _Jumping) -> None:
    pieces = [(1.0, b"x" * 100)] * 5000
    body = loop.run_until_complete(_read(pieces, grace=10, rate=100))
    assert len(body) == 500_000
    assert loop.time() == 5000


def test_a_body_may_pause(loop: _Jumping) -> None:
    pieces = [(9.0, b"x" * 2000)] * 50
    assert len(loop.run_until_complete(_read(pieces, grace=10, rate=100))) == 100_000


@pytest.mark.parametrize(
    "pieces",
    [[(11.0, b"x")], [(1.0, b"x" * 10**6), (11.0, b"x")], [(1.0, b"x" * 50)] * 100],
    ids=["silent", "silent-later", "too-slow"],
)
def test_a_body_that_falls_behind_is_given_up(
    loop: _Jumping, pieces: list[tuple[float, bytes]]
) -> None:
    with pytest.raises(HTTPException) as caught:
        loop.run_until_complete(_read(pieces, grace=10, rate=100))
    assert caught.value.status_code == 408
    assert loop.time() <= 21


def test_an_answer_that_has_begun_sees_the_client_leave(loop: _Jumping) -> None:
    """A stream of events listens for its client, whose body may never have come."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        assert (await receive())["type"] == "http.disconnect"

    async def receive() -> Message:
        await asyncio.sleep(HOUR)
        raise AssertionError

    async def send(_message: Message) -> None:
        pass

    loop.run_until_complete(BodyPace(app, grace=10, rate=1)(SCOPE, receive, send))
