"""Turns the child's events into rows: progress throttled, everything else kept until written."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy.orm import Session

from service.database import DATABASE_ERRORS, Database, now
from service.defenses import lifecycle
from service.defenses.lifecycle import Lease, LostLeaseError
from service.defenses.report import Numbers
from service.defenses.states import Stage
from service.tracing import unrecorded
from worker.events import Event, MeasuredEvent, ProgressEvent, StageEvent, WarningEvent

log = structlog.get_logger()

BETWEEN_PROGRESS = 0.5
"""Seconds between two progress rows."""

MAX_WARNINGS = 50
MOST_TRACED = 100
"""Rows of an attempt whose writing stands in its trace."""

BEGINS_AT = {
    Stage.FETCHING: 0.0,
    Stage.VALIDATING: 0.02,
    Stage.MEASURING: 0.05,
    Stage.PURIFYING: 0.1,
    Stage.EVALUATING: 0.7,
    Stage.STORING: 0.97,
}
"""How much of a job is done, by experience, when a stage begins."""

NEXT = {Stage.PURIFYING: Stage.EVALUATING, Stage.EVALUATING: Stage.STORING}
"""The stages that tell their progress, and what follows them."""


@dataclass(frozen=True)
class _Row:
    kind: str
    data: dict[str, Any]
    columns: dict[str, Any] = field(default_factory=dict)
    remaining_seconds: float | None = None


class EventRows:
    """The events of one attempt. What a database that is away did not take is written later.

    A connection that breaks while a transaction is committed leaves open whether it was. Written
    twice, stages would go backwards; so the next try first counts what is there.
    """

    def __init__(
        self,
        database: Database,
        lease: Lease,
        *,
        clock: Callable[[], float] = time.monotonic,
        on_stage: Callable[[Stage], None] = lambda _stage: None,
    ) -> None:
        self._database = database
        self._lease = lease
        self._clock = clock
        self._on_stage = on_stage
        self._waiting: list[_Row] = []
        self._written = 0
        self._doubtful: int | None = None
        self._progress: _Row | None = None
        self._next_progress = 0.0
        self._stage = Stage.FETCHING
        self._warnings = 0
        self._numbers = Numbers()

    def begin(self, stage: Stage) -> None:
        """The stage begins; an earlier one than the current is not believed."""
        if BEGINS_AT[stage] < BEGINS_AT[self._stage]:
            return
        if self._progress is not None:  # the last word about the stage that ends
            self._waiting.append(self._progress)
        self._stage, self._progress = stage, None
        self._on_stage(stage)
        columns: dict[str, Any] = {"stage": stage, "progress": BEGINS_AT[stage]}
        if stage is Stage.FETCHING:  # what an earlier attempt measured is forgotten
            columns["numbers"] = None
        self._waiting.append(_Row("stage", {"stage": stage}, columns))
        self.flush()

    def take(self, event: Event) -> None:
        """An event of the child, other than its last."""
        match event:
            case StageEvent(stage=stage) if Stage(stage) is not self._stage:
                self.begin(Stage(stage))
            case ProgressEvent() if self._stage in NEXT:
                self._progress = _progress(event, self._stage)
            case WarningEvent(code=code, message=message) if self._warnings < MAX_WARNINGS:
                self._warnings += 1
                self._waiting.append(_Row("warning", {"code": code, "message": message}))
            case MeasuredEvent(numbers=numbers):
                self._measured(numbers)
            case _:
                pass

    def flush(self) -> None:
        """Writes what waits, if there is something; called a few times a second."""
        due = self._due_progress()
        if not self._waiting and not due:
            return
        try:
            with self._around(), self._database.write() as session:
                self._resolve_doubt(session)
                rows = [*self._waiting, *due]
                for row in rows:
                    self._write(session, row)
        except LostLeaseError:
            rows = []  # the lease keeper stops the run in a moment
        except DATABASE_ERRORS as error:
            if self._doubtful is None:
                self._doubtful = len(self._waiting)
            log.warning("events_wait", error=type(error).__name__, events=len(self._waiting))
            return
        self._written += len(rows)
        self._waiting.clear()

    def _around(self) -> AbstractContextManager[object]:
        """The trace holds stages and what was measured, so many rows at most, and no progress."""
        stays = self._waiting and self._written < MOST_TRACED
        return nullcontext() if stays else unrecorded()

    def _resolve_doubt(self, session: Session) -> None:
        """Forgets what the last try has written after all."""
        if self._doubtful is None:
            return
        there = lifecycle.reported(session, self._lease)
        if there > self._written:
            del self._waiting[: self._doubtful]
            self._written = there
        self._doubtful = None

    def _due_progress(self) -> list[_Row]:
        if self._progress is None or self._clock() < self._next_progress:
            return []
        row, self._progress = self._progress, None
        self._next_progress = self._clock() + BETWEEN_PROGRESS
        return [row]

    def _measured(self, numbers: Numbers) -> None:
        merged = self._numbers.merged(numbers)
        if merged != self._numbers:
            self._numbers = merged
            data = numbers.model_dump(exclude_none=True)
            columns = {"numbers": merged.model_dump(exclude_none=True)}
            self._waiting.append(_Row("measured", data, columns))

    def _write(self, session: Session, row: _Row) -> None:
        columns = dict(row.columns)
        if row.remaining_seconds is not None:
            columns["estimated_finish_at"] = now(session) + timedelta(seconds=row.remaining_seconds)
        lifecycle.report(session, self._lease, row.kind, row.data, **columns)


def _progress(event: ProgressEvent, stage: Stage) -> _Row:
    begin, end = BEGINS_AT[stage], BEGINS_AT[NEXT[stage]]
    data = event.model_dump(exclude={"type"})
    columns = {"progress": begin + (end - begin) * event.fraction}
    return _Row("progress", data, columns, event.remaining_seconds)
