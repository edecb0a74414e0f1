"""What one worker counts, and where Prometheus fetches it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    start_http_server,
)

from service.settings import Settings

log = structlog.get_logger()

SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)

OURS = frozenset(
    {
        *("internal", "child-crashed", "out-of-memory", "timeout", "unavailable", "disk-limit"),
        *("sandbox-violation", "sandbox-unavailable", "device-unavailable"),
    }
)
"""Codes of failures that an operator may have to do something about."""

INPUT = "input"
"""The label of all other codes: the child may say any, and each would be a series."""


class WorkerMetrics:
    """Of one process."""

    def __init__(self, slots: int = 1) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._slots = Gauge(
            "polarizer_worker_slots", "Jobs that may run at a time.", registry=self.registry
        )
        self._slots.set(slots)
        self.running = Gauge(
            "polarizer_worker_jobs_running", "Jobs that run.", registry=self.registry
        )
        self.busy = Counter(
            "polarizer_worker_busy_seconds",
            "Seconds that jobs have run, of all slots together.",
            registry=self.registry,
        )
        self._attempts = Counter(
            "polarizer_worker_attempts",
            "Attempts that ended, by outcome (succeeded, failed, cancelled, givenback, lost) and,"
            " of failures that need an operator, their code.",
            ("outcome", "code"),
            registry=self.registry,
        )
        self._attempt_seconds = Histogram(
            "polarizer_worker_attempt_seconds",
            "From a job's claim to its outcome.",
            ("outcome",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._stage_seconds = Histogram(
            "polarizer_worker_stage_seconds",
            "The stages of jobs; starting is that of the job's process, settling the last commit.",
            ("stage",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._queue_seconds = Histogram(
            "polarizer_worker_queue_seconds",
            "From the request that made a job to its first claim.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self._messages = Counter(
            "polarizer_worker_messages",
            "Messages by what came of them: ran, or nothing (no job waited).",
            ("result",),
            registry=self.registry,
        )
        self.redeliveries = Counter(
            "polarizer_worker_redeliveries",
            "Messages that the broker delivered again because nobody had acknowledged them.",
            registry=self.registry,
        )
        self._inputs = Counter(
            "polarizer_worker_inputs",
            "Inputs that were read, from the store or from a copy that the worker has kept.",
            ("source",),
            registry=self.registry,
        )
        for result in ("ran", "nothing"):
            self._messages.labels(result)
        for source in ("store", "copy"):
            self._inputs.labels(source)

    def message(self, result: str) -> None:
        self._messages.labels(result).inc()

    def input_read(self, source: str) -> None:
        self._inputs.labels(source).inc()

    def waited(self, seconds: float) -> None:
        self._queue_seconds.observe(seconds)

    def stage(self, stage: str, seconds: float) -> None:
        self._stage_seconds.labels(stage).observe(seconds)

    def attempt(self, outcome: str, code: str | None, seconds: float) -> None:
        label = "" if code is None else code if code in OURS else INPUT
        self._attempts.labels(outcome, label).inc()
        self._attempt_seconds.labels(outcome).observe(seconds)


@contextmanager
def served(metrics: WorkerMetrics, settings: Settings) -> Iterator[int | None]:
    """``/metrics`` over HTTP while the block runs; its port, None where there is none. A port that
    is taken is logged: a worker that nobody can look at still works."""
    if settings.worker_metrics_port is None:
        yield None
        return
    host, port = settings.worker_metrics_host, settings.worker_metrics_port
    try:
        server, thread = start_http_server(port, host, metrics.registry)
    except OSError as error:
        log.warning("metrics_not_served", host=host, port=port, error=error.strerror)
        yield None
        return
    try:
        log.info("metrics_served", host=host, port=server.server_port)
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
