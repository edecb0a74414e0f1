"""Wake-ups of requests side by side: together, each before its answer, and none waits for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import cast

import pytest

from service.defenses.states import QueueName
from service.queue import Job, Queue
from service.waking import Waking
from tests.waiting import wait_until

JOBS = [Job(f"def_{number}", QueueName.CPU) for number in range(5)]


class SlowQueue:
    """Notes what it is told to send, and sends it when the test says so."""

    def __init__(self) -> None:
        self.told: list[Sequence[Job]] = []
        self.go_on = threading.Event()

    def wake_all(self, jobs: Sequence[Job]) -> bool:
        self.told.append(jobs)
        return self.go_on.wait(120)


@pytest.fixture
def queue() -> Iterator[SlowQueue]:
    queue = SlowQueue()
    yield queue
    queue.go_on.set()


def waking(queue: SlowQueue) -> Waking:
    return Waking(cast(Queue, queue))


async def come(queue: SlowQueue, side_by_side: Waking) -> list[asyncio.Task[None]]:
    """Requests, of which the first one's wake-up is on its way when the others come."""
    tasks = [asyncio.create_task(side_by_side.wake(JOBS[0]))]
    await asyncio.to_thread(wait_until, lambda: queue.told)
    tasks += [asyncio.create_task(side_by_side.wake(job)) for job in JOBS[1:]]
    await asyncio.sleep(0)  # they have begun
    return tasks


def test_those_that_come_meanwhile_go_together(
    queue: SlowQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.waking.SECONDS", 120.0)

    async def run() -> None:
        tasks = await come(queue, waking(queue))
        assert queue.told == [JOBS[:1]]
        assert not any(task.done() for task in tasks)
        queue.go_on.set()
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert queue.told == [JOBS[:1], JOBS[1:]]


def test_one_that_comes_alone_goes_at_once(queue: SlowQueue) -> None:
    queue.go_on.set()

    async def run() -> None:
        one = waking(queue)
        for job in JOBS:
            await one.wake(job)

    asyncio.run(run())
    assert queue.told == [[job] for job in JOBS]


def test_a_broker_that_hangs_keeps_nobody(
    queue: SlowQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.waking.SECONDS", 0.05)

    async def run() -> None:
        side_by_side = waking(queue)
        for job in JOBS[:2]:
            with pytest.raises(TimeoutError):
                await side_by_side.wake(job)

    asyncio.run(run())
    wait_until(lambda: len(queue.told) == 2)  # a thread is told of the second one
    assert queue.told == [JOBS[:1], JOBS[1:2]]


def test_a_client_that_leaves_takes_nothing_with_it(
    queue: SlowQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.waking.SECONDS", 120.0)

    async def run() -> None:
        tasks = await come(queue, waking(queue))
        tasks[1].cancel()
        queue.go_on.set()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())
    assert [job for jobs in queue.told for job in jobs] == JOBS
