"""What the child tells the runner: one JSON object a line. Imports no torch.

The child has read a stranger's files, so what it says is data and never trusted: ``parse`` takes
only these classes, with bounded texts and finite numbers, and gives None for anything else.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from service.defenses.report import Numbers, Share, Text

MAX_LINE = 16 << 10
"""Bytes of one line; longer ones are dropped unread."""

DISK_FULL = "disk-full"
"""The code of a failure that the job is not to blame for."""

Finite = Annotated[float, Field(allow_inf_nan=False)]
Moment = Annotated[float, Field(ge=0, le=1e10, allow_inf_nan=False)]
Code = Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,63}$")]


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StageEvent(_Event):
    """A stage begins."""

    type: Literal["stage"] = "stage"
    stage: Literal["validating", "measuring", "purifying", "evaluating"]


class ProgressEvent(_Event):
    """Where the stage is: in the search before the repair, in the repair, or in the search for
    evidence after it. ``step`` of ``steps`` is of that part, all else of the stage."""

    type: Literal["progress"] = "progress"
    part: Literal["search", "repair", "evidence"] | None = None
    fraction: Annotated[Share, Field(description="of the stage's time")]
    step: Annotated[int, Field(ge=0, le=1_000_000)]
    steps: Annotated[int, Field(ge=1, le=1_000_000)]
    losses: Annotated[dict[Code, Finite], Field(max_length=16)]
    remaining_seconds: Annotated[float | None, Field(ge=0, le=1e8, allow_inf_nan=False)]


class WarningEvent(_Event):
    """Something that did not stop the job but that its user should know."""

    type: Literal["warning"] = "warning"
    code: Code
    message: Text


class MeasuredEvent(_Event):
    """Numbers that are known from now on."""

    type: Literal["measured"] = "measured"
    numbers: Numbers


class StepEvent(_Event):
    """A step within the stage has ended; its times are seconds since 1970. Said by the child of a
    job whose trace is recorded."""

    type: Literal["step"] = "step"
    name: Code
    began: Moment
    ended: Moment


class LogEvent(_Event):
    """A line for the worker's log."""

    type: Literal["log"] = "log"
    level: Literal["info", "warning", "error"]
    source: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]{0,99}$")]
    message: Text


class SucceededEvent(_Event):
    """The last event: artefact and report are written."""

    type: Literal["succeeded"] = "succeeded"


class FailedEvent(_Event):
    """The last event: ``code`` is stable, ``message`` is for the user."""

    type: Literal["failed"] = "failed"
    code: Code
    message: Annotated[str, Field(min_length=1, max_length=2000)]


TerminalEvent = SucceededEvent | FailedEvent
Event = (
    StageEvent | ProgressEvent | WarningEvent | MeasuredEvent | StepEvent | LogEvent | TerminalEvent
)

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])


def serialised(event: Event) -> bytes:
    """The event as one line, its end included."""
    return event.model_dump_json().encode() + b"\n"


def parse(line: bytes) -> Event | None:
    """The event of a line, or None when it is not one."""
    try:
        return _ADAPTER.validate_json(line)
    except ValidationError:
        return None


class LineSplitter:
    """Bytes in any portions → lines without their ends, at most ``MAX_LINE`` long.

    Longer lines are dropped and counted in ``dropped``; ``seen`` counts all bytes. Holds at most
    one line, whatever comes.
    """

    def __init__(self) -> None:
        self.seen = 0
        self.dropped = 0
        self._rest = b""
        self._skipping = False

    def feed(self, portion: bytes) -> list[bytes]:
        self.seen += len(portion)
        *whole, rest = (self._rest + portion).split(b"\n")
        if whole and self._skipping:
            del whole[0]
            self._skipping = False
        lines = [line for line in whole if len(line) <= MAX_LINE]
        self.dropped += len(whole) - len(lines)
        if len(rest) > MAX_LINE and not self._skipping:
            self.dropped += 1
            self._skipping = True
        self._rest = b"" if self._skipping else rest
        return lines
