"""What has not ended, counted from indices that hold nothing else, however much has ended."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.database import now
from service.defenses.states import QueueName, Status
from service.metrics.jobs import Backlog
from service.records import LEASED, WAITING, DefenseRecord


def backlog(session: Session) -> Backlog:
    """Of all tenants; every queue is named, also one in which nothing waits."""
    queue, status = DefenseRecord.queue, DefenseRecord.status
    waiting = select(queue, func.count(), func.min(DefenseRecord.id)).where(WAITING)
    leased = select(queue, status, func.count()).where(LEASED)
    jobs = {(status.value, name.value): 0 for name in QueueName for status in _COUNTED}
    oldest = {name.value: 0.0 for name in QueueName}
    for name, count, first in session.execute(waiting.group_by(queue)):
        jobs[Status.QUEUED, name] = count
        oldest[name] = _age(session, first)
    for name, state, count in session.execute(leased.group_by(queue, status)):
        jobs[state, name] = count
    return Backlog(jobs, oldest)


_COUNTED = (Status.QUEUED, Status.RUNNING, Status.CANCELLING)


def _age(session: Session, defense_id: str) -> float:
    made = session.scalar(select(DefenseRecord.created_at).where(DefenseRecord.id == defense_id))
    return max(0.0, (now(session) - made).total_seconds()) if made else 0.0
