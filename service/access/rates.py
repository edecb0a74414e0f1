"""How often a caller may ask: its tenant's bucket, and its key's own where it has one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from service.access.buckets import Buckets, Rate, Taken
from service.access.callers import Caller
from service.access.errors import RateLimitedError

if TYPE_CHECKING:
    from service.access.shared_rates import SharedBuckets

log = structlog.get_logger()

ALONE_SECONDS = 5.0
"""How long a process counts alone after Redis did not answer."""


@dataclass(frozen=True)
class Allowance:
    """What is left of the narrowest bucket, for the caller to see."""

    rate: Rate
    left: int

    @property
    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers writes them."""
        rate = self.rate
        full_in = max(0, math.ceil((rate.burst - self.left) / rate.per_second))
        return {
            "RateLimit-Policy": rate.policy,
            "RateLimit": f'"{rate.kind}";r={self.left};t={full_in}',
        }


class Rates:
    """Belongs to one event loop. Where Redis is the broker, all processes share one count; while it
    does not answer, each counts alone: a limit that is too wide harms less than a service that is
    down."""

    def __init__(
        self,
        shared: SharedBuckets | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shared = shared
        self._clock = clock
        self._alone = Buckets()
        self._alone_until = 0.0

    async def take(self, caller: Caller) -> Allowance | None:
        """Counts one request; None where nothing is limited. Raises RateLimitedError."""
        narrowest: Allowance | None = None
        for rate in caller.rates:
            taken = await self._take(rate)
            found = Allowance(rate, taken.left)
            if taken.wait:
                raise _limited(found, taken.wait)
            if narrowest is None or found.left < narrowest.left:
                narrowest = found
        return narrowest

    async def close(self) -> None:
        if self._shared is not None:
            await self._shared.close()

    async def _take(self, rate: Rate) -> Taken:
        if self._shared is not None and self._clock() >= self._alone_until:
            try:
                return await self._shared.take(rate)
            except ConnectionError as error:
                self._alone_until = self._clock() + ALONE_SECONDS
                log.warning("rates_counted_alone", error=str(error))
        return self._alone.take(rate, self._clock())


def _limited(allowance: Allowance, wait: float) -> RateLimitedError:
    rate = allowance.rate
    whose = "this key" if rate.name.startswith("key:") else "this tenant"
    error = RateLimitedError(
        f"{whose} may ask {rate.per_second:g} times a second, and {rate.burst} times at once",
        retry_after=max(1, math.ceil(wait)),
    )
    error.headers = allowance.headers
    return error
