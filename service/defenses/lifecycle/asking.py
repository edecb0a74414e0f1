"""By a user: a defense is added, or cancelled."""

from __future__ import annotations

from sqlalchemy.orm import Session

from service.database import now
from service.defenses.lifecycle.changes import change
from service.defenses.states import Status
from service.records import DefenseRecord, EventRecord


def add(session: Session, record: DefenseRecord, *, woken: bool = False) -> None:
    """A new defense, queued; ``woken``: a wake-up is about to be sent for it."""
    moment = now(session)
    record.status = Status.QUEUED
    record.created_at = moment
    record.enqueued_at = moment if woken else None
    record.event_count = 1
    session.add(record)
    session.flush()
    session.add(
        EventRecord(
            defense_id=record.id,
            sequence=1,
            attempt=record.attempt,
            type="status",
            data={"status": Status.QUEUED},
            created_at=moment,
        )
    )


def request_cancel(session: Session, record: DefenseRecord) -> None:
    """A queued defense is cancelled at once, a running one by its worker; else nothing happens.

    ``record`` was read with ``lock``.
    """
    if record.status == Status.QUEUED:
        change(session, record.id, Status.CANCELLED, finished_at=now(session))
    elif record.status == Status.RUNNING:
        change(session, record.id, Status.CANCELLING)
    session.refresh(record)
