"""The reaper: lost workers, lost messages, several reapers at once."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

import pytest
from celery import Celery
from prometheus_client import CollectorRegistry
from sqlalchemy import update
from structlog.testing import capture_logs

from service.blobs import Blobs
from service.database import Database, now
from service.defenses import lifecycle, repository
from service.defenses.reaper import Reaper
from service.defenses.states import QueueName, Status
from service.ids import new_id
from service.metrics.jobs import JobMetrics
from service.queue import Queue
from service.records import DefenseRecord
from service.settings import Settings


class FakeQueue(Queue):
    """Remembers whom it woke; may be told to be down."""

    def __init__(self) -> None:
        super().__init__(Celery())
        self.woken: list[str] = []
        self.asked = 0
        self.down = False
        self.waiting = 0
        self.by_queue: dict[QueueName, list[str]] = defaultdict(list)

    def wake(self, defense_id: str, queue: QueueName = QueueName.CPU) -> bool:
        self.asked += 1
        if not self.down:
            self.woken.append(defense_id)
            self.by_queue[queue].append(defense_id)
        return not self.down

    def count(self, queue: QueueName) -> int | None:
        self.asked += self.down
        return None if self.down else self.waiting


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def reaper(stack: Settings, database: Database, blobs: Blobs, queue: FakeQueue) -> Reaper:
    settings = stack.model_copy(update={"requeue_after_seconds": 60.0, "max_attempts": 2})
    return Reaper(settings, database, blobs, queue)


@pytest.fixture
def defense_id(database: Database) -> str:
    identifier = new_id("def")
    with database.write() as session:
        lifecycle.add(session, DefenseRecord(id=identifier, tenant="t", request={}, inputs=[]))
    return identifier


def claim(database: Database, defense_id: str, seconds: float = -1) -> None:
    with database.write() as session:
        assert lifecycle.claim(session, defense_id, worker="w", seconds=seconds) is not None


def status(database: Database, defense_id: str) -> DefenseRecord:
    with database.read() as session:
        return repository.get(session, "t", defense_id)


def test_a_message_that_was_lost_is_sent_again(
    database: Database, reaper: Reaper, queue: FakeQueue, defense_id: str
) -> None:
    assert reaper.reap() == [defense_id]
    assert reaper.reap() == [], "woken a moment ago"
    with database.write() as session:
        moment = now(session).replace(year=2020)
        session.execute(update(DefenseRecord).values(enqueued_at=moment))
    assert reaper.reap() == [defense_id]
    assert queue.woken == [defense_id] * 2


def test_jobs_that_have_a_message_each_are_not_announced_again(
    database: Database, reaper: Reaper, queue: FakeQueue, defense_id: str
) -> None:
    """Or a long queue would fill the broker with wake-ups that find nothing."""
    with database.write() as session:
        defense = DefenseRecord(id=new_id("def"), tenant="t", request={}, inputs=[])
        lifecycle.add(session, defense)
    queue.waiting = 2
    assert reaper.reap() == []
    queue.waiting = 1
    assert reaper.reap() == [defense_id]
    assert status(database, defense.id).enqueued_at is None


def test_each_queue_gets_its_own_messages(
    database: Database, reaper: Reaper, queue: FakeQueue, defense_id: str
) -> None:
    with database.write() as session:
        defense = DefenseRecord(
            id=new_id("def"), tenant="t", request={}, inputs=[], queue=QueueName.GPU
        )
        lifecycle.add(session, defense)
    assert reaper.reap() == [defense_id, defense.id]
    assert queue.by_queue == {QueueName.CPU: [defense_id], QueueName.GPU: [defense.id]}


def test_a_lost_worker_is_replaced_until_there_were_too_many(
    database: Database, reaper: Reaper, queue: FakeQueue, defense_id: str
) -> None:
    claim(database, defense_id)
    assert reaper.reap() == [defense_id]
    assert status(database, defense_id).status == Status.QUEUED
    claim(database, defense_id)
    assert reaper.reap() == []
    ended = status(database, defense_id)
    assert ended.status == Status.FAILED
    assert ended.error is not None
    assert ended.error["code"] == "worker-lost"
    assert "2 times" in ended.error["message"]


def test_the_log_says_whose_job_was_lost(
    database: Database, reaper: Reaper, defense_id: str
) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    origin = {"request_id": "asked", "traceparent": f"00-{trace}-b7ad6b7169203331-00"}
    with database.write() as session:
        session.execute(update(DefenseRecord).values(**origin))
    claim(database, defense_id)
    with capture_logs() as lines:
        reaper.reap()
    (line,) = [line for line in lines if line["event"] == "worker_lost"]
    ids = {"job_id": defense_id, "tenant": "t", "request_id": "asked", "trace_id": trace}
    assert ids.items() <= line.items()


def test_a_living_worker_is_left_alone(database: Database, reaper: Reaper, defense_id: str) -> None:
    claim(database, defense_id, seconds=60)
    assert reaper.reap() == []
    assert status(database, defense_id).status == Status.RUNNING


def test_a_cancelled_one_with_a_lost_worker_ends(
    database: Database, reaper: Reaper, defense_id: str
) -> None:
    claim(database, defense_id)
    with database.write() as session:
        lifecycle.request_cancel(session, repository.get(session, "t", defense_id, lock=True))
    assert reaper.reap() == []
    assert status(database, defense_id).status == Status.CANCELLED


def test_a_broker_that_is_down_is_asked_later(
    database: Database, reaper: Reaper, queue: FakeQueue, defense_id: str
) -> None:
    queue.down = True
    assert reaper.reap() == []
    assert status(database, defense_id).status == Status.QUEUED


def test_a_broker_that_is_down_is_asked_once(
    database: Database, reaper: Reaper, queue: FakeQueue
) -> None:
    """Each of a hundred questions would take seconds, and lost jobs would wait as long."""
    for _ in range(5):
        with database.write() as session:
            defense = DefenseRecord(id=new_id("def"), tenant="t", request={}, inputs=[])
            lifecycle.add(session, defense)
    queue.down = True
    assert reaper.reap() == []
    assert queue.asked == 1


@pytest.mark.parametrize(
    "stack", [pytest.param("servers", marks=pytest.mark.server)], indirect=True
)
def test_a_defense_that_is_locked_keeps_no_other_waiting(
    database: Database, reaper: Reaper, queue: FakeQueue
) -> None:
    """As by a worker that was stopped in the middle of a transaction: it holds its row's lock."""
    made = []
    for _ in range(4):
        with database.write() as session:
            defense = DefenseRecord(id=new_id("def"), tenant="t", request={}, inputs=[])
            lifecycle.add(session, defense)
        made.append(defense.id)
    lost, locked_lost, waiting, locked_waiting = made
    for defense_id in (lost, locked_lost):
        claim(database, defense_id)
    with database.write() as asleep:
        for defense_id in (locked_lost, locked_waiting):
            repository.get(asleep, "t", defense_id, lock=True)
        assert sorted(reaper.reap()) == sorted([lost, waiting])
    assert sorted(reaper.reap()) == sorted([locked_lost, locked_waiting])


