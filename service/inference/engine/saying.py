"""What the engine has to say to an operator: lines, told to the web process, which logs them."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from pathlib import Path

from service.inference.messages import Said

MOST = 1000  # characters


class Saying(logging.Handler):
    """Of exceptions the type and the place: a message may quote what somebody sent."""

    def __init__(self, send: Callable[[Said], None]) -> None:
        super().__init__(logging.WARNING)
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else "warning"
        message = record.getMessage() + _where(record)
        self._send(Said(level=level, source=record.name[:100], message=message[:MOST]))


def _where(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    last = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f": {type(error).__name__}{last}"
