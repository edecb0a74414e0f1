"""Blocking calls with a bound: answered, given up, and none in the way of another."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar

import pytest

from service.bounded import bounded

name: ContextVar[str] = ContextVar("name", default="nobody")


def test_many_calls_have_their_own_results_and_contexts() -> None:
    async def ask(number: int) -> tuple[int, str]:
        name.set(f"caller {number}")
        return await bounded(lambda: (number, name.get()), seconds=60)

    async def all_of_them() -> list[tuple[int, str]]:
        return [await ask(number) for number in range(20)] + list(
            await asyncio.gather(*map(ask, range(20, 60)))
        )

    assert asyncio.run(all_of_them()) == [(number, f"caller {number}") for number in range(60)]


def test_what_is_raised_is_the_callers() -> None:
    def fail() -> None:
        raise ValueError("no")

    async def twice() -> int:
        with pytest.raises(ValueError, match="no"):
            await bounded(fail, seconds=60)
        return await bounded(lambda: 1, seconds=60)

    assert asyncio.run(twice()) == 1


def test_a_call_that_hangs_is_given_up_and_holds_up_no_other() -> None:
    release = threading.Event()

    async def ask() -> list[int]:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await bounded(release.wait, seconds=0.01)
        return [await bounded(lambda: 2, seconds=60) for _ in range(5)]

    try:
        assert asyncio.run(ask()) == [2] * 5
    finally:
        release.set()