def test_what_it_did_and_what_waits_is_told(
    stack: Settings, database: Database, blobs: Blobs, queue: FakeQueue, defense_id: str
) -> None:
    registry = CollectorRegistry()
    metrics = JobMetrics(registry)
    settings = stack.model_copy(update={"requeue_after_seconds": 60.0, "max_attempts": 2})
    reaper = Reaper(settings, database, blobs, queue, metrics)

    def told(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"polarizer_{name}", labels)

    reaper.reap()
    assert told("job_redeliveries_total") == 1
    assert told("jobs", status="queued", queue="cpu") == 1
    assert told("jobs", status="queued", queue="gpu") == 0
    with database.write() as session:
        earlier = now(session) - timedelta(hours=1)
        session.execute(update(DefenseRecord).values(created_at=earlier))
    reaper.reap()
    assert 3600 <= (told("jobs_oldest_queued_seconds", queue="cpu") or 0) < 3600 + 600
    claim(database, defense_id)
    reaper.reap()
    assert told("job_lease_expiries_total", after="queued") == 1
    claim(database, defense_id)
    reaper.reap()
    assert told("job_lease_expiries_total", after="failed") == 1
    assert told("jobs", status="queued", queue="cpu") == 0
    assert told("jobs_oldest_queued_seconds", queue="cpu") == 0
