"""A process whose clock is wrong. The clocks that tell how much time has passed stay right."""

from __future__ import annotations

import datetime
import time


def shift(seconds: float) -> None:
    """From now on this process takes the time to be so much later. To be called before anything
    is imported that keeps a reference to ``datetime.datetime``."""
    if not seconds:
        return
    true_time, true_ns, true_datetime = time.time, time.time_ns, datetime.datetime
    offset = datetime.timedelta(seconds=seconds)

    class Shifted(true_datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return true_datetime.now(tz) + offset

        @classmethod
        def utcnow(cls) -> datetime.datetime:
            return true_datetime.now(datetime.UTC).replace(tzinfo=None) + offset

    time.time = lambda: true_time() + seconds
    time.time_ns = lambda: true_ns() + int(seconds * 1e9)
    datetime.datetime = Shifted
