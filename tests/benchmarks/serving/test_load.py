from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from benchmarks.serving.load import Load, Plan, Seen, answer, share
from benchmarks.serving.requests import post

REQUEST = post("/predict", b"tensor", "application/octet-stream", {})

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Answers each request with ``status``; counts them, and how many it had at once."""

    def __init__(self, status: int = 200, answers: int | None = None) -> None:
        self.status = status
        self.answers = answers
        self.requests: list[bytes] = []
        self.connections = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self.answers is None or len(self.requests) < self.answers:
                self.requests.append(await reader.readexactly(len(REQUEST)))
                head = f"HTTP/1.1 {self.status} Said\r\nContent-Length: 2\r\n\r\n"
                writer.write(head.encode())
                await asyncio.sleep(0)  # the body comes in a piece of its own
                writer.write(b"ok")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def run(server: Server, tmp_path: Path, **plan: float) -> Seen:
    """Runs a plan against the server."""
    request = tmp_path / "request"
    request.write_bytes(REQUEST)

    async def both() -> Seen:
        listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        async with listening:
            settings = {"seconds": 0.2, "warm_up": 0.0, "clients": 3} | plan
            return await Load(Plan(port=port, request=str(request), **settings)).run()  # type: ignore[arg-type]

    return asyncio.run(both())


def test_a_closed_loop_asks_again_over_the_same_connections(tmp_path: Path) -> None:
    server = Server()
    seen = run(server, tmp_path)
    assert server.connections == 3
    assert len(seen.milliseconds) > 3
    assert set(server.requests) == {REQUEST}
    assert not seen.failed


def test_an_open_loop_sends_what_is_due_however_fast_the_server_is(tmp_path: Path) -> None:
    server = Server()
    seen = run(server, tmp_path, rate=100.0)
    assert 1 <= len(server.requests) <= 60  # 20 on average
    assert len(seen.milliseconds) == len(server.requests)


def test_arrivals_are_the_same_for_every_server(tmp_path: Path) -> None:
    first, second = Server(), Server()
    run(first, tmp_path, rate=200.0)
    run(second, tmp_path, rate=200.0)
    assert len(first.requests) == len(second.requests)


def test_other_answers_are_failures(tmp_path: Path) -> None:
    seen = run(Server(status=503), tmp_path)
    assert seen.failed
    assert not seen.milliseconds
    assert seen.first_failure == "503 ok"


@pytest.mark.parametrize("rate", [None, 100.0])
def test_a_lost_connection_is_a_failure(tmp_path: Path, rate: float | None) -> None:
    seen = run(Server(answers=1), tmp_path, clients=1, rate=rate)  # type: ignore[arg-type]
    assert seen.failed


def test_what_came_during_the_warm_up_does_not_count(tmp_path: Path) -> None:
    server = Server()
    seen = run(server, tmp_path, warm_up=0.2, seconds=0.05)
    assert len(seen.milliseconds) < seen.answered <= len(server.requests)


def test_a_closed_loop_waits_for_what_it_has_asked(tmp_path: Path) -> None:
    server = Server()
    seen = run(server, tmp_path)
    assert seen.answered == len(server.requests)
    assert 0 < seen.work <= seen.answered
    assert run(Server(), tmp_path, rate=50.0).work == 0


@pytest.mark.parametrize(
    ("began", "ended", "part"),
    [(1, 2, 0), (1, 4, 1 / 3), (3, 4, 1), (2, 6, 1 / 2), (4, 8, 1 / 4), (6, 7, 0), (1, 9, 1 / 4)],
)
def test_a_share_is_what_lies_within(began: float, ended: float, part: float) -> None:
    assert share(began, ended, begins=3, ends=5) == pytest.approx(part)


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-le", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", (200, b"abc")),
        (b"HTTP/1.1 204 No\r\n\r\n", (204, b"")),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", None),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
            (200, b"1\r\na\r\n0\r\n\r\n"),
        ),
    ],
)
def test_an_answer_is_whole_or_not_there(
    received: bytes, expected: tuple[int, bytes] | None
) -> None:
    assert answer(bytearray(received)) == expected
