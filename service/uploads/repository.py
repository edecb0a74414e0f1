"""SQL of uploads: find, list, add, forget."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.database import now
from service.errors import NotFoundError
from service.ids import new_id
from service.records import UploadRecord


def add(session: Session, *, tenant: str, blob_id: str, filename: str | None) -> UploadRecord:
    """A new upload; its foreign key keeps the blob from being swept."""
    record = UploadRecord(
        id=new_id("upl"),
        tenant=tenant,
        blob_id=blob_id,
        filename=filename,
        created_at=now(session),
    )
    session.add(record)
    session.flush()
    session.refresh(record)
    return record


def get(session: Session, tenant: str, upload_id: str, *, lock: bool = False) -> UploadRecord:
    """Raises NotFoundError also for another tenant's; ``lock`` keeps it from being deleted until
    commit."""
    query = select(UploadRecord).where(UploadRecord.tenant == tenant, UploadRecord.id == upload_id)
    if lock:
        query = query.with_for_update(of=UploadRecord)
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFoundError(f"there is no upload {upload_id!r}")
    return found


def page(
    session: Session, tenant: str, *, after: str | None, limit: int
) -> tuple[Sequence[UploadRecord], bool]:
    """Newest first; the records after the cursor, and whether more follow."""
    query = select(UploadRecord).where(UploadRecord.tenant == tenant)
    if after:
        query = query.where(UploadRecord.id < after)
    found = session.scalars(query.order_by(UploadRecord.id.desc()).limit(limit + 1)).all()
    return found[:limit], len(found) > limit
