"""By the reaper: what fell out of a worker's hands, and what nobody was woken for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from service.database import now
from service.defenses.lifecycle.changes import UNLEASED, Lease, change, held
from service.defenses.lifecycle.turns import is_waiting
from service.defenses.states import QueueName, Status
from service.records import LEASED, DefenseRecord


def expired(session: Session, *, limit: int = 100) -> Sequence[DefenseRecord]:
    """Defenses whose worker has not renewed its lease in time; locked until commit. One that is
    locked by somebody else, as by a worker that was stopped in a transaction, keeps none of the
    others waiting.
    """
    query = (
        select(DefenseRecord)
        .where(LEASED, DefenseRecord.lease_until < now(session))
        .order_by(DefenseRecord.id)
        .limit(limit)
        .with_for_update(of=DefenseRecord, skip_locked=True)
    )
    return session.scalars(query).all()


def take_from_lost_worker(session: Session, record: DefenseRecord, *, max_attempts: int) -> Status:
    """What becomes of an expired one: cancelled if that was asked, queued again, or failed when it
    has taken ``max_attempts`` workers with it. Returns the new status."""
    lease = Lease(record.id, record.attempt)
    still_expired = (*held(lease), DefenseRecord.lease_until < now(session))
    columns: dict[str, Any]
    if record.status == Status.CANCELLING:
        after, columns = Status.CANCELLED, {"finished_at": now(session)}
    elif record.attempt < max_attempts:
        after, columns = Status.QUEUED, {"enqueued_at": None}
    else:
        message = (
            f"the worker was lost {record.attempt} times while running this defense; it may need"
            " more memory or time than a worker has"
        )
        after = Status.FAILED
        columns = {
            "finished_at": now(session),
            "error": {"code": "worker-lost", "message": message},
        }
    changed = change(session, record.id, after, *still_expired, **{**UNLEASED, **columns})
    return record.status if changed is None else after


def count_waiting(session: Session, queue: QueueName, *, most: int) -> int:
    """How many defenses wait in the queue; of more than ``most``, so many."""
    waiting = select(DefenseRecord.id).where(is_waiting(queue)).limit(most).subquery()
    return session.scalar(select(func.count()).select_from(waiting)) or 0


def take_unwoken(
    session: Session, queue: QueueName, *, older_than: float, limit: int = 100
) -> Sequence[str]:
    """Queued defenses that no worker took for ``older_than`` seconds since the last wake-up; they
    count as woken from now on, so that several reapers do not wake them several times."""
    moment = now(session)
    cutoff = moment - timedelta(seconds=older_than)
    waiting = (
        select(DefenseRecord.id)
        .where(is_waiting(queue), _not_woken_since(cutoff))
        .order_by(DefenseRecord.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = []
    for defense_id in session.scalars(waiting).all():
        if mark_woken(session, defense_id, moment, _not_woken_since(cutoff)):
            taken.append(defense_id)
    return taken


def mark_woken(
    session: Session, defense_id: str, moment: datetime, *conditions: ColumnElement[bool]
) -> bool:
    """Notes that a wake-up is about to be sent."""
    query = (
        update(DefenseRecord)
        .where(DefenseRecord.id == defense_id, DefenseRecord.status == Status.QUEUED, *conditions)
        .values(enqueued_at=moment)
    )
    return bool(session.execute(query).rowcount)  # type: ignore[attr-defined]


def _not_woken_since(cutoff: datetime) -> ColumnElement[bool]:
    return DefenseRecord.enqueued_at.is_(None) | (DefenseRecord.enqueued_at < cutoff)
