"""The queue is a wake-up: a message carries a defense's id and nothing else. Whoever takes it runs
the job whose turn it is in that queue (``lifecycle/turns.py``), which may be another one: there is
a message for each job that waits, so every job's turn comes.

Losing every message loses no job, because the reaper (``service/defenses/reaper.py``) wakes
workers again for rows that nobody took. So a broker that is down delays a job and fails nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import structlog
from celery import Celery
from kombu import Producer
from kombu.exceptions import (  # type: ignore[attr-defined]  # its types are older than it is
    BatchPublishError,
    OperationalError,
)

from service.defenses.states import QueueName
from service.errors import UnavailableError
from service.settings import Settings
from service.tracing import Kind, span

log = structlog.get_logger()

RUN_DEFENSE = "polarizer.run_defense"
QUEUE = "defenses"
MAX_SENDING = 8
TURN_SECONDS = 1.0
_RETRY = {"max_retries": 2, "interval_start": 0.1, "interval_step": 0.3, "interval_max": 0.5}


def broker_queue(queue: QueueName) -> str:
    """Its name at the broker."""
    return QUEUE if queue is QueueName.CPU else f"{QUEUE}-{queue}"


def queue_of(name: object) -> QueueName | None:
    """The queue that has this name at the broker."""
    return next((queue for queue in QueueName if broker_queue(queue) == name), None)


def create_celery(settings: Settings) -> Celery:
    """The Celery application that the service sends with and the worker listens with."""
    app = Celery("polarizer", broker=settings.broker)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_default_queue=QUEUE,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=5,
        broker_transport_options=_transport_options(settings),
        enable_utc=True,
    )
    return app


class Job(NamedTuple):
    """Whom a message is for."""

    defense_id: str
    queue: QueueName


class Queue:
    """Sends wake-ups. While a broker hangs, every one takes many seconds: a few at a time wait for
    it, the others give up, so that requests do not leave a thread each behind."""

    def __init__(self, celery: Celery) -> None:
        self._celery = celery
        self._sending = threading.BoundedSemaphore(MAX_SENDING)

    def wake(self, defense_id: str, queue: QueueName = QueueName.CPU) -> bool:
        """Sends one message; False (and a log line) when the broker cannot be reached."""
        with span("queue.wake", kind=Kind.PRODUCER):
            return self.wake_all([Job(defense_id, queue)])

    def wake_all(self, jobs: Sequence[Job]) -> bool:
        """Sends a message for each; on Redis all of them in one exchange. False (and log lines)
        when the broker cannot be reached."""
        if not self._sending.acquire(timeout=TURN_SECONDS):
            return _failed(jobs, "others wait already")
        try:
            self._send(jobs)
        except (OperationalError, OSError) as error:
            return _failed(jobs, type(error).__name__)
        finally:
            self._sending.release()
        return True

    def _send(self, jobs: Sequence[Job]) -> None:
        with self._celery.producer_or_acquire() as producer:
            try:
                with producer.batch():  # sent at its end, and not tried again
                    for job in jobs:
                        self._send_one(job, producer)
            except BatchPublishError:  # perhaps some are there: a second message does no harm
                for job in jobs:
                    self._send_one(job, producer)

    def _send_one(self, job: Job, producer: Producer) -> None:
        self._celery.send_task(
            RUN_DEFENSE,
            args=[job.defense_id],
            queue=broker_queue(job.queue),
            producer=producer,
            retry=True,
            retry_policy=_RETRY,
            ignore_result=True,
        )

    def count(self, queue: QueueName) -> int | None:
        """Messages that wait there; None (and a log line) when the broker cannot be reached."""
        connection = self._celery.connection_for_write()
        away: tuple[type[BaseException], ...] = (
            OperationalError,
            OSError,
            *connection.connection_errors,
        )
        try:
            with connection:
                connection.ensure_connection(max_retries=1, interval_start=0, timeout=3)
                channel: Any = connection.default_channel  # kombu's types know too little of it
                declared = channel.queue_declare(broker_queue(queue))
                return int(declared.message_count)
        except away as error:
            log.warning("queue_not_counted", queue=queue, error=type(error).__name__)
            return None

    def ping(self) -> None:
        """Raises UnavailableError when the broker cannot be reached."""
        try:
            with self._celery.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, interval_start=0, timeout=3)
        except (OperationalError, OSError) as error:
            raise UnavailableError("the broker does not answer") from error


def _failed(jobs: Sequence[Job], error: str) -> bool:
    for job in jobs:
        log.warning("wake_failed", job_id=job.defense_id, error=error)
    return False


def _transport_options(settings: Settings) -> dict[str, Any]:
    if settings.broker.startswith("filesystem"):
        folder = settings.data_dir.resolve() / "queue"
        for name in ("messages", "control"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        return {
            "data_folder_in": str(folder / "messages"),
            "data_folder_out": str(folder / "messages"),
            "control_folder": str(folder / "control"),
            "polling_interval": 0.1,
        }
    return {
        # Redis hands an unacknowledged message to another worker after this time even while the
        # task runs; the lease makes that harmless, this makes it rare.
        "visibility_timeout": int(settings.job_timeout_seconds + settings.lease_seconds + 60),
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 15,
    }
