"""Where a job comes from: what its log lines, its trace and its waiting time are told by."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.database import now
from service.records import DefenseRecord
from service.tracing import TraceContext


@dataclass(frozen=True)
class Origin:
    """Whose a defense is, the request that made it, and how long ago that was."""

    tenant: str
    request_id: str | None
    trace: TraceContext | None
    age_seconds: float


def ids_of(record: DefenseRecord) -> dict[str, str]:
    """What the log lines of a job have, also of those who do not run it."""
    trace = TraceContext.parse(record.traceparent)
    ids = {
        "job_id": record.id,
        "tenant": record.tenant,
        "request_id": record.request_id,
        "trace_id": trace.trace_id if trace else None,
    }
    return {name: value for name, value in ids.items() if value is not None}


def origin_of(session: Session, defense_id: str) -> Origin:
    """Raises NoResultFound when there is no such defense."""
    query = select(
        DefenseRecord.tenant,
        DefenseRecord.request_id,
        DefenseRecord.traceparent,
        DefenseRecord.created_at,
    ).where(DefenseRecord.id == defense_id)
    row = session.execute(query).one()
    return Origin(
        tenant=row.tenant,
        request_id=row.request_id,
        trace=TraceContext.parse(row.traceparent),
        age_seconds=max(0.0, (now(session) - row.created_at).total_seconds()),
    )
