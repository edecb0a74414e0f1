"""SQL of defenses, as their users see them: find, list, add, forget."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete as delete_from
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.defenses.states import Status
from service.errors import NotFoundError
from service.records import DefenseRecord, EventRecord


def get(session: Session, tenant: str, defense_id: str, *, lock: bool = False) -> DefenseRecord:
    """Raises NotFoundError also for another tenant's; ``lock`` holds the row until commit."""
    query = select(DefenseRecord).where(
        DefenseRecord.tenant == tenant, DefenseRecord.id == defense_id
    )
    if lock:
        query = query.with_for_update(of=DefenseRecord).execution_options(populate_existing=True)
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFoundError(f"there is no defense {defense_id!r}")
    return found


def page(
    session: Session, tenant: str, *, after: str | None, limit: int, status: Status | None
) -> tuple[Sequence[DefenseRecord], bool]:
    """Newest first; the records after the cursor, and whether more follow."""
    query = select(DefenseRecord).where(DefenseRecord.tenant == tenant)
    if after:
        query = query.where(DefenseRecord.id < after)
    if status:
        query = query.where(DefenseRecord.status == status)
    found = session.scalars(query.order_by(DefenseRecord.id.desc()).limit(limit + 1)).all()
    return found[:limit], len(found) > limit


def events(
    session: Session, defense_id: str, *, after: int, limit: int
) -> tuple[Sequence[EventRecord], bool]:
    """Oldest first; the events whose sequence number is larger than ``after``."""
    query = (
        select(EventRecord)
        .where(EventRecord.defense_id == defense_id, EventRecord.sequence > after)
        .order_by(EventRecord.sequence)
        .limit(limit + 1)
    )
    found = session.scalars(query).all()
    return found[:limit], len(found) > limit


def delete(session: Session, defense_id: str) -> None:
    """Removes the row, and with it events, inputs and Idempotency-Keys; its model stays."""
    query = delete_from(DefenseRecord).where(DefenseRecord.id == defense_id)
    session.execute(query.execution_options(synchronize_session=False))
