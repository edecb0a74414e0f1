"""SQL of uploads in parts."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service.database import now
from service.errors import ConflictError, NotFoundError
from service.records import MultipartRecord, PartRecord
from service.uploads.multipart.states import MultipartState

_ENDS = {
    MultipartState.COMPLETED: "is complete already",
    MultipartState.ABORTED: "was aborted: begin another",
    MultipartState.FAILED: "failed, since its bytes were not those that were promised: begin"
    " another",
}


def get(session: Session, tenant: str, multipart_id: str, *, lock: bool = False) -> MultipartRecord:
    """Raises NotFoundError also for another tenant's; with ``lock`` nobody changes it before this
    transaction ends."""
    query = select(MultipartRecord).where(
        MultipartRecord.tenant == tenant, MultipartRecord.id == multipart_id
    )
    if lock:
        query = query.with_for_update(of=MultipartRecord)
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFoundError(f"there is no upload in parts {multipart_id!r}")
    return found


def get_open(
    session: Session, tenant: str, multipart_id: str, *, lock: bool = True
) -> MultipartRecord:
    """Raises ConflictError when it has ended or its time is over, NotFoundError."""
    found = get(session, tenant, multipart_id, lock=lock)
    if found.state != MultipartState.OPEN or found.expires_at <= now(session):
        end = _ENDS.get(found.state, "was not completed in time: begin another")
        raise ConflictError(f"upload {multipart_id} {end}")
    return found


def page(
    session: Session,
    tenant: str,
    *,
    after: str | None,
    limit: int,
    sha256: str | None,
    state: MultipartState | None,
) -> tuple[Sequence[MultipartRecord], bool]:
    """Newest first; the records after the cursor, and whether more follow."""
    query = select(MultipartRecord).where(MultipartRecord.tenant == tenant)
    if after:
        query = query.where(MultipartRecord.id < after)
    if sha256:
        query = query.where(MultipartRecord.sha256 == sha256)
    if state:
        query = query.where(MultipartRecord.state == state)
    found = session.scalars(query.order_by(MultipartRecord.id.desc()).limit(limit + 1)).all()
    return found[:limit], len(found) > limit


def take_handle(session: Session, multipart_id: str, handle: str) -> bool:
    """Whether it is the first one, of an upload that is still open."""
    first = update(MultipartRecord).where(
        MultipartRecord.id == multipart_id,
        MultipartRecord.handle.is_(None),
        MultipartRecord.state == MultipartState.OPEN,
    )
    return session.execute(first.values(handle=handle)).rowcount == 1  # type: ignore[attr-defined,no-any-return]


def part(session: Session, multipart_id: str, number: int) -> PartRecord | None:
    return session.get(PartRecord, (multipart_id, number))


def parts(
    session: Session, multipart_id: str, *, after: int = 0, limit: int | None = None
) -> Sequence[PartRecord]:
    """By number, those after the cursor."""
    mine = PartRecord.multipart_id == multipart_id, PartRecord.number > after
    query = select(PartRecord).where(*mine).order_by(PartRecord.number).limit(limit)
    return session.scalars(query).all()


def expired(session: Session) -> Sequence[str]:
    """Ids of all whose time is over."""
    query = select(MultipartRecord.id).where(MultipartRecord.expires_at <= now(session))
    return session.scalars(query).all()
