"""Keeps the tests off the network: only loopback and Unix sockets may be reached."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import pytest


class OutsideNetworkError(RuntimeError):
    """A test tried to leave this machine. Not an ``OSError``, so that no retry swallows it."""


def block_outside(patch: pytest.MonkeyPatch) -> None:
    """Let sockets and name look-ups of this process reach loopback only."""
    for method in ("connect", "connect_ex"):
        patch.setattr(socket.socket, method, _guarded(getattr(socket.socket, method)))
    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_outside(host)
        return look_up(host, *args, **kwargs)

    patch.setattr(socket, "getaddrinfo", getaddrinfo)


def _guarded(connect: Callable[..., Any]) -> Callable[..., Any]:
    def guard(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _refuse_outside(address[0])
        return connect(self, address)

    return guard


def _refuse_outside(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if not _is_here(name):
        raise OutsideNetworkError(f"tests reach loopback only, not {name!r}")


def _is_here(host: str | None) -> bool:
    if host in (None, "", "localhost", "0.0.0.0", "::"):  # the last four: a listener's own address
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
