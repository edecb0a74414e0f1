"""Waiting for what another process or thread does, with a deadline instead of a guess."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_until(look: Callable[[], Found | None], *, seconds: float = 60.0) -> Found:
    """The first result of ``look`` that is true; ``AssertionError`` after the deadline.

    Who waits for long looks more rarely, and leaves the processor to what is waited for.
    """
    start = time.monotonic()
    while not (found := look()):
        waited = time.monotonic() - start
        assert waited < seconds, f"not within {seconds} seconds"
        time.sleep(min(0.2, max(0.02, waited / 20)))
    return found
