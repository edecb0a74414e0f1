"""By a user: a defense is added, or cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session, make_transient_to_detached

from service.defenses.lifecycle import rows
from service.defenses.lifecycle.changes import change
from service.defenses.lifecycle.clock import clock
from service.defenses.states import Status
from service.records import DefenseRecord


def add(session: Session, record: DefenseRecord, *, woken: bool = False) -> None:
    """As :func:`insert`; from then on the session knows the objects as if it had read them."""
    insert(session, record, woken=woken)
    for known in (record, *record.inputs):
        make_transient_to_detached(known)
    session.add(record)


def insert(
    session: Session,
    record: DefenseRecord,
    *,
    woken: bool = False,
    entry: Mapping[str, Any] | None = None,
    question: rows.Question | None = None,
) -> str | None:
    """A new defense, queued, with its inputs; ``woken``: a wake-up is about to be sent for it.
    ``entry``: its row of the audit log. Returns the answer to ``question``.

    Its rows are written past the session, which does not know the objects afterwards either.
    """
    record.status, record.event_count = Status.QUEUED, 1
    added = rows.insert_all(session, record, woken=woken, entry=entry, question=question)
    record.created_at = added.moment
    record.enqueued_at = record.created_at if woken else None
    return added.answer


def request_cancel(session: Session, record: DefenseRecord) -> None:
    """A queued defense is cancelled at once, a running one by its worker; else nothing happens.

    ``record`` was read with ``lock``.
    """
    if record.status == Status.QUEUED:
        change(session, record.id, Status.CANCELLED, finished_at=clock(session))
    elif record.status == Status.RUNNING:
        change(session, record.id, Status.CANCELLING)
    session.refresh(record)
