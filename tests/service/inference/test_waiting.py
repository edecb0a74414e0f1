"""Work ends with its client, and for no other reason that is told as one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from service.inference import waiting
from service.inference.waiting import while_connected

Step = Callable[["Client"], Coroutine[Any, Any, object]]


class Client:
    """Leaves when it is told to; the work that is done for it notes how that ended."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.watched = asyncio.Event()
        self.ended = ""

    async def receive(self) -> Message:
        self.watched.set()
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def work(self, until: asyncio.Event) -> str:
        try:
            await until.wait()
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise
        self.ended = "done"
        return "answer"

    def begin(self, until: asyncio.Event) -> asyncio.Task[str]:
        request = Request({"type": "http"}, self.receive)
        return asyncio.create_task(self._wait(request, until))

    async def _wait(self, request: Request, until: asyncio.Event) -> str:
        return await while_connected(request, self.work(until))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "SECONDS", 0.0)


def run(step: Step) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(60):
            await step(Client())
        assert asyncio.all_tasks() <= {asyncio.current_task()}, "a watch is left behind"

    asyncio.run(scenario())


def test_a_client_that_leaves_ends_the_work() -> None:
    async def step(client: Client) -> None:
        task = client.begin(asyncio.Event())
        await client.watched.wait()
        client.left.set()
        with pytest.raises(ClientDisconnect):
            await task
        assert client.ended == "cancelled"
        assert not task.cancelled()

    run(step)


def test_work_that_is_done_is_answered_and_nobody_watches_on() -> None:
    async def step(client: Client) -> None:
        until = asyncio.Event()
        task = client.begin(until)
        await client.watched.wait()
        until.set()
        assert await task == "answer"
        await asyncio.sleep(0)  # the watch hears that it is over
        client.left.set()

    run(step)


def test_work_that_is_done_first_is_never_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "SECONDS", 3600.0)

    async def step(client: Client) -> None:
        until = asyncio.Event()
        until.set()
        assert await client.begin(until) == "answer"
        assert not client.watched.is_set()

    run(step)


def test_another_cancellation_stays_one() -> None:
    async def step(client: Client) -> None:
        task = client.begin(asyncio.Event())
        await client.watched.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert client.ended == "cancelled"
        await asyncio.sleep(0)

    run(step)


def test_a_client_that_leaves_while_all_is_being_ended_is_no_excuse() -> None:
    async def step(client: Client) -> None:
        task = client.begin(asyncio.Event())
        await client.watched.wait()
        client.left.set()
        await asyncio.sleep(0)  # the watch is about to cancel the work
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(step)


def test_a_failure_is_the_works_own() -> None:
    async def fail() -> str:
        raise ValueError("its own")

    async def step(client: Client) -> None:
        request = Request({"type": "http"}, client.receive)
        with pytest.raises(ValueError, match="its own"):
            await while_connected(request, fail())

    run(step)
