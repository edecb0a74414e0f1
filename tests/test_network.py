"""The guard that keeps tests off the network."""

from __future__ import annotations

import socket

import pytest

from tests.network import OutsideNetworkError

OUTSIDE = ["192.0.2.1", "::ffff:192.0.2.1", "example.invalid", "10.0.0.1"]


@pytest.mark.parametrize("host", OUTSIDE)
def test_outside_is_refused_before_anything_is_sent(host: str) -> None:
    with pytest.raises(OutsideNetworkError, match=host):
        socket.create_connection((host, 80), timeout=1)


@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_a_bare_socket_is_refused_too(method: str) -> None:
    with socket.socket() as client, pytest.raises(OutsideNetworkError):
        getattr(client, method)(("192.0.2.1", 80))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_reached(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection((host, server.getsockname()[1])).close()


def test_unix_sockets_are_reached() -> None:
    near, far = socket.socketpair()
    with near, far:
        near.sendall(b"x")
        assert far.recv(1) == b"x"
