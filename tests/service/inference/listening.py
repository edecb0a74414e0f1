"""Messages off a socket, one by one; needs no torch."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress

from service.inference import frames


def messages(connection: socket.socket) -> Iterator[bytes]:
    """Until the other end is closed."""
    splitter = frames.Splitter()
    with suppress(ConnectionError):
        while data := connection.recv(frames.AT_ONCE):
            yield from splitter.feed(data)
