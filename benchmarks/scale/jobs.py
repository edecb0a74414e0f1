"""Jobs an hour of one worker and of four, and how long somebody's only job waits behind a thousand
of somebody else's. A job takes a fixed time and next to none of the processor (``stub.py``)."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any

from benchmarks.scale.desk import Desk, desk
from benchmarks.scale.servers import House

STUB_WORKER = (sys.executable, "-m", "benchmarks.scale.worker")
ROUNDS = 8
"""Jobs that each worker does one after the other."""

PATIENCE = 600.0


@dataclass(frozen=True)
class Throughput:
    """What ``workers`` did in ``seconds``: from the first job that began to the last that ended."""

    workers: int
    job_seconds: float
    jobs: int
    seconds: float

    @property
    def per_hour(self) -> float:
        return 3600 * self.jobs / self.seconds


@dataclass(frozen=True)
class Fairness:
    """``before`` jobs of the tenant with ``many`` began after the other's only one was sent and
    before it began; it waited ``waited`` seconds. A job takes ``job_seconds``."""

    many: int
    job_seconds: float
    before: int
    waited: float


def work(seconds: float) -> dict[str, Any]:
    """A request whose job takes so long."""
    return {"config": {"seed": round(1000 * seconds)}, "description": None, "target_class": None}


def throughput(house: House, workers: int, job_seconds: float) -> Throughput:
    """All jobs wait when the workers start."""
    with desk(house) as jobs:
        ids = [jobs.submit("a", work(job_seconds)) for _ in range(workers * ROUNDS)]
        with house.workers(workers, STUB_WORKER, {}):
            jobs.await_ended(len(ids), seconds=PATIENCE)
        rows = jobs.rows(ids)
        began = min(row.started_at for row in rows if row.started_at)
        ended = max(row.finished_at for row in rows if row.finished_at)
    return Throughput(workers, job_seconds, len(ids), (ended - began).total_seconds())


def fairness(house: House, job_seconds: float = 1.0, many: int = 1000) -> Fairness:
    """One worker, one job at a time."""
    with desk(house) as jobs:
        theirs = [jobs.submit("many", work(job_seconds)) for _ in range(many)]
        with house.workers(1, STUB_WORKER, {}):
            _await_started(jobs, theirs, 3)
            one = jobs.submit("one", work(job_seconds))
            _await_started(jobs, [one], 1)
        (row,) = jobs.rows([one])
        sent, began = row.created_at, row.started_at
        assert began is not None
        between = [
            other
            for other in jobs.rows(theirs)
            if other.started_at is not None and sent < other.started_at < began
        ]
        return Fairness(many, job_seconds, len(between), (began - sent).total_seconds())


def _await_started(jobs: Desk, ids: list[str], count: int) -> None:
    ends = time.monotonic() + PATIENCE
    while sum(row.started_at is not None for row in jobs.rows(ids)) < count:
        if time.monotonic() > ends:
            raise TimeoutError("no job has begun")
        time.sleep(0.05)
