"""The worker process: Celery with a pool of threads, each running one runner. Loads no torch."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from celery import Celery
from celery.signals import setup_logging

from service.database import Database
from service.metrics.store import StoreMetrics, observed
from service.queue import Queue, broker_queue, create_celery
from service.settings import Settings
from service.storage import open_store
from service.tracing import Tracing, open_tracing
from service.tracing.statements import trace_statements
from worker import input_cache
from worker.input_cache import CachingBlobs
from worker.leaving import set_when_told
from worker.metrics import WorkerMetrics, served
from worker.observing import Observer
from worker.runner import Runner
from worker.tasks import register
from worker.workplace import BEAT_SECONDS, Workplace, open_workplace

log = structlog.get_logger()

TRACES_SECONDS = 2.0
"""What the last spans may take at the end; a collector that is away must not keep us."""


def run_worker(settings: Settings) -> int:
    """Works until it is told to stop; the exit status. Raises SchemaError when the database is not
    migrated, OperationalError when there is none, TracingError when traces cannot be had."""
    tracing, metrics = open_tracing(settings, "worker"), WorkerMetrics(settings.worker_concurrency)
    database = Database(settings.database, answer_seconds=settings.database_timeout_seconds)
    database.require_current_schema()
    trace_statements(database.engine, tracing)
    celery = create_celery(settings)
    shutdown = threading.Event()
    with (
        _closed(tracing),
        served(metrics, settings),
        open_workplace(settings.jobs_dir) as workplace,
        _beating(workplace),
    ):
        runner = Runner(
            settings,
            database,
            CachingBlobs(
                database,
                observed(open_store(settings), StoreMetrics(metrics.registry)),
                workplace.folder / input_cache.FOLDER,
                settings.input_cache_bytes,
                on_read=metrics.input_read,
            ),
            Queue(celery),
            workplace,
            shutdown=shutdown,
            observer=Observer(metrics, tracing),
        )
        register(celery, runner, on_redelivery=metrics.redeliveries.inc)
        with set_when_told(shutdown, settings), _our_logging(), runner.spares.kept():
            log.info("worker_starts", worker=workplace.name, pid=os.getpid())
            return _consume(celery, settings)


@contextmanager
def _closed(tracing: Tracing) -> Iterator[None]:
    """Exports the last spans at the end of the block."""
    try:
        yield
    finally:
        tracing.close(TRACES_SECONDS)


def _consume(celery: Celery, settings: Settings) -> int:
    celery.conf.update(
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        broker_connection_max_retries=None,  # a broker that is down for long comes back one day
        worker_cancel_long_running_tasks_on_connection_loss=False,  # leases decide, not the broker
    )
    worker = celery.Worker(
        pool="threads",
        concurrency=settings.worker_concurrency,
        queues=[broker_queue(queue) for queue in settings.worker_queues or settings.queues],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


@contextmanager
def _beating(workplace: Workplace) -> Iterator[None]:
    """Touches the heartbeat from a thread of its own."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT_SECONDS):
            workplace.beat()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def _our_logging() -> Iterator[None]:
    """Celery configures no logging by itself."""
    setup_logging.connect(_keep_our_logging, weak=False)
    try:
        yield
    finally:
        setup_logging.disconnect(_keep_our_logging)


def _keep_our_logging(**_: object) -> None:
    """A receiver of this signal keeps Celery from configuring logging by itself."""
