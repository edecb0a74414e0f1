"""A call that must not be carried out twice for nothing, although its answer may be lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from client.call import Call
from client.errors import ClientError
from client.flow import Flow, Pause, ask
from client.retries import may_be_over

ATTEMPTS = 4
FIRST_PAUSE = 1.0  # seconds; doubles

T = TypeVar("T")


def once(call: Call[T], look: Callable[[], Flow[T | None]]) -> Flow[T]:
    """The answer; after a failure that may be over, ``look`` for what the call was to make."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return (yield from ask(call))
        except ClientError as error:
            if not may_be_over(error) or attempt == ATTEMPTS:
                raise
            yield Pause(FIRST_PAUSE * 2 ** (attempt - 1))
            if there := (yield from look()):
                return there
    raise AssertionError  # the last attempt returns or raises
