"""From whatever was raised to the event that the runner is told. Loads no torch."""

from __future__ import annotations

import errno

from confinement import SandboxError
from polarizer.errors import PolarizerError
from worker.events import FailedEvent
from worker.shortage import tells_of_shortage

MAX_MESSAGE = 2000


class DeviceError(Exception):
    """The device that was asked for is not there."""


def explain(error: BaseException) -> FailedEvent:
    """Our own errors in their own words, unless the lack of memory is behind them; of others only
    whether memory ran out."""
    match error:
        case PolarizerError() if error.__cause__ is None or not is_out_of_memory(error.__cause__):
            return FailedEvent(code=error.code, message=_bounded(str(error)))
        case DeviceError():
            return FailedEvent(code="device-unavailable", message=_bounded(str(error)))
        case SandboxError():
            return FailedEvent(code="sandbox-unavailable", message=_bounded(str(error)))
        case PermissionError():
            return FailedEvent(
                code="sandbox-violation",
                message="the job's process was refused a file or a call that no repair needs; the"
                " log says which",
            )
        case OSError(errno=errno.EFBIG | errno.EDQUOT):
            return FailedEvent(code="disk-limit", message="the job wrote too large a file")
        case OSError(errno=errno.ENOSPC):
            return FailedEvent(code="disk-full", message="the worker's disk is full")
        case _ if is_out_of_memory(error):
            return FailedEvent(
                code="out-of-memory",
                message="memory ran out: use a smaller batch_size or fewer images, or give workers"
                " more memory",
            )
        case _:
            return FailedEvent(
                code="internal",
                message=f"an unforeseen error ({type(error).__name__}); the log says more",
            )


def is_out_of_memory(error: BaseException) -> bool:
    """Also torch's RuntimeError and a library that could not be mapped; looks at causes too."""
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None:
            return False
        if isinstance(seen, MemoryError) or tells_of_shortage(str(seen)):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _bounded(message: str) -> str:
    text = message.strip() or "no more is known"
    return text if len(text) <= MAX_MESSAGE else f"{text[: MAX_MESSAGE - 1]}…"
