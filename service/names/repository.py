"""SQL of names and their versions."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from service.database import now
from service.errors import NotFoundError
from service.records import NameRecord, NameVersionRecord


def get(session: Session, tenant: str, name: str, *, lock: bool = False) -> NameRecord:
    """Raises NotFoundError; ``lock`` holds the row until commit."""
    found = session.get(NameRecord, (tenant, name), with_for_update=lock or None)
    if found is None:
        raise NotFoundError(f"there is no name {name!r:.80}")
    return found


def version(session: Session, record: NameRecord, number: int) -> NameVersionRecord:
    """Raises NotFoundError."""
    found = session.get(NameVersionRecord, (record.tenant, record.name, number))
    if found is None:
        raise NotFoundError(f"the name {record.name!r} has no version {number}")
    return found


def previous(session: Session, record: NameRecord) -> NameVersionRecord | None:
    """The latest version below the current one whose model still exists."""
    query = _versions(record).where(
        NameVersionRecord.version < record.version, NameVersionRecord.model_id.is_not(None)
    )
    return session.scalars(query.limit(1)).one_or_none()


def history(session: Session, record: NameRecord, *, limit: int) -> Sequence[NameVersionRecord]:
    """The last versions, newest first."""
    return session.scalars(_versions(record).limit(limit)).all()


def add_version(session: Session, record: NameRecord, model_id: str) -> None:
    """The next version, which becomes the current one."""
    moment = now(session)
    record.latest += 1
    record.version = record.latest
    record.updated_at = moment
    session.add(
        NameVersionRecord(
            tenant=record.tenant,
            name=record.name,
            version=record.version,
            model_id=model_id,
            created_at=moment,
        )
    )
    session.flush()


def add(session: Session, tenant: str, name: str) -> NameRecord:
    """A name that points to nothing yet. Raises IntegrityError when it was added meanwhile."""
    moment = now(session)
    record = NameRecord(
        tenant=tenant, name=name, version=0, latest=0, created_at=moment, updated_at=moment
    )
    session.add(record)
    session.flush()
    return record


def remove(session: Session, tenant: str, name: str) -> None:
    """Deletes a name and its versions. Raises NotFoundError."""
    query = (
        delete(NameRecord)
        .where(NameRecord.tenant == tenant, NameRecord.name == name)
        .returning(NameRecord.name)
    )
    if session.scalar(query) is None:
        raise NotFoundError(f"there is no name {name!r:.80}")


def page(
    session: Session, tenant: str, *, after: str | None, limit: int
) -> tuple[Sequence[NameRecord], bool]:
    """By the alphabet; the names after the cursor, and whether more follow."""
    query = select(NameRecord).where(NameRecord.tenant == tenant)
    if after:
        query = query.where(NameRecord.name > after)
    found = session.scalars(query.order_by(NameRecord.name).limit(limit + 1)).all()
    return found[:limit], len(found) > limit


def pointing_at(session: Session, model_id: str) -> Sequence[str]:
    """Names whose current version is this model."""
    same = (
        (NameVersionRecord.tenant == NameRecord.tenant)
        & (NameVersionRecord.name == NameRecord.name)
        & (NameVersionRecord.version == NameRecord.version)
    )
    query = select(NameRecord.name).join(NameVersionRecord, same)
    return session.scalars(
        query.where(NameVersionRecord.model_id == model_id).order_by(NameRecord.name)
    ).all()


def _versions(record: NameRecord) -> Select[NameVersionRecord]:
    return (
        select(NameVersionRecord)
        .where(NameVersionRecord.tenant == record.tenant, NameVersionRecord.name == record.name)
        .order_by(NameVersionRecord.version.desc())
    )
