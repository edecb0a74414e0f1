"""uvicorn as we run it: one process, our own logs, streams ended at shutdown."""

from __future__ import annotations

import ipaddress
import math
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from signal import SIGINT, SIGTERM
from types import FrameType

import uvicorn
from fastapi import FastAPI

from service.http.protocol import GuardedConfig, GuardedProtocol, Limits
from service.settings import Settings


def _nothing() -> None:
    pass


class Server(uvicorn.Server):
    """Calls ``on_ready`` once it answers and ``on_stopping`` when it is told to stop; the
    application's endless answers are told to end then."""

    def __init__(
        self,
        app: FastAPI,
        settings: Settings,
        *,
        on_ready: Callable[[], None] = _nothing,
        on_stopping: Callable[[], None] = _nothing,
    ) -> None:
        config = GuardedConfig(
            app,
            http=GuardedProtocol,
            ws="none",
            log_config=None,
            access_log=False,  # service/http/around.py logs requests
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=math.ceil(settings.shutdown_seconds),
        )
        config.limits = Limits.of(settings)
        super().__init__(config)
        self._app = app
        self._on_ready = on_ready
        self._on_stopping = on_stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.resources.closing.set()
        self._on_stopping()
        await super().shutdown(sockets)

    def serve_until_signal(self, listener: socket.socket) -> None:
        """Serves until SIGTERM or SIGINT. Raises SystemExit when the application fails to start,
        with its reason in the log."""
        with self._signals_kept():
            self.run(sockets=[listener])

    @contextmanager
    def _signals_kept(self) -> Iterator[None]:
        """uvicorn handles these signals, and sends them once more to whoever handled them before;
        that must not end the process while something is still to be put away."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            self.should_exit = True

        before = {number: signal.signal(number, stop) for number in (SIGINT, SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises OSError, also for an unknown host."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def address(listener: socket.socket) -> str:
    """``http://127.0.0.1:8000``"""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
