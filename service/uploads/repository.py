"""SQL of uploads: find, list, add, forget."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from service.database import now
from service.errors import NotFoundError
from service.ids import new_id
from service.records import BlobRecord, UploadRecord, table_of

_UPLOADS, _BLOBS = table_of(UploadRecord), table_of(BlobRecord)
_FOUND = (  # made once: that takes longer than to have it answered
    select(_UPLOADS.c.id, _UPLOADS.c.blob_id, _UPLOADS.c.filename, _BLOBS.c.sha256, _BLOBS.c.size)
    .join_from(_UPLOADS, _BLOBS)
    .where(
        _UPLOADS.c.tenant == bindparam("tenant"),
        _UPLOADS.c.id.in_(bindparam("ids", expanding=True)),
    )
)
_KEPT = _FOUND.with_for_update(of=_UPLOADS, read=True)


class Kept(NamedTuple):
    """What a defense wants to know of an upload; ``size`` is bytes."""

    id: str
    blob_id: str
    filename: str | None
    sha256: str
    size: int


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


def get(session: Session, tenant: str, upload_id: str) -> UploadRecord:
    """Raises NotFoundError also for another tenant's."""
    query = select(UploadRecord).where(UploadRecord.tenant == tenant, UploadRecord.id == upload_id)
    found = session.scalars(query).one_or_none()
    if found is None:
        raise _missing(upload_id)
    return found


def find_all(
    session: Session, tenant: str, upload_ids: Collection[str], *, keep: bool
) -> dict[str, Kept]:
    """Those of them that are there; with ``keep`` nobody deletes one before this transaction
    ends."""
    if not upload_ids:
        return {}
    found = session.execute(_KEPT if keep else _FOUND, {"tenant": tenant, "ids": list(upload_ids)})
    return {row.id: row for row in map(Kept._make, found)}


def remove(session: Session, tenant: str, upload_id: str) -> str:
    """Deletes the row and returns the id of its blob. Raises NotFoundError."""
    query = (
        delete(UploadRecord)
        .where(UploadRecord.tenant == tenant, UploadRecord.id == upload_id)
        .returning(UploadRecord.blob_id)
    )
    blob_id = session.scalar(query)
    if blob_id is None:
        raise _missing(upload_id)
    return blob_id


def page(
    session: Session,
    tenant: str,
    *,
    after: str | None,
    limit: int,
    sha256: str | None = None,
) -> tuple[Sequence[UploadRecord], bool]:
    """Newest first; the records after the cursor, and whether more follow."""
    query = select(UploadRecord).where(UploadRecord.tenant == tenant)
    if after:
        query = query.where(UploadRecord.id < after)
    if sha256:
        same = BlobRecord.tenant == tenant, BlobRecord.sha256 == sha256  # as its index is made
        query = query.join(UploadRecord.blob).where(*same)
    found = session.scalars(query.order_by(UploadRecord.id.desc()).limit(limit + 1)).all()
    return found[:limit], len(found) > limit


def _missing(upload_id: str) -> NotFoundError:
    return NotFoundError(f"there is no upload {upload_id!r}")
