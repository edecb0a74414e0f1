"""Blocking calls with a bound, for what a server that does not answer must not hold up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


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
    threading.Thread(target=context.run, args=(run,), name="bounded", daemon=True).start()
    return await asyncio.wait_for(done, seconds)
