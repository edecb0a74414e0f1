"""Token buckets: so many requests at once, so many a second in the long run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Rate:
    """Of the bucket called ``name``: ``burst`` at once, refilled by ``per_second``, both > 0."""

    name: str
    per_second: float
    burst: int

    @cached_property
    def kind(self) -> str:
        """What comes before the colon of its name, for headers."""
        return self.name.partition(":")[0]

    @cached_property
    def policy(self) -> str:
        """As draft-ietf-httpapi-ratelimit-headers writes it."""
        window = max(1, math.ceil(self.burst / self.per_second))
        return f'"{self.kind}";q={self.burst};w={window}'


@dataclass(frozen=True)
class Taken:
    """``wait``: seconds until the next token, 0 if one was taken. ``left``: whole tokens."""

    wait: float
    left: int


class Bucket:
    """In one process. Moments are seconds of any one clock."""

    def __init__(self, rate: Rate, moment: float) -> None:
        self.rate = rate
        self._tokens = float(rate.burst)
        self._at = moment

    def take(self, moment: float) -> Taken:
        """One token, if there is one."""
        since = max(0.0, moment - self._at)
        self._tokens = min(float(self.rate.burst), self._tokens + since * self.rate.per_second)
        self._at = moment
        if self._tokens >= 1:
            self._tokens -= 1
            return Taken(0.0, int(self._tokens))
        return Taken((1 - self._tokens) / self.rate.per_second, 0)


class Buckets:
    """One a name; those that were not used for longest go when there are too many (they are full
    by then, unless more names than ``most`` are in use)."""

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._buckets: dict[str, Bucket] = {}

    def take(self, rate: Rate, moment: float) -> Taken:
        """One token of the bucket of this name; a bucket whose rate changed begins full."""
        bucket = self._buckets.pop(rate.name, None)
        if bucket is None or bucket.rate != rate:
            bucket = Bucket(rate, moment)
        self._buckets[rate.name] = bucket
        if len(self._buckets) > self._most:
            del self._buckets[next(iter(self._buckets))]
        return bucket.take(moment)
