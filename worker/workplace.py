"""A worker's place on disk: one folder a running job, a heartbeat, nothing left of dead workers.

    jobs/lock                           held (flock) while a worker starts
         <host>-<pid>-<random>/lock         held (flock) as long as the worker lives
                               heartbeat    touched every few seconds
                               job-…/       one a running job; worker/job.py says what is in it
                               spare-…/     one a child that waits for a job, then that job's

A lock that can be taken belongs to a worker that is dead, whatever killed it, so several workers
may share the folder. One more lock, of the whole folder, keeps a worker that looks for dead ones
from seeing another that has made its place and not locked it yet.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import structlog

from service.defenses.lifecycle import Lease

log = structlog.get_logger()

LOCK = "lock"
HEARTBEAT = "heartbeat"
BEAT_SECONDS = 5.0
DEAD_AFTER_SECONDS = 30.0


class Workplace:
    """Made by ``open_workplace``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        (folder / HEARTBEAT).touch()

    def beat(self) -> None:
        """Says that this worker is alive."""
        (self.folder / HEARTBEAT).touch()

    def new_folder(self, prefix: str) -> Path:
        """One that only this user may enter, gone with the workplace at the latest."""
        return Path(tempfile.mkdtemp(prefix=prefix, dir=self.folder))

    @contextmanager
    def job_folder(self, lease: Lease) -> Iterator[Path]:
        """A new folder that only this user may enter, gone at the end whatever happened."""
        folder = self.new_folder(f"job-{lease.defense_id}-{lease.attempt}-")
        try:
            yield folder
        finally:
            remove(folder)


@contextmanager
def open_workplace(jobs_dir: Path) -> Iterator[Workplace]:
    """This worker's place; it is removed at the end. Removes those of dead workers first."""
    jobs_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as held:
        with _locked(jobs_dir / LOCK):
            _remove_stale(jobs_dir)
            folder = Path(tempfile.mkdtemp(prefix=f"{_host()}-{os.getpid()}-", dir=jobs_dir))
            held.callback(remove, folder)
            held.enter_context(_locked(folder / LOCK))
        yield Workplace(folder)


def _remove_stale(jobs_dir: Path) -> None:
    for folder in jobs_dir.iterdir():
        if folder.is_dir() and _is_stale(folder):
            log.warning("stale_workplace_removed", folder=folder.name)
            remove(folder)


def is_healthy(jobs_dir: Path, *, clock: Callable[[], float] = time.time) -> bool:
    """Whether a worker of this host has touched its heartbeat lately."""
    for heartbeat in jobs_dir.glob(f"{_host()}-*/{HEARTBEAT}"):
        with suppress(FileNotFoundError):
            if clock() - heartbeat.stat().st_mtime < DEAD_AFTER_SECONDS:
                return True
    return False


def remove(folder: Path) -> None:
    """Removes a folder that a hostile process may have written; what resists is logged, and tried
    again when the next worker starts."""
    with suppress(OSError, RecursionError):
        shutil.rmtree(folder)
    if folder.exists():  # folders that may not be entered, or deeper than Python can follow
        for command in ("chmod -R u+rwX --", "rm -rf --"):
            subprocess.run([*command.split(), folder], check=False, capture_output=True)  # noqa: S603
    if folder.exists():
        log.error("folder_not_removed", folder=folder.name)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_stale(folder: Path) -> bool:
    """Whether nobody holds its lock."""
    try:
        with (folder / LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return True


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9]", "", socket.gethostname())[:40] or "host"
