"""A wire passes bytes on, or does to them what it was told."""

from __future__ import annotations

import socketserver
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import IncompleteRead
from http.server import BaseHTTPRequestHandler

import pytest

from tests.faults.wires import TORN_AFTER, Mode, Wire, wires
from tests.waiting import wait_until

BODY = b"x" * (4 * TORN_AFTER)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A connection that was broken on purpose."""


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Server(("127.0.0.1", 0), Handler) as server, wires() as made:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield made.to(server.server_address[1])
        server.shutdown()


def get(wire: Wire, seconds: float = 30) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{wire.port}/", timeout=seconds) as answer:
        return answer.read()


@pytest.mark.parametrize("mode", [Mode.OPEN, Mode.SLOW])
def test_bytes_pass(wire: Wire, mode: Mode) -> None:
    wire.set(mode)
    assert get(wire) == BODY


@pytest.mark.parametrize(
    ("mode", "error"),
    [(Mode.REFUSED, urllib.error.URLError), (Mode.TORN, (IncompleteRead, OSError))],
    ids=["refused", "torn"],
)
def test_a_connection_fails_until_the_wire_is_open_again(
    wire: Wire, mode: Mode, error: type[Exception]
) -> None:
    wire.set(mode)
    with pytest.raises(error):
        get(wire)
    wire.set(Mode.OPEN)
    assert get(wire) == BODY


def test_errors_are_http(wire: Wire) -> None:
    wire.set(Mode.ERRORS)
    for _ in range(2):
        with pytest.raises(urllib.error.HTTPError) as raised:
            get(wire)
        assert raised.value.code == 500
        assert b"InternalError" in raised.value.read()
        raised.value.close()
    wire.set(Mode.OPEN)
    assert get(wire) == BODY


def test_what_hangs_goes_on_afterwards(wire: Wire) -> None:
    wire.set(Mode.HANGING)
    got: list[bytes] = []
    waiting = threading.Thread(target=lambda: got.append(get(wire)))
    waiting.start()
    with pytest.raises(TimeoutError):
        get(wire, seconds=0.3)
    assert got == []
    wire.set(Mode.OPEN)
    waiting.join(30)
    assert got == [BODY]


def test_a_cut_breaks_what_is_connected_and_nothing_else(wire: Wire) -> None:
    wire.set(Mode.HANGING)
    failed: list[OSError] = []

    def wait() -> None:
        try:
            get(wire)
        except OSError as error:
            failed.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    wait_until(lambda: wire.connections)
    wire.cut()
    waiting.join(30)
    assert len(failed) == 1
    wire.set(Mode.OPEN)
    assert get(wire) == BODY
