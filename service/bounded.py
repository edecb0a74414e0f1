"""Blocking calls with a bound, for what a server that does not answer must not hold up."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")

MOST_IDLE = 8


async def bounded(call: Callable[[], T], *, seconds: float) -> T:
    """The result of a blocking call; raises TimeoutError when it takes longer.

    The call then goes on in its daemon thread, which keeps neither the loop nor the process alive.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = call()
        except Exception as raised:  # noqa: BLE001 - handed to the caller
            error = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    context = copy_context()  # its log lines are the request's
    _hand().do(lambda: context.run(run))
    return await asyncio.wait_for(done, seconds)


class _Hand:
    """A thread that does one call after the other: to start one takes longer than most calls."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._work, name="bounded", daemon=True).start()

    def do(self, call: Callable[[], None]) -> None:
        self._calls.put(call)

    def _work(self) -> None:
        while True:
            self._calls.get()()
            if len(_idle) >= MOST_IDLE:
                return
            _idle.append(self)


_idle: deque[_Hand] = deque()
os.register_at_fork(after_in_child=_idle.clear)  # threads stay behind


def _hand() -> _Hand:
    """One that has nothing to do; those of calls that hang are not among them."""
    try:
        return _idle.pop()
    except IndexError:
        return _Hand()
