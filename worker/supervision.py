"""Listens to a child until it has ended, and says how it ended."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from worker.events import (
    Event,
    FailedEvent,
    LineSplitter,
    SucceededEvent,
    TerminalEvent,
    parse,
)
from worker.process import Child
from worker.shortage import NO_MEMORY_TO_SAY, tells_of_shortage

log = structlog.get_logger()

TICK = 0.2
"""Seconds between two looks at the clock, at the lease and at the child."""

EXIT_GRACE = 5.0
"""Seconds that a child has for ending after it said that it is done."""

MAX_OUTPUT = 64 << 20
"""Bytes that a child may say in all."""

_LOGGED_LINES = 20


@dataclass(frozen=True)
class Ending:
    """The child's last word, if it had one, its exit status (negative for a signal), and the end of
    its standard error."""

    said: TerminalEvent | None
    status: int
    too_much: bool = False
    muttered: str = ""

    @property
    def failure(self) -> FailedEvent | None:
        """What went wrong; None when the child says that it succeeded."""
        if self.too_much:
            return _crash(f"the job's process wrote more than {MAX_OUTPUT >> 20} MiB of messages")
        if isinstance(self.said, SucceededEvent):
            return None
        return self.said or _without_a_word(self.status, self.muttered)


def supervise(
    child: Child, *, on_event: Callable[[Event], None], tick: Callable[[], None]
) -> Ending:
    """Hands every event but the last to ``on_event``, calls ``tick`` a few times a second.

    ``tick`` may raise to stop listening; the child is then still running. Afterwards nothing of
    the child's process group is left.
    """
    hearing = _Hearing(on_event)
    while not child.has_ended() and not hearing.is_over():
        hearing.hear(child.read(TICK))
        tick()
    status = child.end()
    while not hearing.is_flooded and (rest := child.read(0)):
        hearing.hear(rest)
    return Ending(hearing.said, status, hearing.is_flooded, child.stderr_tail())


class _Hearing:
    """Turns bytes into events, up to the last one."""

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event
        self._splitter = LineSplitter()
        self._strange = 0
        self._said_at = 0.0
        self.said: TerminalEvent | None = None

    @property
    def is_flooded(self) -> bool:
        return self._splitter.seen > MAX_OUTPUT

    def is_over(self) -> bool:
        late = self.said is not None and time.monotonic() > self._said_at + EXIT_GRACE
        return late or self.is_flooded

    def hear(self, portion: bytes) -> None:
        for line in self._splitter.feed(portion):
            event = parse(line)
            if event is None:
                self._note_strange(line)
            elif self.said is None:
                self._take(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, TerminalEvent):
            self.said, self._said_at = event, time.monotonic()
        else:
            self._on_event(event)

    def _note_strange(self, line: bytes) -> None:
        self._strange += 1
        if self._strange <= _LOGGED_LINES:
            log.warning("strange_line_from_child", line=repr(line[:200]))


def _without_a_word(status: int, muttered: str) -> FailedEvent:
    if status == NO_MEMORY_TO_SAY or (status > 0 and tells_of_shortage(muttered)):
        return _no_memory("memory ran out")
    if status >= 0:
        return _crash(f"the job's process ended with status {status} and without a result")
    name = _signal_name(-status)
    if -status == signal.SIGKILL:
        return _no_memory(
            f"the job's process was killed ({name}), most often because memory ran out"
        )
    if -status == signal.SIGSYS:
        message = "the job's process made a system call that no repair needs, and was ended"
        return FailedEvent(code="sandbox-violation", message=message)
    return _crash(f"the job's process was ended by signal {name}")


def _no_memory(message: str) -> FailedEvent:
    advice = "use a smaller batch_size or fewer images, or give workers more memory"
    return FailedEvent(code="out-of-memory", message=f"{message}: {advice}")


def _crash(message: str) -> FailedEvent:
    return FailedEvent(code="child-crashed", message=message)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
