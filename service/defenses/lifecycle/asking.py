"""By a user: a defense is added, or cancelled."""

from __future__ import annotations

from sqlalchemy.orm import Session

from service.database import now
from service.defenses.lifecycle.changes import append, change
from service.defenses.states import Status
from service.records import DefenseRecord


def add(session: Session, record: DefenseRecord) -> None:
    """A new defense, queued."""
    record.status = Status.QUEUED
    record.created_at = now(session)
    session.add(record)
    session.flush()
    append(session, record.id, "status", {"status": Status.QUEUED})


def request_cancel(session: Session, record: DefenseRecord) -> None:
    """A queued defense is cancelled at once, a running one by its worker; else nothing happens.

    ``record`` was read with ``lock``.
    """
    if record.status == Status.QUEUED:
        change(session, record.id, Status.CANCELLED, finished_at=now(session))
    elif record.status == Status.RUNNING:
        change(session, record.id, Status.CANCELLING)
    session.refresh(record)
