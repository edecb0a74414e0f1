"""Token buckets in Redis, for several API processes.

A process takes a tenth of a second's worth of tokens at a time, so that a busy key costs a few
exchanges a second and not one a request. The most that can be had at once is therefore the burst
and a tenth of a second more for each process.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import redis.asyncio
from redis.exceptions import RedisError

from service.access.buckets import Rate, Taken

SHARE_SECONDS = 0.1
ANSWER_SECONDS = 0.25
MOST = 4096

_TAKE = """
local rate, burst, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local moment = clock[1] + clock[2] / 1000000
local row = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(row[1]) or burst, tonumber(row[2]) or moment
tokens = math.min(burst, tokens + math.max(0, moment - at) * rate)
local taken = math.min(want, math.floor(tokens))
tokens = tokens - taken
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', moment))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 1000)
return {taken, tostring(tokens)}
"""


@dataclass
class _Purse:
    """What this process has of one bucket."""

    tokens: int = 0
    left: float = 0.0  # in Redis, when it was asked
    empty_until: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class SharedBuckets:
    """Belongs to one event loop."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._purses: dict[str, _Purse] = {}
        self._redis = redis.asyncio.Redis.from_url(
            url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS
        )

    async def take(self, rate: Rate) -> Taken:
        """One token. Raises ConnectionError when Redis does not answer."""
        purse = self._purses.setdefault(rate.name, _Purse())
        if not purse.tokens and self._clock() >= purse.empty_until:
            async with purse.asking:
                if not purse.tokens and self._clock() >= purse.empty_until:
                    await self._refill(purse, rate)
        if purse.tokens:
            purse.tokens -= 1
            return Taken(0.0, int(purse.left) + purse.tokens)
        return Taken(max(purse.empty_until - self._clock(), 0.001), 0)

    async def close(self) -> None:
        await self._redis.aclose()

    async def _refill(self, purse: _Purse, rate: Rate) -> None:
        want = min(rate.burst, max(1, math.ceil(rate.per_second * SHARE_SECONDS)))
        answer = await self._ask(rate, want)
        taken, purse.left = int(answer[0]), float(answer[1])
        purse.tokens += taken
        if not taken:
            purse.empty_until = self._clock() + (1 - purse.left) / rate.per_second
        if len(self._purses) > MOST:
            self._purses = {rate.name: purse}

    async def _ask(self, rate: Rate, want: int) -> list[Any]:
        name = f"polarizer:rate:{rate.name}"
        asked = self._redis.eval(_TAKE, 1, name, rate.per_second, rate.burst, want)
        try:
            return await cast("Awaitable[list[Any]]", asked)
        except (TimeoutError, RedisError, OSError) as error:
            raise ConnectionError(type(error).__name__) from error
