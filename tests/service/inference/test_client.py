"""Whatever the engine does, those who ask get an answer or a clear error, and the next ones too;
and no block of the shared memory is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from polarizer.description import InputSpec
from service.errors import BusyError, UnavailableError
from service.inference.client import EngineClient, Servable
from service.inference.connection import MOST_LINES
from service.inference.messages import Network
from service.inference.rows import Answer, Images
from service.settings import Settings
from service.tracing import active
from tests.service.inference.misbehaving import spawning
from tests.service.tracing.test_spans import FakeSpan

MODEL = Servable(
    Network(model="0" * 64, file="/nowhere"),
    input=InputSpec(channels=1, height=8, width=8, mean=(0.5,), std=(0.5,)),
    classes=3,
)


@asynccontextmanager
async def engine(
    tmp_path: Path, how: str, *, seconds: float = 60, arena_bytes: int = 1 << 20
) -> AsyncIterator[EngineClient]:
    settings = Settings(data_dir=tmp_path, engine_timeout_seconds=seconds)
    client = EngineClient(
        settings, "cpu", lambda _: None, spawn=spawning(how), arena_bytes=arena_bytes
    )
    try:
        yield client
    finally:
        await client.close()


async def ask(client: EngineClient, *images: bytes) -> Answer:
    answer, _ = await client.ask(MODEL, Images(images or (b"image",)))
    return answer


async def begin(client: EngineClient, *images: bytes) -> asyncio.Task[Answer]:
    """A request that the engine has, or will soon."""
    before = blocks(client)
    task = asyncio.create_task(ask(client, *images))
    while blocks(client) == before:
        await asyncio.sleep(0)
    return task


def blocks(client: EngineClient) -> int:
    """Of shared memory, in use."""
    return client.arena.blocks if client.arena else 0


def test_one_engine_answers_all(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine(tmp_path, "behave") as client:
            answers = await asyncio.gather(*(ask(client, b"a", b"b") for _ in range(20)))
            assert {answer.logits for answer in answers} == {struct.pack("<6f", *[1.0] * 6)}
            pid = client.pid
            assert pid
            await ask(client)
            assert client.pid == pid
            assert blocks(client) == client.rows_waiting == 0
        assert not psutil.pid_exists(pid)

    asyncio.run(scenario())


@pytest.mark.parametrize("how", ["die", "talk nonsense", "send too much"])
def test_an_engine_that_fails_is_replaced(tmp_path: Path, how: str) -> None:
    async def scenario() -> None:
        async with engine(tmp_path, how) as client:
            pids = set()
            for _ in range(2):
                task = await begin(client)
                pids.add(client.pid)
                with pytest.raises(UnavailableError, match="ended while"):
                    await task
            assert len(pids) == client.starts == 2
        assert not any(psutil.pid_exists(pid) for pid in pids if pid)

    asyncio.run(scenario())


@pytest.mark.parametrize("how", ["answer no number", "drop unasked"])
def test_an_answer_that_makes_no_sense_is_not_believed(tmp_path: Path, how: str) -> None:
    async def scenario() -> None:
        async with engine(tmp_path, how) as client:
            with pytest.raises(UnavailableError):
                await ask(client)
            assert blocks(client) == 0

    asyncio.run(scenario())


def test_what_an_engine_says_is_logged_and_bounded(tmp_path: Path) -> None:
    async def scenario() -> int | None:
        async with engine(tmp_path, "talk much") as client:
            await ask(client)
            return client.pid

    with capture_logs() as lines:
        pid = asyncio.run(scenario())
    said = [line for line in lines if line["event"] == "engine_says"]
    assert len(said) == MOST_LINES
    assert said[0] == {
        "event": "engine_says",
        "log_level": "error",
        "pid": pid,
        "source": "x",
        "message": "a line?and ?[31m more",
    }


def test_steps_that_nobody_asked_for_are_not_heard(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine(tmp_path, "tell unasked") as client:
            assert (await ask(client)).count == 1

    asyncio.run(scenario())


def test_steps_of_a_traced_question_become_spans(tmp_path: Path) -> None:
    async def scenario() -> FakeSpan:
        asking = FakeSpan("engine.ask")
        async with engine(tmp_path, "tell unasked") as client:
            with active(asking):
                await ask(client)
        return asking

    names = [span.name for span in asyncio.run(scenario()).everything()]
    assert names == ["engine.ask", "engine", "engine.wait"]


def test_all_in_flight_hear_of_a_killed_engine(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine(tmp_path, "keep silent") as client:
            tasks = [await begin(client) for _ in range(3)]
            arena = client.arena
            assert client.pid
            assert arena
            os.kill(client.pid, signal.SIGKILL)
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                assert isinstance(outcome, UnavailableError)
                assert outcome.retry_after
            assert arena.blocks == client.rows_waiting == 0

    asyncio.run(scenario())


def test_an_engine_that_hangs_is_given_up_and_replaced(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine(tmp_path, "keep silent", seconds=0.2) as client:
            task = await begin(client)
            pid = client.pid
            with pytest.raises(UnavailableError, match=r"within 0\.2 s"):
                await task
            again = await begin(client)
            assert pid
            assert client.pid != pid
            with pytest.raises(UnavailableError):
                await again

    asyncio.run(scenario())


def test_an_engine_that_reads_nothing_does_not_hold_up_the_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine(tmp_path, "keep silent", arena_bytes=8 << 20) as client:
            tasks = [await begin(client)]
            assert client.pid
            os.kill(client.pid, signal.SIGSTOP)
            # its header alone is more than the socket holds
            tasks.append(await begin(client, *[b"1"] * 200_000))
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(outcome, UnavailableError)

    asyncio.run(scenario())


def test_a_caller_that_leaves_tells_the_engine(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine(tmp_path, "keep silent") as client:
            task = await begin(client)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert client.rows_waiting == 0
            while client.pid:  # this engine ends when it is told that nobody waits
                await asyncio.sleep(0)

    asyncio.run(scenario())


def test_a_block_is_the_engines_until_it_lets_go(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine(tmp_path, "let go", arena_bytes=4096) as client:
            task = await begin(client, bytes(3000))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert blocks(client) == 1
            with pytest.raises(BusyError) as refused:
                await ask(client, bytes(3000))
            assert refused.value.retry_after
            while blocks(client):
                await asyncio.sleep(0)

    asyncio.run(scenario())
