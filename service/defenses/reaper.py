"""Finds defenses that fell out of a worker's hands or whose wake-up was lost, and blobs that
nobody needs. Any number of reapers may run: every step is one guarded UPDATE."""

from __future__ import annotations

from itertools import takewhile

import structlog
from prometheus_client import CollectorRegistry

from service.blobs import Blobs
from service.database import Database
from service.defenses import lifecycle
from service.defenses.backlog import backlog
from service.defenses.origin import ids_of
from service.defenses.states import QueueName
from service.metrics.jobs import JobMetrics
from service.queue import Queue
from service.settings import Settings

log = structlog.get_logger()

MOST_COUNTED = 10_000
"""Jobs; with so many messages there is no need for more, however many jobs wait."""

MOST_WOKEN = 100
"""Messages of one round."""


class Reaper:
    """``reap`` every few seconds, ``sweep`` every few minutes."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        blobs: Blobs,
        queue: Queue,
        metrics: JobMetrics | None = None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._blobs = blobs
        self._queue = queue
        self._metrics = metrics or JobMetrics(CollectorRegistry())

    def reap(self) -> list[str]:
        """Takes defenses from lost workers, wakes workers for waiting ones; returns the latter.

        A broker that does not answer takes seconds to say so: the others wait for another time.
        """
        self._take_from_lost_workers()
        woken: list[str] = []
        for queue in QueueName:
            with self._database.read() as session:
                jobs = lifecycle.count_waiting(session, queue, most=MOST_COUNTED)
            if not jobs:
                continue
            messages = self._queue.count(queue)
            if messages is None:
                break
            woken += self._wake(queue, jobs - messages)
        self._metrics.redeliveries.inc(len(woken))
        with self._database.read() as session:
            self._metrics.found(backlog(session))
        return woken

    def _take_from_lost_workers(self) -> None:
        with self._database.write() as session:
            for record in lifecycle.expired(session):
                after = lifecycle.take_from_lost_worker(
                    session, record, max_attempts=self._settings.max_attempts
                )
                log.warning("worker_lost", attempt=record.attempt, status=after, **ids_of(record))
                if not after.is_leased:
                    self._metrics.expiries.labels(after.value).inc()

    def _wake(self, queue: QueueName, lacking: int) -> list[str]:
        """Sends the messages that lack: each runs one job. With more of them, whoever counts
        messages to know how many workers are needed would count wrong."""
        if lacking <= 0:
            return []
        with self._database.write() as session:
            waiting = lifecycle.take_unwoken(
                session,
                queue,
                older_than=self._settings.requeue_after_seconds,
                limit=min(lacking, MOST_WOKEN),
            )
        return list(takewhile(lambda one: self._queue.wake(one, queue), waiting))

    def sweep(self) -> int:
        """Removes blobs that nobody refers to; returns how many."""
        return self._blobs.sweep(self._settings.sweep_grace_seconds)
