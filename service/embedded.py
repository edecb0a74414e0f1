"""The worker of the embedded service: a process of its own, started again when it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

import structlog

from service.settings import Settings

log = structlog.get_logger()

FIRST_DELAY = 1.0  # seconds; doubles with every death
LAST_DELAY = 30.0
LONG_LIFE = 60.0  # a worker that lived so long died of something new
LAST_GRACE = 5.0  # beyond the time that the worker takes to give its job back


def worker_command() -> Sequence[str]:
    """A worker that ends with this process. ``-P`` would keep the source folder from being found
    when the service runs from it."""
    return (sys.executable, "-m", "service.tied", str(os.getpid()), "worker")


class WorkerProcess:
    """Keeps one worker running, in a process group of its own, from a thread that lives as long as
    it does (Linux ends it with that thread)."""

    def __init__(self, settings: Settings, command: Sequence[str]) -> None:
        self._command = command
        self._environment = os.environ | {"POLARIZER_DATA_DIR": str(settings.data_dir.resolve())}
        self._grace = settings.drain_seconds + settings.shutdown_seconds + LAST_GRACE
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep_running, name="worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Tells the worker to give its job back and end; returns at once."""
        self._stopping.set()
        with self._starting:
            if self._process is not None and self._process.returncode is None:
                self._process.terminate()

    def stop(self) -> None:
        """Returns when the worker is gone; kills what does not go in time."""
        self.ask_to_stop()
        if not self._thread.is_alive():
            return
        self._thread.join(self._grace)
        if self._thread.is_alive():
            log.warning("worker_killed")
            self._kill_group()
            self._thread.join()

    def _keep_running(self) -> None:
        delay = FIRST_DELAY
        while (process := self._launch()) is not None:
            started = time.monotonic()
            status = process.wait()
            self._kill_group()  # its children, should it have left any
            if self._stopping.is_set():
                return
            delay = FIRST_DELAY if time.monotonic() - started > LONG_LIFE else delay
            log.warning("worker_ended", status=status, again_in_seconds=delay)
            self._stopping.wait(delay)
            delay = min(2 * delay, LAST_DELAY)

    def _launch(self) -> subprocess.Popen[bytes] | None:
        with self._starting:
            if self._stopping.is_set():
                return None
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno(),
                start_new_session=True,
            )
            return self._process

    def _kill_group(self) -> None:
        assert self._process is not None  # noqa: S101 - launched
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
