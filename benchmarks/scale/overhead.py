"""What the service adds to a job: from the moment that it is asked for to the moment that its
result is there, all that its process did not spend on the job itself. Worker, process and job are
real ones."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.scale.desk import Desk, desk
from benchmarks.scale.servers import House
from service.blobs import Blobs
from service.records import DefenseRecord
from service.storage import open_store
from tests.worker import samples

WORKER = (sys.executable, "-m", "worker")
PATIENCE = 300.0


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
    with desk(house) as at, house.workers(1, WORKER, {"POLARIZER_WARM_CHILDREN": str(spares)}):
        found = [_one(at, request, files, done) for done in range(jobs + 1)]
    return found[1:]


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
