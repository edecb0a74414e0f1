"""One count for several processes, in a real Redis; alone while that does not answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from structlog.testing import capture_logs

from service.access.buckets import Rate
from service.access.callers import Caller
from service.access.errors import RateLimitedError
from service.access.limits import Limits
from service.access.rates import ALONE_SECONDS, Rates
from service.access.scopes import EVERYTHING
from service.access.shared_rates import SharedBuckets
from tests.servers import RedisServer
from tests.service.access.conftest import Clock

pytestmark = pytest.mark.server

SLOW = Rate("tenant:one", per_second=0.001, burst=20)
LIMITS = Limits(
    requests_per_second=0.001,
    request_burst=20,
    waiting_defenses=0,
    defenses_a_day=0,
    stored_bytes=0,
)
CALLER = Caller("one", "key_1", EVERYTHING, LIMITS)


def test_processes_share_one_bucket(redis_url: str) -> None:
    async def ask() -> list[float]:
        processes = [SharedBuckets(redis_url) for _ in range(3)]
        answers = await asyncio.gather(*(processes[number % 3].take(SLOW) for number in range(60)))
        for process in processes:
            await process.close()
        return [answer.wait for answer in answers]

    waits = asyncio.run(ask())
    assert sum(wait == 0 for wait in waits) == SLOW.burst
    assert all(900 < wait < 1001 for wait in waits if wait)


def test_tokens_come_back_with_time(redis_url: str) -> None:
    rate = Rate("tenant:fast", per_second=200, burst=1)

    async def ask() -> None:
        shared = SharedBuckets(redis_url)
        for _ in range(5):
            while wait := (await shared.take(rate)).wait:
                await asyncio.sleep(wait)
        await shared.close()

    asyncio.run(asyncio.wait_for(ask(), 30))


def test_a_busy_key_costs_few_exchanges(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rate = Rate("tenant:busy", per_second=1000, burst=2000)

    async def ask() -> int:
        shared = SharedBuckets(redis_url)
        asked, real = 0, shared._ask

        async def counted(*arguments: object) -> object:
            nonlocal asked
            asked += 1
            return await real(*arguments)

        monkeypatch.setattr(shared, "_ask", counted)
        for _ in range(1000):
            assert not (await shared.take(rate)).wait
        await shared.close()
        return asked

    assert asyncio.run(ask()) == 10


def test_names_do_not_share(redis_url: str) -> None:
    async def ask() -> None:
        shared = SharedBuckets(redis_url)
        for name in ("tenant:one", "tenant:two", "key:one"):
            assert not (await shared.take(Rate(name, 0.001, 1))).wait
        await shared.close()

    asyncio.run(ask())


def test_an_outage_of_redis_lets_each_process_count_alone(
    redis_server: RedisServer, clock: Clock
) -> None:
    async def ask() -> None:
        rates = Rates(SharedBuckets(redis_server.url, clock), clock)
        first = await rates.take(CALLER)
        assert first
        assert first.left == 19
        redis_server.kill()
        with capture_logs() as logs:
            for _ in range(20):
                await rates.take(CALLER)
        assert [log["event"] for log in logs] == ["rates_counted_alone"]
        with pytest.raises(RateLimitedError):
            await rates.take(CALLER)
        redis_server.start()
        redis_server.empty()
        clock.now += ALONE_SECONDS
        assert await rates.take(CALLER), "Redis is asked again"
        await rates.close()

    asyncio.run(ask())


@pytest.fixture
def silent() -> Iterator[str]:
    """Takes connections and says nothing."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


def test_a_silent_redis_holds_nobody_up_twice(silent: str, clock: Clock) -> None:
    async def ask() -> None:
        rates = Rates(SharedBuckets(silent, clock), clock)
        with capture_logs() as logs:
            for _ in range(3):
                assert await rates.take(CALLER)
        assert len(logs) == 1
        await rates.close()

    asyncio.run(asyncio.wait_for(ask(), 30))


def test_a_key_has_a_narrower_bucket_of_its_own() -> None:
    narrow = Caller("one", "key_1", EVERYTHING, LIMITS, requests_per_second=0.5)
    assert narrow.rates == (Rate("key:key_1", 0.5, 1), Rate("tenant:one", 0.001, 20))
    unlimited = LIMITS.model_copy(update={"requests_per_second": 0.0})
    assert Caller("one", "key_1", EVERYTHING, unlimited).rates == ()
    assert Caller("one", None, EVERYTHING).rates == ()
