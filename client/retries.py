"""Which failure is asked again, and when. Never a call twice that might have been carried out,
unless it is repeatable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any, TypeVar

from client.call import Call
from client.errors import BusyError, ConflictError, ProblemError, ServiceError, UnreachableError
from client.flow import Exchange, Flow, Pause

T = TypeVar("T")

_chance = Random()  # noqa: S311 - no secret

PASSING = (502, 503, 504)
"""Server errors that may be over when asked again; 500 is not."""

IN_PROGRESS = "in-progress"
QUOTA = "quota"  # without Retry-After waiting does not help


def full_jitter(ceiling: float) -> float:
    """Anything up to ``ceiling`` seconds, so that clients that failed together come back apart."""
    return _chance.uniform(0, ceiling)


@dataclass(frozen=True)
class Retries:
    """``attempts`` in all, of which the n-th repetition waits up to ``base * 2**n`` seconds, at
    most ``cap``. A ``Retry-After`` is waited for in full, unless it is more than ``patience``."""

    attempts: int = 6
    base: float = 0.5
    cap: float = 20.0
    patience: float = 120.0
    draw: Callable[[float], float] = full_jitter

    def perform(self, call: Call[T]) -> Flow[T]:
        """Sends a call until it succeeds or must not be sent again; raises the last error."""
        for attempt in count(1):
            try:
                answer = yield Exchange(call)
            except (UnreachableError, ProblemError) as error:
                seconds = self.pause(error, attempt, repeatable=call.repeatable)
                if seconds is None:
                    raise
            else:
                return call.read(answer)
            yield Pause(seconds)
        raise AssertionError  # count() does not end

    def pause(self, error: Exception, attempt: int, *, repeatable: bool) -> float | None:
        """Seconds before the next attempt; None when there is to be none."""
        if attempt >= self.attempts or not _may_repeat(error, repeatable):
            return None
        told = error.retry_after if isinstance(error, ProblemError) else None
        if told is None:
            return self.draw(min(self.cap, self.base * 2 ** (attempt - 1)))
        return None if told > self.patience else told + self.draw(self.base)


NEVER = Retries(attempts=1)


def _may_repeat(error: Exception, repeatable: bool) -> bool:
    match error:
        case UnreachableError():
            return repeatable or not error.sent
        case BusyError():
            return error.retry_after is not None or error.slug != QUOTA
        case ConflictError():
            return repeatable and error.slug == IN_PROGRESS
        case ServiceError():
            return repeatable and error.status in PASSING
        case _:
            return False


def may_be_over(error: Any) -> bool:  # noqa: ANN401
    """Whether an error is about the way or the service, not about what was asked."""
    return isinstance(error, UnreachableError) or (
        isinstance(error, ServiceError) and error.status in PASSING
    )
