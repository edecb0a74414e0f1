"""Whatever the engine does, those who ask get an answer or a clear error, and the next ones too."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from polarizer.description import InputSpec
from service.errors import BusyError, UnavailableError
from service.inference.client import EngineClient, Servable
from service.inference.messages import Ranking
from service.settings import Settings
from tests.service.inference.misbehaving import spawning

MODEL = Servable(
    sha256="0" * 64,
    file=Path("/nowhere"),
    input=InputSpec(channels=1, height=8, width=8, mean=(0.5,), std=(0.5,)),
    classes=3,
)


@asynccontextmanager
async def engine(
    tmp_path: Path, how: str, *, seconds: float = 30, most_images: int = 100, most_bytes: int = 1000
) -> AsyncIterator[EngineClient]:
    settings = Settings(data_dir=tmp_path, engine_timeout_seconds=seconds)
    client = EngineClient(
        settings, spawn=spawning(how), most_images=most_images, most_bytes=most_bytes
    )
    try:
        yield client
    finally:
        await client.close()


async def ask(client: EngineClient, *images: bytes) -> list[Ranking]:
    return await client.rank(MODEL, images or (b"image",), top=1)


async def begin(client: EngineClient, *images: bytes) -> asyncio.Task[list[Ranking]]:
    """A request that the engine has, or will soon."""
    before = client.images_waiting
    task = asyncio.create_task(ask(client, *images))
    while client.images_waiting == before or client.pid is None:
        await asyncio.sleep(0)
    return task


def test_one_engine_answers_all(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine(tmp_path, "behave") as client:
            answers = await asyncio.gather(*(ask(client, b"a", b"b") for _ in range(20)))
            assert answers == [[((0, 1.0),)] * 2] * 20
            pid = client.pid
            assert pid
            assert await ask(client) == [((0, 1.0),)]
            assert client.pid == pid
        assert not psutil.pid_exists(pid)
        assert client.images_waiting == 0

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
            assert len(pids) == 2
        assert not any(psutil.pid_exists(pid) for pid in pids if pid)

    asyncio.run(scenario())


@pytest.mark.parametrize("how", ["name no class", "answer too little"])
def test_an_answer_that_does_not_fit_is_not_believed(tmp_path: Path, how: str) -> None:
    async def scenario() -> None:
        async with engine(tmp_path, how) as client:
            with pytest.raises(UnavailableError, match="does not fit"):
                await ask(client)

    asyncio.run(scenario())


def test_all_in_flight_hear_of_a_killed_engine(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine(tmp_path, "keep silent") as client:
            tasks = [await begin(client) for _ in range(3)]
            assert client.pid
            os.kill(client.pid, signal.SIGKILL)
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                assert isinstance(outcome, UnavailableError)
                assert outcome.retry_after
            assert client.images_waiting == 0

    asyncio.run(scenario())


def test_an_engine_that_hangs_is_given_up_and_replaced(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine(tmp_path, "keep silent", seconds=0.2) as client:
            task = await begin(client)
            pid = client.pid
            with pytest.raises(UnavailableError, match=r"within 0\.2 s"):
                await task
            assert client.images_waiting == 0
            again = await begin(client)
            assert pid
            assert client.pid != pid
            with pytest.raises(UnavailableError):
                await again

    asyncio.run(scenario())


def test_an_engine_that_reads_nothing_does_not_hold_up_the_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine(tmp_path, "keep silent", most_bytes=1 << 30) as client:
            tasks = [await begin(client)]
            assert client.pid
            os.kill(client.pid, signal.SIGSTOP)
            tasks.append(await begin(client, bytes(16 << 20)))  # more than the socket holds
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(outcome, UnavailableError)

    asyncio.run(scenario())


def test_a_caller_that_leaves_frees_its_place_here_and_in_the_engine(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine(tmp_path, "keep silent", most_images=3) as client:
            task = await begin(client, b"1", b"2", b"3")
            with pytest.raises(BusyError):
                await ask(client)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert client.images_waiting == 0
            while client.pid:  # this engine ends when it is told that nobody waits
                await asyncio.sleep(0)
            other = await begin(client, b"1", b"2", b"3")
            other.cancel()

    asyncio.run(scenario())


@pytest.mark.parametrize("images", [[b"12345678", b"12345678"], [b"1"] * 4])
def test_more_than_may_wait_is_refused_at_once(tmp_path: Path, images: list[bytes]) -> None:
    async def scenario() -> None:
        async with engine(tmp_path, "behave", most_images=3, most_bytes=15) as client:
            with pytest.raises(BusyError) as refused:
                await ask(client, *images)
            assert refused.value.retry_after
            assert await ask(client, b"123", b"1")

    asyncio.run(scenario())
