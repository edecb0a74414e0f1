"""Servers as processes: started, waited for, stopped with their children."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

READY_SECONDS = 120


@dataclass(frozen=True)
class Server:
    """A server that listens on a port of loopback."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        """Ends it and whatever it started."""
        self.go_on()  # one that is paused hears nothing
        family = _family(self.pid)
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        self.process.wait()

    def pause(self) -> None:
        """Keeps it from taking time while another one is measured."""
        for member in _family(self.pid):
            with suppress(psutil.NoSuchProcess):
                member.suspend()

    def go_on(self) -> None:
        for member in _family(self.pid):
            with suppress(psutil.NoSuchProcess):
                member.resume()


def start(
    command: Sequence[str],
    port: int,
    ready: str,
    log: Path,
    environment: Mapping[str, str],
    cores: str,
) -> Server:
    """Returns when the server answers ``GET ready`` with 200.

    ``cores`` are those that it may use, as taskset takes them. Raises RuntimeError with the end of
    its log when it does not come up.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        process = subprocess.Popen(
            ["taskset", "-c", cores, *command],
            env={**os.environ, **environment},
            stdout=sink,
            stderr=sink,
        )
    server = Server(process, port, log)
    ends = time.monotonic() + READY_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{server.url}{ready}", timeout=5).is_success:
                return server
        time.sleep(0.1)
    server.stop()
    raise RuntimeError(f"{command[-1]} did not start:\n{log.read_text(errors='replace')[-2000:]}")


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def resident_mb(pid: int) -> float:
    """MB (1e6 bytes) that a process holds in memory."""
    return psutil.Process(pid).memory_info().rss / 1e6


def cpu_seconds(server: Server) -> float:
    """That the processes of a server have taken so far."""
    found = 0.0
    for member in _family(server.pid):
        with suppress(psutil.NoSuchProcess):
            times = member.cpu_times()
            found += times.user + times.system
    return found


def _family(pid: int) -> list[psutil.Process]:
    """The process and whatever it started, directly or not."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []
