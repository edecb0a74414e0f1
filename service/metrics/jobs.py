"""Jobs as the database knows them, told by the process that reaps: what waits, what was lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

UNFINISHED = ("queued", "running", "cancelling")


@dataclass(frozen=True)
class Backlog:
    """Jobs that have not ended, by status and queue, and how long the one has waited that waits
    longest in each queue, in seconds."""

    jobs: Mapping[tuple[str, str], int]
    oldest_seconds: Mapping[str, float]


class JobMetrics:
    """Of one process. Every process that reaps tells the same backlog: take the largest."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.expiries = Counter(
            "polarizer_job_lease_expiries",
            "Jobs that were taken from a worker which did not renew its lease, by what became of"
            " them: queued, failed, cancelled.",
            ("after",),
            registry=registry,
        )
        self.redeliveries = Counter(
            "polarizer_job_redeliveries",
            "Jobs that were announced again because no worker had taken them in time.",
            registry=registry,
        )
        for after in ("queued", "failed", "cancelled"):
            self.expiries.labels(after)  # a series that begins at 0 shows its first increase
        self._backlog = _BacklogFamilies()
        registry.register(self._backlog)

    def found(self, backlog: Backlog) -> None:
        self._backlog.latest(backlog)


class _BacklogFamilies(Collector):
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: Backlog | None = None

    def latest(self, backlog: Backlog) -> None:
        with self._lock:
            self._found = backlog

    def collect(self) -> Iterator[Metric]:
        jobs = GaugeMetricFamily(
            "polarizer_jobs",
            "Jobs that have not ended, by status (queued, running, cancelling) and queue.",
            labels=["status", "queue"],
        )
        oldest = GaugeMetricFamily(
            "polarizer_jobs_oldest_queued_seconds",
            "How long the job has existed that waits longest in a queue; 0 where none waits.",
            labels=["queue"],
        )
        with self._lock:
            found = self._found
        if found is not None:
            for (status, queue), count in sorted(found.jobs.items()):
                jobs.add_metric([status, queue], count)
            for queue, seconds in sorted(found.oldest_seconds.items()):
                oldest.add_metric([queue], seconds)
        yield jobs
        yield oldest
