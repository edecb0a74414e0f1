"""A server program as a child process that is always ended, with everything it started."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psutil

START_SECONDS = 60.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.02


class UnavailableError(Exception):
    """The server cannot be had on this machine; the message says why and what to install."""


AnyServer = TypeVar("AnyServer", bound="Server")


class Server(ABC):
    """One server program on a loopback port, in its own process group, with a folder for its data.

    A subclass gives the command and a probe. ``kill`` is a crash (SIGKILL to every process of it),
    ``stop`` is orderly; ``start`` after either goes on with the same port and data.
    """

    name = "server"
    user: str | None = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> Sequence[str]:
        """The program and its arguments; it stays in the foreground."""

    @abstractmethod
    def probe(self) -> None:
        """Return if the server answers; raise any exception while it does not yet."""

    @property
    def pid(self) -> int | None:
        """The process id of the program, ``None`` while there is none."""
        return None if self._process is None else self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the program and wait until the probe succeeds.

        Raises ``RuntimeError`` with the end of the log if it ends or does not answer in time.
        """
        if self.running:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_end_with_parent(), *self.command()],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **identity(self.user),
            )
        try:
            self._await_ready(self._process)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Ask the program to end, wait for it, and kill what is left."""
        if self._process is not None and self.running:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Send SIGKILL to the program and to all it started, and wait until they are gone."""
        process, self._process = self._process, None
        if process is None:
            return
        family = _descendants(process.pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        process.wait(STOP_SECONDS)
        await_gone(family)

    def restart(self) -> None:
        """Stop in order, then start with the same data."""
        self.stop()
        self.start()

    @property
    def log(self) -> Path:
        return self.folder.parent / f"{self.name}.log"

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self.probe()
            except Exception as error:  # whatever the client library raises
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} does not answer: {self._tail()}") from error
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(POLL_SECONDS)
                raise RuntimeError(f"{self.name} ended at its start: {self._tail()}")

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]


@contextlib.contextmanager
def folder(user: str | None = None) -> Iterator[Path]:
    """A temporary folder that ``user`` owns, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="polarizer-", ignore_cleanup_errors=True) as name:
        path = Path(name)
        path.chmod(0o755)
        data = path / "data"
        data.mkdir(mode=0o700)
        if user is not None:
            shutil.chown(data, user, identity(user)["group"])
        yield data


@contextlib.contextmanager
def running(server: AnyServer) -> Iterator[AnyServer]:
    """Start the server; kill it at the end (nothing in its temporary folder is worth a wait)."""
    server.start()
    try:
        yield server
    finally:
        server.kill()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def identity(user: str | None) -> dict[str, Any]:
    """The arguments with which ``subprocess`` runs a program as ``user``; none for ``None``."""
    if user is None:
        return {}
    account = pwd.getpwnam(user)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _end_with_parent() -> list[str]:
    """A prefix that has the kernel kill the program when the test process dies by itself."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _descendants(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def await_gone(family: list[psutil.Process]) -> None:
    """Wait until every process has ended; what nobody has reaped counts as ended."""
    deadline = time.monotonic() + STOP_SECONDS
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            while member.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
                with contextlib.suppress(psutil.TimeoutExpired):
                    member.wait(POLL_SECONDS)
