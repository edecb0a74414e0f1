"""What the service adds to a job: from the moment that it is asked for to the moment that its
result is there, all that its process did not spend on the job itself. Worker, process and job are
real ones."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil

from benchmarks.scale.desk import Desk, desk
from benchmarks.scale.servers import House
from service.blobs import Blobs
from service.records import DefenseRecord
from service.storage import open_store
from tests.worker import samples

WORKER = (sys.executable, "-m", "worker")
PATIENCE = 300.0
LOADING, QUIET = 0.6, 2.5
"""Seconds of processor that loading torch takes at least; seconds without any that tell its end."""


@dataclass(frozen=True)
class Overhead:
    """Seconds of one job. ``work``: from the model's file being opened to the report being
    written, as the job's process measured it. ``waiting``: until a worker took it."""

    total: float
    work: float
    waiting: float

    @property
    def added(self) -> float:
        return self.total - self.work


def measured(house: House, *, jobs: int, spares: int) -> list[Overhead]:
    """One after the other, on a worker with so many children ready; the first one warms up."""
    request = samples.request(**samples.FAST) | {"evidence": None, "target_class": None}
    files = samples.inputs()
    more, found = {"POLARIZER_WARM_CHILDREN": str(spares)}, []
    with desk(house) as at, house.workers(1, WORKER, more) as (worker,):
        for done in range(jobs + 1):
            if spares:
                _await_warm(worker.pid)
            found.append(_one(at, request, files, done))
    return found[1:]


def _await_warm(worker: int) -> None:
    """Returns when a child waits: it has worked, and works no more."""
    seen, since, ends = -1.0, time.monotonic(), time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        taken = _taken(worker)
        if taken != seen:
            seen, since = taken, time.monotonic()
        if taken > LOADING and time.monotonic() - since > QUIET:
            return
        time.sleep(0.2)
    raise TimeoutError("no child has become warm")


def _taken(worker: int) -> float:
    """Seconds of processor that the worker's children have taken."""
    taken = 0.0
    for child in psutil.Process(worker).children():
        with suppress(psutil.NoSuchProcess):
            if any("worker.child" in word for word in child.cmdline()):
                times = child.cpu_times()
                taken += times.user + times.system
    return taken


def _one(at: Desk, request: dict[str, Any], files: dict[str, bytes], done: int) -> Overhead:
    job = at.submit("a", request, files)
    at.await_ended(done + 1, seconds=PATIENCE)
    (row,) = at.rows([job])
    assert row.started_at is not None
    assert row.finished_at is not None
    return Overhead(
        total=(row.finished_at - row.created_at).total_seconds(),
        work=sum(_timings(at, row).values()),
        waiting=(row.started_at - row.created_at).total_seconds(),
    )


def _timings(at: Desk, row: DefenseRecord) -> dict[str, float]:
    assert row.report is not None
    blobs = Blobs(at.database, open_store(at.settings))
    found: dict[str, float] = json.loads(b"".join(blobs.read(row.report)))["timings"]
    return found


def added(found: Sequence[Overhead]) -> list[float]:
    return sorted(one.added for one in found)
