"""A client that sends what it likes, when it likes."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.service.conftest import Site

PATIENCE = 20.0  # seconds; only a server that fails to end a connection makes a test wait for it


@contextmanager
def connected(site: Site) -> Iterator[socket.socket]:
    """A connection to the service."""
    with socket.create_connection(site.host(), timeout=PATIENCE) as connection:
        yield connection


def rest(connection: socket.socket) -> bytes:
    """Everything that comes until the other side ends the connection."""
    received = bytearray()
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return bytes(received)


def trickle(connection: socket.socket, piece: bytes, pause: float = 0.02) -> bytes:
    """Sends ``piece`` again and again until the other side says something or leaves, then
    everything that it says."""
    for _ in range(round(PATIENCE / pause)):
        readable, _, _ = select.select([connection], [], [], pause)
        if readable:
            return rest(connection)
        try:
            connection.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            return rest(connection)
    raise AssertionError("the server goes on listening")


def status(answer: bytes) -> int:
    """The status of the first answer; 0 when there is none."""
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0
