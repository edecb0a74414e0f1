"""The service's own processes, as servers that can be started, killed and started again."""

from __future__ import annotations

import os
import signal
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from tests.servers.process import Server

ROOT = Path(__file__).parents[2]
END_SECONDS = 40.0


class Part(Server):
    """``python -m tests.faults.under KIND`` with an environment of its own."""

    kind = "part"

    def __init__(self, folder: Path, name: str, environment: Mapping[str, str]) -> None:
        folder.mkdir()
        super().__init__(folder)
        self.name = name
        self._environment = environment

    def command(self) -> Sequence[str]:
        settings = [f"{name}={value}" for name, value in self.settings().items()]
        return ["env", *settings, sys.executable, "-m", "tests.faults.under", self.kind]

    def settings(self) -> dict[str, str]:
        return {
            "PYTHONPATH": str(ROOT),
            "POLARIZER_DATA_DIR": str(self.folder),
            "POLARIZER_PORT": str(self.port),
            **self._environment,
        }

    def crash(self) -> None:
        """SIGKILL for the process alone; what it started must end by itself."""
        assert self.pid
        os.kill(self.pid, signal.SIGKILL)
        self.await_end()

    def suspend(self) -> None:
        assert self.pid
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        if self.running and self.pid:
            os.kill(self.pid, signal.SIGCONT)

    def end(self) -> tuple[int | None, float]:
        """SIGTERM: the exit status (None: it did not go, and was killed) and the seconds until."""
        assert self._process
        began = time.monotonic()
        self._process.terminate()
        status = self.await_end()
        return status, time.monotonic() - began

    def await_end(self) -> int | None:
        """The exit status; None when it had to be killed after ``END_SECONDS``."""
        assert self._process
        deadline = time.monotonic() + END_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        status = self._process.poll()
        self.kill()
        return status


class Api(Part):
    kind = "api"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def probe(self) -> None:
        with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
            answer.read()


class Worker(Part):
    kind = "worker"

    def probe(self) -> None:
        if not list((self.folder / "jobs").glob(f"*-{self.pid}-*/heartbeat")):
            raise ConnectionError("no heartbeat yet")


def suspended(server: Server) -> list[psutil.Process]:
    """Stops a server with everything that it has started; returns what is to be resumed."""
    program = psutil.Process(server.pid)
    family = [program, *program.children(recursive=True)]
    for process in family:
        process.suspend()
    return family


def resume(family: Sequence[psutil.Process]) -> None:
    for process in family:
        if process.is_running():
            process.resume()
