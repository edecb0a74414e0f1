"""Asking for an erasure, and looking at erasures."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.access import audit, repository
from service.database import now
from service.errors import InvalidRequestError, NotFoundError
from service.ids import new_id
from service.records import ErasureRecord


def ask(
    session: Session,
    tenant: str,
    *,
    confirm: str,
    everything: bool = False,
    by: str | None = None,
) -> ErasureRecord:
    """An erasure that is to be done; the one that is not finished, if there is one. Raises
    InvalidRequestError (another name was confirmed), NotFoundError (no such tenant)."""
    if confirm != tenant:
        raise InvalidRequestError(
            "confirm: send the name of the tenant whose everything is to be deleted"
        )
    repository.get_tenant(session, tenant, lock=True)
    query = select(ErasureRecord).where(
        ErasureRecord.tenant == tenant, ErasureRecord.finished_at.is_(None)
    )
    record = session.scalars(query).first()
    if record is None:
        record = ErasureRecord(
            id=new_id("era"),
            tenant=tenant,
            requested_by=by,
            everything=everything,
            items=0,
            created_at=now(session),
        )
        session.add(record)
    record.everything = record.everything or everything
    session.flush()
    audit.note(session, record.id, 202)
    return record


def get(session: Session, tenant: str, erasure_id: str) -> ErasureRecord:
    """Raises NotFoundError also for another tenant's."""
    query = select(ErasureRecord).where(
        ErasureRecord.tenant == tenant, ErasureRecord.id == erasure_id
    )
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFoundError(f"there is no erasure {erasure_id!r:.80}")
    return found


def page(
    session: Session, tenant: str, *, after: str | None, limit: int
) -> tuple[Sequence[ErasureRecord], bool]:
    """Newest first; the records after the cursor, and whether more follow."""
    query = select(ErasureRecord).where(ErasureRecord.tenant == tenant)
    if after:
        query = query.where(ErasureRecord.id < after)
    found = session.scalars(query.order_by(ErasureRecord.id.desc()).limit(limit + 1)).all()
    return found[:limit], len(found) > limit
