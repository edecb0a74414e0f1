"""What a worker does when it is told to go: ends what it has begun if there is time, or gives it
back.

After SIGTERM Celery takes no more messages and waits for those that run. A job gets ``drain``
seconds to end; then it is given back, which takes a moment; a worker that is not through with that
in ``shutdown`` seconds more ends all the same, and its children end with it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from celery.signals import worker_shutting_down

from service.settings import Settings

log = structlog.get_logger()


Later = Callable[[float, Callable[[], object]], None]
"""Does something after so many seconds, in a thread of its own."""


def in_time(seconds: float, what: Callable[[], object]) -> None:
    """A thread that keeps nobody from ending."""
    timer = threading.Timer(seconds, what)
    timer.daemon = True
    timer.start()


@contextmanager
def set_when_told(
    give_back: threading.Event, settings: Settings, later: Later = in_time
) -> Iterator[None]:
    """Sets ``give_back`` ``drain_seconds`` after SIGTERM, while the block runs."""

    def stop(**_: object) -> None:
        log.info("worker_told_to_stop", drain_seconds=settings.drain_seconds)
        if settings.drain_seconds:
            later(settings.drain_seconds, give_back.set)
        else:
            give_back.set()
        later(settings.drain_seconds + settings.shutdown_seconds, lambda: os._exit(1))

    worker_shutting_down.connect(stop, weak=False)
    try:
        yield
    finally:
        worker_shutting_down.disconnect(stop)
