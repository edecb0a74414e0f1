"""The child's way of saying events: whole lines, progress a few times a second, steps of the work
where the trace is recorded, and what is logged."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable

from worker.events import (
    Event,
    LogEvent,
    ProgressEvent,
    StageEvent,
    StepEvent,
    TerminalEvent,
    serialised,
)

_SOURCE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,99}")
MOST_LETTERS = 1000
BETWEEN_PROGRESS = 0.25
"""Seconds between two progress events."""


class Voice:
    """Writes to a file descriptor. Progress that comes too soon is dropped, but the last one of
    each run of progress is said before the next other event."""

    def __init__(self, descriptor: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._descriptor = descriptor
        self._clock = clock
        self._lock = threading.Lock()
        self._next = 0.0
        self._held: ProgressEvent | None = None
        self._step: tuple[str, float] | None = None
        self.tells_steps = False

    def say(self, event: Event) -> None:
        """Says it; progress possibly later or never."""
        if isinstance(event, StageEvent | TerminalEvent):
            self._end_step()
        with self._lock:
            if isinstance(event, ProgressEvent) and self._clock() < self._next:
                self._held = event
                return
            if isinstance(event, ProgressEvent):
                self._next = self._clock() + BETWEEN_PROGRESS
            elif self._held is not None:
                self._write(self._held)
            self._held = None
            self._write(event)

    def step(self, name: str) -> None:
        """A step of the work begins. It ends with the next one, with its stage or with the work."""
        self._end_step()
        if self.tells_steps:
            self._step = name, time.time()

    def _end_step(self) -> None:
        if self._step is not None:
            (name, began), self._step = self._step, None
            self.say(StepEvent(name=name, began=began, ended=time.time()))

    def _write(self, event: Event) -> None:
        left = memoryview(serialised(event))
        while left:
            left = left[os.write(self._descriptor, left) :]


class LogVoice(logging.Handler):
    """Says what is logged: the worker writes it down under the job's ids. Of an exception only its
    type is said; its text and trace go to standard error."""

    def __init__(self, voice: Voice) -> None:
        super().__init__(logging.INFO)
        self._voice = voice

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._say(record)
        except Exception:  # noqa: BLE001 - as logging's own handlers: no line ends the work
            self.handleError(record)

    def _say(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.exc_info and record.exc_info[0]:
            message = f"{message}: {record.exc_info[0].__name__}"
        level = logging.getLevelName(record.levelno).lower()
        source = record.name if _SOURCE.fullmatch(record.name) else "other"
        self._voice.say(
            LogEvent(
                level=level if level in ("info", "warning") else "error",
                source=source,
                message=message[:MOST_LETTERS],
            )
        )
